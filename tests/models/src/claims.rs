//! What is claimed of a shard, each for every interleaving that loom finds. The
//! claims are generic, because the mutants are held to the same ones.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
// Loom's own `Arc` would only add the orders in which handles are dropped.
use std::sync::Arc;

use loom::sync::Mutex;
use loom::thread::{self, JoinHandle};

use crate::subject::{Real, Seen, Subject, after};

/// How many observations a read tells of: none but whole ones.
fn whole(seen: Seen) -> usize {
    (0..=2).find(|count| after(*count) == seen).unwrap_or_else(|| panic!("torn: {seen:?}"))
}

/// A reader beside a writer of two observations sees none, one or both.
pub(crate) fn a_reader_sees_whole_observations<S: Subject>() {
    loom::model(|| {
        let shard = Arc::new(S::default());
        let writer = writer(&shard, 2);
        shard.try_read().map(whole);
        writer.join().unwrap();
    });
}

fn writer<S: Subject>(shard: &Arc<S>, observations: usize) -> JoinHandle<()> {
    let shard = Arc::clone(shard);
    thread::spawn(move || (0..observations).for_each(|observation| shard.observe(observation)))
}

/// Two reads of one reader, beside a writer.
fn successive_reads_never_fall<S: Subject>() {
    loom::model(|| {
        let shard = Arc::new(S::default());
        let writer = writer(&shard, 1);
        let first = shard.try_read().map_or(0, whole);
        let second = shard.try_read().map_or(first, whole);
        assert!(first <= second, "the counts fell from {first} to {second}");
        writer.join().unwrap();
    });
}

/// Two readers beside a writer, the second of which begins after the first.
fn successive_readers_see_no_count_fall<S: Subject>() {
    loom::model(|| {
        let shard = Arc::new(S::default());
        let writer = writer(&shard, 1);
        let reader = thread::spawn({
            let shard = Arc::clone(&shard);
            move || shard.try_read().map_or(0, whole)
        });
        let first = reader.join().unwrap();
        let second = shard.try_read().map_or(first, whole);
        assert!(first <= second, "the counts fell from {first} to {second}");
        writer.join().unwrap();
    });
}

/// Two workers, of which the second may begin before or after the end of the
/// first: then it takes over its shard, and finds there what was counted.
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
            let counted = [left, fresh].map(|shard| shard.try_read().expect("nobody writes"));
            assert_eq!(counted[0].plus(counted[1]), after(2));
        }
    });
    assert_eq!(takings.lock().unwrap().len(), 2, "both orders were met");
}

/// A reader beside a shard that goes from one worker to another.
fn a_reader_does_not_see_a_shard_change_hands<S: Subject>() {
    loom::model(|| {
        let shard = Arc::new(S::default());
        let idle = Arc::new(Mutex::new(None));
        let second = thread::spawn({
            let idle: Arc<Mutex<Option<Arc<S>>>> = Arc::clone(&idle);
            move || idle.lock().unwrap().take().into_iter().for_each(|shard| shard.observe(1))
        });
        let reader = thread::spawn({
            let shard = Arc::clone(&shard);
            move || shard.try_read().map(whole)
        });
        shard.observe(0);
        idle.lock().unwrap().replace(shard);
        reader.join().unwrap();
        second.join().unwrap();
    });
}

#[test]
fn the_shard_shows_whole_observations() {
    a_reader_sees_whole_observations::<Real>();
}

#[test]
fn the_shard_never_falls_between_two_reads() {
    successive_reads_never_fall::<Real>();
}

#[test]
fn the_shard_never_falls_between_two_readers() {
    successive_readers_see_no_count_fall::<Real>();
}

#[test]
fn the_shard_loses_nothing_when_its_worker_ends() {
    nothing_is_lost_when_a_worker_ends::<Real>();
}

#[test]
fn the_shard_can_change_hands_while_it_is_read() {
    a_reader_does_not_see_a_shard_change_hands::<Real>();
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
            let shard = Arc::new(Real::default());
            let writer = thread::spawn({
                let shard = Arc::clone(&shard);
                move || {
                    shard.observe(0);
                    shard.observe(1);
                }
            });
            met.lock().unwrap().insert(shard.try_read().map(whole));
            writer.join().unwrap();
        }
    });
    println!("{} interleavings", interleavings.load(Ordering::Relaxed));
    assert_eq!(*met.lock().unwrap(), HashSet::from([None, Some(0), Some(1), Some(2)]));
}
