use broker_manifest::ObjectKind;
use futures_util::future::BoxFuture;
use host_base::{Report, ReportKind};
use serde_json::Value;

/// The objects of one kind that an engine may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantedObjects {
    /// The kind of the objects.
    pub kind: ObjectKind,
    /// The place of the objects.
    pub place: Place,
    /// True if the engine may also watch the objects, whatever the current call does.
    pub watchable: bool,
}

/// The place of objects.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// The namespace of the command.
    Command,
    /// A named namespace.
    Namespace(String),
    /// Outside of namespaces.
    Cluster,
}

/// Selects the objects of a list or a watch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SelectedObjects {
    /// A Kubernetes label selector.
    pub labels: Option<String>,
    /// A Kubernetes field selector.
    pub fields: Option<String>,
    /// The maximum number of objects.
    pub limit: Option<u32>,
}

/// A change of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObjectChange {
    /// The object was created, or existed when the watch began.
    Added,
    /// The object was modified.
    Modified,
    /// The object was deleted.
    Deleted,
}

/// Gives engines access to Kubernetes objects.
pub trait Objects: Send + Sync {
    /// Returns one object.
    fn get(&self, of: GrantedObjects, name: String) -> BoxFuture<'_, Result<Value, Report>>;

    /// Returns the selected objects.
    fn list(
        &self,
        of: GrantedObjects,
        selected: SelectedObjects,
    ) -> BoxFuture<'_, Result<Vec<Value>, Report>>;

    /// Creates an object and returns it as the cluster stored it. A dry run stores nothing.
    fn create(
        &self,
        of: GrantedObjects,
        object: Value,
        dry_run: bool,
    ) -> BoxFuture<'_, Result<Value, Report>>;

    /// Applies a JSON merge patch to an object, or to its status. A dry run stores nothing.
    fn patch(
        &self,
        of: GrantedObjects,
        name: String,
        patch: Value,
        status: bool,
        dry_run: bool,
    ) -> BoxFuture<'_, Result<Value, Report>>;

    /// Deletes an object. A dry run deletes nothing.
    fn delete(
        &self,
        of: GrantedObjects,
        name: String,
        dry_run: bool,
    ) -> BoxFuture<'_, Result<(), Report>>;

    /// Watches objects. The first events are the existing objects.
    fn watch(
        &self,
        of: GrantedObjects,
        selected: SelectedObjects,
    ) -> BoxFuture<'_, Result<Box<dyn WatchedObjects>, Report>>;
}

/// A watch that an engine opened.
pub trait WatchedObjects: Send {
    /// Returns the next event. `None` means that no further event will come.
    fn next(&mut self) -> BoxFuture<'_, Result<Option<(ObjectChange, Value)>, Report>>;
}

/// Sets the namespace of an object to the granted one. `None` is outside of namespaces.
///
/// # Errors
/// `denied` if the object names another namespace.
pub fn stay_within(namespace: Option<&str>, object: &mut Value) -> Result<(), Report> {
    match object.pointer("/metadata/namespace") {
        None | Some(Value::Null) => {}
        Some(Value::String(given)) if Some(&**given) == namespace => {}
        Some(other) => {
            let granted = namespace.unwrap_or("none");
            return Err(Report::new(
                ReportKind::Denied,
                format!("the object is for namespace {other}, but only {granted} is granted"),
            ));
        }
    }
    let Some(namespace) = namespace else {
        return Ok(());
    };
    if !object["metadata"].is_object() {
        object["metadata"] = Value::Object(serde_json::Map::new());
    }
    object["metadata"]["namespace"] = Value::from(namespace);
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_object_for_another_namespace_is_denied() {
        let mut object = json!({});
        stay_within(Some("a"), &mut object).unwrap();
        assert_eq!(object, json!({"metadata": {"namespace": "a"}}));
        stay_within(Some("a"), &mut object).unwrap();
        for other in [json!("b"), json!(1), json!({})] {
            let mut object = json!({"metadata": {"namespace": other}});
            let report = stay_within(Some("a"), &mut object).unwrap_err();
            assert_eq!(report.kind, ReportKind::Denied);
            stay_within(None, &mut object).unwrap_err();
        }
        let mut object = json!({});
        stay_within(None, &mut object).unwrap();
        assert_eq!(object, json!({}));
    }
}
