//! Tests of the version of a cell. Not in its file, which the models compile with the
//! atomics of loom.

use super::atomic::Ordering;
use super::cell::{CacheLine, HistogramCell, Totals};

fn try_read(cell: HistogramCell<'_>) -> Option<(u64, u64, u64)> {
    let (mut nanos, mut bytes, mut counts) = (0, 0, [0]);
    let mut totals = Totals { nanos: &mut nanos, bytes: &mut bytes, counts: &mut counts };
    cell.try_read(&mut totals, || {}).then_some((nanos, bytes, counts[0]))
}

#[test]
fn each_record_of_a_cell_has_an_even_version_of_its_own() {
    let lines = [CacheLine::default()];
    let (cell, version) = (HistogramCell::new(&lines), &lines[0].words()[0]);
    for records in 0..4 {
        assert_eq!(try_read(cell), Some((records * 5, records * 7, records)));
        assert_eq!(version.load(Ordering::Relaxed), 2 * records);
        cell.record(0, 5, 7, None);
    }
}

#[test]
fn a_record_that_was_never_finished_is_waited_for_until_the_next_one() {
    let lines = [CacheLine::default()];
    let (cell, version) = (HistogramCell::new(&lines), &lines[0].words()[0]);
    version.store(3, Ordering::Relaxed);
    assert_eq!(try_read(cell), None);
    let (mut nanos, mut bytes, mut counts, mut waits) = (0, 0, [0], 0);
    let totals = Totals { nanos: &mut nanos, bytes: &mut bytes, counts: &mut counts };
    let wait = || {
        waits += 1;
        if waits == 3 {
            cell.record(0, 5, 7, None);
        }
        true
    };
    cell.read(totals, || {}, wait);
    assert_eq!((nanos, bytes, counts, waits), (5, 7, [1], 3));
}
