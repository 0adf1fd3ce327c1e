//! Converts the records of this interface version to the host's own types, and back.

use host_base::{Activity, Check, Outcome, Report, ReportKind, State};

use super::bindings::exports::kubectl_broker::engine::operations as wit;
use super::bindings::kubectl_broker::engine::types;
use crate::Detection;
use crate::results::Unchecked;

pub(super) fn to_wit(report: Report) -> types::Error {
    types::Error {
        kind: match report.kind {
            ReportKind::Unsupported => types::ErrorKind::Unsupported,
            ReportKind::InvalidArgument => types::ErrorKind::InvalidArgument,
            ReportKind::NotFound => types::ErrorKind::NotFound,
            ReportKind::Conflict => types::ErrorKind::Conflict,
            ReportKind::Unauthenticated => types::ErrorKind::Unauthenticated,
            ReportKind::Forbidden => types::ErrorKind::Forbidden,
            ReportKind::Denied => types::ErrorKind::Denied,
            ReportKind::Unavailable => types::ErrorKind::Unavailable,
            ReportKind::TimedOut => types::ErrorKind::TimedOut,
            ReportKind::Cancelled => types::ErrorKind::Cancelled,
            ReportKind::Integrity => types::ErrorKind::Integrity,
            ReportKind::Protocol => types::ErrorKind::Protocol,
            ReportKind::Failed => types::ErrorKind::Failed,
        },
        message: report.message,
        hint: report.hint,
        retryable: report.retryable,
    }
}

pub(super) fn report(error: types::Error) -> Report {
    Report {
        kind: match error.kind {
            types::ErrorKind::Unsupported => ReportKind::Unsupported,
            types::ErrorKind::InvalidArgument => ReportKind::InvalidArgument,
            types::ErrorKind::NotFound => ReportKind::NotFound,
            types::ErrorKind::Conflict => ReportKind::Conflict,
            types::ErrorKind::Unauthenticated => ReportKind::Unauthenticated,
            types::ErrorKind::Forbidden => ReportKind::Forbidden,
            types::ErrorKind::Denied => ReportKind::Denied,
            types::ErrorKind::Unavailable => ReportKind::Unavailable,
            types::ErrorKind::TimedOut => ReportKind::TimedOut,
            types::ErrorKind::Cancelled => ReportKind::Cancelled,
            types::ErrorKind::Integrity => ReportKind::Integrity,
            types::ErrorKind::Protocol => ReportKind::Protocol,
            types::ErrorKind::Failed => ReportKind::Failed,
        },
        message: error.message,
        hint: error.hint,
        retryable: error.retryable,
        origin: None,
    }
}

pub(super) fn detection(detection: wit::Detection) -> Detection {
    Detection {
        product: detection.product,
        version: detection.version,
        detail: detection.detail,
    }
}

pub(super) fn backup(backup: types::Backup) -> Unchecked {
    Unchecked {
        id: backup.id,
        activity: match backup.activity {
            types::Activity::Backup => Activity::Backup,
            types::Activity::Restore => Activity::Restore,
        },
        state: match backup.state {
            types::State::Pending => State::Pending,
            types::State::Running => State::Running,
            types::State::Succeeded => State::Succeeded,
            types::State::Partial => State::Partial,
            types::State::Failed => State::Failed,
            types::State::Unknown => State::Unknown,
        },
        reported_state: backup.reported_state,
        size: backup.size,
        created: backup.created,
        failure: backup.failure,
        progress: None,
        warnings: Vec::new(),
        fields: fields(backup.fields),
    }
}

pub(super) fn fields(fields: Vec<types::Field>) -> Vec<(String, String)> {
    let fields = fields.into_iter();
    fields.map(|field| (field.name, field.value)).collect()
}

pub(super) fn check(check: wit::Check) -> Check {
    Check {
        name: check.name,
        outcome: match check.outcome {
            wit::Outcome::Passed => Outcome::Passed,
            wit::Outcome::Warned => Outcome::Warned,
            wit::Outcome::Failed => Outcome::Failed,
            wit::Outcome::Skipped => Outcome::Skipped,
        },
        message: check.message,
    }
}
