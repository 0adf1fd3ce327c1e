//! Uploads one file in parts, with constant memory.
//!
//! ```text
//! write ─→ [age: encrypt, hash the plain bytes] ─→ hash the stored bytes, cut parts ─→ up to 8 parts in flight
//! ```

use std::mem;
use std::sync::Arc;

use bytes::Bytes;
use host_base::Sha256;
use host_transfer::{Claims, Sink};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::StoreError;
use crate::encrypting::{Plain, encrypt};
use crate::manifest::Stored;
use crate::plan::{MAX_OBJECT, Plan};
use crate::resume::Resume;
use crate::sender::{Order, Sender};
use crate::upload::Shared;

/// How many pieces wait for the next step.
const WAITING: usize = 4;

/// A file that is being uploaded.
pub struct FileUpload {
    /// The stored bytes.
    stored: mpsc::Sender<Order>,
    /// The plain bytes, if they are encrypted.
    plain: Option<mpsc::Sender<Plain>>,
    task: Option<JoinHandle<Result<(), StoreError>>>,
    /// Dropping it ends the task, also while a part hangs.
    _wanted: oneshot::Sender<()>,
    /// Length and digest of the plain bytes, when all are there.
    sealed: Option<(u64, Sha256)>,
    /// Whether the bytes so far are void, and the next step does not know that yet.
    is_void: bool,
}

impl FileUpload {
    pub(crate) fn begin(
        shared: Arc<Shared>,
        object: String,
        length: Option<u64>,
        resume: Resume,
    ) -> Result<(Self, u64), StoreError> {
        if length.is_some_and(|length| length > MAX_OBJECT) {
            return Err(shared.store.too_large(&object, MAX_OBJECT));
        }
        let plan = Plan::of(length);
        let path = shared.store.path(&object)?;
        let recipients = shared.recipients.clone();
        let working = (shared.store.cleanup.begin(), shared.running.begin());
        let mut sender = Sender::new(shared, object, path, plan);
        sender.take_up(resume);
        let resumed = sender.length;
        let (stored, orders) = mpsc::channel(WAITING);
        let (wanted, unwanted) = oneshot::channel();
        let task = tokio::spawn(async move {
            let result = sender.run(orders, unwanted).await;
            drop(working);
            result
        });
        let closed = if recipients.is_empty() {
            None
        } else {
            let (to_encrypt, pieces) = mpsc::channel(WAITING);
            let to = stored.clone();
            std::thread::Builder::new()
                .name("age".to_owned())
                .spawn(move || {
                    // The next step ends when this one does, and knows why.
                    let _ = encrypt(&recipients, pieces, &to);
                })
                .map_err(|_| StoreError::Stopped)?;
            Some(to_encrypt)
        };
        let upload = Self {
            stored,
            plain: closed,
            task: Some(task),
            _wanted: wanted,
            sealed: None,
            is_void: false,
        };
        Ok((upload, resumed))
    }

    /// Makes the bytes an object. Returns length and digest of the plain bytes, and the object.
    pub(crate) async fn complete(mut self) -> Result<(u64, Sha256, Stored), StoreError> {
        let Some((length, sha256)) = self.sealed else {
            return Err(StoreError::Stopped);
        };
        let (answer, stored) = oneshot::channel();
        let sent = self.stored.send(Order::Complete(answer)).await;
        match (sent, stored.await) {
            (Ok(()), Ok(stored)) => Ok((length, sha256, stored)),
            _ => Err(self.reason().await),
        }
    }

    async fn pass_restart(&mut self) -> Result<(), StoreError> {
        if !mem::take(&mut self.is_void) {
            return Ok(());
        }
        let sent = match &self.plain {
            Some(plain) => plain.send(Plain::Restart).await.is_ok(),
            None => self.stored.send(Order::Restart).await.is_ok(),
        };
        if sent {
            Ok(())
        } else {
            Err(self.reason().await)
        }
    }

    /// Returns why the upload takes no more orders.
    async fn reason(&mut self) -> StoreError {
        match self.task.take() {
            Some(task) => match task.await {
                Ok(Err(error)) => error,
                _ => StoreError::Stopped,
            },
            None => StoreError::Stopped,
        }
    }
}

impl Sink for FileUpload {
    type Error = StoreError;

    async fn write(&mut self, bytes: Bytes) -> Result<(), StoreError> {
        self.pass_restart().await?;
        let sent = match &self.plain {
            Some(plain) => plain.send(Plain::Bytes(bytes)).await.is_ok(),
            None => self.stored.send(Order::Bytes(bytes)).await.is_ok(),
        };
        if sent {
            Ok(())
        } else {
            Err(self.reason().await)
        }
    }

    fn restart(&mut self, _: &Claims) -> Result<(), StoreError> {
        self.is_void = true;
        Ok(())
    }

    async fn finish(&mut self) -> Result<Sha256, StoreError> {
        self.pass_restart().await?;
        let (answer, sealed) = oneshot::channel();
        let sent = match &self.plain {
            Some(plain) => plain.send(Plain::Seal(answer)).await.is_ok(),
            None => self.stored.send(Order::Seal(answer)).await.is_ok(),
        };
        match (sent, sealed.await) {
            (true, Ok(sealed)) => Ok(self.sealed.insert(sealed).1),
            _ => Err(self.reason().await),
        }
    }
}
