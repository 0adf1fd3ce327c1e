use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use serde_json::Value;

use super::Stage;
use crate::engine::{GrantedObjects, Objects, SelectedObjects, WatchedObjects};
use crate::model::Report;

impl Stage {
    /// No script has objects: whatever is done with them is refused.
    fn refuse<T: Send + 'static>(
        &self,
        verb: &'static str,
        of: &GrantedObjects,
    ) -> BoxFuture<'_, Result<T, Report>> {
        let what = format!("{verb} {}", of.kind);
        async move {
            self.seen.count()?;
            Err(self.script.objects(&what))
        }
        .boxed()
    }
}

impl Objects for Stage {
    fn get(&self, of: GrantedObjects, _: String) -> BoxFuture<'_, Result<Value, Report>> {
        self.refuse("get", &of)
    }

    fn list(
        &self,
        of: GrantedObjects,
        _: SelectedObjects,
    ) -> BoxFuture<'_, Result<Vec<Value>, Report>> {
        self.refuse("list", &of)
    }

    fn create(&self, of: GrantedObjects, _: Value) -> BoxFuture<'_, Result<Value, Report>> {
        self.refuse("create", &of)
    }

    fn patch(
        &self,
        of: GrantedObjects,
        _: String,
        _: Value,
        _: bool,
    ) -> BoxFuture<'_, Result<Value, Report>> {
        self.refuse("patch", &of)
    }

    fn delete(&self, of: GrantedObjects, _: String) -> BoxFuture<'_, Result<(), Report>> {
        self.refuse("delete", &of)
    }

    fn watch(
        &self,
        of: GrantedObjects,
        _: SelectedObjects,
    ) -> BoxFuture<'_, Result<Box<dyn WatchedObjects>, Report>> {
        self.refuse("watch", &of)
    }
}
