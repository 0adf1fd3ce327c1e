use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use broker_manifest::ObjectKind;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, select_all};
use host_base::{Report, ReportKind};
use host_cluster::{
    Change, Cluster, ClusterError, ObjectPatch, ObjectScope, ObjectType, ObjectWatch, Selection,
};
use host_engine::{
    GrantedObjects, ObjectChange, Objects, Place, SelectedObjects, WatchedObjects, stay_within,
};
use serde_json::Value;
use tokio::time::{Instant, sleep, sleep_until};

use super::network::LatestErrors;

/// Number of objects that are watched while a command waits. They are among those that the engine read.
const MAX_WATCHED: usize = 4;
/// Shortest pause between two observations, however often an object changes.
const SHORTEST_PAUSE: Duration = Duration::from_millis(250);

/// The Kubernetes objects of one engine. The cluster is not asked for anything before the engine asks for an
/// object.
pub(super) struct ClusterObjects {
    cluster: Cluster,
    latest_errors: LatestErrors,
    types: Mutex<BTreeMap<(ObjectKind, Place), ObjectType>>,
    /// The objects that the engine has read since the last pause and may watch.
    looked_at: Mutex<Vec<Looked>>,
    is_read_only: bool,
    /// The number of requests that may have changed something: they were sent, and not refused.
    changes: AtomicUsize,
}

/// An object as an engine saw it.
#[derive(Clone)]
struct Looked {
    ty: ObjectType,
    name: String,
    version: String,
}

impl ClusterObjects {
    pub(super) fn new(cluster: &Cluster, latest_errors: LatestErrors, is_read_only: bool) -> Self {
        Self {
            cluster: cluster.clone(),
            latest_errors,
            types: Mutex::default(),
            looked_at: Mutex::default(),
            is_read_only,
            changes: AtomicUsize::default(),
        }
    }

    /// Returns whether the API server may have carried out a request that changes something.
    pub(super) fn may_have_changed(&self) -> bool {
        self.changes.load(Ordering::Relaxed) > 0
    }

    /// Counts a request that changes something, unless it is a dry run.
    async fn counted<T>(
        &self,
        dry_run: bool,
        request: impl Future<Output = Result<T, ClusterError>>,
    ) -> Result<T, Report> {
        if !dry_run {
            // Counted before it is sent: the call may be dropped at any time.
            self.changes.fetch_add(1, Ordering::Relaxed);
        }
        let answer = request.await;
        if !dry_run && answer.as_ref().is_err_and(ClusterError::changed_nothing) {
            self.changes.fetch_sub(1, Ordering::Relaxed);
        }
        answer.map_err(|error| self.report(error))
    }

    /// Refuses a change if the objects are only read.
    fn check_may_change(&self) -> Result<(), Report> {
        if !self.is_read_only {
            return Ok(());
        }
        let message = "`discover` changes nothing: objects are only read";
        Err(Report::new(ReportKind::Denied, message))
    }

    /// Waits until an object that the engine read may have changed, but no longer than `longest`. If objects
    /// can't be watched, the whole time passes.
    pub(super) async fn pause(&self, longest: Duration) {
        let end = Instant::now() + longest;
        let looked_at = std::mem::take(&mut *locked(&self.looked_at));
        let watches: Vec<_> = looked_at
            .iter()
            .map(|looked| {
                self.cluster
                    .object_changed(&looked.ty, &looked.name, &looked.version)
                    .boxed()
            })
            .collect();
        if !watches.is_empty() {
            sleep(SHORTEST_PAUSE.min(longest)).await;
            tokio::select! {
                (changed, ..) = select_all(watches) => if changed.is_ok() { return },
                () = sleep_until(end) => {}
            }
        }
        sleep_until(end).await;
    }

    /// Returns whether the engine read an object that can be watched.
    pub(super) fn is_watched(&self) -> bool {
        !locked(&self.looked_at).is_empty()
    }

    async fn ty(&self, of: &GrantedObjects) -> Result<ObjectType, Report> {
        let key = (of.kind.clone(), of.place.clone());
        if let Some(known) = locked(&self.types).get(&key) {
            return Ok(known.clone());
        }
        let scope = match &of.place {
            Place::Command => ObjectScope::Command,
            Place::Namespace(name) => ObjectScope::Namespace(name.clone()),
            Place::Cluster => ObjectScope::Cluster,
        };
        let found = self.cluster.object_type(&of.kind, &scope);
        let found = Box::pin(found).await.map_err(|error| self.report(error))?;
        locked(&self.types).insert(key, found.clone());
        Ok(found)
    }

    fn report(&self, error: ClusterError) -> Report {
        self.latest_errors.report(error)
    }

    /// Remembers an object that the engine has read, if the engine may watch it.
    fn remember(&self, of: &GrantedObjects, ty: ObjectType, object: &Value) {
        let text = |pointer| object.pointer(pointer).and_then(Value::as_str);
        let (Some(name), Some(version)) =
            (text("/metadata/name"), text("/metadata/resourceVersion"))
        else {
            return;
        };
        let mut looked_at = locked(&self.looked_at);
        looked_at.retain(|looked| looked.ty != ty || looked.name != name);
        if of.watchable && looked_at.len() < MAX_WATCHED {
            looked_at.push(Looked {
                ty,
                name: name.to_owned(),
                version: version.to_owned(),
            });
        }
    }
}

impl Objects for ClusterObjects {
    fn get(&self, of: GrantedObjects, name: String) -> BoxFuture<'_, Result<Value, Report>> {
        async move {
            let ty = self.ty(&of).await?;
            let object = self.cluster.get_object(&ty, &name).await;
            let object = object.map_err(|error| self.report(error))?;
            self.remember(&of, ty, &object);
            Ok(object)
        }
        .boxed()
    }

    fn list(
        &self,
        of: GrantedObjects,
        selected: SelectedObjects,
    ) -> BoxFuture<'_, Result<Vec<Value>, Report>> {
        async move {
            let ty = self.ty(&of).await?;
            let listed = self.cluster.list_objects(&ty, &selection(selected)).await;
            listed.map_err(|error| self.report(error))
        }
        .boxed()
    }

    fn create(
        &self,
        of: GrantedObjects,
        mut object: Value,
        dry_run: bool,
    ) -> BoxFuture<'_, Result<Value, Report>> {
        async move {
            self.check_may_change()?;
            let ty = self.ty(&of).await?;
            stay_within(ty.namespace(), &mut object)?;
            let created = self.cluster.create_object(&ty, &object, dry_run);
            let created = self.counted(dry_run, created).await?;
            // The command that waits for this object can end its first pause as soon as the object changes.
            self.remember(&of, ty, &created);
            Ok(created)
        }
        .boxed()
    }

    fn patch(
        &self,
        of: GrantedObjects,
        name: String,
        patch: Value,
        status: bool,
        dry_run: bool,
    ) -> BoxFuture<'_, Result<Value, Report>> {
        async move {
            self.check_may_change()?;
            let ty = self.ty(&of).await?;
            let patch = ObjectPatch::Merge(patch.to_string().into_bytes());
            let patched = self
                .cluster
                .patch_object(&ty, &name, patch, status, dry_run);
            self.counted(dry_run, patched).await
        }
        .boxed()
    }

    fn delete(
        &self,
        of: GrantedObjects,
        name: String,
        dry_run: bool,
    ) -> BoxFuture<'_, Result<(), Report>> {
        async move {
            self.check_may_change()?;
            let ty = self.ty(&of).await?;
            let deleted = self.cluster.delete_object(&ty, &name, dry_run);
            self.counted(dry_run, deleted).await
        }
        .boxed()
    }

    fn watch(
        &self,
        of: GrantedObjects,
        selected: SelectedObjects,
    ) -> BoxFuture<'_, Result<Box<dyn WatchedObjects>, Report>> {
        async move {
            let ty = self.ty(&of).await?;
            let watched: Box<dyn WatchedObjects> = Box::new(Watched {
                watch: self.cluster.watch_objects(&ty, selection(selected)),
                latest_errors: self.latest_errors.clone(),
            });
            Ok(watched)
        }
        .boxed()
    }
}

struct Watched {
    watch: ObjectWatch,
    latest_errors: LatestErrors,
}

impl WatchedObjects for Watched {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<(ObjectChange, Value)>, Report>> {
        async {
            let event = self.watch.next().await;
            let event = event.map_err(|error| self.latest_errors.report(error))?;
            let change = match event.change {
                Change::Added => ObjectChange::Added,
                Change::Modified => ObjectChange::Modified,
                Change::Deleted => ObjectChange::Deleted,
            };
            Ok(Some((change, event.object)))
        }
        .boxed()
    }
}

fn selection(selected: SelectedObjects) -> Selection {
    Selection {
        labels: selected.labels,
        fields: selected.fields,
        limit: selected.limit,
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
