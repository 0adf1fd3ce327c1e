//! Converts the entries of a file to the objects of a case.

use broker_manifest::{Manifest, ObjectKind, ResourceRule, ResourceVerb, Scope};
use host_base::{Report, ReportKind};
use host_engine::{ObjectChange, stay_within};
use serde_json::{Value, json};

use super::author::{fault, to_json};
use super::file::{CaseEntry, ChangeEntry, EventEntry, Fault, Happening, ObjectFault};
use super::namespace::{Change, Event, Objects, bare};
use crate::stage::NAMESPACE;

/// Converts the objects, changes and events of a case.
///
/// # Errors
/// When the manifest does not allow an entry, so that it could never happen.
pub(super) fn objects(entry: &CaseEntry, manifest: &Manifest) -> Result<Objects, String> {
    let mut objects = Objects::default();
    for (at, entry) in entry.object.iter().enumerate() {
        let here = |problem: String| format!("object {}: {problem}", at + 1);
        let (rule, name, object) = object(entry, manifest).map_err(here)?;
        let key = (rule.kind().clone(), name);
        if objects.present.insert(key, object).is_some() {
            return Err(here("another of its kind has its name".to_owned()));
        }
    }
    for (what, fault) in &entry.refused {
        let here = |problem: String| format!("refused {what:?}: {problem}");
        let (verb, rule) = verb_and_kind(what, manifest).map_err(here)?;
        if !matches!(
            verb,
            ResourceVerb::Get | ResourceVerb::List | ResourceVerb::Watch
        ) {
            return Err(here("a change is refused by its own `fault`".to_owned()));
        }
        let key = (verb, rule.kind().clone());
        objects.refused.insert(key, refusal(*fault));
    }
    for (at, entry) in entry.change.iter().enumerate() {
        let change = change(at + 1, entry, manifest);
        let change = change.map_err(|problem| format!("change {}: {problem}", at + 1));
        objects.changes.push_back(change?);
    }
    for (at, entry) in entry.event.iter().enumerate() {
        let event = event(at + 1, entry, manifest);
        let event = event.map_err(|problem| format!("event {}: {problem}", at + 1));
        objects.events.push_back(event?);
    }
    Ok(objects)
}

/// Returns an object as in the cluster, its name, and the manifest's rule about it.
fn object<'a>(
    entry: &toml::Value,
    manifest: &'a Manifest,
) -> Result<(&'a ResourceRule, String, Value), String> {
    let mut object = json_object(entry)?;
    let text = |pointer| object.pointer(pointer).and_then(Value::as_str);
    let (Some(version), Some(kind), Some(name)) =
        (text("/apiVersion"), text("/kind"), text("/metadata/name"))
    else {
        return Err("it needs `apiVersion`, `kind` and `metadata.name`".to_owned());
    };
    let (kind, name) = (format!("{version}/{kind}"), name.to_owned());
    let rule = rule(&kind, manifest)?;
    let namespace = match rule.scope() {
        Scope::Command => Some(NAMESPACE.to_owned()),
        Scope::Namespace(name) => Some(name.clone()),
        Scope::Cluster => None,
        // Any object says where it is.
        Scope::Any => {
            let given = object.pointer("/metadata/namespace");
            let given = given.and_then(Value::as_str);
            Some(given.unwrap_or(NAMESPACE).to_owned())
        }
    };
    stay_within(namespace.as_deref(), &mut object).map_err(|report| report.message)?;
    Ok((rule, name, object))
}

fn change(number: usize, entry: &ChangeEntry, manifest: &Manifest) -> Result<Change, String> {
    let (verb, rule) = verb_and_kind(&entry.change, manifest)?;
    let sent = match (verb, &entry.name, &entry.object, &entry.patch) {
        (ResourceVerb::Create, None, Some(object), None) => {
            let object = json_object(object)?;
            is_of(&object, rule.kind())?;
            bare(&object)
        }
        (ResourceVerb::Create, ..) => return Err("`create` has an `object` alone".to_owned()),
        (ResourceVerb::Patch | ResourceVerb::PatchStatus, Some(_), None, Some(patch)) => {
            json_object(patch)?
        }
        (ResourceVerb::Patch | ResourceVerb::PatchStatus, ..) => {
            return Err(format!("`{verb}` has a `name` and a `patch`"));
        }
        (ResourceVerb::Delete, Some(_), None, None) => Value::Null,
        (ResourceVerb::Delete, ..) => return Err("`delete` has a `name` alone".to_owned()),
        (ResourceVerb::Get | ResourceVerb::List | ResourceVerb::Watch, ..) => {
            return Err(format!(
                "`{verb}` changes nothing; it needs no script, and `refused` can refuse it"
            ));
        }
    };
    let outcome = match (&entry.answer, entry.fault) {
        (Some(_), Some(_)) => return Err("it has an `answer` or a `fault`".to_owned()),
        (Some(_), None) if verb == ResourceVerb::Delete => {
            return Err("`delete` has no `answer`".to_owned());
        }
        (Some(answer), None) => Ok(json_object(answer)?),
        (None, Some(fault)) => Err(refusal(fault)),
        (None, None) => Ok(json!({})),
    };
    Ok(Change {
        number,
        verb,
        kind: rule.kind().clone(),
        name: entry.name.clone(),
        sent,
        dry_run: entry.dry_run,
        outcome,
    })
}

fn event(number: usize, entry: &EventEntry, manifest: &Manifest) -> Result<Event, String> {
    let (rule, name, object) = object(&entry.object, manifest)?;
    allowed(rule, ResourceVerb::Watch)?;
    Ok(Event {
        number,
        change: match entry.change {
            Happening::Added => ObjectChange::Added,
            Happening::Modified => ObjectChange::Modified,
            Happening::Deleted => ObjectChange::Deleted,
        },
        kind: rule.kind().clone(),
        name,
        object,
    })
}

/// Parses a text such as `create acme.example/v1/Vault`.
fn verb_and_kind<'a>(
    text: &str,
    manifest: &'a Manifest,
) -> Result<(ResourceVerb, &'a ResourceRule), String> {
    let form = || format!("{text:?} is not of the form `VERB GROUP/VERSION/KIND`");
    let (verb, kind) = text.split_once(' ').ok_or_else(form)?;
    let mut verbs = ResourceVerb::ALL.into_iter();
    let verb = verbs.find(|it| it.name() == verb).ok_or_else(form)?;
    let rule = rule(kind.trim(), manifest)?;
    allowed(rule, verb)?;
    Ok((verb, rule))
}

fn rule<'a>(kind: &str, manifest: &'a Manifest) -> Result<&'a ResourceRule, String> {
    let mut rules = manifest.resources.iter().flat_map(|it| &it.allow);
    let rule = rules.find(|rule| rule.kind().to_string() == kind);
    rule.ok_or_else(|| format!("the manifest names no objects {kind}"))
}

fn allowed(rule: &ResourceRule, verb: ResourceVerb) -> Result<(), String> {
    if rule.verbs().contains(&verb) {
        return Ok(());
    }
    let kind = rule.kind();
    Err(format!(
        "the manifest does not allow `{verb}` of objects {kind}"
    ))
}

/// Checks that an object names the right kind, or none.
fn is_of(object: &Value, kind: &ObjectKind) -> Result<(), String> {
    let kind = kind.to_string();
    let (version, name) = kind.rsplit_once('/').unwrap_or(("", &kind));
    for (field, right) in [("apiVersion", version), ("kind", name)] {
        if object.get(field).is_some_and(|given| given != right) {
            return Err(format!("the object is not of the kind {kind}"));
        }
    }
    Ok(())
}

/// Returns a table, or parses a JSON text.
fn json_object(value: &toml::Value) -> Result<Value, String> {
    let json = match value {
        toml::Value::String(text) => serde_json::from_str(text).map_err(|e| e.to_string())?,
        other => to_json(other),
    };
    if json.is_object() {
        Ok(json)
    } else {
        Err(format!("{value} is not an object"))
    }
}

/// Returns the error that an engine receives.
fn refusal(what: ObjectFault) -> Report {
    let (kind, message) = match what {
        ObjectFault::Closed => return fault(Fault::Closed),
        ObjectFault::TimedOut => return fault(Fault::TimedOut),
        ObjectFault::Cancelled => return fault(Fault::Cancelled),
        ObjectFault::Forbidden => return fault(Fault::Forbidden),
        ObjectFault::Missing => (ReportKind::NotFound, "the cluster has no such kind"),
        ObjectFault::Conflict => (
            ReportKind::Conflict,
            "the object has changed since, or is there already",
        ),
        ObjectFault::Invalid => (ReportKind::InvalidArgument, "spec: Invalid value"),
    };
    Report::new(kind, message)
}
