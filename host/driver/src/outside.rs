//! Gives engines the user's object stores and services of AWS.

use std::sync::Arc;
use std::time::Duration;

use broker_manifest::{AwsService, StoreAuth};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use host_base::Report;
use host_cluster::Deadlines;
use host_engine::{
    Condition, GrantedAction, ObjectAt, Outside, SelectedKeys, StoredObject, StoredPage, ToCopy,
    ToPut,
};
use host_objectstore::{self as store, Access, Action, Facts, Location, S3, S3Error, Selection};

/// The stores and services that the user's AWS configuration reaches.
pub(super) struct AwsAccount(pub(super) Arc<S3>);

fn patience() -> Duration {
    Deadlines::default().first_byte
}

pub(super) fn access(auth: StoreAuth) -> Access {
    match auth {
        StoreAuth::Aws => Access::Signed,
        StoreAuth::None => Access::Anonymous,
    }
}

fn location(at: ObjectAt) -> Location {
    Location {
        bucket: at.bucket,
        key: at.key,
    }
}

fn object(facts: Facts) -> StoredObject {
    StoredObject {
        key: facts.key,
        size: facts.size,
        modified: facts.modified,
        etag: facts.etag,
        sha256: facts.sha256,
    }
}

fn reported<T>(result: Result<T, S3Error>) -> Result<T, Report> {
    result.map_err(|error| error.report())
}

impl Outside for AwsAccount {
    fn head(&self, auth: StoreAuth, at: ObjectAt) -> BoxFuture<'_, Result<StoredObject, Report>> {
        async move {
            let facts = self.0.head(&location(at), access(auth), patience()).await;
            reported(facts).map(object)
        }
        .boxed()
    }

    fn list(
        &self,
        auth: StoreAuth,
        selected: SelectedKeys,
    ) -> BoxFuture<'_, Result<StoredPage, Report>> {
        let selection = Selection {
            bucket: selected.bucket,
            prefix: selected.prefix,
            folders: selected.folders,
            cursor: selected.cursor,
            limit: selected.limit,
        };
        async move {
            let listing = self.0.list(&selection, access(auth), patience()).await;
            let listing = reported(listing)?;
            Ok(StoredPage {
                objects: listing.objects.into_iter().map(object).collect(),
                folders: listing.folders,
                next: listing.next,
            })
        }
        .boxed()
    }

    fn put(&self, to_put: ToPut) -> BoxFuture<'_, Result<StoredObject, Report>> {
        let condition = match to_put.condition {
            Condition::None => store::Condition::None,
            Condition::Absent => store::Condition::Absent,
            Condition::Unchanged(etag) => store::Condition::Unchanged(etag),
        };
        async move {
            let at = location(to_put.at);
            let kind = to_put.content_type.as_deref();
            let written = self.0.put(&at, to_put.body, kind, &condition, patience());
            reported(written.await).map(object)
        }
        .boxed()
    }

    fn copy(&self, to_copy: ToCopy) -> BoxFuture<'_, Result<StoredObject, Report>> {
        let copy = store::Copy {
            source: location(to_copy.source),
            target: location(to_copy.target),
            size: to_copy.size,
            etag: to_copy.etag,
        };
        async move { reported(self.0.copy(&copy, patience()).await).map(object) }.boxed()
    }

    fn delete(&self, at: ObjectAt) -> BoxFuture<'_, Result<(), Report>> {
        async move { reported(self.0.delete(&location(at), patience()).await) }.boxed()
    }

    fn call(&self, action: GrantedAction) -> BoxFuture<'_, Result<String, Report>> {
        let action = Action {
            reads: AwsService::reads(&action.action),
            service: action.service,
            version: action.version,
            name: action.action,
            parameters: action.parameters,
            region: action.region,
        };
        async move { reported(self.0.call(&action, patience()).await) }.boxed()
    }
}
