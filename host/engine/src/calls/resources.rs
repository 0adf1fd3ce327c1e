//! Access to Kubernetes objects, for each version of the interface: the host checks each call against the
//! grants.

use std::sync::Arc;

use broker_manifest::{ObjectKind, ResourceVerb};
use host_base::{Report, ReportKind};
use serde_json::{Value, json};
use tokio::time::{Instant, timeout_at};

use crate::instance::{HostResult, HostState};
use crate::{GrantedObjects, ObjectChange, Objects, SelectedObjects, WatchedObjects};

/// The maximum size of an object or patch that an engine may send, in bytes. The cluster's own limit is
/// similar.
const MAX_SENT: usize = 1 << 20;
/// The maximum size of one list that an engine receives, in bytes.
const MAX_LISTED: usize = 64 << 20;

/// The objects that a call is about: their kind, and the namespace that the engine names.
#[derive(Debug)]
pub(crate) struct Of {
    pub(crate) kind: ObjectKind,
    pub(crate) namespace: Option<String>,
}

/// The granted objects, and the service that accesses them.
struct Granted {
    of: GrantedObjects,
    objects: Arc<dyn Objects>,
}

/// The watch behind an engine's handle.
pub struct Watcher(Box<dyn WatchedObjects>);

impl Of {
    /// Describes a call for the audit: the kind, and more facts.
    pub(crate) fn arguments(&self, more: Value) -> Value {
        let mut arguments = more;
        arguments["kind"] = Value::from(self.kind.to_string());
        if let Some(namespace) = &self.namespace {
            arguments["namespace"] = Value::from(namespace.as_str());
        }
        arguments
    }

    /// Describes a list or a watch for the audit.
    pub(crate) fn selecting(&self, selected: &SelectedObjects) -> Value {
        let mut arguments = json!({ "labels": selected.labels, "limit": selected.limit });
        if let Some(fields) = &selected.fields {
            arguments["fields"] = Value::from(fields.as_str());
        }
        self.arguments(arguments)
    }
}

/// Describes an object as text for the audit.
#[expect(clippy::ptr_arg, reason = "it has the form that `tell` wants")]
pub(crate) fn bytes(object: &String) -> Value {
    json!({ "bytes": object.len() })
}

/// Describes a list of objects for the audit.
#[expect(clippy::ptr_arg, reason = "it has the form that `tell` wants")]
pub(crate) fn number(objects: &Vec<String>) -> Value {
    json!({ "objects": objects.len() })
}

impl HostState {
    pub(crate) async fn get_object(&mut self, of: Of, name: String) -> HostResult<String> {
        let granted = self.granted(of, ResourceVerb::Get)?;
        granted.objects.get(granted.of, name).await.map(text)
    }

    pub(crate) async fn list_objects(
        &mut self,
        of: Of,
        selected: SelectedObjects,
    ) -> HostResult<Vec<String>> {
        let granted = self.granted(of, ResourceVerb::List)?;
        texts(granted.objects.list(granted.of, selected).await?)
    }

    pub(crate) async fn create_object(
        &mut self,
        of: Of,
        object: &str,
        dry_run: bool,
    ) -> HostResult<String> {
        let granted = self.granted(of, ResourceVerb::Create)?;
        let mut object = parsed("object", object)?;
        claim(&mut object, &granted.of.kind)?;
        let created = granted.objects.create(granted.of, object, dry_run).await;
        created.map(text)
    }

    pub(crate) async fn patch_object(
        &mut self,
        of: Of,
        name: String,
        patch: &str,
        status: bool,
        dry_run: bool,
    ) -> HostResult<String> {
        let verb = if status {
            ResourceVerb::PatchStatus
        } else {
            ResourceVerb::Patch
        };
        let granted = self.granted(of, verb)?;
        let patch = parsed("patch", patch)?;
        let patched = granted
            .objects
            .patch(granted.of, name, patch, status, dry_run);
        patched.await.map(text)
    }

    pub(crate) async fn delete_object(
        &mut self,
        of: Of,
        name: String,
        dry_run: bool,
    ) -> HostResult<()> {
        let granted = self.granted(of, ResourceVerb::Delete)?;
        granted.objects.delete(granted.of, name, dry_run).await
    }

    pub(crate) async fn watch_objects(
        &mut self,
        of: Of,
        selected: SelectedObjects,
    ) -> HostResult<Watcher> {
        let granted = self.granted(of, ResourceVerb::Watch)?;
        granted
            .objects
            .watch(granted.of, selected)
            .await
            .map(Watcher)
    }

    /// Returns the time at which a waiting call returns, so that the engine can return in time.
    pub(crate) fn until(&self) -> Instant {
        let until = self.ends.checked_sub(self.to_return);
        until.unwrap_or_else(Instant::now)
    }

    fn granted(&self, of: Of, verb: ResourceVerb) -> HostResult<Granted> {
        let of = self.grants.check_objects(&of.kind, of.namespace, verb)?;
        let objects = self.objects.clone().ok_or_else(|| {
            let message = "no cluster is available whose objects could be reached";
            Report::new(ReportKind::Denied, message)
        })?;
        Ok(Granted { of, objects })
    }
}

impl Watcher {
    /// Returns the next change with the object's text, or none when it is time to return.
    pub(crate) async fn next(
        &mut self,
        until: Instant,
    ) -> HostResult<Option<(ObjectChange, String)>> {
        let Ok(next) = timeout_at(until, self.0.next()).await else {
            return Ok(None);
        };
        Ok(next?.map(|(change, object)| (change, text(object))))
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
