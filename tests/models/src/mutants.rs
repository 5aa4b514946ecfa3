//! Each mutant of the cell violates a claim. One that did not would show a line of the
//! cell that nothing depends on.

use crate::claims::a_reader_sees_whole_observations;
use crate::subject::{
    NoAcquireFence, NoReleaseFence, OddVersionRead, VersionNeverOdd, VersionNotCompared,
    VersionReadRelaxed, WordsPublishedRelaxed, WordsWrittenAfterTheVersion,
};

#[test]
#[should_panic(expected = "torn")]
fn a_version_that_is_never_odd_is_caught() {
    a_reader_sees_whole_observations::<VersionNeverOdd>();
}

#[test]
#[should_panic(expected = "torn")]
fn a_missing_release_fence_is_caught() {
    a_reader_sees_whole_observations::<NoReleaseFence>();
}

#[test]
#[should_panic(expected = "torn")]
fn words_published_without_release_are_caught() {
    a_reader_sees_whole_observations::<WordsPublishedRelaxed>();
}

#[test]
#[should_panic(expected = "torn")]
fn words_written_after_the_version_are_caught() {
    a_reader_sees_whole_observations::<WordsWrittenAfterTheVersion>();
}

#[test]
#[should_panic(expected = "torn")]
fn a_version_read_without_acquire_is_caught() {
    a_reader_sees_whole_observations::<VersionReadRelaxed>();
}

#[test]
#[should_panic(expected = "torn")]
fn words_taken_under_an_odd_version_are_caught() {
    a_reader_sees_whole_observations::<OddVersionRead>();
}

#[test]
#[should_panic(expected = "torn")]
fn a_missing_acquire_fence_is_caught() {
    a_reader_sees_whole_observations::<NoAcquireFence>();
}

#[test]
#[should_panic(expected = "torn")]
fn a_version_that_is_not_compared_is_caught() {
    a_reader_sees_whole_observations::<VersionNotCompared>();
}
