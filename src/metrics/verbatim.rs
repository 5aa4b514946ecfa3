//! Text that prometheus-client hands on untouched.

use std::cell::Cell;
use std::fmt::{Error, Write as _};

use prometheus_client::encoding::{EncodeLabelSet, LabelSetEncoder};

thread_local! {
    static END_OF_LINE: Cell<String> = const { Cell::new(String::new()) };
}

/// Leaves text for the end of the line under way, behind the value that
/// prometheus-client writes there. It goes past the encoder and not through it,
/// so that no label value can pass for it.
pub(crate) fn leave_for_end_of_line(text: &str) {
    END_OF_LINE.set(text.to_owned());
}

/// What was left for the end of this line.
pub(crate) fn take_end_of_line() -> String {
    END_OF_LINE.take()
}

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
