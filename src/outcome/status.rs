//! Which statuses are errors, and which answers are sent with a body.

use actix_web::http::StatusCode;

/// For each status code, yes or no: a predicate's answers, asked for once when
/// the middleware is built.
#[derive(Clone, Debug)]
pub(crate) struct StatusTable(Box<[bool]>);

/// The status codes that HTTP allows.
const CODES: std::ops::Range<u16> = 100..1000;

impl StatusTable {
    pub(crate) fn new(holds: impl Fn(StatusCode) -> bool) -> Self {
        Self(CODES.map(|code| StatusCode::from_u16(code).is_ok_and(&holds)).collect())
    }

    #[inline]
    pub(crate) fn holds(&self, status: StatusCode) -> bool {
        let place = usize::from(status.as_u16() - CODES.start);
        self.0.get(place).copied().unwrap_or(false)
    }
}

/// The family's rule: 4xx and 5xx are errors.
pub(crate) fn is_error(status: StatusCode) -> bool {
    status.is_client_error() || status.is_server_error()
}

/// Whether an answer's body is sent (RFC 9110, 6.4.1).
#[inline]
pub(crate) fn has_body(status: StatusCode, is_head: bool) -> bool {
    !is_head
        && !status.is_informational()
        && status != StatusCode::NO_CONTENT
        && status != StatusCode::NOT_MODIFIED
}

#[cfg(test)]
mod tests {
    use super::{StatusCode, StatusTable, is_error};

    #[test]
    fn errors_are_4xx_and_5xx_unless_told_otherwise() {
        let table = StatusTable::new(is_error);
        for code in 100..1000 {
            let status = StatusCode::from_u16(code).expect("a status code");
            assert_eq!(table.holds(status), (400..600).contains(&code), "{code}");
        }
        let table = StatusTable::new(|status| status == StatusCode::OK);
        assert!(table.holds(StatusCode::OK) && !table.holds(StatusCode::NOT_FOUND));
    }
}
