//! Implements the interface `storage`.

use host_base::{Report, ReportKind};
use serde_json::json;
use wasmtime::component::Resource;

use super::bindings::kubectl_broker::engine::storage as wit;
use super::{WitError, to_wit};
use crate::calls::http::Response;
use crate::calls::storage::known;
use crate::calls::upload::Upload;
use crate::instance::HostState;
use crate::{Condition, ObjectAt, SelectedKeys, StoredObject, StoredPage, ToBegin, ToCopy, ToPut};

impl wit::Host for HostState {
    async fn get(
        &mut self,
        store: String,
        at: wit::Location,
    ) -> wasmtime::Result<Result<Resource<Response>, WitError>> {
        self.count(0)?;
        let at = location(at);
        let asked = Self::asked(|| json!({ "store": store, "object": at.shown() }));
        let opened = self.get_stored(&store, at).await;
        self.tell("storage.get", asked, &opened, Response::known);
        match opened {
            Ok(response) => Ok(Ok(self.table.push(response)?)),
            Err(report) => Ok(Err(to_wit(report))),
        }
    }

    async fn head(
        &mut self,
        store: String,
        at: wit::Location,
    ) -> wasmtime::Result<Result<wit::Object, WitError>> {
        self.count(0)?;
        let at = location(at);
        let asked = Self::asked(|| json!({ "store": store, "object": at.shown() }));
        let object = self.head_stored(&store, at).await;
        self.tell("storage.head", asked, &object, known);
        Ok(object.map(to_object).map_err(to_wit))
    }

    async fn list(
        &mut self,
        store: String,
        selection: wit::Selection,
    ) -> wasmtime::Result<Result<wit::Page, WitError>> {
        self.count(0)?;
        let asked = Self::asked(|| {
            let wit::Selection {
                bucket,
                prefix,
                folders,
                limit,
                ..
            } = &selection;
            json!({ "store": store, "bucket": bucket, "prefix": prefix, "folders": folders, "limit": limit })
        });
        let selected = SelectedKeys {
            bucket: selection.bucket,
            prefix: selection.prefix,
            folders: selection.folders,
            cursor: selection.cursor,
            limit: selection.limit,
        };
        let page = self.list_stored(&store, selected).await;
        self.tell(
            "storage.list",
            asked,
            &page,
            |page| json!({ "objects": page.objects.len(), "folders": page.folders.len() }),
        );
        Ok(page.map(to_page).map_err(to_wit))
    }

    async fn put(
        &mut self,
        store: String,
        at: wit::Location,
        body: Vec<u8>,
        content_type: Option<String>,
        condition: wit::Condition,
    ) -> wasmtime::Result<Result<wit::Object, WitError>> {
        self.count(body.len())?;
        let at = location(at);
        let asked =
            Self::asked(|| json!({ "store": store, "object": at.shown(), "bytes": body.len() }));
        let to_put = ToPut {
            at,
            body: body.into(),
            content_type,
            condition: match condition {
                wit::Condition::None => Condition::None,
                wit::Condition::Absent => Condition::Absent,
                wit::Condition::Unchanged(etag) => Condition::Unchanged(etag),
            },
        };
        let object = self.put_stored(&store, to_put).await;
        self.tell("storage.put", asked, &object, known);
        Ok(object.map(to_object).map_err(to_wit))
    }

    async fn begin(
        &mut self,
        store: String,
        at: wit::Location,
        content_type: Option<String>,
        condition: wit::Condition,
    ) -> wasmtime::Result<Result<Resource<Upload>, WitError>> {
        self.count(0)?;
        let at = location(at);
        let asked = Self::asked(|| json!({ "store": store, "object": at.shown() }));
        let is_new = match condition {
            wit::Condition::None => Ok(false),
            wit::Condition::Absent => Ok(true),
            wit::Condition::Unchanged(_) => Err(Report::new(
                ReportKind::InvalidArgument,
                "an object that is written in pieces can't depend on a version",
            )),
        };
        let begun = is_new.and_then(|is_new| {
            let to_begin = ToBegin {
                at,
                content_type,
                is_new,
            };
            self.begin_stored(&store, to_begin)
        });
        self.tell("storage.begin", asked, &begun, |_| json!({}));
        match begun {
            Ok(upload) => Ok(Ok(self.table.push(upload)?)),
            Err(report) => Ok(Err(to_wit(report))),
        }
    }

    async fn copy(
        &mut self,
        store: String,
        duplicates: Vec<wit::Duplicate>,
    ) -> wasmtime::Result<Result<Vec<Result<wit::Object, WitError>>, WitError>> {
        self.count_batch(duplicates.len(), 0)?;
        let copies = duplicates.into_iter().map(|one| ToCopy {
            source: location(one.source),
            target: location(one.target),
            size: one.size,
            etag: one.etag,
        });
        let copies: Vec<_> = copies.collect();
        let asked = Self::asked(|| {
            let first = copies.first().map(
                |copy| json!({ "source": copy.source.shown(), "target": copy.target.shown() }),
            );
            json!({ "store": store, "copies": copies.len(), "first": first })
        });
        let results = self.copy_stored(&store, copies).await;
        self.tell("storage.copy", asked, &results, |all| done(all));
        let objects = |all: Vec<_>| {
            let all = all.into_iter();
            all.map(|one: Result<_, _>| one.map(to_object).map_err(to_wit))
                .collect()
        };
        Ok(results.map(objects).map_err(to_wit))
    }

    async fn delete(
        &mut self,
        store: String,
        bucket: String,
        keys: Vec<String>,
    ) -> wasmtime::Result<Result<Vec<Result<(), WitError>>, WitError>> {
        self.count_batch(keys.len(), 0)?;
        let asked = Self::asked(
            || json!({ "store": store, "bucket": bucket, "keys": keys.len(), "first": keys.first() }),
        );
        let deleted = self.delete_stored(&store, &bucket, keys).await;
        self.tell("storage.delete", asked, &deleted, |all| done(all));
        let results = |all: Vec<_>| {
            let all = all.into_iter();
            all.map(|one: Result<(), _>| one.map_err(to_wit)).collect()
        };
        Ok(deleted.map(results).map_err(to_wit))
    }
}

impl wit::HostUpload for HostState {
    async fn write(
        &mut self,
        upload: Resource<Upload>,
        bytes: Vec<u8>,
    ) -> wasmtime::Result<Result<(), WitError>> {
        // The upload has a limit of its own for its bytes.
        self.count(0)?;
        let asked = Self::asked(|| json!({ "bytes": bytes.len() }));
        let (meter, allowance) = (self.meter.clone(), self.allowance.clone());
        let upload = self.table.get_mut(&upload)?;
        let written = upload.write(bytes.into(), &meter, &allowance).await;
        self.tell("storage.upload.write", asked, &written, |()| json!({}));
        Ok(written.map_err(to_wit))
    }

    async fn finish(
        &mut self,
        upload: Resource<Upload>,
    ) -> wasmtime::Result<Result<wit::Object, WitError>> {
        self.count(0)?;
        let asked = Self::asked(|| json!({}));
        let (meter, allowance) = (self.meter.clone(), self.allowance.clone());
        let upload = self.table.get_mut(&upload)?;
        let object = upload.finish(&meter, &allowance).await;
        self.tell("storage.upload.finish", asked, &object, known);
        Ok(object.map(to_object).map_err(to_wit))
    }

    async fn drop(&mut self, upload: Resource<Upload>) -> wasmtime::Result<()> {
        let upload = self.table.delete(upload)?;
        self.drop_stored(upload).await;
        Ok(())
    }
}

/// Describes the results of a batch for the audit.
fn done<T, E>(all: &[Result<T, E>]) -> serde_json::Value {
    json!({ "done": all.iter().filter(|one| one.is_ok()).count() })
}

fn location(at: wit::Location) -> ObjectAt {
    ObjectAt {
        bucket: at.bucket,
        key: at.key,
    }
}

fn to_object(object: StoredObject) -> wit::Object {
    wit::Object {
        key: object.key,
        size: object.size,
        modified: object.modified,
        etag: object.etag,
        sha256: object.sha256,
    }
}

fn to_page(page: StoredPage) -> wit::Page {
    wit::Page {
        objects: page.objects.into_iter().map(to_object).collect(),
        folders: page.folders,
        next: page.next,
    }
}
