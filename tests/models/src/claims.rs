//! What holds for a cell in every interleaving that loom finds. Some are
//! generic, because they hold with native buckets and without.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
// Loom's own `Arc` would only add the orders in which handles are dropped.
use std::sync::Arc;

use loom::sync::Mutex;
use loom::thread::{self, JoinHandle};

use crate::subject::{Classic, Seen, Subject, WithNative, after};

/// How many observations a read tells of: none but whole ones.
fn whole(seen: Seen) -> usize {
    (0..=2).find(|count| after(*count) == seen).unwrap_or_else(|| panic!("torn: {seen:?}"))
}

/// A reader beside a writer of two observations sees none, one or both.
pub(crate) fn a_reader_sees_whole_observations<S: Subject>() {
    loom::model(|| {
        let cell = Arc::new(S::default());
        let writer = writer(&cell, 2);
        cell.try_read().map(whole);
        writer.join().unwrap();
    });
}

fn writer<S: Subject>(cell: &Arc<S>, observations: usize) -> JoinHandle<()> {
    let cell = Arc::clone(cell);
    thread::spawn(move || (0..observations).for_each(|observation| cell.observe(observation)))
}

/// Two reads of one reader, beside a writer.
fn successive_reads_never_fall<S: Subject>() {
    loom::model(|| {
        let cell = Arc::new(S::default());
        let writer = writer(&cell, 1);
        let first = cell.try_read().map_or(0, whole);
        let second = cell.try_read().map_or(first, whole);
        assert!(first <= second, "the counts fell from {first} to {second}");
        writer.join().unwrap();
    });
}

/// Two readers beside a writer, the second of which begins after the first.
fn successive_readers_see_no_count_fall<S: Subject>() {
    loom::model(|| {
        let cell = Arc::new(S::default());
        let writer = writer(&cell, 1);
        let reader = thread::spawn({
            let cell = Arc::clone(&cell);
            move || cell.try_read().map_or(0, whole)
        });
        let first = reader.join().unwrap();
        let second = cell.try_read().map_or(first, whole);
        assert!(first <= second, "the counts fell from {first} to {second}");
        writer.join().unwrap();
    });
}

/// Two workers, of which the second may begin before or after the end of the
/// first: then it takes over its cell, and finds there what was counted.
fn nothing_is_lost_when_a_worker_ends<S: Subject>() {
    let takings = Arc::new(std::sync::Mutex::new(HashSet::new()));
    loom::model({
        let takings = Arc::clone(&takings);
        move || {
            let (left, fresh) = (Arc::new(S::default()), Arc::new(S::default()));
            let idle: Arc<Mutex<Vec<Arc<S>>>> = Arc::default();
            let second = thread::spawn({
                let (fresh, idle) = (Arc::clone(&fresh), Arc::clone(&idle));
                move || {
                    let taken = idle.lock().unwrap().pop();
                    assert!(taken.as_ref().is_none_or(|taken| taken.try_read() == Some(after(1))));
                    let has_taken = taken.is_some();
                    taken.unwrap_or(fresh).observe(1);
                    has_taken
                }
            });
            left.observe(0);
            idle.lock().unwrap().push(Arc::clone(&left));
            takings.lock().unwrap().insert(second.join().unwrap());
            let counted = [left, fresh].map(|cell| cell.try_read().expect("nobody writes"));
            assert_eq!(counted[0].plus(counted[1]), after(2));
        }
    });
    assert_eq!(takings.lock().unwrap().len(), 2, "both orders were met");
}

/// A reader beside a cell that goes from one worker to another.
fn a_reader_does_not_see_a_cell_change_hands<S: Subject>() {
    loom::model(|| {
        let cell = Arc::new(S::default());
        let idle = Arc::new(Mutex::new(None));
        let second = thread::spawn({
            let idle: Arc<Mutex<Option<Arc<S>>>> = Arc::clone(&idle);
            move || idle.lock().unwrap().take().into_iter().for_each(|cell| cell.observe(1))
        });
        let reader = thread::spawn({
            let cell = Arc::clone(&cell);
            move || cell.try_read().map(whole)
        });
        cell.observe(0);
        idle.lock().unwrap().replace(cell);
        reader.join().unwrap();
        second.join().unwrap();
    });
}

#[test]
fn the_cell_shows_whole_observations() {
    a_reader_sees_whole_observations::<Classic>();
}

/// Of one observation: a reader loads the whole directory, so that more of them would be
/// millions of interleavings.
#[test]
fn native_buckets_are_read_with_the_observation_that_they_count() {
    loom::model(|| {
        let cell = Arc::new(WithNative::default());
        let writer = writer(&cell, 1);
        cell.try_read().map(whole);
        writer.join().unwrap();
        assert_eq!(cell.try_read(), Some(after(1)));
    });
}

#[test]
fn native_buckets_lose_nothing_when_their_worker_ends() {
    nothing_is_lost_when_a_worker_ends::<WithNative>();
}

#[test]
fn the_cell_never_falls_between_two_reads() {
    successive_reads_never_fall::<Classic>();
}

#[test]
fn the_cell_never_falls_between_two_readers() {
    successive_readers_see_no_count_fall::<Classic>();
}

#[test]
fn the_cell_loses_nothing_when_its_worker_ends() {
    nothing_is_lost_when_a_worker_ends::<Classic>();
}

#[test]
fn the_cell_can_change_hands_while_it_is_read() {
    a_reader_does_not_see_a_cell_change_hands::<Classic>();
}

/// Without this a model might hold because its readers never see a thing.
#[test]
fn the_models_reach_each_state_that_a_reader_can_meet() {
    let met = Arc::new(std::sync::Mutex::new(HashSet::new()));
    let interleavings = Arc::new(AtomicUsize::new(0));
    loom::model({
        let (met, interleavings) = (Arc::clone(&met), Arc::clone(&interleavings));
        move || {
            interleavings.fetch_add(1, Ordering::Relaxed);
            let cell = Arc::new(Classic::default());
            let writer = thread::spawn({
                let cell = Arc::clone(&cell);
                move || {
                    cell.observe(0);
                    cell.observe(1);
                }
            });
            met.lock().unwrap().insert(cell.try_read().map(whole));
            writer.join().unwrap();
        }
    });
    println!("{} interleavings", interleavings.load(Ordering::Relaxed));
    assert_eq!(*met.lock().unwrap(), HashSet::from([None, Some(0), Some(1), Some(2)]));
}

/// A writer that ends in the middle of a record, as a fork leaves it.
#[test]
fn a_reader_returns_although_a_record_is_never_finished() {
    loom::model(|| {
        let cell = Classic::default();
        cell.observe(0);
        cell.lose_the_end_of_a_record();
        assert_eq!(cell.try_read(), None, "the record is not finished");
        assert_eq!(cell.read(), after(1));
    });
}

/// The next writer of such a cell, beside a reader.
#[test]
fn a_cell_is_whole_again_after_the_record_that_follows_an_unfinished_one() {
    loom::model(|| {
        let cell = Arc::new(Classic::default());
        cell.observe(0);
        cell.lose_the_end_of_a_record();
        let next = thread::spawn({
            let cell = Arc::clone(&cell);
            move || cell.observe(1)
        });
        assert!(cell.try_read().is_none_or(|seen| seen == after(2)));
        next.join().unwrap();
        assert_eq!(cell.try_read(), Some(after(2)));
    });
}
