//! Implements the interface `resources`: the host checks access to Kubernetes objects against the grants.

use std::sync::Arc;

use broker_manifest::{ObjectKind, ResourceVerb};
use host_base::{Report, ReportKind};
use serde_json::{Value, json};
use tokio::time::{Instant, timeout_at};
use wasmtime::component::Resource;

use super::bindings::kubectl_broker::engine::resources as wit;
use super::{WitError, to_wit};
use crate::instance::{HostResult, HostState};
use crate::{GrantedObjects, ObjectChange, Objects, SelectedObjects, WatchedObjects};

/// The maximum size of an object or patch that an engine may send, in bytes. The cluster's own limit is
/// similar.
const MAX_SENT: usize = 1 << 20;
/// The maximum size of one list that an engine receives, in bytes.
const MAX_LISTED: usize = 64 << 20;

/// The granted objects, and the service that accesses them.
struct Granted {
    of: GrantedObjects,
    objects: Arc<dyn Objects>,
}

/// The watch behind an engine's handle.
pub struct Watcher(Box<dyn WatchedObjects>);

impl wit::Host for HostState {
    async fn get(
        &mut self,
        kind: wit::Kind,
        name: String,
    ) -> wasmtime::Result<Result<String, WitError>> {
        self.count(0)?;
        let asked = Self::asked(|| json!({ "kind": of(&kind).to_string(), "name": name }));
        let found = match self.granted(&kind, ResourceVerb::Get) {
            Ok(granted) => granted.objects.get(granted.of, name).await.map(text),
            Err(report) => Err(report),
        };
        self.tell("resources.get", asked, &found, bytes);
        Ok(found.map_err(to_wit))
    }

    async fn list(
        &mut self,
        kind: wit::Kind,
        selection: wit::Selection,
    ) -> wasmtime::Result<Result<Vec<String>, WitError>> {
        self.count(0)?;
        let asked = Self::asked(|| arguments(&kind, &selection));
        let found = match self.granted(&kind, ResourceVerb::List) {
            Ok(granted) => granted.objects.list(granted.of, selected(selection)).await,
            Err(report) => Err(report),
        };
        let found = found.and_then(texts);
        self.tell(
            "resources.list",
            asked,
            &found,
            |found| json!({ "objects": found.len() }),
        );
        Ok(found.map_err(to_wit))
    }

    async fn create(
        &mut self,
        kind: wit::Kind,
        object: String,
    ) -> wasmtime::Result<Result<String, WitError>> {
        self.count(object.len())?;
        let asked =
            Self::asked(|| json!({ "kind": of(&kind).to_string(), "objectBytes": object.len() }));
        let created = self.create_granted(&kind, &object).await.map(text);
        self.tell("resources.create", asked, &created, bytes);
        Ok(created.map_err(to_wit))
    }

    async fn patch(
        &mut self,
        kind: wit::Kind,
        name: String,
        patch: String,
        status: bool,
    ) -> wasmtime::Result<Result<String, WitError>> {
        self.count(patch.len())?;
        let asked = Self::asked(|| {
            let kind = of(&kind).to_string();
            json!({ "kind": kind, "name": name, "status": status, "patchBytes": patch.len() })
        });
        let patched = self.patch_granted(&kind, name, &patch, status).await;
        let patched = patched.map(text);
        self.tell("resources.patch", asked, &patched, bytes);
        Ok(patched.map_err(to_wit))
    }

    async fn delete(
        &mut self,
        kind: wit::Kind,
        name: String,
    ) -> wasmtime::Result<Result<(), WitError>> {
        self.count(0)?;
        let asked = Self::asked(|| json!({ "kind": of(&kind).to_string(), "name": name }));
        let deleted = match self.granted(&kind, ResourceVerb::Delete) {
            Ok(granted) => granted.objects.delete(granted.of, name).await,
            Err(report) => Err(report),
        };
        self.tell("resources.delete", asked, &deleted, |()| json!({}));
        Ok(deleted.map_err(to_wit))
    }

    async fn watch(
        &mut self,
        kind: wit::Kind,
        selection: wit::Selection,
    ) -> wasmtime::Result<Result<Resource<Watcher>, WitError>> {
        self.count(0)?;
        let asked = Self::asked(|| arguments(&kind, &selection));
        let watch = match self.granted(&kind, ResourceVerb::Watch) {
            Ok(granted) => granted.objects.watch(granted.of, selected(selection)).await,
            Err(report) => Err(report),
        };
        self.tell("resources.watch", asked, &watch, |_| json!({}));
        match watch {
            Ok(watch) => Ok(Ok(self.table.push(Watcher(watch))?)),
            Err(report) => Ok(Err(to_wit(report))),
        }
    }
}

impl wit::HostWatcher for HostState {
    async fn next(
        &mut self,
        watcher: Resource<Watcher>,
    ) -> wasmtime::Result<Result<Option<wit::Event>, WitError>> {
        let until = self
            .ends
            .checked_sub(self.to_return)
            .unwrap_or_else(Instant::now);
        let watch = &mut self.table.get_mut(&watcher)?.0;
        let Ok(next) = timeout_at(until, watch.next()).await else {
            return Ok(Ok(None));
        };
        let event = |(change, object)| wit::Event {
            change: match change {
                ObjectChange::Added => wit::Change::Added,
                ObjectChange::Modified => wit::Change::Modified,
                ObjectChange::Deleted => wit::Change::Deleted,
            },
            object: text(object),
        };
        Ok(next.map(|next| next.map(event)).map_err(to_wit))
    }

    async fn drop(&mut self, watcher: Resource<Watcher>) -> wasmtime::Result<()> {
        self.table.delete(watcher)?;
        Ok(())
    }
}

impl HostState {
    fn granted(&self, kind: &wit::Kind, verb: ResourceVerb) -> HostResult<Granted> {
        let of = self.grants.check_objects(&of(kind), verb)?;
        let objects = self.objects.clone().ok_or_else(|| {
            let message = "no cluster is available whose objects could be reached";
            Report::new(ReportKind::Denied, message)
        })?;
        Ok(Granted { of, objects })
    }

    async fn create_granted(&mut self, kind: &wit::Kind, object: &str) -> HostResult<Value> {
        let granted = self.granted(kind, ResourceVerb::Create)?;
        let mut object = parsed("object", object)?;
        claim(&mut object, &granted.of.kind)?;
        granted.objects.create(granted.of, object).await
    }

    async fn patch_granted(
        &mut self,
        kind: &wit::Kind,
        name: String,
        patch: &str,
        status: bool,
    ) -> HostResult<Value> {
        let verb = if status {
            ResourceVerb::PatchStatus
        } else {
            ResourceVerb::Patch
        };
        let granted = self.granted(kind, verb)?;
        let patch = parsed("patch", patch)?;
        granted.objects.patch(granted.of, name, patch, status).await
    }
}

/// Sets `apiVersion` and `kind` of an object to the granted ones, or denies an object that names others.
fn claim(object: &mut Value, kind: &ObjectKind) -> HostResult<()> {
    let version = if kind.group.is_empty() {
        kind.version.clone()
    } else {
        format!("{}/{}", kind.group, kind.version)
    };
    for (field, granted) in [("apiVersion", &version), ("kind", &kind.kind)] {
        match &object[field] {
            Value::Null => object[field] = Value::from(granted.as_str()),
            Value::String(given) if given == granted => {}
            other => {
                return Err(Report::new(
                    ReportKind::Denied,
                    format!("the object has the {field} {other}, but only {kind} is granted"),
                ));
            }
        }
    }
    Ok(())
}

fn parsed(what: &str, text: &str) -> HostResult<Value> {
    let refused = |reason: String| {
        Report::new(
            ReportKind::InvalidArgument,
            format!("the {what} can't be sent: {reason}"),
        )
    };
    if text.len() > MAX_SENT {
        return Err(refused(format!(
            "it has {} bytes; at most {MAX_SENT} can be sent",
            text.len()
        )));
    }
    let value: Value = serde_json::from_str(text).map_err(|e| refused(e.to_string()))?;
    if value.is_object() {
        Ok(value)
    } else {
        Err(refused("it is not a JSON object".to_owned()))
    }
}

/// Returns the object as text for an engine, without `managedFields`: that list is long and useless to an
/// engine.
fn text(mut object: Value) -> String {
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("managedFields");
    }
    object.to_string()
}

fn texts(objects: Vec<Value>) -> HostResult<Vec<String>> {
    let texts: Vec<String> = objects.into_iter().map(text).collect();
    if texts.iter().map(String::len).sum::<usize>() > MAX_LISTED {
        return Err(Report::new(
            ReportKind::Protocol,
            format!("the list has more than {MAX_LISTED} bytes"),
        )
        .with_hint("Ask for less with `--limit`"));
    }
    Ok(texts)
}

fn of(kind: &wit::Kind) -> ObjectKind {
    ObjectKind {
        group: kind.group.clone(),
        version: kind.version.clone(),
        kind: kind.kind.clone(),
    }
}

fn selected(selection: wit::Selection) -> SelectedObjects {
    SelectedObjects {
        labels: selection.label_selector,
        limit: selection.limit,
    }
}

fn arguments(kind: &wit::Kind, selection: &wit::Selection) -> Value {
    json!({
        "kind": of(kind).to_string(),
        "labels": selection.label_selector,
        "limit": selection.limit,
    })
}

#[expect(clippy::ptr_arg, reason = "it has the form that `tell` wants")]
fn bytes(object: &String) -> Value {
    json!({ "bytes": object.len() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vault() -> ObjectKind {
        ObjectKind {
            group: "acme.example".into(),
            version: "v1".into(),
            kind: "Vault".into(),
        }
    }

    #[test]
    fn an_object_is_what_is_granted_or_is_denied() {
        let mut object = json!({ "metadata": { "name": "a" } });
        claim(&mut object, &vault()).unwrap();
        assert_eq!(
            (&object["apiVersion"], &object["kind"]),
            (&json!("acme.example/v1"), &json!("Vault"))
        );
        claim(&mut object, &vault()).unwrap();
        for other in [
            json!({"kind": "Secret"}),
            json!({"apiVersion": "v1"}),
            json!({"kind": 1}),
        ] {
            let report = claim(&mut other.clone(), &vault()).unwrap_err();
            assert_eq!(report.kind, ReportKind::Denied, "{other}");
        }
    }

    #[test]
    fn what_is_no_object_or_too_long_is_not_sent() {
        for text in [
            "",
            "[]",
            "null",
            "{",
            &format!("{{\"a\":\"{}\"}}", "x".repeat(MAX_SENT)),
        ] {
            let report = parsed("object", text).unwrap_err();
            assert_eq!(report.kind, ReportKind::InvalidArgument);
        }
    }

    #[test]
    fn who_owns_which_field_is_not_handed_on() {
        let object = json!({ "metadata": { "name": "a", "managedFields": [{}] } });
        assert_eq!(text(object), r#"{"metadata":{"name":"a"}}"#);
    }
}
