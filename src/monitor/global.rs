//! The monitor that all builds of a process share.

use actix_web::web::Data;
use once_cell::sync::OnceCell;

use super::config::MonitorOptions;
use super::handle::Monitor;
use crate::error::BuildError;

static MONITOR: OnceCell<Data<Monitor>> = OnceCell::new();

/// The shared monitor, once there is one.
pub(crate) fn get() -> Option<Data<Monitor>> {
    MONITOR.get().cloned()
}

/// The shared monitor, created by the first build. Refuses options that differ from
/// its configuration.
pub(crate) fn get_or_init(options: &MonitorOptions) -> Result<Data<Monitor>, BuildError> {
    let monitor = MONITOR.get_or_init(|| Data::new(Monitor::new(options)));
    monitor.config().check(options)?;
    Ok(monitor.clone())
}

impl Monitor {
    /// Returns the monitor that all builds of the process share, for code outside of
    /// requests.
    ///
    /// `None` before the first build. Monitors of
    /// [`isolated`](crate::BigBrotherBuilder::isolated) builds are returned by
    /// [`BigBrother::monitor`](crate::BigBrother::monitor) only.
    ///
    /// # Examples
    ///
    /// ```
    /// use actix_monitor::{BigBrother, Monitor};
    ///
    /// assert!(Monitor::global().is_none());
    /// let _middleware = BigBrother::builder().build();
    /// assert!(Monitor::global().is_some());
    /// ```
    pub fn global() -> Option<Data<Self>> {
        get()
    }
}
