use broker_manifest::ObjectKind;
use futures_util::future::BoxFuture;
use host_base::{Report, ReportKind};
use serde_json::Value;

/// Objects of a kind that an engine may do something with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantedObjects {
    pub kind: ObjectKind,
    /// The namespace of the command where it is none.
    pub namespace: Option<String>,
    /// Whether they may be watched too, whatever this call is.
    pub watchable: bool,
}

/// Which objects a list or a watch is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SelectedObjects {
    pub labels: Option<String>,
    /// At most so many.
    pub limit: Option<u32>,
}

/// What happened to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObjectChange {
    Added,
    Modified,
    Deleted,
}

/// What works with the Kubernetes objects of an engine.
pub trait Objects: Send + Sync {
    fn get(&self, of: GrantedObjects, name: String) -> BoxFuture<'_, Result<Value, Report>>;

    fn list(
        &self,
        of: GrantedObjects,
        selected: SelectedObjects,
    ) -> BoxFuture<'_, Result<Vec<Value>, Report>>;

    fn create(&self, of: GrantedObjects, object: Value) -> BoxFuture<'_, Result<Value, Report>>;

    /// A JSON merge patch of an object, or of its status.
    fn patch(
        &self,
        of: GrantedObjects,
        name: String,
        patch: Value,
        status: bool,
    ) -> BoxFuture<'_, Result<Value, Report>>;

    fn delete(&self, of: GrantedObjects, name: String) -> BoxFuture<'_, Result<(), Report>>;

    /// What happens to objects, beginning with those that are there.
    fn watch(
        &self,
        of: GrantedObjects,
        selected: SelectedObjects,
    ) -> BoxFuture<'_, Result<Box<dyn WatchedObjects>, Report>>;
}

/// A watch that an engine has.
pub trait WatchedObjects: Send {
    /// The next thing that happens; none when it is known that nothing will.
    fn next(&mut self) -> BoxFuture<'_, Result<Option<(ObjectChange, Value)>, Report>>;
}

/// Puts an object into the namespace that is granted.
///
/// # Errors
/// `denied` when it is meant for another.
pub fn stay_within(namespace: &str, object: &mut Value) -> Result<(), Report> {
    match object.pointer("/metadata/namespace") {
        None | Some(Value::Null) => {}
        Some(Value::String(given)) if given == namespace => {}
        Some(other) => {
            return Err(Report::new(
                ReportKind::Denied,
                format!("the object is for namespace {other}, and {namespace} is what is granted"),
            ));
        }
    }
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
        stay_within("a", &mut object).unwrap();
        assert_eq!(object, json!({"metadata": {"namespace": "a"}}));
        stay_within("a", &mut object).unwrap();
        for other in [json!("b"), json!(1), json!({})] {
            let mut object = json!({"metadata": {"namespace": other}});
            let report = stay_within("a", &mut object).unwrap_err();
            assert_eq!(report.kind, ReportKind::Denied);
        }
    }
}
