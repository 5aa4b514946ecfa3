//! The families of the page, in their order.

use std::fmt::Error;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

use crate::dependency::set::DependencySet;
use crate::dependency::state::DependencyStatus;
use crate::exposition::collector;
use crate::exposition::custom::names::MetricType;
use crate::exposition::families::{FamilySnapshot, HistogramValue, Samples, Value};
use crate::exposition::writer::Descriptor;
use crate::protocol::label;
use crate::store::family::Family;
use crate::store::series::ConstLabels;
use crate::store::snapshot::Snapshot;
use crate::workers::delays::DelayTotals;
use crate::workers::registry::Workers;

/// The source of this crate's own families.
#[derive(Debug)]
pub(crate) struct Families {
    pub(crate) requests: Arc<Family>,
    /// Durations until the response head; `None` if they are off.
    pub(crate) heads: Option<Arc<Family>>,
    /// Sizes of requests; `None` if they are off.
    pub(crate) request_sizes: Option<Arc<Family>>,
    pub(crate) calls: Arc<Family>,
    pub(crate) dependencies: Arc<DependencySet>,
    pub(crate) has_in_flight: bool,
    /// `None` if workers are not watched.
    pub(crate) workers: Option<Arc<Workers>>,
    pub(crate) version: String,
    pub(crate) const_labels: ConstLabels,
}

/// A family: name without unit, unit, type, help.
const fn family(
    name: &'static str,
    unit: Option<&'static str>,
    metric_type: MetricType,
    help: &'static str,
) -> Descriptor {
    Descriptor { name, unit, help, metric_type }
}

const SECONDS: Option<&str> = Some("seconds");
const BYTES: Option<&str> = Some("bytes");

const REQUEST_SECONDS: Descriptor =
    family("request", SECONDS, MetricType::Histogram, "Duration of requests, in seconds.");
const REQUEST_HEAD_SECONDS: Descriptor = family(
    "request_head",
    SECONDS,
    MetricType::Histogram,
    "Duration of requests until the response head, in seconds.",
);
const RESPONSE_SIZE_BYTES: Descriptor =
    family("response_size", BYTES, MetricType::BareCounter, "Size of responses, in bytes.");
const REQUEST_SIZE_BYTES: Descriptor =
    family("request_size", BYTES, MetricType::BareCounter, "Size of requests, in bytes.");
const REQUESTS_IN_FLIGHT: Descriptor =
    family("requests_in_flight", None, MetricType::Gauge, "Number of requests in progress.");
const DEPENDENCY_UP: Descriptor =
    family("dependency_up", None, MetricType::Gauge, "Whether a dependency is up (1) or down (0).");
const DEPENDENCY_REQUEST_SECONDS: Descriptor = family(
    "dependency_request",
    SECONDS,
    MetricType::Histogram,
    "Duration of calls to dependencies, in seconds.",
);
const WORKER_BLOCKED: Descriptor = family(
    "worker_blocked",
    None,
    MetricType::Counter,
    "Number of polls that blocked their worker.",
);
const WORKER_BLOCKED_SECONDS: Descriptor = family(
    "worker_blocked",
    SECONDS,
    MetricType::Counter,
    "Duration of polls that blocked their worker, in seconds.",
);
const EVENT_LOOP_DELAY_SECONDS: Descriptor = family(
    "event_loop_delay",
    SECONDS,
    MetricType::Histogram,
    "Delay of a timer on each worker, in seconds.",
);
const WORKER_BUSY_SECONDS: Descriptor = family(
    "worker_busy",
    SECONDS,
    MetricType::Counter,
    "Time for which workers did not wait for events, in seconds.",
);
const WORKERS_ALIVE: Descriptor =
    family("workers_alive", None, MetricType::Gauge, "Number of workers.");
const APPLICATION_INFO: Descriptor =
    family("application", None, MetricType::Info, "The running version of the application.");

impl Families {
    /// Passes each family to `visit`, in the order of the page.
    pub(crate) fn try_for_each<E>(
        &self,
        mut visit: impl FnMut(&FamilySnapshot<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut family = |descriptor, samples| {
            visit(&FamilySnapshot { descriptor, const_labels: &self.const_labels, samples })
        };
        let requests = Snapshot::new(&self.requests);
        let heads = self.heads.as_deref().map(Snapshot::new);
        let request_sizes = self.request_sizes.as_deref().map(Snapshot::new);
        family(REQUEST_SECONDS, Samples::Histograms(&requests))?;
        family(RESPONSE_SIZE_BYTES, Samples::Bytes(&requests))?;
        if let Some(heads) = &heads {
            family(REQUEST_HEAD_SECONDS, Samples::Histograms(heads))?;
        }
        if let Some(request_sizes) = &request_sizes {
            family(REQUEST_SIZE_BYTES, Samples::Bytes(request_sizes))?;
        }
        if self.has_in_flight {
            let in_flight = self.requests.in_flight() as f64;
            family(REQUESTS_IN_FLIGHT, Samples::Values(vec![in_flight.into()]))?;
        }
        family(DEPENDENCY_UP, Samples::Values(self.dependency_up()))?;
        let calls = Snapshot::new(&self.calls);
        family(DEPENDENCY_REQUEST_SECONDS, Samples::Histograms(&calls))?;
        let version = Value { labels: vec![(label::VERSION, self.version.clone())], value: 1.0 };
        family(APPLICATION_INFO, Samples::Values(vec![version]))?;
        if let Some(workers) = &self.workers {
            let (count, seconds) = blocked(workers);
            family(WORKER_BLOCKED, Samples::Values(count))?;
            family(WORKER_BLOCKED_SECONDS, Samples::Values(seconds))?;
            family(EVENT_LOOP_DELAY_SECONDS, Samples::Histogram(delays(workers)))?;
            let (alive, busy) = workers.alive_and_busy();
            family(WORKER_BUSY_SECONDS, Samples::Values(vec![busy.as_secs_f64().into()]))?;
            family(WORKERS_ALIVE, Samples::Values(vec![(alive as f64).into()]))?;
        }
        #[cfg(all(feature = "process", target_os = "linux"))]
        for (descriptor, value) in process_metrics() {
            family(descriptor, Samples::Values(vec![value.into()]))?;
        }
        Ok(())
    }

    fn dependency_up(&self) -> Vec<Value> {
        let states = self.dependencies.states().into_iter();
        let value = |status| match status {
            DependencyStatus::Up => Some(1.0),
            DependencyStatus::Down => Some(0.0),
            // Not checked yet: no sample, so that no alert fires.
            DependencyStatus::Unknown => None,
        };
        let sample = |name: &str, value| {
            Some(Value { labels: vec![(label::NAME, name.to_owned())], value: value? })
        };
        states.filter_map(|state| sample(state.name(), value(state.status()))).collect()
    }
}

/// For each route, how many polls blocked their workers, and for how many seconds.
fn blocked(workers: &Workers) -> (Vec<Value>, Vec<Value>) {
    let routes = workers.blocked.snapshot().into_iter();
    let values = routes.map(|((addr, method), blocks)| {
        let labels = vec![(label::METHOD, method.to_owned()), (label::ADDR, addr)];
        let seconds = Value { labels: labels.clone(), value: blocks.nanos as f64 / 1e9 };
        (Value { labels, value: blocks.count as f64 }, seconds)
    });
    values.unzip()
}

fn delays(workers: &Workers) -> HistogramValue<'_> {
    let DelayTotals { nanos, counts } = workers.delays.totals();
    HistogramValue { buckets: workers.delays.buckets(), counts, nanos }
}

impl Collector for Families {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        self.try_for_each(|family| collector::encode(family, &mut encoder))
    }
}

/// The standard process metrics. What the system does not report is left out.
#[cfg(all(feature = "process", target_os = "linux"))]
fn process_metrics() -> impl Iterator<Item = (Descriptor, f64)> {
    use MetricType::{Counter, Gauge};

    let process = crate::process::read();
    let cpu = "Total user and system CPU time spent, in seconds.";
    let resident = "Resident memory size, in bytes.";
    let virtual_memory = "Virtual memory size, in bytes.";
    let start = "Start time since the Unix epoch, in seconds.";
    [
        (family("process_cpu", SECONDS, Counter, cpu), process.cpu_seconds),
        (family("process_resident_memory", BYTES, Gauge, resident), process.resident_bytes),
        (family("process_virtual_memory", BYTES, Gauge, virtual_memory), process.virtual_bytes),
        (family("process_threads", None, Gauge, "Number of OS threads."), process.threads),
        (family("process_start_time", SECONDS, Gauge, start), process.start_seconds),
        (
            family("process_open_fds", None, Gauge, "Number of open file descriptors."),
            process.open_fds,
        ),
        (
            family("process_max_fds", None, Gauge, "Maximum number of open file descriptors."),
            process.max_fds,
        ),
    ]
    .into_iter()
    .filter_map(|(descriptor, value)| Some((descriptor, value?)))
}
