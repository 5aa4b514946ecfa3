//! What the fuzz targets have in common: a strict reader of pages in each format, and a server.

mod formats;
mod lines;
mod served;
#[path = "../../tests/properties/src/support.rs"]
mod support;

pub use formats::{is_protobuf, read_page};
pub use lines::{Sample, read_text};
pub use served::Served;
