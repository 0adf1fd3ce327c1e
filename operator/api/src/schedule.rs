use host_retention::{Policy, RetentionError};
use jiff::Timestamp;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Condition, DeletionPolicy, NameRef, VerifyMode, Work};

/// Backups that are made by a schedule.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "kubectl-broker.io",
    version = "v1alpha1",
    kind = "BackupSchedule",
    plural = "backupschedules",
    shortname = "bsch",
    category = "broker",
    namespaced,
    status = "BackupScheduleStatus",
    derive = "PartialEq",
    doc = "Backups that are made by a schedule, copied to a store, checked, and kept by rule.",
    validation = Rule::new("self.metadata.name.size() <= 43").message("the name must have at most 43 characters: the time of a run is added to it"),
    printcolumn = r#"{"name":"Engine","type":"string","jsonPath":".spec.engine.name"}"#,
    printcolumn = r#"{"name":"Schedule","type":"string","jsonPath":".spec.schedule"}"#,
    printcolumn = r#"{"name":"Time zone","type":"string","jsonPath":".spec.timeZone","priority":1}"#,
    printcolumn = r#"{"name":"Suspend","type":"boolean","jsonPath":".spec.suspend"}"#,
    printcolumn = r#"{"name":"Last success","type":"date","jsonPath":".status.lastSuccessTime"}"#,
    printcolumn = r#"{"name":"Next","type":"string","jsonPath":".status.nextRunTime"}"#,
    printcolumn = r#"{"name":"Healthy","type":"string","jsonPath":".status.conditions[?(@.type==\"Healthy\")].status"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#,
)]
#[serde(rename_all = "camelCase")]
pub struct BackupScheduleSpec {
    /// The work: engine, target, options, and the settings of the Job.
    #[serde(flatten)]
    pub work: Work,
    /// When: five fields as for cron, with `H` for a value that spreads the load, or `@daily` and its like.
    #[schemars(length(min = 5, max = 256))]
    #[x_kube(validation = Rule::new("self.startsWith('@') || self.trim().split(' ').filter(it, it != '').size() == 5").message("must have five fields (minute, hour, day, month, weekday), or be @hourly, @daily, @weekly, @monthly, @yearly or @every 6h"))]
    pub schedule: String,
    /// The time zone of the schedule, such as `Europe/Berlin` [default: UTC].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    #[x_kube(validation = Rule::new("self.matches('^[A-Za-z][A-Za-z0-9_+/-]*$') && self != 'Local' && timestamp('2026-01-01T12:00:00Z').getFullYear(self) >= 2025").message("must be a name of the time zone database, such as Europe/Berlin"))]
    pub time_zone: Option<String>,
    /// Whether no more runs begin. Runs under way go on.
    #[serde(default)]
    pub suspend: bool,
    /// A run that could not begin within this time is left out [default: it begins as soon as possible].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 31_536_000))]
    pub starting_deadline_seconds: Option<i64>,
    /// The rule for a run whose predecessor is still under way.
    #[serde(default)]
    pub concurrency_policy: Concurrency,
    /// The store for copies. Without one, backups stay where their backend keeps them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store: Option<NameRef>,
    /// The check of each new copy.
    #[serde(default)]
    pub verify: VerifyMode,
    /// Deep checks of all copies, by a schedule of their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deep_check: Option<DeepCheck>,
    /// Which copies are kept. Without it, all are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention: Option<Retention>,
    /// Whether deleting a Backup object deletes its copy. The history limits never do.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,
    /// Number of successful Backup objects to keep. Copies are not deleted with them.
    #[serde(default = "ten")]
    #[schemars(range(min = 0, max = 1000))]
    pub successful_history_limit: i32,
    /// Number of failed Backup objects to keep.
    #[serde(default = "ten")]
    #[schemars(range(min = 0, max = 1000))]
    pub failed_history_limit: i32,
}

const fn ten() -> i32 {
    10
}

/// The rule for a run whose predecessor is still under way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Concurrency {
    /// The new run is left out.
    #[default]
    Forbid,
    /// Both run.
    Allow,
}

/// Deep checks of the copies of a schedule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeepCheck {
    /// When, in the time zone of the schedule.
    #[schemars(length(min = 5, max = 256))]
    #[x_kube(validation = Rule::new("self.startsWith('@') || self.trim().split(' ').filter(it, it != '').size() == 5").message("must have five fields (minute, hour, day, month, weekday), or be @hourly, @daily, @weekly, @monthly, @yearly or @every 6h"))]
    pub schedule: String,
}

/// Which copies of a schedule's source are kept. A copy is kept if at least one rule keeps it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.keepWithin) || self.keepLast + self.keepHourly + self.keepDaily + self.keepWeekly + self.keepMonthly + self.keepYearly > 0").message("at least one rule is needed"))]
pub struct Retention {
    /// Number of newest copies to keep.
    #[serde(default)]
    #[schemars(range(min = 0, max = 100_000))]
    pub keep_last: i32,
    /// Number of hours of which the newest copy is kept.
    #[serde(default)]
    #[schemars(range(min = 0, max = 100_000))]
    pub keep_hourly: i32,
    /// Number of days of which the newest copy is kept.
    #[serde(default)]
    #[schemars(range(min = 0, max = 100_000))]
    pub keep_daily: i32,
    /// Number of ISO weeks of which the newest copy is kept.
    #[serde(default)]
    #[schemars(range(min = 0, max = 100_000))]
    pub keep_weekly: i32,
    /// Number of months of which the newest copy is kept.
    #[serde(default)]
    #[schemars(range(min = 0, max = 100_000))]
    pub keep_monthly: i32,
    /// Number of years of which the newest copy is kept.
    #[serde(default)]
    #[schemars(range(min = 0, max = 100_000))]
    pub keep_yearly: i32,
    /// Length of time before the newest good copy in which every copy is kept, such as `30d` or `1y6m`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 2, max = 32), regex(pattern = r"^([0-9]+[ymwdh])+$"))]
    pub keep_within: Option<String>,
}

impl Retention {
    /// Returns the rules, as the program's flags have them.
    ///
    /// # Errors
    /// When the length of time has no meaning, or nothing would be kept.
    pub fn policy(&self) -> Result<Policy, RetentionError> {
        let count = |number: i32| u32::try_from(number).unwrap_or(0);
        let policy = Policy {
            keep_last: count(self.keep_last),
            keep_hourly: count(self.keep_hourly),
            keep_daily: count(self.keep_daily),
            keep_weekly: count(self.keep_weekly),
            keep_monthly: count(self.keep_monthly),
            keep_yearly: count(self.keep_yearly),
            keep_within: self.keep_within.as_deref().map(str::parse).transpose()?,
        };
        policy.check()?;
        Ok(policy)
    }
}

/// The known facts about a schedule.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct BackupScheduleStatus {
    /// The generation of the object that was looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// The newest time of the schedule that was handled: a run was made for it, or it was left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_tick_time: Option<Timestamp>,
    /// When the next run begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_run_time: Option<Timestamp>,
    /// The end of the last run that succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_success_time: Option<Timestamp>,
    /// The end of the last run that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_failure_time: Option<Timestamp>,
    /// Runs that are under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active: Option<i64>,
    /// The last Job that applied the retention.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention: Option<Upkeep>,
    /// The last Job that checked the copies deeply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deep_check: Option<Upkeep>,
    /// `Scheduled`: the schedule is valid and not suspended. `Healthy`: the last run succeeded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub conditions: Vec<Condition>,
}

/// A Job for the copies of a schedule.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Upkeep {
    /// Name of the Job.
    #[schemars(length(max = 253))]
    pub job: String,
    /// The time that it was made for: that of a deep check, or the end of the run before a retention.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tick_time: Option<Timestamp>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Timestamp>,
    /// Whether it succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub succeeded: Option<bool>,
    /// Its last words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 4096))]
    pub message: Option<String>,
}
