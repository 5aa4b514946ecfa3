//! Threads that record beside threads that read. Miri runs these tests with weak memory, in
//! another order for each seed; the counts are then small.

use std::array;
use std::sync::Arc;
use std::thread;
use std::time::SystemTime;

use super::buckets::Buckets;
use super::exemplars::Exemplar;
use super::family::Family;
use super::own_labels::OwnLabels;
use super::pool::WriterPool;
use super::snapshot::Snapshot;
use super::writer::{Recorder, Writer};
use crate::labels::{Key, LabelSet, OwnValues, RequestKey};
use crate::options::label::Label;
use crate::protocol::{MethodLabel, OVERFLOW};

/// How often a thread does what it does.
const ROUNDS: usize = if cfg!(miri) { 3 } else { 2_000 };
/// Series of each test: fewer than the cells of one block in Miri, then several blocks.
const SERIES: usize = if cfg!(miri) { 3 } else { 50 };
const THREADS: usize = 2;

fn family(limit: usize, has_native: bool) -> Arc<Family> {
    let family = Family::new(Buckets::new(&[1.0]), limit, Arc::default(), Arc::default());
    Arc::new(family.with_native(has_native))
}

fn labels(addr: &str) -> LabelSet<'_> {
    let request = RequestKey { status: 200, method: MethodLabel::Get, is_error: false };
    LabelSet { key: Key::Request(request), addr, message: None, own: OwnValues::default() }
}

/// Nanoseconds and bytes of each observation of a series: those of another series differ,
/// and are in another native octave.
fn sizes(series: usize) -> (u64, u64) {
    (1_000 << (series % 20), 1 + series as u64)
}

fn record(writer: &Writer, series: usize) {
    let slot = writer.slot(&labels(&series.to_string())).expect("there is room");
    let (nanos, bytes) = sizes(series);
    writer.record(slot, nanos, bytes);
}

/// The number of observations of each series. All that is counted for a series is of whole
/// observations of that series.
fn observations(family: &Family) -> Vec<u64> {
    let snapshot = Snapshot::new(family);
    let mut observations = vec![0; SERIES];
    for row in snapshot.rows() {
        let series: usize = row.series.labels().addr.parse().expect("the number of a series");
        let (count, (nanos, bytes)) = (row.counts.iter().sum::<u64>(), sizes(series));
        assert_eq!((row.nanos, row.bytes), (count * nanos, count * bytes), "of series {series}");
        if let Some(native) = row.native() {
            let buckets = (native.count, native.zero_count, native.deltas.len());
            assert_eq!(buckets, (count, 0, 1), "of series {series}");
        }
        observations[series] = count;
    }
    observations
}

/// Reads snapshots, in which no count falls, and returns the last one.
fn read_along(family: &Family) -> Vec<u64> {
    (0..ROUNDS).fold(vec![0; SERIES], |before, _| {
        let now = observations(family);
        let has_fallen = now.iter().zip(&before).any(|(now, before)| now < before);
        assert!(!has_fallen, "from {before:?} to {now:?}");
        thread::yield_now();
        now
    })
}

fn a_snapshot_beside_new_series_is_whole(has_native: bool) {
    let family = family(1_000, has_native);
    // Not in the thread: what the creation of a shard locks would order what follows.
    let writer = Recorder::new(Arc::clone(&family)).writer();
    thread::scope(|scope| {
        scope.spawn(|| read_along(&family));
        scope.spawn(move || (0..ROUNDS * SERIES).for_each(|round| record(&writer, round % SERIES)));
    });
    assert_eq!(observations(&family), vec![ROUNDS as u64; SERIES]);
}

#[test]
fn a_snapshot_beside_new_series_has_whole_observations_of_each() {
    a_snapshot_beside_new_series_is_whole(false);
}

#[test]
fn a_snapshot_beside_new_native_buckets_has_whole_observations_of_each() {
    a_snapshot_beside_new_series_is_whole(true);
}

#[test]
fn shards_that_change_hands_beside_a_reader_lose_nothing() {
    let family = family(1_000, false);
    let recorder = Recorder::new(Arc::clone(&family));
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for round in 0..ROUNDS {
                    let writer = recorder.writer();
                    writer.add_in_flight(2);
                    record(&writer, round % SERIES);
                    writer.add_in_flight(-1);
                }
            });
        }
        scope.spawn(|| read_along(&family));
    });
    let all = (THREADS * ROUNDS) as u64;
    assert_eq!(observations(&family).iter().sum::<u64>(), all);
    assert_eq!(family.in_flight(), all as i64);
    assert!(family.shards().len() <= THREADS);
}

#[test]
fn threads_that_share_writers_lose_nothing_beside_a_reader() {
    let family = family(1_000, false);
    let pool = WriterPool::new(&Recorder::new(Arc::clone(&family)));
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for round in 0..ROUNDS {
                    let series = round % SERIES;
                    pool.get().record(labels(&series.to_string()), true, |_| "", sizes(series));
                }
            });
        }
        scope.spawn(|| read_along(&family));
    });
    assert_eq!(observations(&family).iter().sum::<u64>(), (THREADS * ROUNDS) as u64);
}

#[test]
fn threads_that_race_for_the_last_series_agree_and_lose_nothing() {
    const LIMIT: usize = 2;
    for _ in 0..ROUNDS {
        let family = family(LIMIT, false);
        let recorder = Recorder::new(Arc::clone(&family));
        let writers: [_; THREADS] = array::from_fn(|_| recorder.writer());
        thread::scope(|scope| {
            for (thread, writer) in writers.into_iter().enumerate() {
                // Each thread meets the label sets in an order of its own.
                let order = (0..=LIMIT).map(move |number| (number + thread) % (LIMIT + 1));
                scope.spawn(move || order.for_each(|series| record(&writer, series)));
            }
        });
        let snapshot = Snapshot::new(&family);
        let rows: Vec<_> = snapshot
            .rows()
            .map(|row| (row.series.labels().addr.to_owned(), row.counts[0]))
            .collect();
        let mut within: Vec<_> = rows.iter().filter(|(addr, _)| addr != OVERFLOW).collect();
        within.sort();
        within.dedup();
        assert_eq!((within.len(), rows.len()), (LIMIT, LIMIT + 1), "{rows:?}");
        assert!(rows.iter().all(|(_, count)| *count == THREADS as u64), "{rows:?}");
    }
}

#[test]
fn a_value_of_a_label_has_one_number_in_all_threads() {
    const LIMIT: usize = 2;
    for _ in 0..ROUNDS {
        let label = Label::header("tenant").limit(LIMIT);
        let own_labels = Arc::new(OwnLabels::new(&[("tenant".to_owned(), label)]));
        let family = Family::new(Buckets::new(&[1.0]), 10, Arc::default(), own_labels);
        let recorder = Recorder::new(Arc::new(family));
        let numbers = thread::scope(|scope| {
            let threads: [_; THREADS] = array::from_fn(|thread| {
                let writer = recorder.writer();
                scope.spawn(move || {
                    let values = ["a", "b", "c"];
                    let mut numbers = [0; 3];
                    for index in (0..3).map(|index| (index + thread) % 3) {
                        numbers[index] = writer.own_values(true, |_, _| values[index]).number(0);
                    }
                    numbers
                })
            });
            threads.map(|thread| thread.join().expect("it is well"))
        });
        assert_eq!(numbers[0], numbers[1], "the same in all threads");
        let mut sorted = numbers[0];
        sorted.sort_unstable();
        assert_eq!(sorted, [OwnValues::OVERFLOW, 2, 3], "two values and one past the limit");
    }
}

#[test]
fn a_bucket_with_an_exemplar_has_an_observation() {
    let family = family(1_000, false);
    let writer = Recorder::new(Arc::clone(&family)).writer();
    thread::scope(|scope| {
        let family = &family;
        scope.spawn(move || {
            for series in 0..SERIES {
                let slot = writer.slot(&labels(&series.to_string())).expect("there is room");
                writer.record(slot, 0, 0);
                // In the second bucket, of which a reader can see none yet.
                writer.record(slot, u64::MAX, 0);
                let (trace_id, at) = (series.to_string(), SystemTime::UNIX_EPOCH);
                let exemplar = Exemplar { trace_id, nanos: u64::MAX, at };
                family.exemplars().offer(slot.series, 1, exemplar);
            }
        });
        for _ in 0..ROUNDS {
            let snapshot = Snapshot::new(family);
            for row in snapshot.rows().filter(|row| snapshot.exemplar(row, 1).is_some()) {
                assert_eq!(row.counts[1], 1, "{:?}", row.series.labels().addr);
            }
            thread::yield_now();
        }
    });
}
