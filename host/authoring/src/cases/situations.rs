//! Defines situations that any engine can meet, whatever its protocol: its backend is gone, refuses, or is
//! another program. Every request of the engine meets the same situation.

use std::fmt;
use std::sync::Arc;

use broker_manifest::{Manifest, Operation, OptionForm, OptionKind, ResourceVerb, Verb};
use bytes::Bytes;
use host_base::{Report, ReportKind};
use host_engine::{
    Ended, GrantedCommand, GrantedObjects, OptionSetting, OptionValue, Outgoing, RestoreSource,
    SelectedObjects, WatchedObjects,
};
use jiff::Timestamp;
use serde_json::Value;

use super::judge::Knowing;
use super::{AuthoringError, Case};
use crate::call::{About, Call, artifact};
use crate::stage::{Asked, Beyond, Ending, Found, Reply, Script};

/// The response to every request of an engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Situation {
    Closed,
    Unauthenticated,
    Forbidden,
    Missing,
    Broken,
    Html,
    Empty,
    Endless,
    Cut,
    Cancelled,
}

/// The id of the backup in all calls.
const ID: &str = "20260102-030405";
const POD: &str = "pod-0";
const HTML: &str = "<!DOCTYPE html>\n<html><head><title>Welcome</title></head><body><h1>It works!</h1></body></html>\n";

impl Situation {
    const ALL: [Self; 10] = [
        Self::Closed,
        Self::Unauthenticated,
        Self::Forbidden,
        Self::Missing,
        Self::Broken,
        Self::Html,
        Self::Empty,
        Self::Endless,
        Self::Cut,
        Self::Cancelled,
    ];

    /// Returns the name in the names of cases.
    const fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Unauthenticated => "401",
            Self::Forbidden => "403",
            Self::Missing => "404",
            Self::Broken => "500-html",
            Self::Html => "200-html",
            Self::Empty => "200-empty",
            Self::Endless => "endless",
            Self::Cut => "cut",
            Self::Cancelled => "cancelled",
        }
    }

    fn reply(self) -> Reply {
        let answer = |status, content_type: &str, body: &'static str, ending| Reply::Answer {
            status,
            headers: vec![("content-type".to_owned(), content_type.to_owned())],
            body: Bytes::from_static(body.as_bytes()),
            ending,
        };
        let json = "application/json";
        match self {
            Self::Unauthenticated => answer(401, "text/plain", "unauthorized", Ending::Whole),
            Self::Forbidden => answer(403, "text/plain", "forbidden", Ending::Whole),
            Self::Missing => answer(404, "text/plain", "404 page not found", Ending::Whole),
            Self::Broken => answer(500, "text/html", HTML, Ending::Whole),
            Self::Html => answer(200, "text/html", HTML, Ending::Whole),
            Self::Empty => answer(200, json, "", Ending::Whole),
            Self::Endless => answer(200, json, "", Ending::Never),
            Self::Cut => answer(200, json, "{\"", Ending::Lost),
            Self::Closed | Self::Cancelled => Reply::Fault(self.fault()),
        }
    }

    /// Returns the error for accesses other than HTTP.
    fn fault(self) -> Report {
        let (kind, message, retryable) = match self {
            Self::Unauthenticated => (ReportKind::Unauthenticated, "who asks is not known", false),
            Self::Forbidden => (ReportKind::Forbidden, "RBAC does not allow that", false),
            Self::Missing => (
                ReportKind::Unsupported,
                "the container has no such program",
                false,
            ),
            Self::Endless => (ReportKind::Protocol, "it wrote more than 1 MiB", false),
            Self::Cancelled => (ReportKind::Cancelled, "the user stopped the command", false),
            _ => (ReportKind::Unavailable, "nothing answers", true),
        };
        Report {
            retryable,
            ..Report::new(kind, message)
        }
    }
}

impl Situation {
    /// Returns the error of an access to Kubernetes objects.
    fn of_objects(self, of: &GrantedObjects, verb: ResourceVerb) -> Report {
        let what = format!("{verb} {}", of.kind);
        match self {
            Self::Missing => Report::new(ReportKind::NotFound, format!("{what}: not found")),
            Self::Broken | Self::Html | Self::Empty | Self::Endless | Self::Cut => {
                let message = format!("{what}: the API server does not answer as it should");
                Report::new(ReportKind::Failed, message)
            }
            _ => self.fault(),
        }
    }
}

impl fmt::Display for Situation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Closed => "nothing answers",
            Self::Unauthenticated => "every request is answered with 401",
            Self::Forbidden => "every request is answered with 403",
            Self::Missing => "every request is answered with 404",
            Self::Broken => "every request is answered with 500 and an HTML page",
            Self::Html => "every request is answered with 200 and an HTML page",
            Self::Empty => "every request is answered with 200 and an empty body",
            Self::Endless => "every answer goes on without end",
            Self::Cut => "every answer breaks off",
            Self::Cancelled => "the user has stopped the command",
        })
    }
}

/// Returns a script in which nothing answers.
pub(crate) fn closed() -> Arc<dyn Script> {
    Arc::new(Situation::Closed)
}

impl Script for Situation {
    fn request(&self, _: &Outgoing) -> Reply {
        self.reply()
    }

    fn pods(&self) -> Result<Vec<String>, Report> {
        match self {
            Self::Closed | Self::Unauthenticated | Self::Forbidden | Self::Cancelled => {
                Err(self.fault())
            }
            _ => Ok(vec![POD.to_owned()]),
        }
    }

    fn command(&self, _: &str, _: &GrantedCommand) -> Result<Ended, Report> {
        let wrote = |exit_code, stdout: &str, stderr: &str| {
            Ok(Ended {
                exit_code,
                stdout: stdout.as_bytes().to_vec(),
                stderr: stderr.as_bytes().to_vec(),
            })
        };
        match self {
            Self::Broken => wrote(1, "", "it does not work"),
            Self::Html => wrote(0, HTML, ""),
            Self::Empty => wrote(0, "", ""),
            _ => Err(self.fault()),
        }
    }

    fn objects(&self, of: &GrantedObjects, asked: Asked) -> Result<Vec<Value>, Report> {
        Err(self.of_objects(of, asked.verb()))
    }

    fn watch(
        &self,
        of: &GrantedObjects,
        _: SelectedObjects,
    ) -> Result<Box<dyn WatchedObjects>, Report> {
        Err(self.of_objects(of, ResourceVerb::Watch))
    }

    fn outside(&self, asked: Beyond) -> Result<Found, Report> {
        let what = asked.shown();
        Err(match self {
            Self::Missing => Report::new(ReportKind::NotFound, format!("{what}: not found")),
            Self::Broken | Self::Html | Self::Empty | Self::Endless | Self::Cut => {
                let message = format!("{what}: the answer is not understood");
                Report::new(ReportKind::Protocol, message)
            }
            _ => self.fault(),
        })
    }
}

/// Returns a case for each operation of a manifest in each situation.
pub(super) fn cases(manifest: &Manifest) -> Result<Vec<Case>, AuthoringError> {
    let mut cases = Vec::new();
    for (name, call) in calls(manifest)? {
        cases.extend(Situation::ALL.map(|situation| Case {
            name: format!("built-in/{name}/{}", situation.name()),
            is_built_in: true,
            now: Some(Timestamp::UNIX_EPOCH),
            script: Arc::new(situation),
            judge: Box::new(Knowing {
                operation: call.operation(),
                situation,
                saves: manifest.saves(),
            }),
            call: call.clone(),
        }));
    }
    Ok(cases)
}

/// Returns the calls that an engine supports, with the defaults of its options.
fn calls(manifest: &Manifest) -> Result<Vec<(String, Call)>, AuthoringError> {
    let id = || ID.to_owned();
    let mut calls = Vec::new();
    for (operation, ability) in &manifest.operations {
        let about = match operation {
            Operation::Detect => About::Detect,
            Operation::Health => About::Health,
            Operation::List => About::List { limit: None },
            Operation::Status => About::Status { id: id() },
            Operation::Prepare => About::Prepare,
            Operation::Create => About::Create { prepared: None },
            Operation::Finish => About::Finish { id: id() },
            Operation::Download => About::Download { id: id() },
            Operation::Restore => About::Restore {
                source: RestoreSource::Id(id()),
                dry_run: false,
            },
            Operation::Delete => About::Delete {
                id: id(),
                force: false,
            },
            Operation::Act => {
                calls.extend(
                    manifest
                        .verbs
                        .iter()
                        .map(|(name, verb)| of_verb(name, verb)),
                );
                continue;
            }
            Operation::Verify => About::Verify { id: id() },
        };
        let options = manifest.options_for(*operation);
        let options = settings(options.map(|option| (option.form(), option.required)));
        if ability.files {
            let file = artifact("a.backup", b"a backup")?;
            let about = About::Restore {
                source: RestoreSource::File(file),
                dry_run: false,
            };
            let options = options.clone();
            calls.push(("restore-file".to_owned(), Call { about, options }));
        }
        calls.push((operation.name().to_owned(), Call { about, options }));
    }
    Ok(calls)
}

fn of_verb(name: &str, verb: &Verb) -> (String, Call) {
    let options = verb.options.iter();
    let call = Call {
        about: About::Act {
            verb: name.to_owned(),
        },
        options: settings(options.map(|option| (option.form(), option.is_required()))),
    };
    (format!("act-{name}"), call)
}

/// Returns the defaults, and example values for required options.
fn settings<'a>(options: impl Iterator<Item = (OptionForm<'a>, bool)>) -> Vec<OptionSetting> {
    let settings = options.filter_map(|(form, is_required)| {
        let something = || match form.kind {
            OptionKind::File => OptionValue::Text(String::new()),
            OptionKind::Text => {
                let first = form.choices.first();
                OptionValue::Text(
                    first.map_or_else(|| ID.to_owned(), |choice| choice.value.clone()),
                )
            }
            OptionKind::Integer => OptionValue::Integer(1),
            OptionKind::Boolean => OptionValue::Boolean(true),
        };
        let value = OptionValue::default_of(form);
        Some(OptionSetting {
            name: form.name.to_owned(),
            value: value.or_else(|| is_required.then(something))?,
        })
    });
    settings.collect()
}
