//! The metrics of single schedules and stores: one record for each, so that a deletion leaves nothing behind.
//!
//! A family per metric would keep the labels of a schedule once in each, and a place on the heap for each number. With
//! thousands of schedules that is most of the operator's memory.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::exemplar::Exemplar;

/// Exemplars are not used, but have a type.
const NO_EXEMPLAR: Option<&Exemplar<[(&str, &str); 0], f64>> = None;

/// The numbers of a schedule. Those without a value are not shown.
#[derive(Clone, Debug, Default)]
pub(crate) struct ScheduleNumbers {
    /// Unix time of the creation. It also tells a schedule from an earlier one of the same name.
    pub(crate) created: i64,
    pub(crate) last_success: Option<i64>,
    pub(crate) last_failure: Option<i64>,
    pub(crate) interval: Option<i64>,
    pub(crate) suspended: Option<bool>,
    pub(crate) is_valid: Option<bool>,
    pub(crate) skipped: Option<u64>,
    pub(crate) runs: Runs,
}

/// The runs of a schedule that have ended.
#[derive(Clone, Debug, Default)]
pub(crate) struct Runs {
    bytes: Option<u64>,
    /// The kind of a run, its outcome, and how many there were. There are few pairs.
    ended: Vec<(&'static str, &'static str, u64)>,
}

impl Runs {
    /// Counts a run, and the bytes that it copied.
    pub(crate) fn add(&mut self, kind: &'static str, outcome: &'static str, bytes: Option<u64>) {
        let same = |it: &&mut (_, _, _)| (it.0, it.1) == (kind, outcome);
        match self.ended.iter_mut().find(same) {
            Some(known) => known.2 += 1,
            None => self.ended.push((kind, outcome, 1)),
        }
        if let Some(bytes) = bytes {
            *self.bytes.get_or_insert(0) += bytes;
        }
    }
}

/// Values by namespace and name. Each namespace is kept once.
type Named<T> = HashMap<String, HashMap<Box<str>, Box<T>>>;

/// All records.
#[derive(Debug, Default)]
struct Records {
    schedules: Named<ScheduleNumbers>,
    /// Runs without a schedule, by namespace.
    others: BTreeMap<String, Runs>,
    /// Whether the last test of a store passed.
    stores: Named<bool>,
}

/// The metrics of single schedules and stores.
#[derive(Debug, Default)]
pub(crate) struct Subjects {
    records: Mutex<Records>,
}

fn remove<T>(all: &mut Named<T>, namespace: &str, name: &str) {
    if let Some(inner) = all.get_mut(namespace) {
        inner.remove(name);
        if inner.is_empty() {
            all.remove(namespace);
        }
    }
}

fn retain<T>(all: &mut Named<T>, is_live: impl Fn(&str, &str) -> bool) {
    all.retain(|namespace, inner| {
        inner.retain(|name, _| is_live(namespace, name));
        !inner.is_empty()
    });
}

impl Subjects {
    fn records(&self) -> MutexGuard<'_, Records> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the numbers of a schedule that was created at a time. Those of an earlier one of the same name go.
    pub(crate) fn of_schedule(
        &self,
        namespace: &str,
        name: &str,
        created: i64,
        change: impl FnOnce(&mut ScheduleNumbers),
    ) {
        let mut records = self.records();
        let all = &mut records.schedules;
        if !all.contains_key(namespace) {
            all.insert(namespace.to_owned(), HashMap::new());
        }
        let Some(inner) = all.get_mut(namespace) else {
            return;
        };
        let new = || {
            Box::new(ScheduleNumbers {
                created,
                ..ScheduleNumbers::default()
            })
        };
        let numbers = inner.entry(name.into()).or_insert_with(new);
        if numbers.created != created {
            *numbers = new();
        }
        change(numbers);
    }

    /// Changes the numbers of the runs of a namespace that belong to no schedule.
    pub(crate) fn of_others(&self, namespace: &str, change: impl FnOnce(&mut Runs)) {
        let mut records = self.records();
        change(records.others.entry(namespace.to_owned()).or_default());
    }

    /// Sets whether the last test of a store passed.
    pub(crate) fn set_store(&self, namespace: &str, name: &str, is_ready: bool) {
        let mut records = self.records();
        let inner = records.stores.entry(namespace.to_owned()).or_default();
        inner.insert(name.into(), Box::new(is_ready));
    }

    pub(crate) fn forget_schedule(&self, namespace: &str, name: &str) {
        remove(&mut self.records().schedules, namespace, name);
    }

    pub(crate) fn forget_store(&self, namespace: &str, name: &str) {
        remove(&mut self.records().stores, namespace, name);
    }

    /// Forgets the schedules that are not alive.
    pub(crate) fn retain_schedules(&self, is_live: impl Fn(&str, &str) -> bool) {
        retain(&mut self.records().schedules, is_live);
    }

    /// Forgets the stores that are not alive.
    pub(crate) fn retain_stores(&self, is_live: impl Fn(&str, &str) -> bool) {
        retain(&mut self.records().stores, is_live);
    }
}

/// A gauge of schedules: its name, its help, and its value.
type ScheduleGauge = (
    &'static str,
    &'static str,
    fn(&ScheduleNumbers) -> Option<i64>,
);

const GAUGES: [ScheduleGauge; 6] = [
    (
        "schedule_last_success_timestamp_seconds",
        "Unix time of the end of the last successful run of a schedule.",
        |it| it.last_success,
    ),
    (
        "schedule_last_failure_timestamp_seconds",
        "Unix time of the end of the last failed run of a schedule.",
        |it| it.last_failure,
    ),
    (
        "schedule_expected_interval_seconds",
        "Longest time between two runs of a schedule.",
        |it| it.interval,
    ),
    (
        "schedule_created_timestamp_seconds",
        "Unix time of the creation of a schedule.",
        |it| Some(it.created),
    ),
    (
        "schedule_suspended",
        "1 if a schedule is suspended.",
        |it| it.suspended.map(i64::from),
    ),
    (
        "schedule_valid",
        "1 if the times of a schedule can be read.",
        |it| it.is_valid.map(i64::from),
    ),
];

type Written = Result<(), std::fmt::Error>;

/// Writes one number of each record that has it.
fn family<'a, T: 'a, const N: usize>(
    encoder: &mut DescriptorEncoder<'_>,
    (name, help, type_): (&str, &str, MetricType),
    records: impl Iterator<Item = ([(&'static str, &'a str); N], T)>,
    write: impl Fn(MetricEncoder<'_>, T) -> Written,
) -> Written {
    let mut records = records.peekable();
    if records.peek().is_none() {
        return Ok(());
    }
    let mut family = encoder.encode_descriptor(name, help, None, type_)?;
    for (labels, value) in records {
        write(family.encode_family(&labels)?, value)?;
    }
    Ok(())
}

fn gauge(mut encoder: MetricEncoder<'_>, value: i64) -> Written {
    encoder.encode_gauge(&value)
}

fn counter(mut encoder: MetricEncoder<'_>, value: u64) -> Written {
    encoder.encode_counter(&value, NO_EXEMPLAR)
}

impl Records {
    fn schedules(&self) -> impl Iterator<Item = ([(&'static str, &str); 2], &ScheduleNumbers)> {
        self.schedules.iter().flat_map(|(namespace, inner)| {
            inner.iter().map(move |(name, numbers)| {
                let labels = [("namespace", &**namespace), ("schedule", &**name)];
                (labels, &**numbers)
            })
        })
    }

    /// Returns the runs that have ended. Those without a schedule have an empty label.
    fn runs(&self) -> impl Iterator<Item = ([(&'static str, &str); 2], &Runs)> {
        let others = self.others.iter().map(|(namespace, runs)| {
            let labels = [("namespace", &**namespace), ("schedule", "")];
            (labels, runs)
        });
        let of_schedules = self.schedules();
        of_schedules
            .map(|(labels, it)| (labels, &it.runs))
            .chain(others)
    }
}

impl Collector for Subjects {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Written {
        let records = self.records();
        let encoder = &mut encoder;
        for (name, help, value) in GAUGES {
            let having = records
                .schedules()
                .filter_map(|(labels, it)| Some((labels, value(it)?)));
            family(encoder, (name, help, MetricType::Gauge), having, gauge)?;
        }
        let skipped = records
            .schedules()
            .filter_map(|(labels, it)| Some((labels, it.skipped?)));
        let name = "schedule_skipped_runs";
        let help =
            "Runs of a schedule that were left out: too late, or the run before was under way.";
        family(encoder, (name, help, MetricType::Counter), skipped, counter)?;
        let ended = records.runs().flat_map(|(labels, runs)| {
            runs.ended.iter().map(move |(kind, outcome, count)| {
                let [namespace, schedule] = labels;
                let labels = [("kind", *kind), namespace, schedule, ("outcome", *outcome)];
                (labels, *count)
            })
        });
        let help = "Runs that have ended.";
        family(encoder, ("runs", help, MetricType::Counter), ended, counter)?;
        let bytes = records
            .runs()
            .filter_map(|(labels, it)| Some((labels, it.bytes?)));
        let name = "backup_copied_bytes";
        let help = "Bytes of backups that were copied to stores.";
        family(encoder, (name, help, MetricType::Counter), bytes, counter)?;
        let stores = records.stores.iter().flat_map(|(namespace, inner)| {
            inner.iter().map(move |(name, is_ready)| {
                let labels = [("namespace", &**namespace), ("store", &**name)];
                (labels, i64::from(**is_ready))
            })
        });
        let help = "1 if the last test of a store passed.";
        family(
            encoder,
            ("store_ready", help, MetricType::Gauge),
            stores,
            gauge,
        )
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use prometheus_client::encoding::text::encode;
    use prometheus_client::registry::Registry;

    use super::*;

    /// Returns the lines of all metrics, sorted.
    fn lines(subjects: &Arc<Subjects>) -> Vec<String> {
        let mut registry = Registry::with_prefix("broker");
        registry.register_collector(Box::new(Arc::clone(subjects)));
        let mut text = String::new();
        encode(&mut text, &registry).expect("a text");
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let mut lines: Vec<_> = lines.map(str::to_owned).collect();
        lines.sort();
        lines
    }

    fn full(subjects: &Subjects, name: &str) {
        subjects.of_schedule("prod", name, 1, |it| {
            it.last_success = Some(7);
            it.last_failure = Some(8);
            it.interval = Some(9);
            it.suspended = Some(false);
            it.is_valid = Some(true);
            it.skipped = Some(2);
            it.runs.add("Backup", "Succeeded", Some(50));
            it.runs.add("Backup", "Succeeded", Some(50));
            it.runs.add("Backup", "Failed", None);
        });
    }

    #[test]
    fn what_was_deleted_has_no_metrics() {
        let subjects = Arc::<Subjects>::default();
        full(&subjects, "kept");
        let alone = lines(&subjects);
        let labels = r#"namespace="prod",schedule="kept""#;
        let run = |outcome: &str, count: u64| {
            format!(r#"broker_runs_total{{kind="Backup",{labels},outcome="{outcome}"}} {count}"#)
        };
        let mut expected: Vec<_> = [
            ("backup_copied_bytes_total", 100),
            ("schedule_created_timestamp_seconds", 1),
            ("schedule_expected_interval_seconds", 9),
            ("schedule_last_failure_timestamp_seconds", 8),
            ("schedule_last_success_timestamp_seconds", 7),
            ("schedule_skipped_runs_total", 2),
            ("schedule_suspended", 0),
            ("schedule_valid", 1),
        ]
        .map(|(name, value)| format!("broker_{name}{{{labels}}} {value}"))
        .into();
        expected.extend([run("Succeeded", 2), run("Failed", 1)]);
        expected.sort();
        assert_eq!(alone, expected);
        full(&subjects, "gone");
        subjects.set_store("prod", "nightly", false);
        assert_eq!(lines(&subjects).len(), 2 * alone.len() + 1);
        subjects.forget_schedule("prod", "gone");
        subjects.forget_store("prod", "nightly");
        assert_eq!(lines(&subjects), alone);
        full(&subjects, "gone");
        subjects.set_store("prod", "nightly", false);
        subjects.retain_schedules(|_, name| name == "kept");
        subjects.retain_stores(|_, _| false);
        assert_eq!(lines(&subjects), alone);
        subjects.forget_schedule("prod", "kept");
        let records = subjects.records();
        assert!(records.schedules.is_empty() && records.stores.is_empty());
    }

    #[test]
    fn a_schedule_that_is_created_again_begins_anew() {
        let subjects = Arc::<Subjects>::default();
        full(&subjects, "nightly");
        subjects.of_schedule("prod", "nightly", 2, |it| it.is_valid = Some(true));
        assert_eq!(
            lines(&subjects),
            [
                r#"broker_schedule_created_timestamp_seconds{namespace="prod",schedule="nightly"} 2"#,
                r#"broker_schedule_valid{namespace="prod",schedule="nightly"} 1"#,
            ]
        );
    }

    #[test]
    fn runs_without_a_schedule_are_counted_by_namespace() {
        let subjects = Arc::<Subjects>::default();
        for namespace in ["prod", "test"] {
            subjects.of_others(namespace, |it| it.add("Restore", "Lost", None));
        }
        assert_eq!(
            lines(&subjects),
            ["prod", "test"].map(|namespace| format!(
                "broker_runs_total{{kind=\"Restore\",namespace=\"{namespace}\",schedule=\"\",outcome=\"Lost\"}} 1"
            ))
        );
    }
}
