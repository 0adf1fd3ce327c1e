//! Implements the interface `resources`.

use broker_manifest::ObjectKind;
use serde_json::json;
use wasmtime::component::Resource;

use super::bindings::kubectl_broker::engine::resources as wit;
use super::{WitError, to_wit};
use crate::calls::resources::{Of, Watcher, bytes, number};
use crate::instance::HostState;
use crate::{ObjectChange, SelectedObjects};

impl wit::Host for HostState {
    async fn get(
        &mut self,
        kind: wit::Kind,
        name: String,
    ) -> wasmtime::Result<Result<String, WitError>> {
        self.count(0)?;
        let of = of(kind);
        let asked = Self::asked(|| of.arguments(json!({ "name": name })));
        let found = self.get_object(of, name).await;
        self.tell("resources.get", asked, &found, bytes);
        Ok(found.map_err(to_wit))
    }

    async fn list(
        &mut self,
        kind: wit::Kind,
        selection: wit::Selection,
    ) -> wasmtime::Result<Result<Vec<String>, WitError>> {
        self.count(0)?;
        let (of, selected) = (of(kind), selected(selection));
        let asked = Self::asked(|| of.selecting(&selected));
        let found = self.list_objects(of, selected).await;
        self.tell("resources.list", asked, &found, number);
        Ok(found.map_err(to_wit))
    }

    async fn create(
        &mut self,
        kind: wit::Kind,
        object: String,
    ) -> wasmtime::Result<Result<String, WitError>> {
        self.count(object.len())?;
        let of = of(kind);
        let asked = Self::asked(|| of.arguments(json!({ "objectBytes": object.len() })));
        let created = self.create_object(of, &object, false).await;
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
        let of = of(kind);
        let asked = Self::asked(|| {
            of.arguments(json!({ "name": name, "status": status, "patchBytes": patch.len() }))
        });
        let patched = self.patch_object(of, name, &patch, status, false).await;
        self.tell("resources.patch", asked, &patched, bytes);
        Ok(patched.map_err(to_wit))
    }

    async fn delete(
        &mut self,
        kind: wit::Kind,
        name: String,
    ) -> wasmtime::Result<Result<(), WitError>> {
        self.count(0)?;
        let of = of(kind);
        let asked = Self::asked(|| of.arguments(json!({ "name": name })));
        let deleted = self.delete_object(of, name, false).await;
        self.tell("resources.delete", asked, &deleted, |()| json!({}));
        Ok(deleted.map_err(to_wit))
    }

    async fn watch(
        &mut self,
        kind: wit::Kind,
        selection: wit::Selection,
    ) -> wasmtime::Result<Result<Resource<Watcher>, WitError>> {
        self.count(0)?;
        let (of, selected) = (of(kind), selected(selection));
        let asked = Self::asked(|| of.selecting(&selected));
        let watch = self.watch_objects(of, selected).await;
        self.tell("resources.watch", asked, &watch, |_| json!({}));
        match watch {
            Ok(watch) => Ok(Ok(self.table.push(watch)?)),
            Err(report) => Ok(Err(to_wit(report))),
        }
    }
}

impl wit::HostWatcher for HostState {
    async fn next(
        &mut self,
        watcher: Resource<Watcher>,
    ) -> wasmtime::Result<Result<Option<wit::Event>, WitError>> {
        let until = self.until();
        let next = self.table.get_mut(&watcher)?.next(until).await;
        let event = |(change, object)| wit::Event {
            change: match change {
                ObjectChange::Added => wit::Change::Added,
                ObjectChange::Modified => wit::Change::Modified,
                ObjectChange::Deleted => wit::Change::Deleted,
            },
            object,
        };
        Ok(next.map(|next| next.map(event)).map_err(to_wit))
    }

    async fn drop(&mut self, watcher: Resource<Watcher>) -> wasmtime::Result<()> {
        self.table.delete(watcher)?;
        Ok(())
    }
}

fn of(kind: wit::Kind) -> Of {
    Of {
        kind: ObjectKind {
            group: kind.group,
            version: kind.version,
            kind: kind.kind,
        },
        namespace: None,
    }
}

fn selected(selection: wit::Selection) -> SelectedObjects {
    SelectedObjects {
        labels: selection.label_selector,
        fields: None,
        limit: selection.limit,
    }
}
