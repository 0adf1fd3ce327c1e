//! The results of operations. A front end decides how to show them.

use std::path::{Path, PathBuf};

use broker_manifest::{Column, Operation};
use host_base::{Backup, Check, Failure, Hint, Outcome, text};
use host_cluster::Claim;
use host_engine::HealthReport;
use host_store::CopyManifest;
use jiff::Timestamp;

/// The subject of a result: where it comes from, and which engine reported it.
#[derive(Clone, Debug)]
pub struct Scope {
    /// Namespace of the target.
    pub namespace: String,
    /// Name of the StatefulSet. None for an engine that does not work with pods.
    pub statefulset: Option<String>,
    /// The pod that answered for itself. None if any pod answers for all of them.
    pub pod: Option<String>,
    /// Id of the engine, in the form `publisher/name`.
    pub engine: String,
    /// Version of the engine.
    pub engine_version: String,
    /// Whether the engine is bundled. Text of bundled engines needs no mark.
    pub is_bundled: bool,
}

/// The backups of one engine.
#[derive(Debug)]
pub struct Backups {
    /// The subject of the result.
    pub scope: Scope,
    /// The columns of the engine's table.
    pub columns: Vec<Column>,
    /// The backups, newest first.
    pub backups: Vec<Backup>,
    /// The pods that were asked, if each pod was asked.
    pub per_pod: Option<PerPod>,
    /// The backups that the user's limit left out.
    pub left_out: LeftOut,
    /// Whether this is a list, perhaps of one item. Otherwise it is one backup that the user asked for.
    pub is_list: bool,
    /// Time of the result, for ages.
    pub now: Timestamp,
}

/// The backups that a limit left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LeftOut {
    /// No backup.
    #[default]
    Nothing,
    /// This number of backups.
    Number(usize),
    /// Some backups. The pages with them were not read.
    Unknown,
}

/// The result of asking several pods.
#[derive(Debug)]
pub struct PerPod {
    /// The pod of each backup, in the order of the backups.
    pub of: Vec<String>,
    /// Number of pods that answered.
    pub answered: usize,
    /// The pods that did not answer.
    pub failures: Vec<PodFailure>,
}

/// A pod that did not answer.
#[derive(Debug)]
pub struct PodFailure {
    /// Name of the pod.
    pub pod: String,
    /// Kind of the failure.
    pub failure: Failure,
    /// Message of the error.
    pub message: String,
}

/// A backup that was begun, with further facts about it.
#[derive(Debug)]
pub struct Created {
    /// The backup, as a list of one item.
    pub backup: Backups,
    /// More facts from the engine, as pairs of name and text.
    pub details: Vec<(String, String)>,
    /// The files of the backup, if the engine saved it at once.
    pub saved: Option<LocalFiles>,
    /// The copy of the backup, if it went to a store.
    pub copy: Option<StoredCopy>,
}

/// A backup that was copied to a store.
#[derive(Debug)]
pub struct CopiedBackup {
    /// The subject of the result.
    pub scope: Scope,
    /// The copy.
    pub copy: StoredCopy,
}

/// A copy of a backup in a store.
#[derive(Debug)]
pub struct StoredCopy {
    /// The store, as the user names it.
    pub store: String,
    /// The manifest in the store.
    pub manifest: CopyManifest,
    /// Whether the store had the copy before.
    pub was_there: bool,
    /// Number of bytes that an earlier run had uploaded.
    pub resumed: u64,
}

impl StoredCopy {
    /// Returns the reference. It means no other copy, unless a backup with the same id has the same bytes.
    #[must_use]
    pub fn reference(&self) -> String {
        let name = self.manifest.name();
        name.map_or_else(|| self.manifest.id.clone(), |name| name.reference())
    }
}

/// A backup that was downloaded to files.
#[derive(Debug)]
pub struct DownloadedFiles {
    /// The subject of the result.
    pub scope: Scope,
    /// Id of the backup.
    pub id: String,
    /// The files.
    pub saved: LocalFiles,
}

/// The complete files of one command.
#[derive(Debug)]
pub struct LocalFiles {
    /// The files, in the order in which they were completed. Without a folder there is at most one.
    pub files: Vec<LocalFile>,
    /// The folder of the files. None if the engine saves a single file.
    pub folder: Option<PathBuf>,
}

/// A file that was written completely.
#[derive(Debug)]
pub struct LocalFile {
    /// Path of the file.
    pub path: PathBuf,
    /// Length in bytes.
    pub bytes: u64,
    /// SHA-256 digest in hexadecimal.
    pub sha256: String,
    /// How it is known that all bytes arrived: `checksum`, `length`, `end-of-stream`, `nothing`.
    pub verified_by: &'static str,
    /// Number of bytes that an earlier run had downloaded.
    pub resumed: u64,
}

/// The result of a restore.
#[derive(Debug)]
pub struct Restored {
    /// The subject of the result.
    pub scope: Scope,
    /// The backup, in its latest known state.
    pub backup: Backup,
    /// More facts from the engine, as pairs of name and text.
    pub details: Vec<(String, String)>,
    /// Whether nothing was sent.
    pub dry_run: bool,
    /// Whether the restore is known to have ended.
    pub ended: bool,
    /// Whether the user wanted to wait, but the engine can't tell how the restore ends.
    pub is_unknown: bool,
    /// Time of the result, for ages.
    pub now: Timestamp,
}

/// A backup that was deleted.
#[derive(Debug)]
pub struct Deleted {
    /// The subject of the result.
    pub scope: Scope,
    /// Id of the backup.
    pub id: String,
}

/// The report of a verb that an engine defines itself.
#[derive(Debug)]
pub struct EngineReport {
    /// The subject of the result.
    pub scope: Scope,
    /// Name of the verb.
    pub verb: String,
    /// Lines for people. None if the engine reports no text.
    pub text: Option<String>,
}

/// The things that a verb worked on.
#[derive(Debug)]
pub struct EngineItems {
    /// The subject of the result.
    pub scope: Scope,
    /// Name of the verb.
    pub verb: String,
    /// The things, and what became of each. Names and messages are the engine's own text.
    pub items: Vec<Check>,
}

impl EngineItems {
    /// Returns how the verb ended: all things failed, some of them, or none.
    #[must_use]
    pub fn failure(&self) -> Option<Failure> {
        let failed = self
            .items
            .iter()
            .filter(|item| item.outcome == Outcome::Failed);
        match failed.count() {
            0 => None,
            all if all == self.items.len() => Some(Failure::Failed),
            _ => Some(Failure::Partial),
        }
    }
}

/// The available engines.
#[derive(Debug)]
pub struct Engines {
    /// The engines, bundled and installed.
    pub engines: Vec<EngineSummary>,
}

/// The facts about an engine that help users to choose one.
#[derive(Debug)]
pub struct EngineSummary {
    /// Id of the engine, in the form `publisher/name`.
    pub id: String,
    /// Version of the engine.
    pub version: String,
    /// Version of the engine interface.
    pub interface: String,
    /// The operations that have a command.
    pub operations: Vec<Operation>,
    /// The verbs that the engine defines itself. All of them use the operation `act`.
    pub verbs: Vec<String>,
    /// One line from the manifest about the engine.
    pub summary: String,
    /// The operations for which `auto` chooses the engine although it is not bundled.
    pub default_for: Vec<Operation>,
    /// The backend that answers, or the error. None if the cluster could not be reached.
    pub answers: Option<Result<String, String>>,
}

/// The targets that engines can serve.
#[derive(Debug)]
pub struct Discovery {
    /// The namespace that was looked at. None for all namespaces.
    pub namespace: Option<String>,
    /// The targets, by namespace and name.
    pub targets: Vec<DiscoveredTarget>,
    /// Number of `StatefulSet`s that no engine can serve.
    pub others: usize,
    /// Whether everything could be looked at.
    pub is_complete: bool,
}

impl Discovery {
    /// Returns the failure if something could not be looked at.
    #[must_use]
    pub fn failure(&self) -> Option<Failure> {
        (!self.is_complete).then_some(Failure::Partial)
    }
}

/// A target, or what may be one.
#[derive(Debug)]
pub struct DiscoveredTarget {
    /// Namespace of the target.
    pub namespace: String,
    /// Name of the StatefulSet. None for a namespace whose objects an engine works with.
    pub statefulset: Option<String>,
    /// Number of ready pods, and the desired number. None without a StatefulSet.
    pub pods: Option<(usize, usize)>,
    /// The engines that can serve the target. If there is none, there is a problem.
    pub engines: Vec<ServingEngine>,
    /// The reason why it is unknown whether a further engine can serve the target.
    pub problem: Option<String>,
    /// The volumes that the pods claim. None if they are unknown, or without a StatefulSet.
    pub volumes: Option<Vec<Claim>>,
}

/// An engine that can serve a target.
#[derive(Debug)]
pub struct ServingEngine {
    /// Id of the engine, in the form `publisher/name`.
    pub id: String,
    /// The engine, as `--engine` accepts it.
    pub called: String,
    /// The backend, in the words of the engine.
    pub detail: String,
}

/// The history of this machine, newest first.
#[derive(Debug)]
pub struct PastOperations {
    /// The entries.
    pub rows: Vec<PastOperation>,
    /// Number of lines in the history that could not be read.
    pub unreadable: usize,
    /// Time of the result, for ages.
    pub now: Timestamp,
}

/// An entry of the history.
#[derive(Debug)]
pub struct PastOperation {
    /// Time when the entry was added.
    pub time: Timestamp,
    /// Name of the operation.
    pub operation: String,
    /// Id of the engine.
    pub engine: String,
    /// Context, namespace and target.
    pub scope: String,
    /// Id of the backup, if the operation was about one.
    pub id: Option<String>,
    /// Path of the file, if one was written or read; the folder of several files.
    pub file: Option<String>,
    /// The store that the copy went to or came from.
    pub store: Option<String>,
    /// Length in bytes, if known; of several files, the length of all.
    pub bytes: Option<u64>,
    /// SHA-256 digest in hexadecimal, if known.
    pub sha256: Option<String>,
    /// `Succeeded`, `Unproven`, or the name of a failure.
    pub outcome: String,
    /// Message of the error, or another remark.
    pub message: Option<String>,
    /// The complete files, if the operation may save several or is an engine's own verb.
    pub files: Vec<PastFile>,
}

/// A complete file of an operation in the history.
#[derive(Debug)]
pub struct PastFile {
    /// Path of the file.
    pub file: String,
    /// Length in bytes.
    pub bytes: u64,
    /// SHA-256 digest in hexadecimal.
    pub sha256: String,
}

/// The result of `test`. It is a result even if checks failed: `failure` has the exit code.
#[derive(Debug)]
pub struct CheckUp {
    /// Namespace of the target.
    pub namespace: String,
    /// Name of the StatefulSet. None if no tested engine works with pods.
    pub statefulset: Option<String>,
    /// The checks, in the order in which they ran.
    pub checks: Vec<CheckResult>,
    /// The gravest failure of the checks.
    pub failure: Option<Failure>,
}

/// The result of one check.
#[derive(Debug)]
pub struct CheckResult {
    /// The short name of the engine. None for a check that all engines need.
    pub engine: Option<String>,
    /// Name of the check.
    pub check: String,
    /// Outcome of the check.
    pub outcome: Outcome,
    /// The finding, as people read it.
    pub message: String,
    /// The next step for the user if the check did not pass.
    pub hint: Option<Hint>,
}

/// The checks of a backup by its backend.
#[derive(Debug)]
pub struct BackupChecks {
    /// The subject of the result.
    pub scope: Scope,
    /// Id of the backup.
    pub id: String,
    /// The checks. Names and messages are the engine's own text.
    pub checks: Vec<Check>,
}

impl BackupChecks {
    /// Returns the failure if a check failed, or if no check passed: the backup is not verified then.
    #[must_use]
    pub fn failure(&self) -> Option<Failure> {
        let has = |outcome: Outcome| self.checks.iter().any(|check| check.outcome == outcome);
        if has(Outcome::Failed) {
            return Some(Failure::Integrity);
        }
        let is_checked = has(Outcome::Passed) || has(Outcome::Warned);
        (!is_checked).then_some(Failure::Partial)
    }

    /// Returns the finding for the history.
    pub(crate) fn finding(&self) -> &'static str {
        match self.failure() {
            None => "the backend checked it",
            Some(Failure::Integrity) => "a check of the backend failed",
            Some(_) => "the backend checked nothing",
        }
    }
}

/// The health of a backend.
#[derive(Debug)]
pub struct Health {
    /// The subject of the result.
    pub scope: Scope,
    /// The reports about the whole backend, and about each pod. Names and messages are the engine's own text.
    pub reports: Vec<HealthReport>,
}

impl Health {
    /// Returns the worst outcome. `Skipped` means that nothing was checked.
    #[must_use]
    pub fn verdict(&self) -> Outcome {
        worst(self.checks())
    }

    /// Returns all checks.
    pub fn checks(&self) -> impl Iterator<Item = &Check> {
        self.reports.iter().flat_map(|report| &report.checks)
    }

    /// Returns the failure if a check failed, or if nothing was checked: the health is unknown then.
    #[must_use]
    pub fn failure(&self) -> Option<Failure> {
        match self.verdict() {
            Outcome::Passed | Outcome::Warned => None,
            Outcome::Failed => Some(Failure::Failed),
            Outcome::Skipped => Some(Failure::Partial),
        }
    }
}

/// Returns the worst outcome of these checks. `Skipped` means that none was run.
pub fn worst<'a>(checks: impl IntoIterator<Item = &'a Check>) -> Outcome {
    let rank = |outcome: &Outcome| match outcome {
        Outcome::Skipped => 0,
        Outcome::Passed => 1,
        Outcome::Warned => 2,
        Outcome::Failed => 3,
    };
    let outcomes = checks.into_iter().map(|check| check.outcome);
    outcomes.max_by_key(rank).unwrap_or(Outcome::Skipped)
}

/// Files that were verified. None is damaged, but for some there was nothing to compare with.
#[derive(Debug)]
pub struct Verified {
    /// The files.
    pub files: Vec<CheckedFile>,
}

/// The result of verifying one file.
#[derive(Debug)]
pub struct CheckedFile {
    /// Path of the file.
    pub path: PathBuf,
    /// Length in bytes.
    pub bytes: u64,
    /// SHA-256 digest in hexadecimal.
    pub sha256: String,
    /// Whether the file was compared with facts from another source.
    pub is_compared: bool,
    /// How the file was verified: `checksum`, `length`, `structure`, `nothing`.
    pub verified_by: &'static str,
    /// Name, outcome and message of each check.
    pub checks: Vec<(&'static str, &'static str, String)>,
}

impl Scope {
    /// Returns a line that the engine wrote, with a line break. The line of an engine that is not bundled gets
    /// a mark if it looks like a message of this program.
    #[must_use]
    pub fn line(&self, line: &str) -> String {
        let shown = text::whole(line);
        if self.is_bundled || !text::looks_like_ours(&shown) {
            return format!("{shown}\n");
        }
        format!("engine {} says: {shown}\n", self.engine)
    }

    /// Returns a fact from the engine as a line, marked as the engine's own.
    #[must_use]
    pub fn detail(&self, name: &str, value: &str) -> String {
        let (name, value) = (text::printable(name, 60), text::printable(value, 400));
        if self.is_bundled {
            return format!("{name}: {value}\n");
        }
        format!("engine {} says: {name}: {value}\n", self.engine)
    }

    /// Returns the name of what an operation acts on: the StatefulSet, or else the namespace.
    #[must_use]
    pub fn target(&self) -> &str {
        self.statefulset.as_ref().unwrap_or(&self.namespace)
    }
}

impl LocalFiles {
    /// Returns the file of an engine that saves a single one.
    #[must_use]
    pub fn single(&self) -> Option<&LocalFile> {
        self.files.first().filter(|_| self.folder.is_none())
    }

    /// Returns the folder of several files, with control characters escaped.
    #[must_use]
    pub fn shown_folder(&self) -> Option<String> {
        self.folder.as_deref().map(shown)
    }

    /// Returns the length of all files in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }
}

impl LocalFile {
    /// Returns the path with control characters escaped.
    #[must_use]
    pub fn shown_path(&self) -> String {
        shown(&self.path)
    }
}

impl CheckedFile {
    /// Returns the path with control characters escaped.
    #[must_use]
    pub fn shown_path(&self) -> String {
        shown(&self.path)
    }

    /// Returns the result for this file as one sentence.
    #[must_use]
    pub fn sentence(&self) -> String {
        if self.is_verified() {
            format!("{} holds: {}", self.shown_path(), self.checks())
        } else {
            format!("{} was not verified: {}", self.shown_path(), self.checks())
        }
    }

    /// Returns whether the file was compared with anything.
    #[must_use]
    pub fn is_verified(&self) -> bool {
        self.verified_by != "nothing"
    }

    fn checks(&self) -> String {
        let checks: Vec<_> = self
            .checks
            .iter()
            .map(|(name, outcome, message)| {
                format!("{name} {outcome} ({})", text::printable(message, 300))
            })
            .collect();
        checks.join(", ")
    }
}

/// Longest path that is shown, in characters.
const MAX_PATH: usize = 4096;

fn shown(path: &Path) -> String {
    text::printable(&path.to_string_lossy(), MAX_PATH).into_owned()
}
