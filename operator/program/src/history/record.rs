use jiff::Timestamp;
use kube::ResourceExt as _;
use operator_api::{Backup, Restore, RunKind};

use super::row::Field;
use crate::context::target;

/// A run that has ended, as a row of the table. Each row replaces an older one of the same namespace, name and uid.
#[derive(Clone, Debug, Hash)]
pub(crate) struct Record {
    pub(super) kind: &'static str,
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) uid: String,
    pub(super) schedule: Option<String>,
    pub(super) scheduled_for: Option<String>,
    pub(super) engine: String,
    pub(super) target: String,
    pub(super) phase: &'static str,
    pub(super) created_at: Option<String>,
    pub(super) started_at: Option<String>,
    pub(super) finished_at: Option<String>,
    pub(super) backup_id: Option<String>,
    pub(super) store: Option<String>,
    pub(super) copy_reference: Option<String>,
    pub(super) bytes: Option<i64>,
    pub(super) sha256: Option<String>,
    pub(super) attempts: i64,
    pub(super) failure_code: Option<String>,
    pub(super) failure_message: Option<String>,
    pub(super) failure_hint: Option<String>,
}

impl Record {
    /// Returns the row of a backup, if it has ended.
    pub(super) fn of_backup(backup: &Backup) -> Option<Self> {
        let mut record = Self::of(backup)?;
        if let Some(by) = &backup.spec.schedule {
            record.schedule = Some(clean(&by.name));
            record.scheduled_for = time(by.time);
        }
        let status = backup.status.as_ref();
        record.backup_id = status.and_then(|it| Some(clean(it.backup_id.as_ref()?)));
        if let Some(copy) = status.and_then(|it| it.copy.as_ref()) {
            record.store = Some(clean(&copy.store));
            record.copy_reference = Some(clean(&copy.reference));
            record.bytes = Some(copy.bytes);
            record.sha256 = Some(clean(&copy.sha256));
        }
        Some(record)
    }

    /// Returns the row of a restore, if it has ended.
    pub(super) fn of_restore(restore: &Restore) -> Option<Self> {
        let mut record = Self::of(restore)?;
        let from = &restore.spec.from;
        let found = restore.status.as_ref().and_then(|it| it.backup_id.as_ref());
        record.backup_id = found.or(from.backup_id.as_ref()).map(|it| clean(it));
        if let Some(copy) = &from.copy {
            record.store = Some(clean(&copy.store.name));
            record.copy_reference = Some(clean(&copy.reference));
        }
        Some(record)
    }

    fn of<R: RunKind>(object: &R) -> Option<Self> {
        let run = object.run()?;
        let phase = run.phase.filter(|it| it.is_terminal())?;
        let work = object.work();
        let failure = run.failure.as_ref();
        Some(Self {
            kind: R::KIND,
            namespace: clean(&object.namespace().unwrap_or_default()),
            name: clean(&object.name_any()),
            uid: clean(&object.uid()?),
            schedule: None,
            scheduled_for: None,
            engine: clean(&work.engine.name),
            target: clean(&target(&work.target)),
            phase: phase.name(),
            created_at: object.creation_timestamp().and_then(|it| time(it.0)),
            started_at: run.started_at.and_then(time),
            finished_at: run.finished_at.and_then(time),
            backup_id: None,
            store: None,
            copy_reference: None,
            bytes: None,
            sha256: None,
            attempts: i64::try_from(run.attempts.len()).unwrap_or(i64::MAX),
            failure_code: failure.map(|it| clean(&it.code)),
            failure_message: failure.map(|it| clean(&it.message)),
            failure_hint: failure.and_then(|it| Some(clean(it.hint.as_ref()?))),
        })
    }

    /// Returns the fields, in the order of the statement.
    pub(super) fn fields(&self) -> Vec<Field<'_>> {
        vec![
            self.kind.into(),
            (&self.namespace).into(),
            (&self.name).into(),
            (&self.uid).into(),
            (&self.schedule).into(),
            (&self.scheduled_for).into(),
            (&self.engine).into(),
            (&self.target).into(),
            self.phase.into(),
            (&self.created_at).into(),
            (&self.started_at).into(),
            (&self.finished_at).into(),
            (&self.backup_id).into(),
            (&self.store).into(),
            (&self.copy_reference).into(),
            self.bytes.into(),
            (&self.sha256).into(),
            Some(self.attempts).into(),
            (&self.failure_code).into(),
            (&self.failure_message).into(),
            (&self.failure_hint).into(),
        ]
    }

    #[cfg(test)]
    pub(super) fn named(name: &str) -> Self {
        Self {
            kind: Backup::KIND,
            namespace: "prod".to_owned(),
            name: name.to_owned(),
            uid: name.to_owned(),
            schedule: None,
            scheduled_for: None,
            engine: "hivemq".to_owned(),
            target: "broker".to_owned(),
            phase: "Succeeded",
            created_at: None,
            started_at: None,
            finished_at: Some("2026-11-28T02:04:00Z".to_owned()),
            backup_id: None,
            store: None,
            copy_reference: None,
            bytes: Some(1 << 40),
            sha256: None,
            attempts: 1,
            failure_code: None,
            failure_message: None,
            failure_hint: None,
        }
    }
}

/// Returns a text that every database accepts: PostgreSQL refuses the character NUL.
pub(super) fn clean(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// Returns a time that every database accepts. Others are no times of runs.
pub(super) fn time(time: Timestamp) -> Option<String> {
    let text = time.to_string();
    text.starts_with(|it: char| it.is_ascii_digit())
        .then_some(text)
}

#[cfg(test)]
mod tests {
    use operator_api::{BackupSpec, BackupStatus, Fault, Phase, RunStatus};

    use super::*;

    fn backup(phase: Phase) -> Backup {
        let spec: BackupSpec =
            serde_json::from_value(serde_json::json!({"engine": {"name": "hivemq"}}))
                .expect("a spec");
        let mut backup = Backup::new("one", spec);
        backup.metadata.uid = Some("u".to_owned());
        backup.status = Some(BackupStatus {
            run: RunStatus {
                phase: Some(phase),
                started_at: Some(Timestamp::MIN),
                finished_at: Some(Timestamp::UNIX_EPOCH),
                failure: Some(Fault {
                    message: "a\0b".to_owned(),
                    ..Fault::default()
                }),
                ..RunStatus::default()
            },
            ..BackupStatus::default()
        });
        backup
    }

    #[test]
    fn only_a_run_that_has_ended_is_recorded() {
        for phase in [Phase::Queued, Phase::Starting, Phase::Running] {
            assert!(Record::of_backup(&backup(phase)).is_none(), "{phase:?}");
        }
        let record = Record::of_backup(&backup(Phase::Lost)).expect("a record");
        assert_eq!(record.phase, "Lost");
    }

    #[test]
    fn a_record_has_nothing_that_a_database_refuses() {
        let record = Record::of_backup(&backup(Phase::Failed)).expect("a record");
        assert_eq!(record.failure_message.as_deref(), Some("a\u{fffd}b"));
        assert_eq!(record.started_at, None);
        assert_eq!(record.finished_at.as_deref(), Some("1970-01-01T00:00:00Z"));
    }
}
