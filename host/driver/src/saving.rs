//! Saves the bodies that an engine receives: where they go, and how they are requested again.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use host_base::{Report, ReportKind, Reporter, Sha256, text};
use host_engine::{Answer, Artifacts, Network as _, Outgoing, SavedFile, ToSave};
use host_transfer::{
    Destination, Download, Expectation, FileName, Proof, Retry, Source, TokioSleeper,
    TransferError, kept_bytes,
};
use http::HeaderMap;
use jiff::Timestamp;

use super::network::Endpoints;
use super::observer::TransferObserver;
use super::passing::Passed;

/// Where to write a backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A file.
    File {
        /// The folder of the file.
        folder: PathBuf,
        /// The user's name for the file. None uses the backend's name, or one made of the backup's id and
        /// time.
        name: Option<FileName>,
        /// Whether to replace an existing file of that name.
        replace: bool,
    },
    /// Stdout.
    Output,
}

impl Place {
    /// Returns where a file goes, under the user's name or the proposed one. None for stdout.
    pub(super) fn destination(&self, proposed: Option<&FileName>) -> Option<Destination> {
        let Self::File {
            folder,
            name,
            replace,
        } = self
        else {
            return None;
        };
        Some(Destination {
            folder: folder.clone(),
            name: name.as_ref().or(proposed)?.clone(),
            replace: *replace,
        })
    }
}

/// The order of one command to save a body.
#[derive(Clone, Debug)]
pub(super) struct Order {
    pub(super) place: Place,
    /// Number of retries without progress before giving up.
    pub(super) retries: u32,
    /// Whether to keep the bytes although nothing proves that they are complete.
    pub(super) accept_unproven: bool,
    pub(super) id: String,
    pub(super) created: Option<Timestamp>,
    /// Whether to add the time to the backend's name, because the backend uses one name for all backups.
    pub(super) dated: bool,
    /// Length in bytes, as the list of backups reports it.
    pub(super) listed_length: Option<u64>,
}

/// A body that was saved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stored {
    /// Name of the file, or the name that the file would have had.
    pub(super) name: FileName,
    /// Path of the file. None if the bytes went to stdout.
    pub(super) path: Option<PathBuf>,
    /// Length in bytes.
    pub(super) length: u64,
    pub(super) sha256: Sha256,
    pub(super) proof: Proof,
    /// Damage that the structure of the file shows, if the user accepts it.
    pub(super) damage: Option<String>,
    /// Number of bytes that an earlier run had downloaded.
    pub(super) resumed: u64,
}

/// Saves the bodies of one running engine. Without an order it refuses them.
pub(super) struct Saving {
    network: Arc<Endpoints>,
    reporter: Arc<dyn Reporter>,
    state: Mutex<State>,
    /// Number of received bytes of the latest body.
    received: Arc<AtomicU64>,
}

#[derive(Default)]
struct State {
    order: Option<Order>,
    stored: Option<Stored>,
    /// Whether a file was saved, also after `stored` was taken.
    has_file: bool,
    failed: Option<Passed<TransferError>>,
    /// Where the bytes of the latest body go.
    destination: Option<Destination>,
}

impl Saving {
    pub(super) fn new(network: Arc<Endpoints>, reporter: Arc<dyn Reporter>) -> Self {
        Self {
            network,
            reporter,
            state: Mutex::default(),
            received: Arc::default(),
        }
    }

    /// Allows the engine to save one body.
    pub(super) fn expect(&self, order: Order) {
        *self.state() = State {
            order: Some(order),
            ..State::default()
        };
    }

    /// Returns what was saved, if there is something.
    pub(super) fn take_stored(&self) -> Option<Stored> {
        self.state().stored.take()
    }

    /// Returns whether a complete file has its final name.
    pub(super) fn has_file(&self) -> bool {
        self.state().has_file
    }

    /// Returns the error of the body, for engines that report success although saving failed.
    pub(super) fn take_failed(&self) -> Option<TransferError> {
        self.state().failed.take().map(Passed::into_error)
    }

    /// Returns the number of received bytes of the body.
    pub(super) fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    /// Returns how many bytes the next run can resume after. None if it must begin again.
    pub(super) fn kept(&self) -> Option<u64> {
        kept_bytes(self.state().destination.as_ref()?)
    }

    /// Returns the error of the transfer that an engine passed on as `report`, if there is one.
    pub(super) fn original_of(&self, report: &Report) -> Option<Passed<TransferError>> {
        self.state().failed.take_if(|passed| passed.is(report))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn carry_out(&self, order: Order, to_save: ToSave) -> Result<Stored, TransferError> {
        let source = Again {
            identity: self.network.identity(&to_save.request),
            request: to_save.request,
            network: Mutex::new(Arc::clone(&self.network)),
            reporter: Arc::clone(&self.reporter),
        };
        let observer = TransferObserver::new(Arc::clone(&self.reporter), "Downloaded")
            .counting(&self.received);
        let proposed = file_name(&order, to_save.name.as_deref(), to_save.answer.headers());
        let destination = order.place.destination(Some(&proposed));
        let name = destination.as_ref().map_or(proposed, |it| it.name.clone());
        self.state().destination.clone_from(&destination);
        let download = Download {
            first: to_save.answer,
            source: &source,
            expectation: Expectation {
                length: to_save.length,
                listed_length: order.listed_length,
                sha256: to_save.sha256,
            },
            accept_unproven: order.accept_unproven,
            retry: Retry {
                tries: order.retries,
                ..Retry::default()
            },
            sleeper: &TokioSleeper,
            progress: &observer,
        };
        let Some(destination) = destination else {
            let streamed = host_transfer::stream_to(download, &mut tokio::io::stdout()).await?;
            return Ok(Stored {
                name,
                path: None,
                length: streamed.length,
                sha256: streamed.sha256,
                proof: streamed.proof,
                damage: None,
                resumed: 0,
            });
        };
        let saved = host_transfer::save(download, &destination).await?;
        Ok(Stored {
            name,
            path: Some(saved.path),
            length: saved.length,
            sha256: saved.sha256,
            proof: saved.proof,
            damage: saved.damage,
            resumed: saved.resumed,
        })
    }
}

impl Artifacts for Saving {
    fn save(&self, to_save: ToSave) -> BoxFuture<'_, Result<SavedFile, Report>> {
        async move {
            let order = self.state().order.take().ok_or_else(|| {
                Report::new(
                    ReportKind::Denied,
                    "this command saves no file, or has saved one already",
                )
            })?;
            match self.carry_out(order, to_save).await {
                Ok(stored) => {
                    let saved = SavedFile {
                        name: stored.name.to_string(),
                        length: stored.length,
                        sha256: stored.sha256.to_string(),
                    };
                    let mut state = self.state();
                    state.has_file = stored.path.is_some();
                    state.stored = Some(stored);
                    Ok(saved)
                }
                Err(error) => {
                    let mut report = error.report();
                    self.state().failed = Some(Passed::new(error, &mut report));
                    Err(report)
                }
            }
        }
        .boxed()
    }
}

/// Returns the name of a file for which the user gave none.
fn file_name(order: &Order, engines: Option<&str>, headers: &HeaderMap) -> FileName {
    let time = order.created.unwrap_or_else(Timestamp::now);
    let given = engines
        .and_then(FileName::clean)
        .or_else(|| FileName::of_headers(headers));
    match given {
        Some(name) if order.dated => name.dated(time),
        Some(name) => name,
        None => FileName::fallback(&order.id, time),
    }
}

/// Sends the same request again, to another pod if the first one is gone.
struct Again {
    identity: String,
    request: Outgoing,
    network: Mutex<Arc<Endpoints>>,
    reporter: Arc<dyn Reporter>,
}

impl Again {
    fn network(&self) -> MutexGuard<'_, Arc<Endpoints>> {
        self.network.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn send(&self, headers: &HeaderMap) -> Result<Answer, Report> {
        let mut request = self.request.clone();
        request.request.headers_mut().extend(headers.clone());
        let network = Arc::clone(&self.network());
        let answer = network.send(request.clone()).await;
        let Err(report) = answer else {
            return answer;
        };
        if !report.retryable {
            return Err(report);
        }
        // The pod may be gone, and another one may be ready.
        let network = Arc::new(network.find_again().await?);
        for note in network.take_notes() {
            self.reporter.note(&note);
        }
        tracing::debug!(
            "asking again after: {}",
            text::printable(&report.message, 200)
        );
        *self.network() = Arc::clone(&network);
        network.send(request).await
    }
}

impl Source for Again {
    fn identity(&self) -> &str {
        &self.identity
    }

    fn can_repeat(&self) -> bool {
        self.request.is_safe()
    }

    fn open<'a>(&'a self, headers: &'a HeaderMap) -> BoxFuture<'a, Result<Answer, Report>> {
        self.send(headers).boxed()
    }
}

#[cfg(test)]
mod tests;
