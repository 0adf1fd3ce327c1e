//! Access to object stores and to Amazon's services, for each version of the interface: the host checks each call
//! against the grants.

use std::sync::Arc;

use broker_manifest::{Auth, StoreVerb};
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use host_base::{Report, ReportKind};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::http::{Response, open, without_secrets};
use super::upload::Upload;
use crate::instance::{HostResult, HostState};
use crate::{
    GrantedAction, ObjectAt, Outgoing, Outside, SelectedKeys, Sent, StoreAccess, StoredObject,
    StoredPage, ToBegin, ToCopy, ToPut,
};

/// The maximum size of an object that an engine may write, in bytes.
const MAX_PUT: usize = 1 << 20;
/// The maximum number of objects that an engine writes in pieces at the same time. Each needs memory for a part.
const MAX_UPLOADS: usize = 4;
/// The maximum number of objects that one call copies or deletes.
pub(crate) const MAX_BATCH: usize = 1000;
/// The number of objects that are copied or deleted at the same time.
const AT_ONCE: usize = 32;
/// The maximum number of parameters of an action.
const MAX_PARAMETERS: usize = 1000;
/// The maximum length of the parameters of an action together, in bytes.
const MAX_PARAMETERS_BYTES: usize = 256 << 10;
/// The characters of a key that are encoded: all except RFC 3986's unreserved ones, and the slash.
const KEY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'/');

impl ObjectAt {
    /// Describes the object for the audit.
    pub(crate) fn shown(&self) -> Value {
        json!(format!("{}/{}", self.bucket, self.key))
    }
}

/// Describes the facts about an object for the audit.
pub(crate) fn known(object: &StoredObject) -> Value {
    json!({ "bytes": object.size, "etag": object.etag })
}

impl HostState {
    /// Opens an object, to read or to save it.
    pub(crate) async fn get_stored(&mut self, store: &str, at: ObjectAt) -> HostResult<Response> {
        let access = self.check_stored(store, StoreVerb::Get, &at.bucket, &at.key)?;
        let path = format!("/{}/{}", at.bucket, utf8_percent_encode(&at.key, KEY));
        let request = http::Request::get(path).body(Sent::Bytes(Bytes::new()));
        let request = request.map_err(|error| {
            let message = format!("the object can't be requested: {error}");
            Report::new(ReportKind::InvalidArgument, message)
        })?;
        let network = Arc::clone(&self.network);
        let opened = open(
            &*network,
            Outgoing {
                endpoint: format!("store {store}"),
                store: Some(access),
                auth: Auth::None,
                patience: None,
                pod: None,
                request,
            },
        );
        opened.await
    }

    pub(crate) async fn head_stored(
        &mut self,
        store: &str,
        at: ObjectAt,
    ) -> HostResult<StoredObject> {
        let access = self.check_stored(store, StoreVerb::Get, &at.bucket, &at.key)?;
        let object = self.outside()?.head(access, at).await;
        object.map_err(|report| without_secrets(&*self.network, report))
    }

    pub(crate) async fn list_stored(
        &mut self,
        store: &str,
        selected: SelectedKeys,
    ) -> HostResult<StoredPage> {
        let access =
            self.check_stored(store, StoreVerb::List, &selected.bucket, &selected.prefix)?;
        let prefix = selected.prefix.clone();
        let mut page = self.outside()?.list(access, selected).await?;
        // A store that ignores the prefix must not show what is not granted.
        page.objects
            .retain(|object| object.key.starts_with(&prefix));
        page.folders.retain(|folder| folder.starts_with(&prefix));
        // A walk through a million objects is as long as a read of as many lines.
        self.meter.earn(length_of(&page));
        Ok(page)
    }

    pub(crate) async fn put_stored(
        &mut self,
        store: &str,
        to_put: ToPut,
    ) -> HostResult<StoredObject> {
        let at = &to_put.at;
        let access = self.check_stored(store, StoreVerb::Put, &at.bucket, &at.key)?;
        if to_put.body.len() > MAX_PUT {
            let message = format!(
                "the object has {} bytes; at most {MAX_PUT} can be written",
                to_put.body.len()
            );
            return Err(Report::new(ReportKind::InvalidArgument, message));
        }
        self.outside()?.put(access, to_put).await
    }

    /// Begins an object that is written in pieces.
    pub(crate) fn begin_stored(&mut self, store: &str, to_begin: ToBegin) -> HostResult<Upload> {
        let at = &to_begin.at;
        let access = self.check_stored(store, StoreVerb::Put, &at.bucket, &at.key)?;
        if self.uploads >= MAX_UPLOADS {
            let message = format!("{MAX_UPLOADS} objects are being written in pieces already");
            return Err(Report::new(ReportKind::InvalidArgument, message));
        }
        let upload = self.outside()?.begin(access, to_begin)?;
        self.uploads += 1;
        Ok(Upload::new(upload))
    }

    /// Discards an object that was written in pieces, unless it is complete.
    pub(crate) async fn drop_stored(&mut self, mut upload: Upload) {
        self.uploads -= 1;
        upload.discard(&self.meter, &self.allowance).await;
    }

    /// Copies objects, several at the same time. The results are in the order of the copies.
    pub(crate) async fn copy_stored(
        &mut self,
        store: &str,
        copies: Vec<ToCopy>,
    ) -> HostResult<Vec<HostResult<StoredObject>>> {
        check_batch(copies.len())?;
        let copies = copies.into_iter().map(|copy| {
            let (source, target) = (&copy.source, &copy.target);
            self.check_stored(store, StoreVerb::Get, &source.bucket, &source.key)?;
            let access = self.check_stored(store, StoreVerb::Copy, &target.bucket, &target.key)?;
            Ok((access, copy))
        });
        let copies: Vec<HostResult<(StoreAccess, ToCopy)>> = copies.collect();
        let outside = self.outside()?;
        // A store answers when all bytes are copied, which has a deadline of its own.
        let _pause = self.allowance.pause();
        let work = each(copies, |(access, copy)| {
            let outside = Arc::clone(&outside);
            async move { outside.copy(access, copy).await }
        });
        Ok(self.meter.spare(work).await)
    }

    /// Deletes objects, several at the same time. The results are in the order of the keys.
    pub(crate) async fn delete_stored(
        &mut self,
        store: &str,
        bucket: &str,
        keys: Vec<String>,
    ) -> HostResult<Vec<HostResult<()>>> {
        check_batch(keys.len())?;
        let objects = keys.into_iter().map(|key| {
            let access = self.check_stored(store, StoreVerb::Delete, bucket, &key)?;
            let bucket = bucket.to_owned();
            Ok((access, ObjectAt { bucket, key }))
        });
        let objects: Vec<HostResult<(StoreAccess, ObjectAt)>> = objects.collect();
        let outside = self.outside()?;
        Ok(each(objects, |(access, at)| {
            let outside = Arc::clone(&outside);
            async move { outside.delete(access, at).await }
        })
        .await)
    }

    /// Calls an action of a service.
    pub(crate) async fn call_action(
        &mut self,
        service: String,
        action: String,
        parameters: Vec<(String, String)>,
        region: Option<String>,
    ) -> HostResult<String> {
        let version = self.grants.check_action(&service, &action)?.to_owned();
        let lengths = parameters
            .iter()
            .map(|(name, value)| name.len() + value.len());
        if parameters.len() > MAX_PARAMETERS || lengths.sum::<usize>() > MAX_PARAMETERS_BYTES {
            let message = format!(
                "an action has at most {MAX_PARAMETERS} parameters, in {MAX_PARAMETERS_BYTES} bytes"
            );
            return Err(Report::new(ReportKind::InvalidArgument, message));
        }
        // A second action in the form could be another one than that which was checked.
        let is_fixed = |name: &str| {
            let mut fixed = ["Action", "Version"].iter();
            fixed.any(|it| it.eq_ignore_ascii_case(name))
        };
        if let Some((name, _)) = parameters.iter().find(|(name, _)| is_fixed(name)) {
            let message = format!("`{name}` is not a parameter of an action; the host sets it");
            return Err(Report::new(ReportKind::Denied, message));
        }
        let outside = self.outside()?;
        let called = outside.call(GrantedAction {
            service,
            version,
            action,
            parameters,
            region,
        });
        called.await
    }

    fn outside(&self) -> HostResult<Arc<dyn Outside>> {
        let denied = || {
            Report::new(
                ReportKind::Denied,
                "nothing outside the cluster is reached here",
            )
        };
        self.outside.clone().ok_or_else(denied)
    }

    fn check_stored(
        &self,
        store: &str,
        verb: StoreVerb,
        bucket: &str,
        key: &str,
    ) -> HostResult<StoreAccess> {
        let granted = self
            .grants
            .check_store(store, verb, bucket, key, &self.options);
        granted.map(StoreAccess::from)
    }
}

/// Returns the length of the texts of a page, in bytes.
fn length_of(page: &StoredPage) -> usize {
    let objects = page.objects.iter().map(|object| {
        let optional = [&object.modified, &object.etag, &object.sha256];
        let optional = optional.into_iter().flatten().map(String::len);
        object.key.len() + optional.sum::<usize>()
    });
    let folders = page.folders.iter().map(String::len);
    objects.chain(folders).sum()
}

fn check_batch(number: usize) -> HostResult<()> {
    if number > MAX_BATCH {
        let message = format!("{number} objects at once; at most {MAX_BATCH} are possible");
        return Err(Report::new(ReportKind::InvalidArgument, message));
    }
    Ok(())
}

/// Works on several things at the same time. One that failed does not stop the others.
async fn each<T, U, F>(things: Vec<HostResult<T>>, work: impl Fn(T) -> F) -> Vec<HostResult<U>>
where
    F: Future<Output = HostResult<U>>,
{
    let work = &work;
    let all = things
        .into_iter()
        .map(|thing| async move { work(thing?).await });
    stream::iter(all).buffered(AT_ONCE).collect().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_of_a_page_is_that_of_its_texts() {
        let object = StoredObject {
            key: "ab".to_owned(),
            size: 1 << 40,
            modified: Some("2025".to_owned()),
            etag: None,
            sha256: Some("0".repeat(64)),
        };
        let page = StoredPage {
            objects: vec![object.clone(), object],
            folders: vec!["folder/".to_owned()],
            next: None,
        };
        assert_eq!(length_of(&page), 2 * (2 + 4 + 64) + 7);
    }
}
