//! Gives engines the user's object stores and services of AWS.

use std::sync::Arc;
use std::time::Duration;

use broker_manifest::{AwsService, StoreAuth};
use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use host_base::{Report, ReportKind};
use host_cluster::Deadlines;
use host_engine::{
    Condition, GrantedAction, ObjectAt, Outside, SelectedKeys, StoredObject, StoredPage,
    StoredUpload, ToBegin, ToCopy, ToPut,
};
use host_objectstore::{self as store, Access, Action, Facts, Location, S3, S3Error, Selection};

/// The stores and services that the user's AWS configuration reaches.
pub(super) struct AwsAccount {
    pub(super) s3: Arc<S3>,
    /// Whether the user has not chosen the target: nothing is changed, and no credentials are used.
    pub(super) is_survey: bool,
}

impl AwsAccount {
    fn access(&self, auth: StoreAuth) -> Access {
        match auth {
            StoreAuth::Aws if !self.is_survey => Access::Signed,
            StoreAuth::Aws | StoreAuth::None => Access::Anonymous,
        }
    }

    /// Refuses what needs the user's credentials.
    fn check_chosen(&self) -> Result<(), Report> {
        if self.is_survey {
            let message = "`discover` changes nothing, and uses no credentials";
            return Err(Report::new(ReportKind::Denied, message));
        }
        Ok(())
    }
}

fn patience() -> Duration {
    Deadlines::default().first_byte
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
            let facts = self
                .s3
                .head(&location(at), self.access(auth), patience())
                .await;
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
            let listing = self
                .s3
                .list(&selection, self.access(auth), patience())
                .await;
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
            self.check_chosen()?;
            let at = location(to_put.at);
            let kind = to_put.content_type.as_deref();
            let written = self.s3.put(&at, to_put.body, kind, &condition, patience());
            reported(written.await).map(object)
        }
        .boxed()
    }

    fn begin(&self, to_begin: ToBegin) -> Result<Box<dyn StoredUpload>, Report> {
        self.check_chosen()?;
        Ok(Box::new(Pieces(store::Writer::new(
            Arc::clone(&self.s3),
            location(to_begin.at),
            to_begin.content_type,
            to_begin.is_new,
            patience(),
        ))))
    }

    fn copy(&self, to_copy: ToCopy) -> BoxFuture<'_, Result<StoredObject, Report>> {
        let copy = store::Copy {
            source: location(to_copy.source),
            target: location(to_copy.target),
            size: to_copy.size,
            etag: to_copy.etag,
        };
        async move {
            self.check_chosen()?;
            reported(self.s3.copy(&copy, patience()).await).map(object)
        }
        .boxed()
    }

    fn delete(&self, at: ObjectAt) -> BoxFuture<'_, Result<(), Report>> {
        async move {
            self.check_chosen()?;
            reported(self.s3.delete(&location(at), patience()).await)
        }
        .boxed()
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
        async move {
            self.check_chosen()?;
            reported(self.s3.call(&action, patience()).await)
        }
        .boxed()
    }
}

/// An object that an engine writes in pieces.
struct Pieces(store::Writer);

impl StoredUpload for Pieces {
    fn write(&mut self, bytes: Bytes) -> BoxFuture<'_, Result<(), Report>> {
        async move { reported(self.0.write(&bytes).await) }.boxed()
    }

    fn finish(&mut self) -> BoxFuture<'_, Result<StoredObject, Report>> {
        async { reported(self.0.finish().await).map(object) }.boxed()
    }

    fn discard(&mut self) -> BoxFuture<'_, ()> {
        async {
            // Parts that belong to no object cost money, but the command has its own result already.
            let _discarded = self.0.discard().await;
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Nothing is sent: no address of a service is known here, and no credentials.
    #[tokio::test]
    async fn a_search_for_targets_uses_no_credentials_and_changes_nothing() {
        let account = AwsAccount {
            s3: Arc::default(),
            is_survey: true,
        };
        assert_eq!(account.access(StoreAuth::Aws), Access::Anonymous);
        let at = || ObjectAt {
            bucket: "acme".to_owned(),
            key: "a".to_owned(),
        };
        let put = ToPut {
            at: at(),
            body: Bytes::new(),
            content_type: None,
            condition: Condition::None,
        };
        let copy = ToCopy {
            source: at(),
            target: at(),
            size: None,
            etag: None,
        };
        let action = GrantedAction {
            service: "rds".to_owned(),
            version: "2014-10-31".to_owned(),
            action: "DescribeDBSnapshots".to_owned(),
            parameters: Vec::new(),
            region: None,
        };
        let begin = ToBegin {
            at: at(),
            content_type: None,
            is_new: false,
        };
        let refused = [
            account.begin(begin).err(),
            account.put(put).await.err(),
            account.copy(copy).await.err(),
            account.delete(at()).await.err(),
            account.call(action).await.err(),
        ];
        for report in refused {
            let kind = report.map(|report| report.kind);
            assert_eq!(kind, Some(ReportKind::Denied));
        }
    }
}
