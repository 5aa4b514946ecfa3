//! The standard process metrics, read from `/proc` at each scrape.

use std::fmt::Error;

use procfs::process::Process;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;

/// Puts this process onto the page. What the system does not tell is left out.
#[derive(Debug)]
pub(crate) struct ProcessMetrics;

impl Collector for ProcessMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        let Ok(process) = Process::myself() else { return Ok(()) };
        if let Ok(stat) = process.stat() {
            let ticks = procfs::ticks_per_second() as f64;
            let cpu = (stat.utime + stat.stime) as f64 / ticks;
            let metric = &mut encoder;
            let seconds = Some(&Unit::Seconds);
            ConstCounter::new(cpu).encode(describe(metric, CPU, seconds, MetricType::Counter)?)?;
            let bytes = Some(&Unit::Bytes);
            let resident = stat.rss * procfs::page_size();
            gauge(metric, RESIDENT, bytes, resident as f64)?;
            gauge(metric, VIRTUAL, bytes, stat.vsize as f64)?;
            gauge(metric, THREADS, None, stat.num_threads as f64)?;
            if let Ok(boot) = procfs::boot_time_secs() {
                let started = boot as f64 + stat.starttime as f64 / ticks;
                gauge(metric, START_TIME, seconds, started)?;
            }
        }
        if let Ok(open) = process.fd_count() {
            gauge(&mut encoder, OPEN_FDS, None, open as f64)?;
        }
        if let Some(most) = max_fds(&process) {
            gauge(&mut encoder, MAX_FDS, None, most as f64)?;
        }
        Ok(())
    }
}

fn max_fds(process: &Process) -> Option<u64> {
    match process.limits().ok()?.max_open_files.soft_limit {
        procfs::process::LimitValue::Value(most) => Some(most),
        procfs::process::LimitValue::Unlimited => None,
    }
}

/// A metric's name without its unit, and its help.
type About = (&'static str, &'static str);

const CPU: About = ("process_cpu", "Total user and system CPU time spent, in seconds.");
const RESIDENT: About = ("process_resident_memory", "Resident memory size, in bytes.");
const VIRTUAL: About = ("process_virtual_memory", "Virtual memory size, in bytes.");
const OPEN_FDS: About = ("process_open_fds", "Number of open file descriptors.");
const MAX_FDS: About = ("process_max_fds", "Maximum number of open file descriptors.");
const START_TIME: About = ("process_start_time", "Start time since the Unix epoch, in seconds.");
const THREADS: About = ("process_threads", "Number of OS threads.");

fn describe<'a>(
    encoder: &'a mut DescriptorEncoder<'_>,
    (name, help): About,
    unit: Option<&'a Unit>,
    metric_type: MetricType,
) -> Result<MetricEncoder<'a>, Error> {
    encoder.encode_descriptor(name, help, unit, metric_type)
}

fn gauge(
    encoder: &mut DescriptorEncoder<'_>,
    about: About,
    unit: Option<&Unit>,
    value: f64,
) -> Result<(), Error> {
    ConstGauge::new(value).encode(describe(encoder, about, unit, MetricType::Gauge)?)
}
