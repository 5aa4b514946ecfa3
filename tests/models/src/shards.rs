//! What holds for a shard in every interleaving: a cell that a reader finds has its series, here
//! and in the family, and whole observations.

use std::collections::HashSet;
use std::sync::Arc;

use loom::sync::Mutex;
use loom::thread;

use crate::atomic::as_the_writer;
use crate::buckets::Buckets;
use crate::cell::Totals;
use crate::shard::Shard;

/// The nanoseconds and bytes of each observation.
const OBSERVATION: (u64, u64) = (1_000, 10);

/// A shard, and the series of its family.
struct Family {
    shard: Shard,
    series: boxcar::Vec<&'static str>,
}

impl Family {
    fn new(has_native: bool) -> Arc<Self> {
        let shard = Shard::new(Buckets::new(&[]), has_native);
        let series = boxcar::Vec::new();
        // A number that is not that of a block in which no series is stored.
        series.push("another series");
        Arc::new(Self { shard, series })
    }

    /// What a writer does when it meets a label set for the first time.
    fn record_new(&self) {
        let series = self.series.push("the series").try_into().unwrap();
        as_the_writer(|| {
            let cell = self.shard.push(series).unwrap();
            self.shard.record(cell, OBSERVATION.0, OBSERVATION.1);
        });
    }

    /// The series of each cell, and its observations if they can be read as a whole.
    fn read(&self) -> Vec<(&str, Option<u64>)> {
        let cells = self.shard.cells().map(|(series, cell, native)| {
            let labels = self.series.get(series as usize).expect("the family has the series");
            let (mut nanos, mut bytes, mut counts) = (0, 0, [0]);
            let totals = &mut Totals { nanos: &mut nanos, bytes: &mut bytes, counts: &mut counts };
            let mut octaves = Vec::new();
            let load_native = || native.iter().for_each(|native| native.load(&mut octaves));
            let is_whole = cell.try_read(totals, load_native);
            let whole = (counts[0] * OBSERVATION.0, counts[0] * OBSERVATION.1);
            assert!(!is_whole || (nanos, bytes) == whole, "torn");
            let in_octaves: u64 = octaves.iter().flat_map(|(_, counts)| counts).sum();
            assert!(!is_whole || native.is_none() || in_octaves == counts[0], "torn");
            (*labels, is_whole.then_some(counts[0]))
        });
        cells.collect()
    }
}

/// A reader beside a writer that meets a label set for the first time.
fn a_reader_finds_whole_cells(has_native: bool) {
    let met = Arc::new(std::sync::Mutex::new(HashSet::new()));
    loom::model({
        let met = Arc::clone(&met);
        move || {
            let family = Family::new(has_native);
            let writer = thread::spawn({
                let family = Arc::clone(&family);
                move || family.record_new()
            });
            let cells = family.read();
            assert!(cells.iter().all(|(labels, _)| *labels == "the series"), "{cells:?}");
            met.lock().unwrap().insert(cells.first().map(|(_, observations)| *observations));
            writer.join().unwrap();
            assert_eq!(family.read(), [("the series", Some(1))]);
        }
    });
    let all = HashSet::from([None, Some(None), Some(Some(0)), Some(Some(1))]);
    assert_eq!(*met.lock().unwrap(), all, "all that a reader can meet");
}

#[test]
fn a_cell_that_a_reader_finds_is_of_its_series() {
    a_reader_finds_whole_cells(false);
}

#[test]
fn octaves_added_beside_a_reader_are_read_with_their_observations() {
    a_reader_finds_whole_cells(true);
}

/// Two workers, the second of which takes over the shard of the first, if it has ended.
#[test]
fn a_shard_that_changes_hands_loses_nothing() {
    loom::model(|| {
        let family = Family::new(false);
        let idle = Arc::new(Mutex::new(None));
        let second = thread::spawn({
            let idle: Arc<Mutex<Option<Arc<Family>>>> = Arc::clone(&idle);
            move || {
                let Some(family) = idle.lock().unwrap().take() else { return 0 };
                assert_eq!(family.read(), [("the series", Some(1))]);
                assert_eq!(family.shard.in_flight(), 1);
                family.shard.add_in_flight(-1);
                family.record_new();
                1
            }
        });
        as_the_writer(|| family.shard.add_in_flight(1));
        family.record_new();
        idle.lock().unwrap().replace(Arc::clone(&family));
        let taken = second.join().unwrap();
        assert_eq!(family.read(), vec![("the series", Some(1)); 1 + taken]);
        assert_eq!(family.shard.in_flight(), 1 - taken as i64);
    });
}
