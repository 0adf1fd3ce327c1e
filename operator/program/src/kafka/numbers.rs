//! The metrics of the kinds for Kafka. Their names are those of kafka-backup-operator, so that its dashboards work.

use std::hash::Hash;

use jiff::Timestamp;
use operator_api::{KafkaBackupStatus, KafkaPhase};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use crate::metrics::OfKind;

/// The labels of an object. The name `namespace` would be that of the operator's own pod.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct OfObject {
    pub(super) resource_namespace: String,
    pub(super) name: String,
}

/// The labels of ends.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Ended {
    outcome: &'static str,
    resource_namespace: String,
    name: String,
}

/// The labels of ends that are counted for each namespace.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EndedInNamespace {
    outcome: String,
    resource_namespace: String,
}

/// The label of a namespace.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfNamespace {
    resource_namespace: String,
}

/// The time from the beginning to the end of a run.
pub(crate) type Lasted = Option<(Timestamp, Timestamp)>;

/// The metrics of the kinds for Kafka.
#[derive(Debug)]
pub(crate) struct KafkaNumbers {
    reconciliations: Family<OfKind, Counter>,
    errors: Family<OfKind, Counter>,
    reconcile_duration: Family<OfKind, Histogram>,
    backups: Family<Ended, Counter>,
    backup_size: Family<OfObject, Gauge>,
    backup_records: Family<OfObject, Gauge>,
    backup_duration: Family<OfObject, Histogram>,
    restores: Family<Ended, Counter>,
    restore_duration: Family<OfObject, Histogram>,
    resets: Family<EndedInNamespace, Counter>,
    reset_duration: Family<OfNamespace, Histogram>,
    validations: Family<Ended, Counter>,
    validation_duration: Family<OfObject, Histogram>,
    cleanups: Family<OfKind, Counter>,
}

/// Returns a histogram of looks at objects, from 1 ms to about 4 s.
fn looks() -> Histogram {
    Histogram::new(exponential_buckets(0.001, 4.0, 7))
}

/// Returns a histogram of runs, from 1 s to about 18 hours.
fn runs() -> Histogram {
    Histogram::new(exponential_buckets(1.0, 4.0, 9))
}

impl KafkaNumbers {
    /// Creates the metrics in a registry without the prefix of the operator's own.
    pub(crate) fn new(registry: &mut Registry) -> Self {
        let it = Self {
            reconciliations: Family::default(),
            errors: Family::default(),
            reconcile_duration: Family::new_with_constructor(looks),
            backups: Family::default(),
            backup_size: Family::default(),
            backup_records: Family::default(),
            backup_duration: Family::new_with_constructor(runs),
            restores: Family::default(),
            restore_duration: Family::new_with_constructor(runs),
            resets: Family::default(),
            reset_duration: Family::new_with_constructor(runs),
            validations: Family::default(),
            validation_duration: Family::new_with_constructor(runs),
            cleanups: Family::default(),
        };
        let registry = registry.sub_registry_with_prefix("kafka_backup_operator");
        it.register_looks(registry);
        it.register_runs(registry);
        it
    }

    fn register_looks(&self, registry: &mut Registry) {
        registry.register(
            "reconciliations",
            "Looks at objects",
            self.reconciliations.clone(),
        );
        registry.register(
            "reconciliation_errors",
            "Looks at objects that failed",
            self.errors.clone(),
        );
        registry.register_with_unit(
            "reconcile_duration",
            "Time of a look at an object",
            Unit::Seconds,
            self.reconcile_duration.clone(),
        );
        registry.register(
            "cleanups",
            "Objects that were let go when they were deleted",
            self.cleanups.clone(),
        );
    }

    fn register_runs(&self, registry: &mut Registry) {
        for (name, help, ends) in [
            ("backups", "Backups that have ended", &self.backups),
            ("restores", "Restores that have ended", &self.restores),
            ("validations", "Checks that have ended", &self.validations),
        ] {
            registry.register(name, help, ends.clone());
        }
        registry.register(
            "offset_resets",
            "Changes of offsets that have ended",
            self.resets.clone(),
        );
        for (name, help, lasted) in [
            ("backup_duration", "Time of a backup", &self.backup_duration),
            (
                "restore_duration",
                "Time of a restore",
                &self.restore_duration,
            ),
            (
                "validation_duration",
                "Time of a check",
                &self.validation_duration,
            ),
        ] {
            registry.register_with_unit(name, help, Unit::Seconds, lasted.clone());
        }
        registry.register_with_unit(
            "offset_reset_duration",
            "Time of a change of offsets",
            Unit::Seconds,
            self.reset_duration.clone(),
        );
        registry.register_with_unit(
            "backup_size",
            "Bytes in the last set",
            Unit::Bytes,
            self.backup_size.clone(),
        );
        // It is no counter, in spite of its name.
        registry.register(
            "backup_records_total",
            "Records in the last set",
            self.backup_records.clone(),
        );
    }

    /// Counts a look at an object.
    pub(super) fn look(&self, kind: &str, seconds: f64, is_error: bool) {
        let kind = OfKind {
            kind: kind.to_owned(),
        };
        self.reconciliations.get_or_create(&kind).inc();
        self.reconcile_duration
            .get_or_create(&kind)
            .observe(seconds);
        if is_error {
            self.errors.get_or_create(&kind).inc();
        }
    }

    /// Counts a backup that has ended.
    pub(super) fn end_backup(
        &self,
        of: &OfObject,
        phase: KafkaPhase,
        lasted: Lasted,
        status: &KafkaBackupStatus,
    ) {
        self.backups.get_or_create(&ended(of, phase)).inc();
        observe(&self.backup_duration, of, lasted);
        for (numbers, number) in [
            (&self.backup_size, status.bytes_processed),
            (&self.backup_records, status.records_processed),
        ] {
            if let Some(number) = number.and_then(|it| i64::try_from(it).ok()) {
                numbers.get_or_create(of).set(number);
            }
        }
    }

    /// Counts a restore that has ended.
    pub(super) fn end_restore(&self, of: &OfObject, phase: KafkaPhase, lasted: Lasted) {
        self.restores.get_or_create(&ended(of, phase)).inc();
        observe(&self.restore_duration, of, lasted);
    }

    /// Counts a check that has ended.
    pub(super) fn end_validation(&self, of: &OfObject, phase: KafkaPhase, lasted: Lasted) {
        self.validations.get_or_create(&ended(of, phase)).inc();
        observe(&self.validation_duration, of, lasted);
    }

    /// Counts a change of offsets that has ended.
    pub(super) fn end_reset(&self, namespace: &str, phase: KafkaPhase, lasted: Lasted) {
        let labels = EndedInNamespace {
            // kafka-backup-operator shows the phase here, and not the outcomes of other kinds.
            outcome: phase.name().to_ascii_lowercase(),
            resource_namespace: namespace.to_owned(),
        };
        self.resets.get_or_create(&labels).inc();
        let labels = OfNamespace {
            resource_namespace: namespace.to_owned(),
        };
        observe(&self.reset_duration, &labels, lasted);
    }

    /// Counts an object that is gone, and forgets its numbers. Its ends stay: a counter must not go back.
    pub(super) fn clean_up(&self, kind: &str, of: &OfObject) {
        let label = OfKind {
            kind: kind.to_owned(),
        };
        self.cleanups.get_or_create(&label).inc();
        if kind == "KafkaBackup" {
            self.backup_size.remove(of);
            self.backup_records.remove(of);
        }
    }
}

fn observe<L>(histograms: &Family<L, Histogram, fn() -> Histogram>, labels: &L, lasted: Lasted)
where
    L: Clone + Eq + Hash,
{
    if let Some((began, end)) = lasted {
        let seconds = end.duration_since(began).as_secs_f64();
        histograms.get_or_create(labels).observe(seconds);
    }
}

fn outcome(phase: KafkaPhase) -> &'static str {
    match phase {
        KafkaPhase::Completed => "success",
        KafkaPhase::PartiallyCompleted
        | KafkaPhase::Ready
        | KafkaPhase::Running
        | KafkaPhase::Failed
        | KafkaPhase::RolledBack => "failure",
    }
}

fn ended(of: &OfObject, phase: KafkaPhase) -> Ended {
    Ended {
        outcome: outcome(phase),
        resource_namespace: of.resource_namespace.clone(),
        name: of.name.clone(),
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text::encode;

    use super::*;

    #[test]
    fn the_names_are_those_of_kafka_backup_operator() {
        let mut registry = Registry::default();
        let numbers = KafkaNumbers::new(&mut registry);
        let of = OfObject {
            resource_namespace: "kafka".to_owned(),
            name: "nightly".to_owned(),
        };
        numbers.look("KafkaBackup", 0.002, true);
        let time = |second| Timestamp::from_second(second).expect("a time");
        let lasted = Some((time(0), time(41)));
        let status = KafkaBackupStatus {
            bytes_processed: Some(1000),
            records_processed: Some(7),
            ..KafkaBackupStatus::default()
        };
        numbers.end_backup(&of, KafkaPhase::Completed, lasted, &status);
        numbers.end_restore(&of, KafkaPhase::RolledBack, lasted);
        numbers.end_validation(&of, KafkaPhase::Completed, None);
        numbers.end_reset("kafka", KafkaPhase::PartiallyCompleted, lasted);
        let shown = || {
            let mut text = String::new();
            encode(&mut text, &registry).expect("text");
            text
        };
        let text = shown();
        for line in [
            r#"reconciliations_total{kind="KafkaBackup"} 1"#,
            r#"reconciliation_errors_total{kind="KafkaBackup"} 1"#,
            r#"backups_total{outcome="success",resource_namespace="kafka",name="nightly"} 1"#,
            r#"restores_total{outcome="failure",resource_namespace="kafka",name="nightly"} 1"#,
            r#"validations_total{outcome="success",resource_namespace="kafka",name="nightly"} 1"#,
            r#"offset_resets_total{outcome="partiallycompleted",resource_namespace="kafka"} 1"#,
            r#"backup_size_bytes{resource_namespace="kafka",name="nightly"} 1000"#,
            r#"backup_records_total{resource_namespace="kafka",name="nightly"} 7"#,
            r#"backup_duration_seconds_sum{resource_namespace="kafka",name="nightly"} 41.0"#,
            r#"offset_reset_duration_seconds_count{resource_namespace="kafka"} 1"#,
        ] {
            let line = format!("kafka_backup_operator_{line}");
            assert!(text.contains(&line), "{line} is not in\n{text}");
        }
        numbers.clean_up("KafkaBackup", &of);
        let text = shown();
        assert!(!text.contains("backup_size_bytes{"), "{text}");
        assert!(
            text.contains(r#"cleanups_total{kind="KafkaBackup"} 1"#),
            "{text}"
        );
    }
}
