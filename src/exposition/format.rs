//! The formats of the metrics page.

/// An exposition format, for [`Monitor::encode`](crate::Monitor::encode).
///
/// Both formats carry the same samples. The Prometheus protobuf format, which is not text, has
/// a method of its own: `Monitor::encode_protobuf`, with the feature `native-histograms`.
///
/// # Examples
///
/// ```
/// use actix_monitor::Format;
///
/// assert_eq!(Format::Text.content_type(), "text/plain; version=0.0.4; charset=utf-8");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// The [Prometheus text format](https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format),
    /// version 0.0.4, which every scraper reads.
    Text,
    /// [OpenMetrics](https://github.com/prometheus/OpenMetrics/blob/v1.0.0/specification/OpenMetrics.md)
    /// 1.0.0, which adds units, info metrics and exemplars.
    OpenMetrics,
}

impl Format {
    /// Returns the `Content-Type` of a page in this format.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// A format in which the page is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PageFormat {
    Text(Format),
    #[cfg(feature = "native-histograms")]
    Protobuf,
}

impl PageFormat {
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Text(format) => format.content_type(),
            #[cfg(feature = "native-histograms")]
            Self::Protobuf => {
                "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; \
                 encoding=delimited"
            }
        }
    }
}
