//! Saves the bodies that an engine receives: where they go, and how they are requested again.

use std::mem;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use broker_manifest::Saves;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use host_base::{Report, ReportKind, Reporter, Sha256, text};
use host_engine::{Answer, Artifacts, Network as _, Outgoing, SavedFile, ToSave};
use host_store::{Draft, Origin, Store, StoreError, Subject, Written};
use host_transfer::{
    Destination, Download, Expectation, FileName, FileNames, Proof, Retry, SavedPart, Source,
    TokioSleeper, TransferError, earlier, hand_over, kept_bytes,
};
use http::HeaderMap;
use jiff::Timestamp;

use super::network::Endpoints;
use super::observer::TransferObserver;
use super::passing::Passed;
use super::{OpsError, holder};

/// Where to write a backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A file, or several in one folder.
    File {
        /// The folder of the file.
        folder: PathBuf,
        /// Whether the folder is the default one. There, several files get a folder of their own.
        is_default: bool,
        /// The user's name for the file. None uses the backend's name, or one made of the backup's id and
        /// time.
        name: Option<FileName>,
        /// Whether to replace an existing file of that name.
        replace: bool,
    },
    /// Stdout.
    Output,
    /// A store. The bytes don't touch this machine's disk.
    Store(StorePlace),
}

/// A store that gets a copy of a backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorePlace {
    /// The store.
    pub store: Arc<Store>,
    /// The name of the cluster in the copy, if it is not the one of the kubeconfig.
    pub cluster: Option<String>,
    /// Whether to copy a backup although the store has a copy of it.
    pub is_forced: bool,
}

impl Place {
    /// Returns where a file goes, under the user's name or the proposed one. None for stdout.
    pub(super) fn destination(&self, proposed: Option<&FileName>) -> Option<Destination> {
        let Self::File {
            folder,
            name,
            replace,
            ..
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

    /// Refuses places that the files of a command can't go to, before a backend has any work.
    pub(super) fn check(&self, saves: Saves, engine: &str) -> Result<(), OpsError> {
        let is_single = matches!(self, Self::Output | Self::File { name: Some(_), .. });
        if is_single && saves == Saves::Many {
            return Err(OpsError::SeveralFiles {
                engine: engine.to_owned(),
                to_output: *self == Self::Output,
            });
        }
        match self.destination(None) {
            Some(destination) => Ok(destination.check()?),
            None => Ok(()),
        }
    }

    /// Returns the place for the files of a command. Below the default folder, several files go into a folder
    /// with the name of `set`.
    pub(super) fn of(&self, saves: Saves, set: &str) -> Self {
        match self {
            Self::File {
                folder,
                is_default: true,
                name,
                replace,
            } if saves == Saves::Many => Self::File {
                folder: folder.join(flat_name(set).as_str()),
                is_default: true,
                name: name.clone(),
                replace: *replace,
            },
            other => other.clone(),
        }
    }

    /// Returns a note about the folder if the user did not choose it.
    pub(super) fn note(&self) -> Option<String> {
        match self {
            Self::File {
                folder,
                is_default: true,
                ..
            } => Some(format!(
                "Using folder {}",
                text::printable(&folder.to_string_lossy(), 1000)
            )),
            _ => None,
        }
    }

    fn folder(&self) -> Option<&Path> {
        match self {
            Self::File { folder, .. } => Some(folder),
            Self::Output | Self::Store(_) => None,
        }
    }
}

/// Returns the name of a folder or of a file that is made of an id. Ids that differ in their folders only must
/// not share it.
fn flat_name(id: &str) -> FileName {
    let flat = id.replace(['/', '\\'], "-");
    FileName::clean(&flat).unwrap_or_else(|| FileName::fallback(id, Timestamp::UNIX_EPOCH))
}

/// The order of one command to save a body, or several.
#[derive(Clone, Debug)]
pub(super) struct Order {
    pub(super) place: Place,
    /// How many bodies the engine may save.
    pub(super) saves: Saves,
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
    /// The origin of the backup, for a copy in a store.
    pub(super) origin: Origin,
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
    /// The copy that is written to a store.
    draft: tokio::sync::Mutex<Option<Draft>>,
    /// Number of received bytes of the latest body.
    received: Arc<AtomicU64>,
}

#[derive(Default)]
struct State {
    order: Option<Order>,
    stored: Vec<Stored>,
    /// The folder, if several files may be saved.
    folder: Option<PathBuf>,
    /// The names of several files.
    names: FileNames,
    /// The complete files, also after `stored` was taken.
    complete: Vec<SavedPart>,
    failed: Option<Passed<StoreError>>,
    /// Where the bytes of the latest body go.
    destination: Option<Destination>,
}

impl Saving {
    pub(super) fn new(network: Arc<Endpoints>, reporter: Arc<dyn Reporter>) -> Self {
        Self {
            network,
            reporter,
            state: Mutex::default(),
            draft: tokio::sync::Mutex::default(),
            received: Arc::default(),
        }
    }

    /// Allows the engine to save one body, or several.
    pub(super) fn expect(&self, order: Order) {
        let is_many = order.saves == Saves::Many;
        let folder = order.place.folder().filter(|_| is_many);
        *self.state() = State {
            folder: folder.map(Path::to_owned),
            order: Some(order),
            ..State::default()
        };
    }

    /// Returns what was saved, in the order in which it was completed.
    pub(super) fn take_stored(&self) -> Vec<Stored> {
        mem::take(&mut self.state().stored)
    }

    /// Returns the folder of the files, if several may be saved.
    pub(super) fn folder(&self) -> Option<PathBuf> {
        self.state().folder.clone()
    }

    /// Returns the complete files that have their final names.
    pub(super) fn complete(&self) -> Vec<SavedPart> {
        self.state().complete.clone()
    }

    /// Returns the error of the body, for engines that report success although saving failed.
    pub(super) fn take_failed(&self) -> Option<StoreError> {
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
    pub(super) fn original_of(&self, report: &Report) -> Option<Passed<StoreError>> {
        self.state().failed.take_if(|passed| passed.is(report))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes the manifest of the copy. From now on the copy exists.
    pub(super) async fn complete_copy(&self) -> Result<Option<Written>, StoreError> {
        match self.draft.lock().await.take() {
            Some(draft) => Ok(Some(draft.complete().await?)),
            None => Ok(None),
        }
    }

    /// Discards a copy that is not complete, unless the same command can resume it.
    pub(super) async fn discard_copy(&self) {
        drop(self.draft.lock().await.take());
    }

    async fn carry_out(&self, order: &Order, to_save: ToSave) -> Result<Stored, StoreError> {
        let is_many = order.saves == Saves::Many;
        let saved = self.state().stored.len();
        let proposed = file_name(
            order,
            to_save.name.as_deref(),
            to_save.answer.headers(),
            is_many.then_some(saved + 1),
        );
        let destination = order.place.destination(Some(&proposed));
        let name = destination.as_ref().map_or(proposed, |it| it.name.clone());
        let expectation = Expectation {
            length: to_save.length,
            // The list of backups has the length of all files together.
            listed_length: order.listed_length.filter(|_| !is_many),
            sha256: to_save.sha256,
        };
        if is_many && let Some(destination) = &destination {
            self.check_another(destination)?;
            if let Some(saved) = earlier(&to_save.answer, &expectation, destination).await? {
                return Ok(Stored::of(name, saved));
            }
        }
        self.state().destination.clone_from(&destination);
        if let Place::Store(_) = &order.place {
            self.state().names.add(&name)?;
        }
        let source = Again {
            identity: self.network.identity(&to_save.request),
            request: to_save.request,
            network: Mutex::new(Arc::clone(&self.network)),
            reporter: Arc::clone(&self.reporter),
        };
        let observer = TransferObserver::new(Arc::clone(&self.reporter), "Downloaded")
            .counting(&self.received);
        let download = Download {
            first: to_save.answer,
            source: &source,
            expectation,
            accept_unproven: order.accept_unproven,
            retry: Retry {
                tries: order.retries,
                ..Retry::default()
            },
            sleeper: &TokioSleeper,
            progress: &observer,
        };
        if let Place::Store(place) = &order.place {
            return self.send(order, place, name, download).await;
        }
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
        Ok(Stored::of(name, saved))
    }

    /// Sends a body to a store.
    async fn send(
        &self,
        order: &Order,
        place: &StorePlace,
        name: FileName,
        download: Download<'_>,
    ) -> Result<Stored, StoreError> {
        let accept_unproven = download.accept_unproven;
        let mut held = self.draft.lock().await;
        if held.is_none() {
            let is_named = order.dated && order.saves != Saves::Many;
            let subject = Subject {
                origin: order.origin.clone(),
                // A backup that this command creates is called by its file: nothing else names it yet.
                id: if is_named {
                    name.to_string()
                } else {
                    order.id.clone()
                },
                created: order.created,
                by: holder::person(),
            };
            let draft = Draft::begin(Arc::clone(&place.store), subject).await?;
            *held = Some(draft.replacing(place.is_forced));
        }
        let Some(draft) = held.as_mut() else {
            return Err(StoreError::Stopped);
        };
        let sent = hand_over(download, async |length, fingerprint| {
            draft.file(length, fingerprint).await
        });
        let (upload, sent) = sent.await.map_err(|(error, _)| error)?;
        let file = draft.add(upload, name.as_str(), sent.proof).await?.clone();
        let mut proof = sent.proof;
        let mut damage = None;
        if proof == Proof::Nothing {
            let structure = draft.structure(&file).await?;
            (proof, damage) = judge(structure, sent.length, accept_unproven)?;
            draft.set_proof(proof);
        }
        Ok(Stored {
            name,
            path: None,
            length: sent.length,
            sha256: sent.sha256,
            proof,
            damage,
            resumed: sent.resumed,
        })
    }

    /// Checks that the next of several files is not one that this command has written. The file system decides
    /// which names are equal, and the user may have links in the folder.
    fn check_another(&self, destination: &Destination) -> Result<(), TransferError> {
        let mut state = self.state();
        state.names.add(&destination.name)?;
        let path = destination.path();
        let mut written = state.stored.iter().filter_map(|it| it.path.as_deref());
        if written.any(|written| is_same_file(written, &path)) {
            return Err(TransferError::SameName {
                name: destination.name.to_string(),
            });
        }
        Ok(())
    }
}

impl Stored {
    fn of(name: FileName, saved: host_transfer::Saved) -> Self {
        Self {
            name,
            path: Some(saved.path),
            length: saved.length,
            sha256: saved.sha256,
            proof: saved.proof,
            damage: saved.damage,
            resumed: saved.resumed,
        }
    }

    /// Returns the file for the history. None if the bytes went to stdout.
    fn part(&self) -> Option<SavedPart> {
        let path = self.path.as_ref()?;
        let path = path.canonicalize().unwrap_or_else(|_| path.clone());
        Some(SavedPart {
            file: path.to_string_lossy().into_owned(),
            bytes: self.length,
            sha256: self.sha256.to_string(),
        })
    }
}

/// Decides about bytes whose length nobody announced, by the structure that was found in the store.
fn judge(
    structure: host_transfer::Check,
    received: u64,
    accept: bool,
) -> Result<(Proof, Option<String>), TransferError> {
    use host_transfer::Outcome;
    match structure.outcome {
        Outcome::Passed => Ok((Proof::Structure, None)),
        outcome if accept => {
            let damage = (outcome == Outcome::Failed).then_some(structure.message);
            Ok((Proof::Nothing, damage))
        }
        Outcome::Failed => Err(TransferError::CutShort {
            received,
            kept: None,
            reason: structure.message,
        }),
        Outcome::Skipped => Err(TransferError::Unproven {
            received,
            kept: None,
        }),
    }
}

#[cfg(unix)]
fn is_same_file(a: &Path, b: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;

    let identity = |path: &Path| Some(path.metadata().ok()?).map(|it| (it.dev(), it.ino()));
    identity(a).is_some_and(|a| identity(b) == Some(a))
}

#[cfg(not(unix))]
fn is_same_file(a: &Path, b: &Path) -> bool {
    let found = |path: &Path| path.canonicalize().ok();
    found(a).is_some_and(|a| found(b) == Some(a))
}

impl Artifacts for Saving {
    fn save(&self, to_save: ToSave) -> BoxFuture<'_, Result<SavedFile, Report>> {
        async move {
            let order = self.state().order.take().ok_or_else(|| {
                Report::new(
                    ReportKind::Denied,
                    "this command saves no file, has saved one already, or could not save one",
                )
            })?;
            match self.carry_out(&order, to_save).await {
                Ok(stored) => {
                    let saved = SavedFile {
                        name: stored.name.to_string(),
                        length: stored.length,
                        sha256: stored.sha256.to_string(),
                    };
                    let mut state = self.state();
                    state.complete.extend(stored.part());
                    state.stored.push(stored);
                    state.order = Some(order).filter(|order| order.saves == Saves::Many);
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

/// Returns the name of a file for which the user gave none. `number` counts several files from 1.
fn file_name(
    order: &Order,
    engines: Option<&str>,
    headers: &HeaderMap,
    number: Option<usize>,
) -> FileName {
    let time = order.created.unwrap_or_else(Timestamp::now);
    let given = engines
        .and_then(FileName::clean)
        .or_else(|| FileName::of_headers(headers));
    match (given, number) {
        // The folder of several files has the time in its name.
        (Some(name), None) if order.dated => name.dated(time),
        (Some(name), _) => name,
        (None, None) => FileName::fallback(&order.id, time),
        // The same command must find its files again. The end of a long name may be cut off.
        (None, Some(number)) => flat_name(&format!("{number}-{}.backup", order.id)),
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
