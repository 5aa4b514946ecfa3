//! What users can rely on, a file for each promise.

#[test]
fn placeholder_until_the_promises_move_in() {
    assert!(actix_monitor::BigBrother::builder().version("").try_build().is_err());
}
