//! The metrics of requests. Their names and labels are those of the plan, so that dashboards for it work.

use operator_api::{BackupRequestSpec, BackupRequestStatus};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

/// The labels of requests that have ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Ended {
    project_id: String,
    environment: String,
    state: &'static str,
}

/// The labels of durations.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Lasted {
    project_id: String,
    environment: String,
}

/// The label of queues.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfProject {
    project_id: String,
}

/// The metrics of requests.
#[derive(Debug)]
pub(crate) struct RequestNumbers {
    ended: Family<Ended, Counter>,
    duration: Family<Lasted, Histogram>,
    waiting: Family<OfProject, Gauge>,
}

/// Returns a histogram of durations from 1 minute to about 17 hours.
fn minutes() -> Histogram {
    Histogram::new(exponential_buckets(60.0, 2.0, 10))
}

impl RequestNumbers {
    /// Creates the metrics, without the prefix of the operator's own.
    pub(crate) fn new(registry: &mut Registry) -> Self {
        let it = Self {
            ended: Family::default(),
            duration: Family::new_with_constructor(minutes),
            waiting: Family::default(),
        };
        registry.register(
            "backup_requests",
            "Backup requests that have ended, by state and project",
            it.ended.clone(),
        );
        registry.register_with_unit(
            "backup_duration",
            "Time from the beginning to the end of a request",
            Unit::Seconds,
            it.duration.clone(),
        );
        registry.register(
            "backup_semaphore_queue_depth",
            "Requests of a project that wait for a place",
            it.waiting.clone(),
        );
        it
    }

    pub(super) fn set_waiting(&self, project: &str, waiting: usize) {
        let label = OfProject {
            project_id: project.to_owned(),
        };
        if waiting == 0 {
            // A project that is gone must not stay for ever.
            self.waiting.remove(&label);
            return;
        }
        let waiting = i64::try_from(waiting).unwrap_or(i64::MAX);
        self.waiting.get_or_create(&label).set(waiting);
    }

    /// Counts a request that has ended.
    pub(super) fn end(&self, spec: &BackupRequestSpec, status: &BackupRequestStatus) {
        let Some(state) = status.state else { return };
        let labels = Ended {
            project_id: spec.project_id.clone(),
            environment: spec.environment.clone(),
            state: state.name(),
        };
        self.ended.get_or_create(&labels).inc();
        if let Some((start, end)) = status.start_time.zip(status.completion_time) {
            let labels = Lasted {
                project_id: spec.project_id.clone(),
                environment: spec.environment.clone(),
            };
            let lasted = end.duration_since(start).as_secs_f64();
            self.duration.get_or_create(&labels).observe(lasted);
        }
    }
}
