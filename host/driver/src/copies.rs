//! Copies in stores, as the commands about a target write and read them.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use broker_manifest::Manifest;
use bytes::Bytes;
use host_base::shell::word;
use host_base::text::{printable, size};
use host_base::{Author, Backup, Failure, Hint, Problem as _, Reporter};
use host_cluster::Cluster;
use host_engine::Artifact;
use host_store::{
    Copy, CopyManifest, Draft, Identities, Origin, Source, Store, StoreError, StoredFile, Subject,
    VerifyOrder,
};
use host_transfer::{
    Answer, Destination, Download, Entry, Event, Expectation, FileName, FileNames, Progress, Proof,
    Proven, Retry, Saved, TokioSleeper, hand_over,
};
use http_body_util::BodyExt as _;
use jiff::Timestamp;

use super::download::{compare_with_list, say_how_sure};
use super::file_source::FileSource;
use super::history::Deed;
use super::observer::TransferObserver;
use super::restore::verified;
use super::running::Running;
use super::saving::{Place, StorePlace, Stored};
use super::session::{DEFAULT_STATEFULSET, IN_CLUSTER};
use super::verify::verify_one;
use super::{Host, OpsError, Session, holder};
use crate::results::{LocalFile, LocalFiles, StoredCopy};

/// Number of retries without progress before giving up.
const RETRIES: u32 = 6;

/// Returns this user and machine, as `USER@MACHINE`.
#[must_use]
pub fn person() -> String {
    holder::person()
}

/// Returns the source of the backups that an engine makes of a target, by the names that the user gave or else the usual
/// ones. If each pod has backups of its own, this is what their names begin with.
#[must_use]
pub fn target_source(
    cluster: &Cluster,
    manifest: &Manifest,
    cluster_name: Option<&str>,
    namespace: Option<&str>,
    statefulset: Option<&str>,
) -> Source {
    let name = cluster_name.or(cluster.cluster_name());
    let target = statefulset.unwrap_or(DEFAULT_STATEFULSET);
    Source {
        cluster: name.unwrap_or(IN_CLUSTER).to_owned(),
        namespace: namespace.unwrap_or(cluster.namespace()).to_owned(),
        target: if manifest.has_target() { target } else { "" }.to_owned(),
        engine: manifest.id.to_string(),
    }
}

/// Returns the copy that the store has of a backup, if it certainly is the same backup.
pub(super) async fn earlier(
    place: &StorePlace,
    origin: &Origin,
    id: &str,
    known: Option<&Backup>,
) -> Result<Option<StoredCopy>, OpsError> {
    // Only the time tells a backup from a later one with the same id.
    let created = known.and_then(|backup| backup.created);
    let Some(created) = created.filter(|_| !place.is_forced) else {
        return Ok(None);
    };
    let source = origin.source();
    let copies = place.store.copies().await?;
    let found = copies.into_iter().find(|copy| {
        copy.name.source == source
            && copy.name.id == id
            && copy.name.time.as_millisecond() == created.as_millisecond()
            && !copy.marks.is_broken()
    });
    let Some(copy) = found else {
        return Ok(None);
    };
    let manifest = match place.store.manifest(&copy).await {
        // It is written again.
        Err(StoreError::BadManifest { .. }) => return Ok(None),
        manifest => manifest?,
    };
    if !place.store.is_present(&manifest).await? {
        return Ok(None);
    }
    Ok(Some(StoredCopy {
        store: place.store.called().to_owned(),
        manifest,
        was_there: true,
        resumed: 0,
    }))
}

/// Completes the copy of a backup whose bytes are in the store, and reports how sure they are.
pub(super) async fn complete(
    session: &Session,
    running: &Running,
    place: &StorePlace,
    stored: Vec<Stored>,
    known: Option<&Backup>,
    deed: &mut Deed,
) -> Result<StoredCopy, OpsError> {
    let of_many = stored.len() > 1;
    for stored in &stored {
        if stored.proof == Proof::Nothing {
            deed.ended(
                "Unproven",
                "accepted although nothing proves that it is complete",
            );
        }
        say_how_sure(session, stored, of_many);
    }
    compare_with_list(session, stored.iter().map(|it| it.length).sum(), known);
    let written = running.saving.complete_copy().await?;
    let written = written.ok_or(StoreError::Stopped)?;
    deed.bytes = Some(written.manifest.length);
    deed.sha256 = Some(written.manifest.sha256.clone());
    deed.store = Some(place.store.called().to_owned());
    Ok(StoredCopy {
        store: place.store.called().to_owned(),
        resumed: stored.iter().map(|it| it.resumed).sum(),
        manifest: written.manifest,
        was_there: written.was_there,
    })
}

impl StorePlace {
    /// Returns the command that copies a backup which the backend has.
    pub(super) fn download_command(&self, engine: &str, id: &str) -> String {
        let cluster = self.cluster.as_deref().map(word);
        let cluster = cluster.map(|it| format!(" --source-cluster {it}"));
        format!(
            "kubectl broker backup download --engine {} --id {} --to {}{}",
            word(engine),
            word(id),
            self.store.word(),
            cluster.unwrap_or_default()
        )
    }

    /// Returns the origin of backups, with the user's name of the cluster.
    pub(super) fn origin(&self, origin: Origin) -> Origin {
        Origin {
            cluster: self.cluster.clone().unwrap_or(origin.cluster),
            ..origin
        }
    }
}

/// A copy in a store that a user chose.
#[derive(Clone, Debug)]
pub struct CopyChoice {
    /// The store.
    pub store: Arc<Store>,
    /// How the user names the copy.
    pub reference: String,
    /// Identities for encrypted copies.
    pub identities: Option<Arc<Identities>>,
}

impl PartialEq for CopyChoice {
    fn eq(&self, other: &Self) -> bool {
        self.store == other.store && self.reference == other.reference
    }
}

impl Eq for CopyChoice {}

/// Reads a copy again of which a command got wrong bytes, and writes the result beside it. So retention does not prefer
/// a damaged copy, and a copy whose bytes only changed on their way is not blamed.
pub async fn examine(
    reporter: &Arc<dyn Reporter>,
    store: &Arc<Store>,
    copy: &Copy,
    identities: Option<&Arc<Identities>>,
) {
    let of_store = format!(
        "copy {} in store {}",
        printable(&copy.reference(), 300),
        printable(store.called(), 200)
    );
    reporter.note(&format!("Reading {of_store} again: is it damaged?"));
    let order = VerifyOrder {
        is_deep: true,
        identities: identities.cloned(),
    };
    let progress: Arc<dyn Progress> = Arc::new(StoreObserver::new(Arc::clone(reporter), "Read"));
    let verified = match store.verify(copy.clone(), &order, &progress).await {
        Ok(verified) => verified,
        Err(error) => {
            let check = format!(
                "kubectl broker store verify {} {} --deep",
                store.word(),
                word(&copy.reference())
            );
            reporter.warn_with_hint(
                &format!("Can't check {of_store} ({error}), so `prune` may prefer it"),
                &Hint::new(format!("Check it with `{check}`"), Author::Host),
            );
            return;
        }
    };
    let noted = store.note_check(copy, &verified.mark(&person())).await;
    match noted {
        _ if verified.holds() => reporter.note(&format!(
            "The bytes of {of_store} are right: they changed on their way here"
        )),
        Ok(()) => reporter.note(&format!("Marked as broken: {of_store}")),
        Err(error) => reporter.warn(&format!(
            "The mark `broken` can't be written, so `prune` may prefer {of_store}: {error}"
        )),
    }
}

/// A copy that can be restored.
pub(super) struct Found {
    copy: Copy,
    manifest: CopyManifest,
}

impl Found {
    /// Returns the engine that made the backup.
    pub(super) fn engine(&self) -> &str {
        &self.manifest.source.engine
    }

    /// Returns the id of the backup.
    pub(super) fn id(&self) -> &str {
        &self.manifest.id
    }

    /// Returns the error of an engine that takes no files, with the next step for this copy.
    pub(super) fn refused(&self, choice: &CopyChoice, error: OpsError) -> OpsError {
        match error {
            OpsError::NoFiles { engine, able, .. } => OpsError::NoFiles {
                engine,
                able,
                get: Some(format!(
                    "kubectl broker store get {} {}",
                    choice.store.word(),
                    word(&self.copy.reference())
                )),
            },
            error => error,
        }
    }

    /// Downloads the file to a private folder, and opens it. Nothing else can read it there.
    pub(super) async fn fetch(
        &self,
        session: &Session,
        choice: &CopyChoice,
    ) -> Result<Artifact, OpsError> {
        let fetched = self.fetch_file(session, choice).await;
        if is_damage(&fetched) {
            let identities = choice.identities.as_ref();
            examine(session.reporter(), &choice.store, &self.copy, identities).await;
        }
        fetched
    }

    async fn fetch_file(
        &self,
        session: &Session,
        choice: &CopyChoice,
    ) -> Result<Artifact, OpsError> {
        let Self { copy, manifest } = self;
        let identities = choice.identities.as_ref();
        let files = StoredFile::of(&choice.store, copy, manifest, identities)?;
        let reporter = session.reporter();
        reporter.note(&format!(
            "The copy is of {}, created {}",
            printable(&manifest.source.source().to_string(), 300),
            manifest.created
        ));
        // The folder for temporary files is often in memory.
        let folder = match session.host.folders().map(|folders| &folders.state) {
            Some(state) => std::fs::create_dir_all(state).and_then(|()| {
                tempfile::Builder::new()
                    .prefix("restore-")
                    .tempdir_in(state)
            }),
            None => tempfile::tempdir(),
        };
        let folder = folder.map_err(|error| OpsError::Worker {
            reason: format!("no temporary folder can be made: {error}"),
        })?;
        let place = Place::File {
            folder: folder.path().to_owned(),
            is_default: false,
            name: None,
            replace: false,
        };
        let mut names = FileNames::default();
        let file = files.first().ok_or(StoreError::Stopped)?;
        let saved = save(file, &place, &mut names, reporter).await?;
        // The open file stays readable without its name.
        verified(session, &saved.path).await
    }
}

/// Returns true if bytes were not those of a copy.
fn is_damage<T>(result: &Result<T, OpsError>) -> bool {
    let error = result.as_ref().err();
    error.is_some_and(|error| error.failure() == Failure::Integrity)
}

/// Finds the copy that is to be restored. No byte of it is downloaded yet.
pub(super) async fn find(session: &Session, choice: &CopyChoice) -> Result<Found, OpsError> {
    let store = &choice.store;
    let copy = store.find(&choice.reference).await?;
    let target = (session.cluster.namespace(), session.statefulset());
    let source = &copy.name.source;
    let is_of_target = (&*source.namespace, &*source.target) == target;
    // A copied file may have no known target.
    let is_unknown = source.namespace.is_empty() && source.target.is_empty();
    // An id alone may mean a backup of another target.
    if !is_of_target && !is_unknown && choice.reference != copy.reference() {
        return Err(OpsError::OtherSource {
            copy: copy.reference(),
            of: source.to_string(),
        });
    }
    let manifest = manifest_of(session.reporter(), choice, &copy).await?;
    if manifest.files.len() > 1 {
        return Err(OpsError::SeveralToRestore {
            copy: copy.reference(),
            store: store.called().to_owned(),
            count: manifest.files.len(),
        });
    }
    Ok(Found { copy, manifest })
}

/// Which copy to download, and where to.
#[derive(Debug)]
pub struct GetRequest {
    /// The copy.
    pub choice: CopyChoice,
    /// The place for its files.
    pub place: Place,
}

/// A copy that was downloaded.
#[derive(Debug)]
pub struct GotCopy {
    /// The store, as the user names it.
    pub store: String,
    /// The reference that means this copy and no other.
    pub reference: String,
    /// The manifest of the copy.
    pub manifest: CopyManifest,
    /// The files. None if the bytes went to stdout.
    pub saved: Option<LocalFiles>,
}

/// Downloads a copy, with all promises of [`super::download()`].
///
/// # Errors
/// When there is no such copy, it can't be decrypted, or its bytes don't arrive completely.
pub async fn get(host: &Host, request: GetRequest) -> Result<GotCopy, OpsError> {
    let GetRequest { choice, place } = request;
    let mut deed = Deed::at(host, "get");
    let result = get_files(host, &choice, place, &mut deed).await;
    deed.record(&result).await;
    result
}

async fn get_files(
    host: &Host,
    choice: &CopyChoice,
    place: Place,
    deed: &mut Deed,
) -> Result<GotCopy, OpsError> {
    let store = &choice.store;
    let copy = store.find(&choice.reference).await?;
    let manifest = manifest_of(host.reporter(), choice, &copy).await?;
    deed.of_copy(&manifest);
    deed.store = Some(store.called().to_owned());
    let got = get_copy(host, choice, &copy, manifest, place, deed).await;
    if is_damage(&got) {
        examine(host.reporter(), store, &copy, choice.identities.as_ref()).await;
    }
    got
}

/// Reads the manifest of a copy. If it is damaged, the copy is marked as broken.
async fn manifest_of(
    reporter: &Arc<dyn Reporter>,
    choice: &CopyChoice,
    copy: &Copy,
) -> Result<CopyManifest, OpsError> {
    let manifest = choice.store.manifest(copy).await.map_err(OpsError::from);
    if is_damage(&manifest) {
        examine(reporter, &choice.store, copy, choice.identities.as_ref()).await;
    }
    manifest
}

async fn get_copy(
    host: &Host,
    choice: &CopyChoice,
    copy: &Copy,
    manifest: CopyManifest,
    place: Place,
    deed: &mut Deed,
) -> Result<GotCopy, OpsError> {
    let store = &choice.store;
    let files = StoredFile::of(store, copy, &manifest, choice.identities.as_ref())?;
    let saves = if files.len() > 1 {
        broker_manifest::Saves::Many
    } else {
        broker_manifest::Saves::One
    };
    place.check(saves, &manifest.source.engine)?;
    let place = place.of(saves, &manifest.id);
    if let Some(note) = place.note() {
        host.reporter().note(&note);
    }
    let mut names = FileNames::default();
    let mut done = Vec::new();
    for file in &files {
        if place == Place::Output {
            let source = source_of(file, host.reporter()).await?;
            let mut output = tokio::io::stdout();
            let streamed = host_transfer::stream_to(source.download(), &mut output).await;
            let streamed = streamed.map_err(|error| file.failed(error))?;
            host.reporter().note(&format!(
                "{} written, SHA-256 {}",
                size(streamed.length),
                streamed.sha256
            ));
            return Ok(GotCopy {
                store: store.called().to_owned(),
                reference: copy.reference(),
                manifest,
                saved: None,
            });
        }
        let file = save(file, &place, &mut names, host.reporter()).await?;
        if files.len() == 1 {
            deed.file = file.path.canonicalize().ok();
        }
        done.push(LocalFile {
            path: file.path,
            bytes: file.length,
            sha256: file.sha256.to_string(),
            verified_by: host_store::proof_name(file.proof),
            resumed: file.resumed,
        });
    }
    let folder = match &place {
        Place::File { folder, .. } if files.len() > 1 => Some(folder.clone()),
        _ => None,
    };
    Ok(GotCopy {
        store: store.called().to_owned(),
        reference: copy.reference(),
        manifest,
        saved: Some(LocalFiles {
            files: done,
            folder,
        }),
    })
}

/// A stored file with its first response, and the observer of its transfer.
struct Opened<'a> {
    file: &'a StoredFile,
    first: std::cell::Cell<Option<Answer>>,
    observer: TransferObserver,
}

async fn source_of<'a>(
    file: &'a StoredFile,
    reporter: &Arc<dyn Reporter>,
) -> Result<Opened<'a>, OpsError> {
    let first = file.first().await;
    let first = first.map_err(StoreError::from)?;
    Ok(Opened {
        file,
        first: std::cell::Cell::new(Some(first)),
        observer: TransferObserver::new(Arc::clone(reporter), "Downloaded"),
    })
}

impl Opened<'_> {
    /// Returns the download. It is taken once.
    fn download(&self) -> Download<'_> {
        let nothing = http::Response::new(
            http_body_util::Empty::<Bytes>::new()
                .map_err(|never| match never {})
                .boxed_unsync(),
        );
        Download {
            first: self.first.take().unwrap_or(nothing),
            source: self.file,
            expectation: Expectation {
                length: Some(self.file.file().length),
                listed_length: None,
                sha256: Some(self.file.file().sha256.clone()),
            },
            accept_unproven: false,
            retry: Retry {
                tries: RETRIES,
                ..Retry::default()
            },
            sleeper: &TokioSleeper,
            progress: &self.observer,
        }
    }
}

/// Downloads a file of a copy. Its name comes from a backend, and can't choose a folder.
async fn save(
    file: &StoredFile,
    place: &Place,
    names: &mut FileNames,
    reporter: &Arc<dyn Reporter>,
) -> Result<Saved, OpsError> {
    let proposed = FileName::clean(&file.file().name)
        .unwrap_or_else(|| FileName::fallback(&file.file().sha256[..16], Timestamp::UNIX_EPOCH));
    let destination = place.destination(Some(&proposed));
    let destination: Destination = destination.ok_or(StoreError::Stopped)?;
    names.add(&destination.name)?;
    destination.check()?;
    let opened = source_of(file, reporter).await?;
    let saved = host_transfer::save(opened.download(), &destination).await;
    Ok(saved.map_err(|error| file.failed(error))?)
}

/// How to copy files to a store.
#[derive(Debug)]
pub struct CopyFileOrder {
    /// The store.
    pub place: StorePlace,
    /// The origin, as far as the user gave it. It precedes the history of this machine.
    pub origin: GivenOrigin,
}

/// The origin of a file, as far as a user gave it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GivenOrigin {
    /// Namespace of the target.
    pub namespace: Option<String>,
    /// Name of the StatefulSet.
    pub statefulset: Option<String>,
    /// The engine.
    pub engine: Option<String>,
    /// Id of the backup.
    pub id: Option<String>,
    /// When the backup was created.
    pub created: Option<Timestamp>,
}

/// Copies a file to a store. The file is a backup, and is verified first.
///
/// # Errors
/// When the file is damaged, nothing says which backup it is, or the store fails.
pub async fn copy_file(
    host: &Host,
    path: &Path,
    order: &CopyFileOrder,
) -> Result<StoredCopy, OpsError> {
    let mut deed = Deed::at(host, "copy");
    deed.store = Some(order.place.store.called().to_owned());
    deed.file = path.canonicalize().ok();
    let result = verify_and_copy(host, path, order, &mut deed).await;
    deed.record(&result).await;
    result
}

async fn verify_and_copy(
    host: &Host,
    path: &Path,
    order: &CopyFileOrder,
    deed: &mut Deed,
) -> Result<StoredCopy, OpsError> {
    let CopyFileOrder { place, origin } = order;
    let verification = verify_one(host, path.to_owned()).await?;
    let past = host.history().and_then(|history| history.read().ok());
    let digest = verification.sha256.to_string();
    let entries = past.map(|past| past.entries).unwrap_or_default();
    let entry = entry_of(&entries, &digest, path.canonicalize().ok().as_deref());
    let proof = match verification.proven() {
        Proven::Checksum => Proof::Checksum,
        Proven::Length => Proof::Length,
        Proven::Structure => Proof::Structure,
        Proven::Nothing => Proof::Nothing,
    };
    if proof == Proof::Nothing {
        host.reporter().warn(&format!(
            "Nothing proves that {} is complete: beside it are no digest and no record of a download, and it has no known structure",
            printable(&path.to_string_lossy(), 1000)
        ));
    }
    let subject = subject(host, path, origin, place, entry, &verification.file)?;
    deed.id = Some(subject.id.clone());
    deed.engine.clone_from(&subject.origin.engine);
    deed.bytes = Some(verification.length);
    deed.sha256 = Some(digest.clone());
    let source = FileSource {
        identity: digest.clone(),
        file: Arc::new(verification.file),
        length: verification.length,
    };
    let observer = TransferObserver::new(Arc::clone(host.reporter()), "Uploaded");
    let first = source.answer(0);
    let download = Download {
        first,
        source: &source,
        expectation: Expectation {
            length: Some(verification.length),
            listed_length: None,
            sha256: Some(digest),
        },
        accept_unproven: false,
        retry: Retry::default(),
        sleeper: &TokioSleeper,
        progress: &observer,
    };
    let draft = Draft::begin(Arc::clone(&place.store), subject).await?;
    let mut draft = draft.replacing(place.is_forced);
    let sent = hand_over(download, async |length, fingerprint| {
        draft.file(length, fingerprint).await
    });
    let (upload, sent) = sent.await.map_err(|(error, _)| error)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    draft.add(upload, &name, proof).await?;
    let written = draft.complete().await?;
    Ok(StoredCopy {
        store: place.store.called().to_owned(),
        manifest: written.manifest,
        was_there: written.was_there,
        resumed: sent.resumed,
    })
}

/// Returns the entry of the history about a file. If several backups have the same bytes, the path decides.
fn entry_of<'a>(entries: &'a [Entry], digest: &str, path: Option<&Path>) -> Option<&'a Entry> {
    let is_it = |entry: &&Entry| {
        matches!(&*entry.operation, "create" | "download" | "get")
            && entry.sha256.as_deref() == Some(digest)
    };
    let same: Vec<_> = entries.iter().rev().filter(is_it).collect();
    let is_here = |entry: &&&Entry| path.is_some() && entry.file.as_deref().map(Path::new) == path;
    if let Some(here) = same.iter().find(is_here) {
        return Some(here);
    }
    let facts = |entry: &Entry| (entry.id.clone(), entry.scope.clone(), entry.engine.clone());
    let first = *same.first()?;
    same.iter()
        .all(|entry| facts(entry) == facts(first))
        .then_some(first)
}

/// Returns which backup a file is: as the user says, or as the history of this machine says.
fn subject(
    host: &Host,
    path: &Path,
    given: &GivenOrigin,
    place: &StorePlace,
    entry: Option<&Entry>,
    file: &File,
) -> Result<Subject, OpsError> {
    let unknown = || OpsError::UnknownFile {
        path: path.to_owned(),
    };
    let engine = given.engine.clone();
    let engine = engine.or_else(|| entry.map(|entry| entry.engine.clone()));
    let engine = engine.filter(|it| !it.is_empty()).ok_or_else(unknown)?;
    let manifest = host.engines().iter().map(host_engine::EngineFile::manifest);
    let manifest = manifest
        .into_iter()
        .find(|it| it.id.to_string() == engine || it.id.name() == engine);
    let id = given.id.clone().or_else(|| entry?.id.clone());
    let id = id.ok_or_else(unknown)?;
    let has_target = manifest.is_none_or(Manifest::has_target);
    let (context, namespace, statefulset) = entry
        .map(|entry| scope(&entry.scope, has_target))
        .unwrap_or_default();
    let cluster = place.cluster.clone();
    // The history has a dash for a process inside the cluster.
    let context = if context == "-" {
        IN_CLUSTER.to_owned()
    } else {
        context
    };
    let cluster = cluster
        .or_else(|| entry?.cluster.clone())
        .unwrap_or(context);
    // The time of the file is the best guess if the history does not know it.
    let modified = file.metadata().and_then(|it| it.modified()).ok();
    let modified = modified.and_then(|it| Timestamp::try_from(it).ok());
    let created = given
        .created
        .or(entry.and_then(|it| it.created))
        .or(modified);
    Ok(Subject {
        origin: Origin {
            cluster,
            namespace: given.namespace.clone().unwrap_or(namespace),
            statefulset: given.statefulset.clone().or(statefulset),
            pod: None,
            engine: manifest.map_or(engine, |it| it.id.to_string()),
            engine_version: None,
            engine_digest: None,
        },
        id,
        created,
        by: holder::person(),
    })
}

/// Returns context, namespace and StatefulSet of an entry. The context may have slashes in it.
fn scope(scope: &str, has_target: bool) -> (String, String, Option<String>) {
    let (rest, statefulset) = match scope.rsplit_once('/').filter(|_| has_target) {
        Some((rest, statefulset)) => (rest, Some(statefulset.to_owned())),
        None => (scope, None),
    };
    let (context, namespace) = rest.rsplit_once('/').unwrap_or((rest, ""));
    (context.to_owned(), namespace.to_owned(), statefulset)
}

/// Shows the progress of work on stores.
pub struct StoreObserver(TransferObserver);

impl StoreObserver {
    /// Creates an observer. `verb` says what happens to each byte, such as `Read`.
    #[must_use]
    pub fn new(reporter: Arc<dyn Reporter>, verb: &'static str) -> Self {
        Self(TransferObserver::new(reporter, verb))
    }
}

impl Progress for StoreObserver {
    fn bytes(&self, done: u64, total: Option<u64>) {
        self.0.bytes(done, total);
    }

    fn event(&self, event: &Event<'_>) {
        self.0.event(event);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_context_may_have_slashes() {
        let found = scope("arn:aws:eks:eu-west-1:1:cluster/prod/mqtt/broker", true);
        let context = "arn:aws:eks:eu-west-1:1:cluster/prod".to_owned();
        assert_eq!(
            found,
            (context, "mqtt".to_owned(), Some("broker".to_owned()))
        );
        let found = scope("a/b/mqtt", false);
        assert_eq!(found, ("a/b".to_owned(), "mqtt".to_owned(), None));
    }
}
