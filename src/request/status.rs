//! What the status of a response decides.

use std::fmt;

use actix_web::http::StatusCode;

use crate::options::measurement::{ObserveAt, ResponseSize};

/// How responses with one status are recorded.
#[derive(Clone, Debug)]
pub(crate) struct StatusRule {
    pub(crate) is_error: bool,
    pub(crate) is_excluded: bool,
    /// Whether the duration ends at the response head.
    pub(crate) ends_at_head: bool,
    /// The bytes to count; `None` if the response has no content (RFC 9110, 6.4.1).
    pub(crate) size: Option<ResponseSize>,
}

impl StatusRule {
    const UNKNOWN: Self =
        Self { is_error: false, is_excluded: false, ends_at_head: false, size: None };
}

/// The rule of each status, computed when the options are set.
#[derive(Clone)]
pub(crate) struct StatusTable(Box<[StatusRule]>);

/// Without the 900 rules.
impl fmt::Debug for StatusTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StatusTable").finish_non_exhaustive()
    }
}

/// The status codes that HTTP allows.
const CODES: std::ops::Range<u16> = 100..1000;

impl Default for StatusTable {
    /// The protocol's rule: 4xx and 5xx are errors.
    fn default() -> Self {
        let mut table = Self(CODES.map(|_| StatusRule::UNKNOWN).collect());
        table.set_errors(|status| status.is_client_error() || status.is_server_error());
        table.set_end(ObserveAt::default());
        table.set_size(ResponseSize::default());
        table
    }
}

impl StatusTable {
    pub(crate) fn set_errors(&mut self, is_error: impl Fn(StatusCode) -> bool) {
        self.for_each(|status, rule| rule.is_error = is_error(status));
    }

    pub(crate) fn exclude(&mut self, excluded: StatusCode) {
        self.for_each(|status, rule| rule.is_excluded |= status == excluded);
    }

    pub(crate) fn set_end(&mut self, end: ObserveAt) {
        // What follows a switch of protocols is not a body and may never end.
        self.for_each(|status, rule| {
            rule.ends_at_head = end == ObserveAt::Head || status == StatusCode::SWITCHING_PROTOCOLS;
        });
    }

    pub(crate) fn set_size(&mut self, size: ResponseSize) {
        let without_content = [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED];
        self.for_each(|status, rule| {
            let has_content = !status.is_informational() && !without_content.contains(&status);
            rule.size = has_content.then_some(size);
        });
    }

    #[inline]
    pub(crate) fn get(&self, status: StatusCode) -> &StatusRule {
        let index = usize::from(status.as_u16() - CODES.start);
        // There is one for each code that a `StatusCode` can have.
        self.0.get(index).unwrap_or(const { &StatusRule::UNKNOWN })
    }

    fn for_each(&mut self, change: impl Fn(StatusCode, &mut StatusRule)) {
        for (code, rule) in CODES.zip(&mut self.0) {
            if let Ok(status) = StatusCode::from_u16(code) {
                change(status, rule);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{ObserveAt, ResponseSize, StatusCode, StatusTable};

    #[test]
    fn errors_are_4xx_and_5xx_by_default() {
        let mut table = StatusTable::default();
        for code in 100..1000 {
            let status = StatusCode::from_u16(code).expect("a status code");
            assert_eq!(table.get(status).is_error, (400..600).contains(&code), "{code}");
        }
        table.set_errors(|status| status == StatusCode::OK);
        assert!(table.get(StatusCode::OK).is_error && !table.get(StatusCode::NOT_FOUND).is_error);
    }

    #[test]
    fn exclusions_add_up_and_leave_errors_alone() {
        let mut table = StatusTable::default();
        table.exclude(StatusCode::NOT_FOUND);
        table.exclude(StatusCode::OK);
        assert!(table.get(StatusCode::OK).is_excluded);
        assert!(table.get(StatusCode::NOT_FOUND).is_excluded);
        assert!(table.get(StatusCode::NOT_FOUND).is_error);
        assert!(!table.get(StatusCode::GONE).is_excluded);
    }

    #[test]
    fn responses_without_content_count_no_bytes() {
        let mut table = StatusTable::default();
        table.set_size(ResponseSize::Sent);
        for code in 100..1000 {
            let status = StatusCode::from_u16(code).expect("a status code");
            let has_content = code >= 200 && code != 204 && code != 304;
            assert_eq!(table.get(status).size, has_content.then_some(ResponseSize::Sent), "{code}");
        }
    }

    #[test]
    fn a_switch_of_protocols_always_ends_at_its_head() {
        let mut table = StatusTable::default();
        assert!(table.get(StatusCode::SWITCHING_PROTOCOLS).ends_at_head);
        assert!(!table.get(StatusCode::OK).ends_at_head);
        table.set_end(ObserveAt::Head);
        assert!(table.get(StatusCode::OK).ends_at_head);
    }
}
