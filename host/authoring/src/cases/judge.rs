//! Checks what no engine may report, whatever its protocol.
//!
//! An engine that breaks down, exceeds a limit or returns an invalid result fails every case. So does one
//! that asks for more than its manifest allows. Furthermore, a success fails the case if nothing in the
//! responses can be a reason for it. If the backend's protocol decides, the engine gets the benefit of the
//! doubt:
//!
//! | operation | may succeed, although |
//! |---|---|
//! | `detect`, `create` | every body is empty, endless or cut: the status alone may say it |
//! | `list`, `status` | never |
//! | `prepare` | always: it may do without facts that it can't know |
//! | `download`, and `create` that saves | the body is empty or an HTML page: a backup is any bytes |
//! | `restore`, `finish`, verbs | 200, whatever the body: it may be meaningless |
//! | `delete` | the same; and 404: a missing backup is deleted |
//!
//! With 401 and 403, the error must have the corresponding kind of the interface. An engine that reports
//! success without any request can't know it: only `prepare`, `finish` and verbs may do that.

use broker_manifest::Operation;
use host_base::{Report, ReportKind};
use host_engine::EngineError;
use serde_json::Value;

use super::Judge;
use super::show::shortened;
use super::situations::Situation;
use crate::stage::Seen;

/// Checks that an operation reports only what it can know in a situation.
pub(super) struct Knowing {
    pub(super) operation: Operation,
    pub(super) situation: Situation,
    /// True if the backend's response is the backup itself.
    pub(super) saves: bool,
}

impl Judge for Knowing {
    fn problems(&self, result: &Result<Value, EngineError>, seen: &Seen) -> Vec<String> {
        let has_asked = seen.asked() > 0;
        let problem = match result {
            Err(EngineError::Reported { report, .. }) => self.of_report(report, has_asked),
            Err(error) => Some(error.to_string()),
            Ok(Value::Null) => {
                Some("it reports that the backup is saved, but saved nothing".to_owned())
            }
            Ok(value) => self.of_success(value, has_asked),
        };
        problem.into_iter().collect()
    }
}

impl Knowing {
    fn of_report(&self, report: &Report, has_asked: bool) -> Option<String> {
        if report.kind == ReportKind::Denied {
            return Some(format!(
                "it asks for what its manifest does not allow: {}",
                report.message
            ));
        }
        if report.message.trim().is_empty() {
            return Some("its error says nothing".to_owned());
        }
        let kind = match self.situation {
            Situation::Unauthenticated => ReportKind::Unauthenticated,
            Situation::Forbidden => ReportKind::Forbidden,
            _ => return None,
        };
        (has_asked && report.kind != kind).then(|| {
            format!(
                "{}, and its error is of kind `{}`, not `{}`: {}",
                self.situation,
                report.kind.name(),
                kind.name(),
                report.message
            )
        })
    }

    fn of_success(&self, value: &Value, has_asked: bool) -> Option<String> {
        let reports = || shortened(&value.to_string());
        if !has_asked {
            let may = matches!(
                self.operation,
                Operation::Prepare | Operation::Finish | Operation::Act
            );
            return (!may).then(|| format!("without asking a backend it reports {}", reports()));
        }
        let may = self.may_succeed();
        (!may).then(|| format!("{}, and it reports {}", self.situation, reports()))
    }

    /// Returns true if a backend may mean success with its responses in this situation.
    fn may_succeed(&self) -> bool {
        use Operation as O;
        use Situation as S;

        match self.operation {
            // A replica without a proper answer is a failed check of `health`, and a backup one of `verify`.
            O::Prepare | O::Health | O::Verify => true,
            O::List | O::Status => false,
            O::Create if self.saves => matches!(self.situation, S::Empty | S::Html),
            O::Detect | O::Create => {
                matches!(self.situation, S::Empty | S::Endless | S::Cut)
            }
            O::Download => matches!(self.situation, S::Empty | S::Html),
            O::Finish | O::Restore | O::Act => {
                matches!(self.situation, S::Empty | S::Endless | S::Cut | S::Html)
            }
            O::Delete => matches!(
                self.situation,
                S::Empty | S::Endless | S::Cut | S::Html | S::Missing
            ),
        }
    }
}
