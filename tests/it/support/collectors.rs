//! Metrics of an app whose encoding waits.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use actix_monitor::Monitor;
use actix_monitor::prometheus_client::collector::Collector;
use actix_monitor::prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use actix_monitor::prometheus_client::metrics::gauge::ConstGauge;

use super::patience::eventually;

/// The gauge `stuck`, whose encoding waits for as long as the collector is closed.
#[derive(Clone, Debug)]
pub(crate) struct Stuck(Arc<State>);

#[derive(Debug)]
struct State {
    is_open: Mutex<bool>,
    opened: Condvar,
    begun: AtomicUsize,
}

impl Stuck {
    /// Registers a closed one.
    pub(crate) fn register(monitor: &Monitor) -> Self {
        let (is_open, opened, begun) = (Mutex::new(false), Condvar::new(), AtomicUsize::new(0));
        let stuck = Self(Arc::new(State { is_open, opened, begun }));
        let collector = Box::new(stuck.clone());
        monitor.register(|registry| registry.register_collector(collector));
        stuck
    }

    pub(crate) fn open(&self) {
        *self.0.is_open.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.opened.notify_all();
    }

    /// How many encodings have begun.
    pub(crate) fn begun(&self) -> usize {
        self.0.begun.load(Ordering::SeqCst)
    }

    /// Waits until so many encodings have begun.
    #[track_caller]
    pub(crate) fn wait_for(&self, encodings: usize) {
        let is_enough = || (self.begun() >= encodings).then_some(());
        eventually(&format!("encoding {encodings} begins"), is_enough);
    }
}

impl Collector for Stuck {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        self.0.begun.fetch_add(1, Ordering::SeqCst);
        let mut is_open = self.0.is_open.lock().unwrap_or_else(PoisonError::into_inner);
        while !*is_open {
            is_open = self.0.opened.wait(is_open).unwrap_or_else(PoisonError::into_inner);
        }
        drop(is_open);
        let gauge = ConstGauge::new(1_i64);
        let metric = encoder.encode_descriptor("stuck", "Stuck", None, gauge.metric_type())?;
        gauge.encode(metric)
    }
}
