//! What is done with an answer because of its status.

use actix_web::http::StatusCode;

use super::options::{ObserveAt, ResponseSize};

/// What the options and HTTP say of answers with one status.
#[derive(Clone, Debug)]
pub(crate) struct StatusRules {
    pub(crate) is_error: bool,
    pub(crate) is_excluded: bool,
    /// Whether the request is over before the body.
    pub(crate) ends_at_head: bool,
    /// Which bytes of the body count; `None` where it is not sent (RFC 9110, 6.4.1).
    pub(crate) counts: Option<ResponseSize>,
}

impl StatusRules {
    const UNKNOWN: Self =
        Self { is_error: false, is_excluded: false, ends_at_head: false, counts: None };
}

/// The rules of each status: told once, when the options are given.
#[derive(Clone, Debug)]
pub(crate) struct StatusTable(Box<[StatusRules]>);

/// The status codes that HTTP allows.
const CODES: std::ops::Range<u16> = 100..1000;

impl Default for StatusTable {
    /// The family's rule: 4xx and 5xx are errors.
    fn default() -> Self {
        let mut table = Self(CODES.map(|_| StatusRules::UNKNOWN).collect());
        table.set_errors(|status| status.is_client_error() || status.is_server_error());
        table.set_end(ObserveAt::default());
        table.set_size(ResponseSize::default());
        table
    }
}

impl StatusTable {
    pub(crate) fn set_errors(&mut self, is_error: impl Fn(StatusCode) -> bool) {
        self.each(|status, rules| rules.is_error = is_error(status));
    }

    pub(crate) fn exclude(&mut self, excluded: StatusCode) {
        self.each(|status, rules| rules.is_excluded |= status == excluded);
    }

    pub(crate) fn set_end(&mut self, end: ObserveAt) {
        // What follows a switch of protocols is no body and may never end.
        self.each(|status, rules| {
            rules.ends_at_head =
                end == ObserveAt::Head || status == StatusCode::SWITCHING_PROTOCOLS;
        });
    }

    pub(crate) fn set_size(&mut self, size: ResponseSize) {
        let without_body = [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED];
        self.each(|status, rules| {
            let has_body = !status.is_informational() && !without_body.contains(&status);
            rules.counts = has_body.then_some(size);
        });
    }

    #[inline]
    pub(crate) fn of(&self, status: StatusCode) -> &StatusRules {
        let place = usize::from(status.as_u16() - CODES.start);
        // There is one for each code that a `StatusCode` can have.
        self.0.get(place).unwrap_or(const { &StatusRules::UNKNOWN })
    }

    fn each(&mut self, change: impl Fn(StatusCode, &mut StatusRules)) {
        for (code, rules) in CODES.zip(&mut self.0) {
            if let Ok(status) = StatusCode::from_u16(code) {
                change(status, rules);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{StatusCode, StatusTable};

    #[test]
    fn errors_are_4xx_and_5xx_unless_told_otherwise() {
        let mut table = StatusTable::default();
        for code in 100..1000 {
            let status = StatusCode::from_u16(code).expect("a status code");
            assert_eq!(table.of(status).is_error, (400..600).contains(&code), "{code}");
        }
        table.set_errors(|status| status == StatusCode::OK);
        assert!(table.of(StatusCode::OK).is_error && !table.of(StatusCode::NOT_FOUND).is_error);
    }

    #[test]
    fn exclusions_add_up_and_leave_errors_alone() {
        let mut table = StatusTable::default();
        table.exclude(StatusCode::NOT_FOUND);
        table.exclude(StatusCode::OK);
        assert!(
            table.of(StatusCode::OK).is_excluded && table.of(StatusCode::NOT_FOUND).is_excluded
        );
        assert!(
            table.of(StatusCode::NOT_FOUND).is_error && !table.of(StatusCode::GONE).is_excluded
        );
    }
}
