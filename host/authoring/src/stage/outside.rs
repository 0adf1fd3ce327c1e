use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use host_base::{Report, ReportKind};
use host_engine::{
    Condition, GrantedAction, ObjectAt, Outside, SelectedKeys, StoreAccess, StoredObject,
    StoredPage, StoredUpload, ToBegin, ToCopy, ToPut,
};

use super::{Script, Stage};

/// An access to services outside the cluster. Objects are opened by a request instead.
pub(crate) enum Beyond {
    Head(ObjectAt),
    List(SelectedKeys),
    Put(ToPut),
    Copy(ToCopy),
    Delete(ObjectAt),
    Call(GrantedAction),
}

/// The result of such an access.
pub(crate) enum Found {
    Object(StoredObject),
    Page(StoredPage),
    Xml(String),
    Done,
}

impl Beyond {
    /// Returns the access as messages show it.
    pub(crate) fn shown(&self) -> String {
        let of = |verb: &str, at: &ObjectAt| format!("{verb} {}/{}", at.bucket, at.key);
        match self {
            Self::Head(at) => of("get", at),
            Self::List(selected) => format!("list {}/{}", selected.bucket, selected.prefix),
            Self::Put(to_put) => of("put", &to_put.at),
            Self::Copy(copy) => {
                let source = format!("{}/{}", copy.source.bucket, copy.source.key);
                format!("{} from {source}", of("copy", &copy.target))
            }
            Self::Delete(at) => of("delete", at),
            Self::Call(action) => format!("{}:{}", action.service, action.action),
        }
    }
}

impl Stage {
    fn beyond(&self, asked: Beyond) -> Result<Found, Report> {
        self.seen.count()?;
        self.script.outside(asked)
    }

    fn stored(&self, asked: Beyond) -> Result<StoredObject, Report> {
        match self.beyond(asked)? {
            Found::Object(object) => Ok(object),
            _ => Err(other()),
        }
    }
}

/// An object that is written in pieces. The script sees it whole, when it is complete.
struct Pieces {
    script: Arc<dyn Script>,
    to_begin: ToBegin,
    bytes: BytesMut,
}

impl StoredUpload for Pieces {
    fn write(&mut self, bytes: Bytes) -> BoxFuture<'_, Result<(), Report>> {
        self.bytes.extend_from_slice(&bytes);
        async { Ok(()) }.boxed()
    }

    fn finish(&mut self) -> BoxFuture<'_, Result<StoredObject, Report>> {
        let to_put = ToPut {
            at: self.to_begin.at.clone(),
            body: self.bytes.split().freeze(),
            content_type: self.to_begin.content_type.clone(),
            condition: if self.to_begin.is_new {
                Condition::Absent
            } else {
                Condition::None
            },
        };
        async {
            match self.script.outside(Beyond::Put(to_put))? {
                Found::Object(object) => Ok(object),
                _ => Err(other()),
            }
        }
        .boxed()
    }

    fn discard(&mut self) -> BoxFuture<'_, ()> {
        async {}.boxed()
    }
}

fn other() -> Report {
    Report::new(ReportKind::Failed, "the script has another result")
}

impl Outside for Stage {
    fn head(&self, _: StoreAccess, at: ObjectAt) -> BoxFuture<'_, Result<StoredObject, Report>> {
        async { self.stored(Beyond::Head(at)) }.boxed()
    }

    fn list(
        &self,
        _: StoreAccess,
        selected: SelectedKeys,
    ) -> BoxFuture<'_, Result<StoredPage, Report>> {
        async {
            match self.beyond(Beyond::List(selected))? {
                Found::Page(page) => Ok(page),
                _ => Err(other()),
            }
        }
        .boxed()
    }

    fn put(&self, _: StoreAccess, to_put: ToPut) -> BoxFuture<'_, Result<StoredObject, Report>> {
        async { self.stored(Beyond::Put(to_put)) }.boxed()
    }

    fn begin(&self, _: StoreAccess, to_begin: ToBegin) -> Result<Box<dyn StoredUpload>, Report> {
        self.seen.count()?;
        Ok(Box::new(Pieces {
            script: Arc::clone(&self.script),
            to_begin,
            bytes: BytesMut::new(),
        }))
    }

    fn copy(&self, _: StoreAccess, to_copy: ToCopy) -> BoxFuture<'_, Result<StoredObject, Report>> {
        async { self.stored(Beyond::Copy(to_copy)) }.boxed()
    }

    fn delete(&self, _: StoreAccess, at: ObjectAt) -> BoxFuture<'_, Result<(), Report>> {
        async { self.beyond(Beyond::Delete(at)).map(|_| ()) }.boxed()
    }

    fn call(&self, action: GrantedAction) -> BoxFuture<'_, Result<String, Report>> {
        async {
            match self.beyond(Beyond::Call(action))? {
                Found::Xml(xml) => Ok(xml),
                _ => Err(other()),
            }
        }
        .boxed()
    }
}
