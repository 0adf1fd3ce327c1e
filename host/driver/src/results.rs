//! What operations return. A front end decides how it is shown.

use std::path::{Path, PathBuf};

use broker_manifest::{Column, Operation};
use host_base::{Backup, Failure, text};
use jiff::Timestamp;
use serde::Serialize;

/// What a result is about.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Scope {
    pub namespace: String,
    /// None for an engine that has nothing to do with pods.
    pub statefulset: Option<String>,
    /// The pod that has answered for itself; none where any pod answers for all of them.
    pub pod: Option<String>,
    /// `publisher/name`.
    pub engine: String,
    pub engine_version: String,
    /// Whether the engine is one of ours, whose words need no mark.
    #[serde(skip)]
    pub is_bundled: bool,
}

/// Backups of one engine.
#[derive(Debug)]
pub struct Backups {
    pub scope: Scope,
    pub columns: Vec<Column>,
    pub backups: Vec<Backup>,
    /// Where each pod was asked.
    pub per_pod: Option<PerPod>,
    /// How many more there are than the user wants to see.
    pub left_out: usize,
    /// A list, though it may have one item; or one backup that was asked for.
    pub is_list: bool,
    pub now: Timestamp,
}

/// What came of asking several pods.
#[derive(Debug)]
pub struct PerPod {
    /// The pod of each backup.
    pub of: Vec<String>,
    /// How many have answered.
    pub answered: usize,
    pub failures: Vec<PodFailure>,
}

/// A pod that told nothing.
#[derive(Debug)]
pub struct PodFailure {
    pub pod: String,
    pub failure: Failure,
    pub message: String,
}

/// A backup that was begun, and what is known of it beside its state.
#[derive(Debug)]
pub struct Created {
    pub backup: Backups,
    /// More for people, by name.
    pub details: Vec<(String, String)>,
    /// Where it is, if it was saved at once.
    pub file: Option<LocalFile>,
}

/// A backup in a file.
#[derive(Debug)]
pub struct DownloadedFile {
    pub scope: Scope,
    pub id: String,
    pub file: LocalFile,
    /// Bytes that were there from an earlier run.
    pub resumed: u64,
}

/// A file that was written, whole.
#[derive(Debug)]
pub struct LocalFile {
    pub path: PathBuf,
    pub bytes: u64,
    /// In hexadecimal.
    pub sha256: String,
    /// By what it is known that all bytes came: `checksum`, `length`, `end-of-stream`, `nothing`.
    pub verified_by: &'static str,
}

/// A restore.
#[derive(Debug)]
pub struct Restored {
    pub scope: Scope,
    pub backup: Backup,
    pub details: Vec<(String, String)>,
    pub dry_run: bool,
    /// Whether it is known to have ended.
    pub ended: bool,
    /// It was to be waited for, and nobody can tell how it ends.
    pub is_unknown: bool,
    pub now: Timestamp,
}

/// A backup that is gone.
#[derive(Debug)]
pub struct Deleted {
    pub scope: Scope,
    pub id: String,
}

/// What a verb of an engine reports.
#[derive(Debug)]
pub struct EngineReport {
    pub scope: Scope,
    pub verb: String,
    /// Lines for people, if there is anything to say.
    pub text: Option<String>,
}

/// The engines that are there.
#[derive(Debug)]
pub struct Engines {
    pub engines: Vec<EngineSummary>,
}

#[derive(Debug)]
pub struct EngineSummary {
    pub id: String,
    pub version: String,
    pub interface: String,
    pub operations: Vec<Operation>,
    /// Verbs of its own, that the operation `act` stands for.
    pub verbs: Vec<String>,
    pub summary: String,
    /// The operations for which `auto` chooses it although it is not bundled.
    pub default_for: Vec<Operation>,
    /// `None` where the cluster could not be asked.
    pub answers: Option<Result<String, String>>,
}

/// What was done on this machine, the newest first.
#[derive(Debug)]
pub struct PastOperations {
    pub rows: Vec<PastOperation>,
    /// Lines of the record that could not be read.
    pub unreadable: usize,
    pub now: Timestamp,
}

#[derive(Debug)]
pub struct PastOperation {
    pub time: Timestamp,
    pub operation: String,
    pub engine: String,
    pub scope: String,
    pub id: Option<String>,
    pub file: Option<String>,
    pub bytes: Option<u64>,
    pub sha256: Option<String>,
    /// `Succeeded`, `Unproven`, or the name of a failure.
    pub outcome: String,
    pub message: Option<String>,
}

/// What came of a test. It is shown although checks of it failed: see [`Document::failure`].
#[derive(Debug)]
pub struct CheckUp {
    pub namespace: String,
    /// None where no engine has to do with pods.
    pub statefulset: Option<String>,
    pub checks: Vec<CheckResult>,
    /// The gravest of what failed.
    pub failure: Option<Failure>,
}

#[derive(Debug)]
pub struct CheckResult {
    /// The short name; none for what all engines need.
    pub engine: Option<String>,
    pub check: String,
    pub outcome: CheckOutcome,
    pub message: String,
    /// What to do, where it did not pass.
    pub hint: Option<String>,
    /// Whether the hint is a sentence of this program: its commands may get the flags of the command line.
    pub is_own_hint: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckOutcome {
    Passed,
    /// It works, but something is missing or old.
    Warned,
    Failed,
    /// It makes no sense after what failed before.
    Skipped,
}

/// Files that were looked at. Nothing is wrong with them; of some, nothing may be known.
#[derive(Debug)]
pub struct Verified {
    pub files: Vec<CheckedFile>,
}

#[derive(Debug)]
pub struct CheckedFile {
    pub path: PathBuf,
    pub bytes: u64,
    /// In hexadecimal.
    pub sha256: String,
    /// Whether there was something from elsewhere to compare with.
    pub is_compared: bool,
    /// By what it is known that it holds: `checksum`, `length`, `structure`, `nothing`.
    pub verified_by: &'static str,
    /// Name, outcome and message of each check.
    pub checks: Vec<(&'static str, &'static str, String)>,
}

impl Scope {
    /// A line that the engine wrote, for a report: the line of an engine that is not bundled gets a
    /// mark if it begins like a message of this program.
    #[must_use]
    pub fn line(&self, line: &str) -> String {
        let shown = text::whole(line);
        if self.is_bundled || !text::looks_like_ours(&shown) {
            return format!("{shown}\n");
        }
        format!("engine {} says: {shown}\n", self.engine)
    }

    /// A fact that the engine tells beside its result.
    #[must_use]
    pub fn detail(&self, name: &str, value: &str) -> String {
        let (name, value) = (text::printable(name, 60), text::printable(value, 400));
        if self.is_bundled {
            return format!("{name}: {value}\n");
        }
        format!("engine {} says: {name}: {value}\n", self.engine)
    }

    /// The name of what something is done to.
    #[must_use]
    pub fn target(&self) -> &str {
        self.statefulset.as_ref().unwrap_or(&self.namespace)
    }
}

impl LocalFile {
    /// The path as it is shown.
    #[must_use]
    pub fn shown_path(&self) -> String {
        shown(&self.path)
    }
}

impl CheckedFile {
    /// The path as it is shown.
    #[must_use]
    pub fn shown_path(&self) -> String {
        shown(&self.path)
    }

    /// For a line among others.
    #[must_use]
    pub fn sentence(&self) -> String {
        if self.is_verified() {
            format!("{} holds: {}", self.shown_path(), self.checks())
        } else {
            format!("{} was not verified: {}", self.shown_path(), self.checks())
        }
    }

    /// Whether anything is known that it was compared with.
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

impl CheckOutcome {
    /// All of them, in the order in which they are counted.
    pub const ALL: [Self; 4] = [Self::Passed, Self::Warned, Self::Failed, Self::Skipped];

    /// The word for it in documents.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Warned => "warned",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }
}
