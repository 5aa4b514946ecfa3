//! Text that prometheus-client hands on untouched.

use std::fmt::{Error, Write as _};

use prometheus_client::encoding::{EncodeLabelSet, LabelSetEncoder};

/// A label set that is written already.
///
/// prometheus-client escapes label values one by one at each scrape but writes a
/// label key as it is: so a "key" without a value carries text that was escaped
/// when its series was made.
#[derive(Debug)]
pub(crate) struct Verbatim<'a>(pub(crate) &'a str);

impl EncodeLabelSet for Verbatim<'_> {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> Result<(), Error> {
        encoder.encode_label().encode_label_key()?.write_str(self.0)
    }
}
