//! The metrics of the operator, for Prometheus.

use std::collections::BTreeSet;
use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use kube::ResourceExt as _;
use operator_api::{BackupSchedule, BackupStore};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

/// The labels of a schedule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, EncodeLabelSet)]
pub(crate) struct OfSchedule {
    pub(crate) namespace: String,
    pub(crate) schedule: String,
}

/// The labels of a store.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, EncodeLabelSet)]
pub(crate) struct OfStore {
    pub(crate) namespace: String,
    pub(crate) store: String,
}

impl OfSchedule {
    pub(crate) fn of(schedule: &BackupSchedule) -> Self {
        Self {
            namespace: schedule.namespace().unwrap_or_default(),
            schedule: schedule.name_any(),
        }
    }
}

impl OfStore {
    pub(crate) fn of(store: &BackupStore) -> Self {
        Self {
            namespace: store.namespace().unwrap_or_default(),
            store: store.name_any(),
        }
    }
}

/// The labels of runs that have ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct OfRuns {
    pub(crate) kind: String,
    pub(crate) namespace: String,
    pub(crate) schedule: String,
    pub(crate) outcome: String,
}

/// The labels of a kind.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct OfKind {
    pub(crate) kind: String,
}

/// The objects that have metrics of their own.
#[derive(Debug, Default)]
pub(crate) struct Subjects {
    pub(crate) schedules: BTreeSet<OfSchedule>,
    pub(crate) stores: BTreeSet<OfStore>,
}

/// All metrics of the operator.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    pub(crate) last_success: Family<OfSchedule, Gauge>,
    pub(crate) last_failure: Family<OfSchedule, Gauge>,
    pub(crate) interval: Family<OfSchedule, Gauge>,
    pub(crate) created: Family<OfSchedule, Gauge>,
    pub(crate) suspended: Family<OfSchedule, Gauge>,
    valid: Family<OfSchedule, Gauge>,
    store_ready: Family<OfStore, Gauge>,
    pub(crate) skipped: Family<OfSchedule, Counter>,
    pub(crate) runs: Family<OfRuns, Counter>,
    pub(crate) duration: Family<OfKind, Histogram>,
    pub(crate) bytes: Family<OfSchedule, Counter>,
    pub(crate) queued: Family<OfKind, Gauge>,
    pub(crate) active: Family<OfKind, Gauge>,
    pub(crate) reconciles: Family<OfKind, Counter>,
    pub(crate) errors: Family<OfKind, Counter>,
    pub(crate) leader: Gauge,
    pub(crate) history_errors: Counter,
    /// The schedules and stores that have metrics.
    subjects: Mutex<Subjects>,
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
        let mut it = Self {
            registry: Registry::with_prefix("broker"),
            last_success: Family::default(),
            last_failure: Family::default(),
            interval: Family::default(),
            created: Family::default(),
            suspended: Family::default(),
            valid: Family::default(),
            store_ready: Family::default(),
            skipped: Family::default(),
            runs: Family::default(),
            duration: Family::new_with_constructor(seconds),
            bytes: Family::default(),
            queued: Family::default(),
            active: Family::default(),
            reconciles: Family::default(),
            errors: Family::default(),
            leader: Gauge::default(),
            history_errors: Counter::default(),
            subjects: Mutex::default(),
            history_pending: Gauge::default(),
            history_lag: Gauge::default(),
            history_oldest: Mutex::default(),
        };
        it.register_schedules();
        it.register_runs();
        it
    }

    /// Registers the metrics of schedules and stores.
    fn register_schedules(&mut self) {
        let registry = &mut self.registry;
        registry.register(
            "schedule_last_success_timestamp_seconds",
            "Unix time of the end of the last successful run of a schedule",
            self.last_success.clone(),
        );
        registry.register(
            "schedule_last_failure_timestamp_seconds",
            "Unix time of the end of the last failed run of a schedule",
            self.last_failure.clone(),
        );
        registry.register(
            "schedule_expected_interval_seconds",
            "Longest time between two runs of a schedule",
            self.interval.clone(),
        );
        registry.register(
            "schedule_created_timestamp_seconds",
            "Unix time of the creation of a schedule",
            self.created.clone(),
        );
        registry.register(
            "schedule_suspended",
            "1 if a schedule is suspended",
            self.suspended.clone(),
        );
        registry.register(
            "schedule_valid",
            "1 if the times of a schedule can be read",
            self.valid.clone(),
        );
        registry.register(
            "store_ready",
            "1 if the last test of a store passed",
            self.store_ready.clone(),
        );
        registry.register(
            "schedule_skipped_runs",
            "Runs of a schedule that were left out: too late, or the run before was under way",
            self.skipped.clone(),
        );
    }

    /// Registers the metrics of runs, of the operator's own work and of the history.
    fn register_runs(&mut self) {
        let registry = &mut self.registry;
        registry.register("runs", "Runs that have ended", self.runs.clone());
        registry.register_with_unit(
            "run_duration",
            "Time from the Job to the end of a run",
            Unit::Seconds,
            self.duration.clone(),
        );
        registry.register(
            "backup_copied_bytes",
            "Bytes of backups that were copied to stores",
            self.bytes.clone(),
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

    /// Sets whether the times of a schedule can be read.
    pub(crate) fn set_schedule(&self, schedule: &OfSchedule, is_valid: bool) {
        self.subjects().schedules.insert(schedule.clone());
        let valid = self.valid.get_or_create(schedule);
        valid.set(i64::from(is_valid));
    }

    /// Sets whether the last test of a store passed.
    pub(crate) fn set_store(&self, store: &OfStore, is_ready: bool) {
        self.subjects().stores.insert(store.clone());
        let ready = self.store_ready.get_or_create(store);
        ready.set(i64::from(is_ready));
    }

    /// Forgets schedules and stores that were deleted: an alert about them would have no end.
    pub(crate) fn forget_all_but(&self, live: &Subjects) {
        let mut known = self.subjects();
        known.schedules.retain(|schedule| {
            let is_live = live.schedules.contains(schedule);
            if !is_live {
                self.forget(schedule);
            }
            is_live
        });
        known.stores.retain(|store| {
            let is_live = live.stores.contains(store);
            if !is_live {
                self.store_ready.remove(store);
            }
            is_live
        });
    }

    fn subjects(&self) -> MutexGuard<'_, Subjects> {
        self.subjects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn forget(&self, schedule: &OfSchedule) {
        self.last_success.remove(schedule);
        self.last_failure.remove(schedule);
        self.interval.remove(schedule);
        self.created.remove(schedule);
        self.suspended.remove(schedule);
        self.valid.remove(schedule);
        self.skipped.remove(schedule);
        self.bytes.remove(schedule);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_deleted_has_no_metrics() {
        let metrics = Metrics::new();
        let schedule = |name: &str| OfSchedule {
            namespace: "prod".to_owned(),
            schedule: name.to_owned(),
        };
        let store = OfStore {
            namespace: "prod".to_owned(),
            store: "nightly".to_owned(),
        };
        for name in ["kept", "gone"] {
            metrics.set_schedule(&schedule(name), true);
            metrics.last_success.get_or_create(&schedule(name)).set(7);
        }
        metrics.set_store(&store, false);
        let lines = |start: &str| {
            let text = metrics.text().unwrap();
            let lines = text.lines().filter(|line| line.starts_with(start));
            lines.map(str::to_owned).collect::<Vec<_>>()
        };
        let success = "broker_schedule_last_success_timestamp_seconds{";
        assert_eq!(lines(success).len(), 2);
        assert_eq!(lines("broker_store_ready{").len(), 1);
        metrics.forget_all_but(&Subjects {
            schedules: [schedule("kept")].into(),
            stores: BTreeSet::new(),
        });
        assert_eq!(
            lines(success),
            [format!("{success}namespace=\"prod\",schedule=\"kept\"}} 7")]
        );
        assert_eq!(lines("broker_store_ready{"), [""; 0]);
    }
}
