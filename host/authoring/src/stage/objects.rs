use std::sync::Arc;

use broker_manifest::ResourceVerb;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use host_base::{Report, ReportKind};
use host_engine::{GrantedObjects, ObjectChange, Objects, SelectedObjects, WatchedObjects};
use serde_json::Value;

use super::{Seen, Stage};

/// An access to Kubernetes objects other than a watch.
pub(crate) enum Asked {
    Get(String),
    List(SelectedObjects),
    Create {
        object: Value,
        dry_run: bool,
    },
    Patch {
        name: String,
        patch: Value,
        status: bool,
        dry_run: bool,
    },
    Delete {
        name: String,
        dry_run: bool,
    },
}

impl Asked {
    pub(crate) fn verb(&self) -> ResourceVerb {
        match self {
            Self::Get(_) => ResourceVerb::Get,
            Self::List(_) => ResourceVerb::List,
            Self::Create { .. } => ResourceVerb::Create,
            Self::Patch { status: false, .. } => ResourceVerb::Patch,
            Self::Patch { status: true, .. } => ResourceVerb::PatchStatus,
            Self::Delete { .. } => ResourceVerb::Delete,
        }
    }
}

impl Stage {
    fn objects(&self, of: &GrantedObjects, asked: Asked) -> Result<Vec<Value>, Report> {
        self.seen.count()?;
        self.script.objects(of, asked)
    }

    /// Returns the single object of an access that results in one object.
    fn object(&self, of: &GrantedObjects, asked: Asked) -> Result<Value, Report> {
        let mut objects = self.objects(of, asked)?.into_iter();
        let nothing = || Report::new(ReportKind::Failed, "the script has no object");
        objects.next().ok_or_else(nothing)
    }
}

impl Objects for Stage {
    fn get(&self, of: GrantedObjects, name: String) -> BoxFuture<'_, Result<Value, Report>> {
        async move { self.object(&of, Asked::Get(name)) }.boxed()
    }

    fn list(
        &self,
        of: GrantedObjects,
        selected: SelectedObjects,
    ) -> BoxFuture<'_, Result<Vec<Value>, Report>> {
        async move { self.objects(&of, Asked::List(selected)) }.boxed()
    }

    fn create(
        &self,
        of: GrantedObjects,
        object: Value,
        dry_run: bool,
    ) -> BoxFuture<'_, Result<Value, Report>> {
        async move { self.object(&of, Asked::Create { object, dry_run }) }.boxed()
    }

    fn patch(
        &self,
        of: GrantedObjects,
        name: String,
        patch: Value,
        status: bool,
        dry_run: bool,
    ) -> BoxFuture<'_, Result<Value, Report>> {
        let asked = Asked::Patch {
            name,
            patch,
            status,
            dry_run,
        };
        async move { self.object(&of, asked) }.boxed()
    }

    fn delete(
        &self,
        of: GrantedObjects,
        name: String,
        dry_run: bool,
    ) -> BoxFuture<'_, Result<(), Report>> {
        let asked = Asked::Delete { name, dry_run };
        async move { self.objects(&of, asked).map(drop) }.boxed()
    }

    fn watch(
        &self,
        of: GrantedObjects,
        selected: SelectedObjects,
    ) -> BoxFuture<'_, Result<Box<dyn WatchedObjects>, Report>> {
        async move {
            self.seen.count()?;
            let watched: Box<dyn WatchedObjects> = Box::new(Counted {
                watched: self.script.watch(&of, selected)?,
                seen: Arc::clone(&self.seen),
            });
            Ok(watched)
        }
        .boxed()
    }
}

/// A watch that counts each read of the engine. A watch that has ended does not wait, so reads could go on
/// forever.
struct Counted {
    watched: Box<dyn WatchedObjects>,
    seen: Arc<Seen>,
}

impl WatchedObjects for Counted {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<(ObjectChange, Value)>, Report>> {
        async {
            self.seen.count()?;
            self.watched.next().await
        }
        .boxed()
    }
}
