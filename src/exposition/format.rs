//! The formats that a page can have.

/// An exposition format, as [`Monitor::encode`](crate::Monitor::encode) writes it.
///
/// ```
/// use actix_monitor::Format;
///
/// assert_eq!(Format::Text.content_type(), "text/plain; version=0.0.4; charset=utf-8");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// The classic Prometheus text format, version 0.0.4: what every scraper
    /// reads and a browser shows.
    Text,
    /// OpenMetrics 1.0.0: adds units, info metrics and exemplars.
    OpenMetrics,
}

impl Format {
    /// The `Content-Type` that scrapers expect with this format.
    ///
    /// ```
    /// use actix_monitor::Format;
    ///
    /// assert!(Format::OpenMetrics.content_type().starts_with("application/openmetrics-text"));
    /// ```
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}
