//! Gives engines the user's object stores and services of AWS.

use std::sync::Arc;
use std::time::Duration;

use broker_manifest::{AwsService, StoreKind};
use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use host_base::{Report, ReportKind};
use host_cluster::Deadlines;
use host_engine::{
    Condition, GrantedAction, ObjectAt, Outside, SelectedKeys, StoreAccess, StoredObject,
    StoredPage, StoredUpload, ToBegin, ToCopy, ToPut,
};
use host_objectstore::{
    self as store, Access, Action, Facts, Google, GoogleError, Location, S3, S3Error, Selection,
};

/// The clients of the services outside the cluster. Copies of it share them.
#[derive(Clone, Default)]
pub(super) struct Clouds {
    /// The stores and services that the user's AWS configuration reaches.
    pub(super) s3: Arc<S3>,
    /// The stores that the user's Google credentials reach.
    pub(super) google: Arc<Google>,
}

/// The services outside the cluster, as engines use them.
pub(super) struct Accounts {
    pub(super) clouds: Clouds,
    /// Whether the user has not chosen the target: nothing is changed, and no credentials are used.
    pub(super) is_survey: bool,
}

/// Returns the identity of requests to a store.
pub(super) const fn access(store: StoreAccess, is_survey: bool) -> Access {
    if store.is_signed && !is_survey {
        Access::Signed
    } else {
        Access::Anonymous
    }
}

impl Accounts {
    fn access(&self, store: StoreAccess) -> Access {
        access(store, self.is_survey)
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

fn of_s3<T>(result: Result<T, S3Error>) -> Result<T, Report> {
    result.map_err(|error| error.report())
}

fn of_google<T>(result: Result<T, GoogleError>) -> Result<T, Report> {
    result.map_err(|error| error.report())
}

impl Outside for Accounts {
    fn head(
        &self,
        store: StoreAccess,
        at: ObjectAt,
    ) -> BoxFuture<'_, Result<StoredObject, Report>> {
        async move {
            let (at, access) = (location(at), self.access(store));
            let Clouds { s3, google } = &self.clouds;
            let facts = match store.kind {
                StoreKind::S3 => of_s3(s3.head(&at, access, patience()).await),
                StoreKind::Gcs => of_google(google.head(&at, access, patience()).await),
            };
            facts.map(object)
        }
        .boxed()
    }

    fn list(
        &self,
        store: StoreAccess,
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
            let access = self.access(store);
            let Clouds { s3, google } = &self.clouds;
            let listing = match store.kind {
                StoreKind::S3 => of_s3(s3.list(&selection, access, patience()).await),
                StoreKind::Gcs => of_google(google.list(&selection, access, patience()).await),
            }?;
            Ok(StoredPage {
                objects: listing.objects.into_iter().map(object).collect(),
                folders: listing.folders,
                next: listing.next,
            })
        }
        .boxed()
    }

    fn put(
        &self,
        store: StoreAccess,
        to_put: ToPut,
    ) -> BoxFuture<'_, Result<StoredObject, Report>> {
        let condition = match to_put.condition {
            Condition::None => store::Condition::None,
            Condition::Absent => store::Condition::Absent,
            Condition::Unchanged(etag) => store::Condition::Unchanged(etag),
        };
        async move {
            self.check_chosen()?;
            let at = location(to_put.at);
            let kind = to_put.content_type.as_deref();
            let body = to_put.body;
            let Clouds { s3, google } = &self.clouds;
            let written = match store.kind {
                StoreKind::S3 => of_s3(s3.put(&at, body, kind, &condition, patience()).await),
                StoreKind::Gcs => {
                    of_google(google.put(&at, body, kind, &condition, patience()).await)
                }
            };
            written.map(object)
        }
        .boxed()
    }

    fn begin(
        &self,
        store: StoreAccess,
        to_begin: ToBegin,
    ) -> Result<Box<dyn StoredUpload>, Report> {
        self.check_chosen()?;
        let at = location(to_begin.at);
        let (kind, is_new) = (to_begin.content_type, to_begin.is_new);
        Ok(match store.kind {
            StoreKind::S3 => {
                let s3 = Arc::clone(&self.clouds.s3);
                Box::new(Parts(store::Writer::new(s3, at, kind, is_new, patience())))
            }
            StoreKind::Gcs => {
                let google = Arc::clone(&self.clouds.google);
                let writer = store::GoogleWriter::new(google, at, kind, is_new, patience());
                Box::new(Pieces(writer))
            }
        })
    }

    fn copy(
        &self,
        store: StoreAccess,
        to_copy: ToCopy,
    ) -> BoxFuture<'_, Result<StoredObject, Report>> {
        let copy = store::Copy {
            source: location(to_copy.source),
            target: location(to_copy.target),
            size: to_copy.size,
            etag: to_copy.etag,
        };
        async move {
            self.check_chosen()?;
            let Clouds { s3, google } = &self.clouds;
            let copied = match store.kind {
                StoreKind::S3 => of_s3(s3.copy(&copy, patience()).await),
                StoreKind::Gcs => of_google(google.copy(&copy, patience()).await),
            };
            copied.map(object)
        }
        .boxed()
    }

    fn delete(&self, store: StoreAccess, at: ObjectAt) -> BoxFuture<'_, Result<(), Report>> {
        async move {
            self.check_chosen()?;
            let at = location(at);
            let Clouds { s3, google } = &self.clouds;
            match store.kind {
                StoreKind::S3 => of_s3(s3.delete(&at, patience()).await),
                StoreKind::Gcs => of_google(google.delete(&at, patience()).await),
            }
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
            of_s3(self.clouds.s3.call(&action, patience()).await)
        }
        .boxed()
    }
}

/// An object of S3 that an engine writes in pieces.
struct Parts(store::Writer);

impl StoredUpload for Parts {
    fn write(&mut self, bytes: Bytes) -> BoxFuture<'_, Result<(), Report>> {
        async move { of_s3(self.0.write(&bytes).await) }.boxed()
    }

    fn finish(&mut self) -> BoxFuture<'_, Result<StoredObject, Report>> {
        async { of_s3(self.0.finish().await).map(object) }.boxed()
    }

    fn discard(&mut self) -> BoxFuture<'_, ()> {
        async {
            // Bytes that belong to no object may cost money, but the command has its own result already.
            let _discarded = self.0.discard().await;
        }
        .boxed()
    }
}

/// An object of Google Cloud Storage that an engine writes in pieces.
struct Pieces(store::GoogleWriter);

impl StoredUpload for Pieces {
    fn write(&mut self, bytes: Bytes) -> BoxFuture<'_, Result<(), Report>> {
        async move { of_google(self.0.write(&bytes).await) }.boxed()
    }

    fn finish(&mut self) -> BoxFuture<'_, Result<StoredObject, Report>> {
        async { of_google(self.0.finish().await).map(object) }.boxed()
    }

    fn discard(&mut self) -> BoxFuture<'_, ()> {
        async {
            // Bytes that belong to no object may cost money, but the command has its own result already.
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
        let account = Accounts {
            clouds: Clouds::default(),
            is_survey: true,
        };
        for kind in [StoreKind::S3, StoreKind::Gcs] {
            refuses(&account, kind).await;
        }
    }

    async fn refuses(account: &Accounts, kind: StoreKind) {
        let store = StoreAccess {
            kind,
            is_signed: true,
        };
        assert_eq!(account.access(store), Access::Anonymous);
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
            account.begin(store, begin).err(),
            account.put(store, put).await.err(),
            account.copy(store, copy).await.err(),
            account.delete(store, at()).await.err(),
            account.call(action).await.err(),
        ];
        for report in refused {
            let kind = report.map(|report| report.kind);
            assert_eq!(kind, Some(ReportKind::Denied));
        }
    }
}
