//! The metrics of the operator, for Prometheus.

mod subjects;

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::{encode, encode_registry};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use crate::kafka::KafkaNumbers;
use crate::requests::RequestNumbers;

pub(crate) use subjects::{ScheduleNumbers, Subjects};

/// The labels of a kind.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct OfKind {
    pub(crate) kind: String,
}

/// All metrics of the operator.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    /// The metrics of kinds that came with names of their own.
    without_prefix: Registry,
    pub(crate) requests: RequestNumbers,
    pub(crate) kafka: KafkaNumbers,
    /// The metrics of single schedules and stores.
    pub(crate) subjects: Arc<Subjects>,
    pub(crate) duration: Family<OfKind, Histogram>,
    pub(crate) queued: Family<OfKind, Gauge>,
    pub(crate) active: Family<OfKind, Gauge>,
    pub(crate) reconciles: Family<OfKind, Counter>,
    pub(crate) errors: Family<OfKind, Counter>,
    pub(crate) leader: Gauge,
    pub(crate) history_errors: Counter,
    history_pending: Gauge,
    history_lag: Gauge<f64, AtomicU64>,
    /// Since when the oldest run waits for the history.
    history_oldest: Mutex<Option<Instant>>,
}

/// Returns a histogram of durations from 1 s to about 18 hours.
fn seconds() -> Histogram {
    Histogram::new(exponential_buckets(1.0, 4.0, 9))
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut without_prefix = Registry::default();
        let mut it = Self {
            registry: Registry::with_prefix("broker"),
            requests: RequestNumbers::new(&mut without_prefix),
            kafka: KafkaNumbers::new(&mut without_prefix),
            without_prefix,
            subjects: Arc::default(),
            duration: Family::new_with_constructor(seconds),
            queued: Family::default(),
            active: Family::default(),
            reconciles: Family::default(),
            errors: Family::default(),
            leader: Gauge::default(),
            history_errors: Counter::default(),
            history_pending: Gauge::default(),
            history_lag: Gauge::default(),
            history_oldest: Mutex::default(),
        };
        let subjects = Arc::clone(&it.subjects);
        it.registry.register_collector(Box::new(subjects));
        it.register_work();
        it
    }

    /// Registers the metrics of the operator's own work and of the history.
    fn register_work(&mut self) {
        let registry = &mut self.registry;
        registry.register_with_unit(
            "run_duration",
            "Time from the Job to the end of a run",
            Unit::Seconds,
            self.duration.clone(),
        );
        registry.register(
            "runs_queued",
            "Runs that wait for a place",
            self.queued.clone(),
        );
        registry.register("runs_active", "Runs under way", self.active.clone());
        registry.register("reconciles", "Looks at objects", self.reconciles.clone());
        registry.register(
            "reconcile_errors",
            "Looks at objects that failed",
            self.errors.clone(),
        );
        registry.register(
            "leader",
            "1 if this replica is the leader",
            self.leader.clone(),
        );
        registry.register(
            "history_errors",
            "Failed attempts to write the history",
            self.history_errors.clone(),
        );
        registry.register(
            "history_pending",
            "Runs that have ended and are not in the history yet",
            self.history_pending.clone(),
        );
        registry.register_with_unit(
            "history_lag",
            "Time that the oldest of these runs has waited",
            Unit::Seconds,
            self.history_lag.clone(),
        );
    }

    /// Returns all metrics in the text format of OpenMetrics.
    pub(crate) fn text(&self) -> Result<String, std::fmt::Error> {
        let oldest = self.history_oldest.lock();
        let oldest = *oldest.unwrap_or_else(PoisonError::into_inner);
        let lag = oldest.map_or(0.0, |since| since.elapsed().as_secs_f64());
        self.history_lag.set(lag);
        let mut text = String::new();
        encode_registry(&mut text, &self.without_prefix)?;
        encode(&mut text, &self.registry)?;
        Ok(text)
    }

    /// Sets since when the oldest run waits for the history, and how many do.
    pub(crate) fn set_history(&self, oldest: Option<Instant>, count: usize) {
        let mut since = self
            .history_oldest
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *since = oldest;
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        self.history_pending.set(count);
    }
}
