//! How many cases a property has.

use proptest::test_runner::Config;

/// `PROPTEST_CASES`, or this many. A failure is shrunk for a limited time, because each step
/// starts a server.
pub(crate) fn cases(number: u32) -> Config {
    let config = Config { max_shrink_time: 120_000, ..Config::default() };
    if std::env::var_os("PROPTEST_CASES").is_some() {
        config
    } else {
        Config { cases: number, ..config }
    }
}
