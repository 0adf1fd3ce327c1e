//! The native implementation of Kubernetes objects: they are kept in memory.

use std::collections::BTreeMap;

use broker_manifest::{ObjectKind, ResourceVerb};
use serde_json::Value;

use super::{Host, current};
use crate::bindings::kubectl_broker::engine::resources::{Change, Event, Kind, Selection};
use crate::error::{Error, ErrorKind, Result};

/// The objects, and the changes that the engine has made.
#[derive(Debug, Default)]
pub(super) struct Objects {
    /// The objects, by kind (`GROUP/VERSION/KIND`) and name.
    present: BTreeMap<(String, String), Value>,
    /// The calls that fail, by `VERB KIND`.
    refused: BTreeMap<String, Error>,
    done: Vec<Done>,
    created: usize,
    /// The status of objects that the engine creates, by kind.
    outcomes: BTreeMap<String, Value>,
}

/// A change that the engine made to an object.
#[derive(Debug, Clone, PartialEq)]
pub struct Done {
    /// The verb: `create`, `patch`, `patch-status` or `delete`.
    pub verb: &'static str,
    /// The kind, as `GROUP/VERSION/KIND`.
    pub kind: String,
    /// The name of the object.
    pub name: String,
    /// The object or the patch as the engine sent it; null for `delete`.
    pub sent: Value,
}

impl Host {
    /// Adds an object. It must have `apiVersion`, `kind` and a name.
    ///
    /// # Panics
    /// Panics if one of these is missing.
    #[must_use]
    pub fn object(self, object: Value) -> Self {
        let text = |pointer: &str| match object.pointer(pointer).and_then(Value::as_str) {
            Some(text) => text.to_owned(),
            None => panic!("the object of the test has no {pointer}"),
        };
        let kind = format!("{}/{}", text("/apiVersion"), text("/kind"));
        let key = (kind, text("/metadata/name"));
        self.0.borrow_mut().objects.present.insert(key, object);
        self
    }

    /// Makes every call with this verb and kind (`create`, `acme.example/v1/Vault`) fail.
    #[must_use]
    pub fn refuses_objects(self, verb: &str, kind: &str, error: Error) -> Self {
        let key = format!("{verb} {kind}");
        self.0.borrow_mut().objects.refused.insert(key, error);
        self
    }

    /// Gives each object of a kind (`acme.example/v1/Vault`) that the engine creates this status at once, as
    /// if a controller had processed it.
    #[must_use]
    pub fn settles(self, kind: &str, status: Value) -> Self {
        let mut script = self.0.borrow_mut();
        script.objects.outcomes.insert(kind.to_owned(), status);
        drop(script);
        self
    }

    /// Returns the changes that the engine has made so far, without reads.
    #[must_use]
    pub fn done(&self) -> Vec<Done> {
        self.0.borrow().objects.done.clone()
    }

    /// Checks whether the manifest and the test allow the call, and returns the kind as text.
    fn check(&self, kind: &Kind, verb: ResourceVerb) -> Result<String> {
        let kind = ObjectKind {
            group: kind.group.clone(),
            version: kind.version.clone(),
            kind: kind.kind.clone(),
        };
        let script = self.0.borrow();
        if let Some(manifest) = &script.manifest {
            let mut rules = manifest.resources.iter().flat_map(|it| &it.allow);
            if !rules.any(|rule| *rule.kind() == kind && rule.verbs().contains(&verb)) {
                return Err(Error::new(
                    ErrorKind::Denied,
                    format!("the manifest does not allow `{verb}` of objects {kind}"),
                ));
            }
        }
        match script.objects.refused.get(&format!("{verb} {kind}")) {
            Some(error) => Err(error.clone()),
            None => Ok(kind.to_string()),
        }
    }

    fn find(&self, kind: &str, name: &str) -> Result<Value> {
        let key = (kind.to_owned(), name.to_owned());
        let found = self.0.borrow().objects.present.get(&key).cloned();
        found.ok_or_else(|| Error::new(ErrorKind::NotFound, format!("there is no {kind} `{name}`")))
    }

    fn record(&self, verb: ResourceVerb, kind: &str, name: &str, sent: Value) {
        self.0.borrow_mut().objects.done.push(Done {
            verb: verb.name(),
            kind: kind.to_owned(),
            name: name.to_owned(),
            sent,
        });
    }

    fn selected(&self, kind: &str, selection: &Selection) -> Vec<String> {
        let labels = pairs(selection.label_selector.as_deref());
        let fields = pairs(selection.field_selector.as_deref());
        let script = self.0.borrow();
        let present = script.objects.present.iter();
        let fits = |object: &Value| {
            let given = &object["metadata"]["labels"];
            let field = |path: &str| object.pointer(&format!("/{}", path.replace('.', "/")));
            labels.iter().all(|(name, value)| given[name] == *value)
                && fields
                    .iter()
                    .all(|(path, value)| field(path).is_some_and(|found| *found == **value))
        };
        let found = present.filter(|((of, _), object)| of == kind && fits(object));
        let limit = selection.limit.map_or(usize::MAX, |limit| limit as usize);
        found
            .map(|(_, object)| object.to_string())
            .take(limit)
            .collect()
    }
}

/// Returns the pairs of a selector.
fn pairs(selector: Option<&str>) -> Vec<(&str, &str)> {
    let pairs = selector.into_iter().flat_map(|text| text.split(','));
    let pairs = pairs.map(|pair| {
        pair.split_once('=')
            .unwrap_or_else(|| panic!("the mock host knows `a=b` only, not `{pair}`"))
    });
    pairs.collect()
}

/// A watch with one event per existing object.
#[derive(Debug)]
pub(crate) struct Watcher(std::vec::IntoIter<String>);

impl Watcher {
    #[expect(
        clippy::unnecessary_wraps,
        reason = "it has the signature of the real one"
    )]
    pub(crate) fn next(&mut self) -> Result<Option<Event>> {
        Ok(self.0.next().map(|object| Event {
            change: Change::Added,
            object,
        }))
    }
}

pub(crate) fn get(kind: &Kind, name: &str) -> Result<String> {
    let host = current();
    let kind = host.check(kind, ResourceVerb::Get)?;
    Ok(host.find(&kind, name)?.to_string())
}

pub(crate) fn list(kind: &Kind, selection: &Selection) -> Result<Vec<String>> {
    let host = current();
    let kind = host.check(kind, ResourceVerb::List)?;
    Ok(host.selected(&kind, selection))
}

pub(crate) fn create(kind: &Kind, object: &str, dry_run: bool) -> Result<String> {
    let host = current();
    let of = host.check(kind, ResourceVerb::Create)?;
    let sent = parsed(object)?;
    let mut object = sent.clone();
    let (version, name) = of.rsplit_once('/').unwrap_or(("", &of));
    object["apiVersion"] = version.into();
    object["kind"] = name.into();
    if object["metadata"]["name"].is_null() {
        let prefix = object["metadata"]["generateName"].as_str();
        let prefix =
            prefix.unwrap_or_else(|| panic!("the object has neither name nor generateName"));
        let number = host.0.borrow().objects.created + 1;
        object["metadata"]["name"] = format!("{prefix}{number:05}").into();
    }
    let name = object["metadata"]["name"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    if host.find(&of, &name).is_ok() {
        let message = format!("there is a {of} `{name}` already");
        return Err(Error::new(ErrorKind::Conflict, message));
    }
    if dry_run {
        return Ok(object.to_string());
    }
    host.record(ResourceVerb::Create, &of, &name, sent);
    let mut script = host.0.borrow_mut();
    script.objects.created += 1;
    if let Some(status) = script.objects.outcomes.get(&of) {
        object["status"] = status.clone();
    }
    let text = object.to_string();
    script.objects.present.insert((of, name), object);
    Ok(text)
}

pub(crate) fn patch(
    kind: &Kind,
    name: &str,
    patch: &str,
    status: bool,
    dry_run: bool,
) -> Result<String> {
    let host = current();
    let verb = if status {
        ResourceVerb::PatchStatus
    } else {
        ResourceVerb::Patch
    };
    let of = host.check(kind, verb)?;
    let patch = parsed(patch)?;
    let mut object = host.find(&of, name)?;
    json_patch::merge(&mut object, &patch);
    if dry_run {
        return Ok(object.to_string());
    }
    host.record(verb, &of, name, patch);
    let text = object.to_string();
    let key = (of, name.to_owned());
    host.0.borrow_mut().objects.present.insert(key, object);
    Ok(text)
}

pub(crate) fn delete(kind: &Kind, name: &str, dry_run: bool) -> Result<()> {
    let host = current();
    let of = host.check(kind, ResourceVerb::Delete)?;
    host.find(&of, name)?;
    if dry_run {
        return Ok(());
    }
    host.record(ResourceVerb::Delete, &of, name, Value::Null);
    let key = (of, name.to_owned());
    host.0.borrow_mut().objects.present.remove(&key);
    Ok(())
}

pub(crate) fn watch(kind: &Kind, selection: &Selection) -> Result<Watcher> {
    let host = current();
    let kind = host.check(kind, ResourceVerb::Watch)?;
    Ok(Watcher(host.selected(&kind, selection).into_iter()))
}

fn parsed(text: &str) -> Result<Value> {
    serde_json::from_str(text).map_err(|e| Error::new(ErrorKind::InvalidArgument, e.to_string()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::resources;

    const MANIFEST: &str = r#"
id = "acme/vault"
version = "1.0.0"
summary = "x"
[operations.detect]
[resources]
allow = ["acme.example/v1/Vault: get list watch create patch delete"]
"#;
    const VAULT: resources::Kind<'_> = resources::Kind::new("acme.example", "v1", "Vault");

    #[test]
    fn objects_are_made_changed_and_deleted() {
        let host = Host::new(MANIFEST);
        host.run(|| {
            let made: Value = VAULT
                .create(&json!({"metadata": {"generateName": "a-"}, "spec": {"x": 1, "y": 2}}))
                .unwrap();
            assert_eq!(made["metadata"]["name"], "a-00001");
            let patched: Value = VAULT
                .patch("a-00001", &json!({"spec": {"x": null}}))
                .unwrap();
            assert_eq!(patched["spec"], json!({"y": 2}));
            let mut watch = VAULT.watch::<Value>(&resources::Selection::all()).unwrap();
            assert!(watch.next_event().unwrap().is_some());
            assert_eq!(watch.next_event(), Ok(None));
            VAULT.delete("a-00001").unwrap();
            let gone = VAULT.get::<Value>("a-00001").unwrap_err();
            assert_eq!(gone.kind, ErrorKind::NotFound);
        });
        let verbs: Vec<_> = host.done().iter().map(|done| done.verb).collect();
        assert_eq!(verbs, ["create", "patch", "delete"]);
    }

    #[test]
    fn a_list_is_of_the_labels_that_are_asked_for() {
        let object = |name: &str, app: &str| {
            json!({"apiVersion": "acme.example/v1", "kind": "Vault",
                   "metadata": {"name": name, "labels": {"app": app}}})
        };
        let host = Host::new(MANIFEST)
            .object(object("a", "x"))
            .object(object("b", "y"));
        let labelled = resources::Selection::all().labels("app=y");
        let listed = host.run(|| VAULT.list::<Value>(&labelled)).unwrap();
        assert_eq!(listed, [object("b", "y")]);
    }

    #[test]
    fn what_the_manifest_does_not_allow_is_denied() {
        let secret = resources::Kind::new("", "v1", "Secret");
        let host = Host::new(MANIFEST);
        let denied = host.run(|| secret.get::<Value>("a")).unwrap_err();
        assert_eq!(denied.kind, ErrorKind::Denied);
        let status = host.run(|| VAULT.patch_status::<Value>("a", &json!({})));
        assert_eq!(status.unwrap_err().kind, ErrorKind::Denied);
    }
}
