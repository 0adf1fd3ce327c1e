//! Reads the author's own cases from a file and checks them against the manifest.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use broker_manifest::{Manifest, Operation, OptionForm};
use host_base::{Report, ReportKind};
use host_engine::{OptionSetting, OptionValue, RestoreSource};
use jiff::Timestamp;
use serde_json::Value;

use super::file::{CaseEntry, CaseFile, Fault};
use super::namespace::Namespace;
use super::outside::Outside;
use super::script::Exchanges;
use super::{AuthoringError, Case, exchange, expect, objects};
use crate::call::{About, Call, artifact};
use crate::read;

/// The pods of a case that names none.
const PODS: [&str; 1] = ["pod-0"];

/// Reads the cases of one file.
pub(super) fn cases(path: &Path, manifest: &Manifest) -> Result<Vec<Case>, AuthoringError> {
    let refuse = |reason: String| AuthoringError::CaseFile {
        path: path.to_owned(),
        reason,
    };
    let text = String::from_utf8(read(path)?).map_err(|error| refuse(error.to_string()))?;
    let file: CaseFile = toml::from_str(&text).map_err(|error| refuse(error.to_string()))?;
    if file.case.is_empty() {
        return Err(refuse("it has no `[[case]]`".to_owned()));
    }
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let mut names = std::collections::BTreeSet::new();
    let mut cases = Vec::new();
    for entry in file.case {
        let name = entry.name.clone();
        let case = |problem: String| AuthoringError::Case {
            path: path.to_owned(),
            case: name.clone(),
            problem,
        };
        if !names.insert(name.clone()) {
            return Err(case("another case of this file has this name".to_owned()));
        }
        let name = format!("{stem}/{name}");
        cases.push(
            of_entry(name, &entry, manifest).map_err(|problem| match problem {
                Unfit::Case(problem) => case(problem),
                Unfit::Other(error) => error,
            })?,
        );
    }
    Ok(cases)
}

/// The reason why an entry is not a valid case of an engine.
pub(super) enum Unfit {
    Case(String),
    Other(AuthoringError),
}

impl From<String> for Unfit {
    fn from(problem: String) -> Self {
        Self::Case(problem)
    }
}

fn of_entry(name: String, entry: &CaseEntry, manifest: &Manifest) -> Result<Case, Unfit> {
    let call = call(entry, manifest)?;
    let pods = entry.pods.clone();
    let pods = pods.unwrap_or_else(|| PODS.map(str::to_owned).to_vec());
    let exchanges = entry.exchange.iter().enumerate();
    let exchanges = exchanges.map(|(at, entry)| exchange::exchange(at + 1, entry, manifest));
    let commands = entry.command.iter().enumerate();
    let commands = commands.map(|(at, entry)| exchange::command(at + 1, entry, manifest, &pods));
    let (exchanges, commands) = (
        exchanges.collect::<Result<_, _>>()?,
        commands.collect::<Result<_, _>>()?,
    );
    let namespace = Namespace::new(objects::objects(entry, manifest)?);
    let outside = Outside::of(entry, manifest)?;
    let script = Exchanges::new(manifest, pods, exchanges, commands, namespace, outside);
    let script = Arc::new(script);
    let judge = expect::Expecting::of(&entry.expect, Arc::clone(&script))?;
    Ok(Case {
        name,
        is_built_in: false,
        call,
        now: entry.now.as_ref().map(time).transpose()?,
        script,
        judge: Box::new(judge),
    })
}

fn call(entry: &CaseEntry, manifest: &Manifest) -> Result<Call, Unfit> {
    let operation = entry.operation;
    if !manifest.can(operation) {
        return Err(format!("the manifest has no operation `{operation}`").into());
    }
    check_keys(entry)?;
    let id = || {
        let id = entry.id.clone();
        id.ok_or_else(|| format!("`{operation}` needs an `id`"))
    };
    let about = match operation {
        Operation::Detect => About::Detect,
        Operation::Health => About::Health,
        Operation::List => About::List { limit: entry.limit },
        Operation::Status => About::Status { id: id()? },
        Operation::Prepare => About::Prepare,
        Operation::Create => About::Create {
            prepared: entry.prepared.clone().map(String::into_bytes),
        },
        Operation::Finish => About::Finish { id: id()? },
        Operation::Download => About::Download { id: id()? },
        Operation::Restore => About::Restore {
            source: source(entry)?,
            dry_run: entry.dry_run,
        },
        Operation::Delete => About::Delete {
            id: id()?,
            force: entry.force,
        },
        Operation::Act => {
            let verb = entry.verb.clone();
            let verb = verb.ok_or_else(|| "`act` needs a `verb`".to_owned())?;
            let known = manifest.verbs.get(&verb);
            let known = known.ok_or_else(|| format!("the manifest has no verb `{verb}`"))?;
            let forms = known.options.iter();
            let forms = forms.map(|option| (option.form(), option.is_required()));
            return Ok(Call {
                options: settings(&entry.options, forms.collect())?,
                about: About::Act { verb },
            });
        }
        Operation::Verify => About::Verify { id: id()? },
    };
    let forms = manifest.options_for(operation);
    Ok(Call {
        about,
        options: settings(
            &entry.options,
            forms
                .map(|option| (option.form(), option.required))
                .collect(),
        )?,
    })
}

/// Refuses fields that the operation does not use. Otherwise they would be ignored silently.
fn check_keys(entry: &CaseEntry) -> Result<(), String> {
    use Operation as O;

    let takes_id = matches!(
        entry.operation,
        O::Status | O::Finish | O::Download | O::Restore | O::Delete | O::Verify
    );
    let is = |operation| entry.operation == operation;
    for (key, is_given, is_taken) in [
        ("id", entry.id.is_some(), takes_id),
        ("prepared", entry.prepared.is_some(), is(O::Create)),
        ("limit", entry.limit.is_some(), is(O::List)),
        ("dry-run", entry.dry_run, is(O::Restore)),
        ("file", entry.file.is_some(), is(O::Restore)),
        ("force", entry.force, is(O::Delete)),
        ("verb", entry.verb.is_some(), is(O::Act)),
    ] {
        if is_given && !is_taken {
            return Err(format!("`{}` takes no `{key}`", entry.operation));
        }
    }
    Ok(())
}

fn source(entry: &CaseEntry) -> Result<RestoreSource, Unfit> {
    match (&entry.id, &entry.file) {
        (Some(id), None) => Ok(RestoreSource::Id(id.clone())),
        (None, Some(file)) => {
            let content = exchange::bytes(file.text.as_deref(), file.base64.as_deref())?;
            let artifact = artifact(&file.name, &content).map_err(Unfit::Other)?;
            Ok(RestoreSource::File(artifact))
        }
        _ => Err("`restore` needs either an `id` or a `file`"
            .to_owned()
            .into()),
    }
}

/// Parses a time, with or without quotes.
fn time(value: &toml::Value) -> Result<Timestamp, String> {
    let text = to_json(value);
    let time = text.as_str().and_then(|text| text.parse().ok());
    time.ok_or_else(|| format!("`now` is not an RFC 3339 time with an offset: {value}"))
}

/// Returns the given options, and the host's defaults for the others.
fn settings(
    given: &BTreeMap<String, toml::Value>,
    forms: Vec<(OptionForm<'_>, bool)>,
) -> Result<Vec<OptionSetting>, String> {
    for name in given.keys() {
        if !forms.iter().any(|(form, _)| form.name == name) {
            return Err(format!("the manifest has no option `{name}` for it"));
        }
    }
    let mut settings = Vec::new();
    for (form, is_required) in forms {
        let value = match given.get(form.name) {
            Some(toml::Value::String(text)) => Some(OptionValue::Text(text.clone())),
            Some(toml::Value::Integer(number)) => Some(OptionValue::Integer(*number)),
            Some(toml::Value::Boolean(value)) => Some(OptionValue::Boolean(*value)),
            Some(other) => return Err(format!("option `{}` can't be {other}", form.name)),
            None => OptionValue::default_of(form),
        };
        match value {
            Some(value) if value.fits(form) => settings.push(OptionSetting {
                name: form.name.to_owned(),
                value,
            }),
            Some(_) => return Err(format!("option `{}` can't have this value", form.name)),
            None if is_required => return Err(format!("option `{}` is missing", form.name)),
            None => {}
        }
    }
    Ok(settings)
}

/// Converts TOML to JSON. A time becomes its text.
pub(super) fn to_json(value: &toml::Value) -> Value {
    match value {
        toml::Value::String(text) => text.as_str().into(),
        toml::Value::Integer(number) => (*number).into(),
        toml::Value::Float(number) => (*number).into(),
        toml::Value::Boolean(value) => (*value).into(),
        toml::Value::Datetime(time) => time.to_string().into(),
        toml::Value::Array(items) => items.iter().map(to_json).collect(),
        toml::Value::Table(fields) => {
            let fields = fields.iter();
            let fields = fields.map(|(name, value)| (name.clone(), to_json(value)));
            fields.collect::<serde_json::Map<_, _>>().into()
        }
    }
}

/// Returns the error that an engine receives for a fault.
pub(super) fn fault(fault: Fault) -> Report {
    let (kind, message, retryable) = match fault {
        Fault::Closed => (ReportKind::Unavailable, "nothing answers", true),
        Fault::TimedOut => (ReportKind::TimedOut, "no answer came in time", true),
        Fault::Cancelled => (ReportKind::Cancelled, "the user stopped the command", false),
        Fault::Forbidden => (ReportKind::Forbidden, "RBAC does not allow that", false),
        Fault::Missing => (
            ReportKind::Unsupported,
            "the container has no such program",
            false,
        ),
    };
    Report {
        retryable,
        ..Report::new(kind, message)
    }
}
