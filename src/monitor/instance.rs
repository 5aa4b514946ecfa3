//! The monitor of the process, and how a build joins it.

use actix_web::web::Data;
use once_cell::sync::OnceCell;

use super::handle::Monitor;
use super::settings::{Requested, Settings};
use crate::error::BuildError;

static MONITOR: OnceCell<Data<Monitor>> = OnceCell::new();

/// The process-wide monitor, made by the first build.
pub(crate) fn get() -> Option<Data<Monitor>> {
    MONITOR.get().cloned()
}

/// The process-wide monitor, unless it runs with other settings than requested.
pub(crate) fn join(requested: &Requested) -> Result<Data<Monitor>, BuildError> {
    let monitor = MONITOR.get_or_init(|| isolated(requested));
    monitor.settings().agree_with(requested)?;
    Ok(monitor.clone())
}

/// A monitor of one's own.
pub(crate) fn isolated(requested: &Requested) -> Data<Monitor> {
    Data::new(Monitor::new(Settings::from(requested)))
}
