use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::slice;

use broker_manifest::{Auth, Operation};
use host_base::shell::word;
use host_base::{Activity, Author, Failure, Hint, Problem, text};
use host_cluster::ClusterError;
use host_engine::EngineError;
use host_store::StoreError;
use host_transfer::TransferError;

/// Maximum number of engines that a hint names.
const MOST_ENGINES: usize = 4;

/// The reason why an operation failed.
#[derive(Debug, thiserror::Error)]
pub enum OpsError {
    /// The cluster could not be reached, or refused a request.
    #[error(transparent)]
    Cluster(Box<ClusterError>),
    /// The engine could not be started, or reported an error.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The bytes of a backup could not be transferred or verified.
    #[error(transparent)]
    Transfer(Box<TransferError>),
    /// A store failed, or refused a request.
    #[error(transparent)]
    Store(Box<StoreError>),
    /// A copy could not be written to a store. The backup itself is complete.
    #[error(
        "backup {} is complete, but was not copied: {source}",
        text::printable(id, 200)
    )]
    NotCopied {
        /// Id of the backup.
        id: String,
        /// The command that copies it.
        again: String,
        /// The reason.
        source: Box<OpsError>,
    },
    /// The engine can't hand out the bytes of a backup.
    #[error("engine {engine} can't copy backups to a store: it can't download them")]
    NothingToCopy {
        /// The engine, as `--engine` accepts it.
        engine: String,
    },
    /// Nothing says which backup a file is.
    #[error("nothing says which backup {} is", path.display())]
    UnknownFile {
        /// The file.
        path: PathBuf,
    },
    /// A copy is of another target, and the user names it by its id alone.
    #[error(
        "copy {} is of another target: {}",
        text::printable(copy, 300),
        text::printable(of, 300)
    )]
    OtherSource {
        /// The reference that means this copy and no other.
        copy: String,
        /// The origin of the backup.
        of: String,
    },
    /// A copy has several files, and a restore takes one.
    #[error(
        "copy {} has {count} files, and a restore takes one",
        text::printable(copy, 200)
    )]
    SeveralToRestore {
        /// The copy.
        copy: String,
        /// The store, as the user names it.
        store: String,
        /// The number of its files.
        count: usize,
    },
    /// An error of the host that an engine passed on in its own words.
    #[error("{}", said_of(said, source))]
    InContext {
        /// The report of the engine.
        said: Box<EngineError>,
        /// Whether the engine gave a hint of its own.
        has_hint: bool,
        /// The error of the host.
        source: Box<OpsError>,
    },
    /// The backup is not complete, so it can't be downloaded.
    #[error(
        "backup {} can't be downloaded: it is {state}{}",
        text::printable(id, 200),
        because(reason.as_deref())
    )]
    NotWhole {
        /// Id of the backup.
        id: String,
        /// State of the backup, as the engine reports it.
        state: String,
        /// Reason of the state, if the engine reports one.
        reason: Option<String>,
        /// The engine, as `--engine` accepts it.
        engine: String,
        /// Whether the backup is still being made.
        running: bool,
    },
    /// Some of several files did not pass verification.
    #[error("{}", several(*of, failed))]
    Files {
        /// Number of files that were to be verified.
        of: usize,
        /// The error of each file that did not pass.
        failed: Vec<TransferError>,
    },
    /// The engine can't restore from a file.
    #[error(
        "{} restore from a file",
        match engine { Some(engine) => format!("engine {engine} can't"), None => "no engine can".to_owned() }
    )]
    NoFiles {
        /// The engine that the user named. None if no engine restores from files.
        engine: Option<String>,
        /// The engines that restore from files.
        able: Vec<String>,
        /// The command that downloads the file, if a copy was to be restored.
        get: Option<String>,
    },
    /// The download did not end in time.
    #[error("backup {id} did not arrive within {seconds} s")]
    TooSlow {
        /// Id of the backup.
        id: String,
        /// Time limit in seconds.
        seconds: u64,
    },
    /// The engine reported success but saved no file.
    #[error("engine {engine} reported backup {id} as saved but wrote no file")]
    NothingSaved {
        /// The engine, as `--engine` accepts it.
        engine: String,
        /// Id of the backup.
        id: String,
    },
    /// No engine has this name.
    #[error("there is no engine `{name}`")]
    UnknownEngine {
        /// The name that the user gave.
        name: String,
        /// A similar name of an engine, if there is one.
        near: Option<String>,
        /// The engines that are available.
        known: Vec<String>,
    },
    /// Several engines have this short name.
    #[error("engine `{name}` is ambiguous: {}", engines.join(", "))]
    AmbiguousEngine {
        /// The short name that the user gave.
        name: String,
        /// Ids of the engines that have the name.
        engines: Vec<String>,
    },
    /// The engine that the user named does not have the operation.
    #[error("engine {engine} can't `{operation}`{}", in_its_words(reason.as_deref()))]
    CannotDo {
        /// The engine, as `--engine` accepts it.
        engine: String,
        /// The operation.
        operation: Operation,
        /// Reason that the manifest of the engine gives.
        reason: Option<String>,
        /// The engines that have the operation.
        able: Vec<String>,
    },
    /// No available engine has the operation.
    #[error("no engine can `{operation}`")]
    NobodyCan {
        /// The operation.
        operation: Operation,
    },
    /// Only engines that the user must name can do this: installed ones, and bundled ones without pods. `auto` chooses
    /// none of them unless the user made one the default.
    #[error("no engine is chosen unasked to {}; engines that can: {}", what, able.join(", "))]
    OnlyNamed {
        /// The operation or verb, as people read it.
        what: String,
        /// The words after `backup` on the command line.
        command: String,
        /// The operation.
        operation: Operation,
        /// The installed engines that can do this.
        able: Vec<String>,
    },
    /// The engine does not define the verb, or no engine does.
    #[error("{} verb `{verb}`", lacking(engine.as_deref()))]
    NoSuchVerb {
        /// The engine that the user named, if any.
        engine: Option<String>,
        /// Name of the verb.
        verb: String,
        /// The engines that define the verb.
        able: Vec<String>,
    },
    /// Several engines define the verb, and the user named none of them.
    #[error(
        "several engines have the verb `{verb}`{}: {}",
        differently(*differ),
        engines.join(", ")
    )]
    ManyHaveVerb {
        /// Name of the verb.
        verb: String,
        /// The engines that define the verb, as `--engine` accepts them.
        engines: Vec<String>,
        /// Whether their command lines differ.
        differ: bool,
    },
    /// The user named no engine, and the engine of the verb reads the command line in another way than the one
    /// that decides.
    #[error(
        "the verb `{verb}` of engine {engine}, which is the default, has other options than that of engine {reader}"
    )]
    OtherVerb {
        /// Name of the verb.
        verb: String,
        /// The engine that was chosen, as `--engine` accepts it.
        engine: String,
        /// The engine whose meaning counts if none is named.
        reader: String,
    },
    /// The options do not fit the verb of the chosen engine.
    #[error("the verb `{verb}` of engine {engine} {problem}")]
    VerbOption {
        /// The engine, as `--engine` accepts it.
        engine: String,
        /// Name of the verb.
        verb: String,
        /// The problem, as the end of a sentence.
        problem: String,
        /// The other engines whose verb of this name has the option.
        able: Vec<String>,
    },
    /// The backup or restore ended, but did not succeed.
    #[error("{}{}", ended(*activity, id, state, *partly), because(reason.as_deref()))]
    EndedBadly {
        /// Whether a backup or a restore ended.
        activity: Activity,
        /// Id of the backup.
        id: String,
        /// State of the backup, as the engine reports it.
        state: String,
        /// Reason of the state, if the engine reports one.
        reason: Option<String>,
        /// The engine, as `--engine` accepts it. None if the engine can't list backups.
        engine: Option<String>,
        /// Whether only a part is missing.
        partly: bool,
    },
    /// The option takes effect only after the end of the backup, and the command does not wait for it.
    #[error("option `{flag}` takes effect when the backup is complete, so the command must wait")]
    NeedsWaiting {
        /// The flag, without dashes.
        flag: String,
    },
    /// The engine does a part of the work itself, and the command does not wait.
    #[error("engine {engine} does a part of the work itself, so the command must wait")]
    StandsStill {
        /// The engine, as `--engine` accepts it.
        engine: String,
    },
    /// The chosen engine does not have the option.
    #[error("engine {engine} has no option {given}")]
    NotItsOption {
        /// The engine, as `--engine` accepts it.
        engine: String,
        /// The option.
        given: Box<GivenOption>,
        /// The engines that have the option for this command.
        able: Vec<String>,
    },
    /// Several engines have the option with different meanings, and the user named none of them.
    #[error(
        "several engines have an option {given}{}: {}",
        differently(true),
        engines.join(", ")
    )]
    ManyHaveOption {
        /// The option.
        given: Box<GivenOption>,
        /// The engines that have the option.
        engines: Vec<String>,
    },
    /// The user named no engine, and the chosen one means something else by an option than the one that decides.
    #[error(
        "option {given} means something else to the chosen engine {engine} than to engine {reader}"
    )]
    OtherMeaning {
        /// The engine that was chosen, as `--engine` accepts it.
        engine: String,
        /// The option.
        given: Box<GivenOption>,
        /// The engine whose meaning counts if none is named.
        reader: String,
    },
    /// The engine does not take this value of the option.
    #[error("option `{option}` of engine {engine} must be {needs}")]
    BadOptionValue {
        /// The engine, as `--engine` accepts it.
        engine: String,
        /// Name of the option.
        option: String,
        /// The words after `backup` on the command line.
        command: String,
        /// The values that it takes, as the end of a sentence.
        needs: String,
    },
    /// The chosen engine requires an option that the user did not give.
    #[error("engine {engine} needs option `{option}` for `{command}`")]
    OptionMissing {
        /// The engine, as `--engine` accepts it.
        engine: String,
        /// Name of the option.
        option: String,
        /// The words after `backup` on the command line.
        command: String,
    },
    /// The backend refused a request for lack of the right credentials, and the engine gives no advice.
    #[error(transparent)]
    NotAuthenticated(Box<NotAuthenticated>),
    /// The backup succeeded, but the last step after it failed.
    #[error("backup {id} is complete, but the step after it failed: {source}")]
    Unfinished {
        /// Id of the backup.
        id: String,
        /// The error of the last step.
        source: Box<OpsError>,
    },
    /// The session is for another target than the task.
    #[error("backup {id} was begun in {begun_at}, and not in {session}")]
    OtherTarget {
        /// Id of the backup.
        id: String,
        /// The target of the task.
        begun_at: String,
        /// The target of the session.
        session: String,
    },
    /// The task has not ended yet.
    #[error("{} has not ended", text::printable(id, 200))]
    NotEnded {
        /// Id of the backup.
        id: String,
        /// The engine, as `--engine` accepts it.
        engine: String,
    },
    /// The task did not end in time. It continues in the backend.
    #[error(
        "{} has not ended within {seconds} s; it continues in the backend",
        text::printable(id, 200)
    )]
    StillRunning {
        /// Id of the backup.
        id: String,
        /// The engine, as `--engine` accepts it.
        engine: String,
        /// Time limit in seconds.
        seconds: u64,
    },
    /// The backend accepted a restore, but its state never showed the restore.
    #[error(
        "the restore of {} is not visible {seconds} s after the request: the state is still {state}",
        text::printable(id, 200)
    )]
    NoTrace {
        /// Id of the backup.
        id: String,
        /// State of the backup, the same as before the request.
        state: String,
        /// The engine, as `--engine` accepts it.
        engine: String,
        /// Seconds since the request.
        seconds: u64,
        /// Whether the timeout of the user ended the waiting.
        timed_out: bool,
    },
    /// The host refuses to put the id that the backend gave to a backup into a request.
    #[error("the backend of engine {engine} named a backup with an unusable id: {reason}")]
    UnusableId {
        /// The engine, as `--engine` accepts it.
        engine: String,
        /// Reason of the host.
        reason: String,
    },
    /// The user asked every pod, but the engine does not work with pods.
    #[error("engine {engine} does not work with pods, so not every pod can be asked")]
    NoPods {
        /// The engine, as `--engine` accepts it.
        engine: String,
    },
    /// The answer to the request for a backup was lost, and no new backup is listed.
    #[error(
        "the answer was lost ({reason}), and no new backup is listed: it is unknown whether one was begun"
    )]
    OutcomeUnknown {
        /// The error that lost the answer.
        reason: String,
        /// The engine, as `--engine` accepts it.
        engine: String,
    },
    /// The backend returns the backup in its response, and the response failed.
    #[error(
        "{source}; {}",
        if *broke_off { left_over(*to_output) } else { "no byte of the backup arrived, and it is unknown whether the backup was made" }
    )]
    ExportLost {
        /// The error of the response.
        source: Box<OpsError>,
        /// Whether some bytes had arrived.
        broke_off: bool,
        /// Whether the bytes went to stdout.
        to_output: bool,
    },
    /// The backend returns the backup in its response, and the response did not end in time.
    #[error("the backup did not arrive within {seconds} s; {}", left_over(*to_output))]
    ExportTooSlow {
        /// Time limit in seconds.
        seconds: u64,
        /// Whether the bytes went to stdout.
        to_output: bool,
    },
    /// The command may save several files, and the user named a single one.
    #[error(
        "engine {engine} may save several files here, which {}",
        if *to_output { "can't go to stdout" } else { "can't have the name of one" }
    )]
    SeveralFiles {
        /// The engine, as `--engine` accepts it.
        engine: String,
        /// Whether the user chose stdout, and not a name.
        to_output: bool,
    },
    /// The report of an engine's verb goes to stdout, and so should the file that it saves.
    #[error("stdout can't carry both the file that `{verb}` saves and the report of the verb")]
    ReportOnOutput {
        /// Name of the verb.
        verb: String,
    },
    /// The command failed after it had completed some of several files.
    #[error("{source}; the set is incomplete: {}", complete(files, folder))]
    SetIncomplete {
        /// The error.
        source: Box<OpsError>,
        /// Folder of the files.
        folder: PathBuf,
        /// Paths of the complete files. They stay.
        files: Vec<String>,
        /// Whether the same command makes another backup.
        begins_anew: bool,
    },
    /// The first of several files could not be saved, and another name would help. The user can't choose one.
    #[error("{source}")]
    OneOfSeveral {
        /// The error.
        source: Box<OpsError>,
    },
    /// The user does not want to wait, but the backend returns the backup in its response.
    #[error(
        "the command must wait for engine {engine}, whose backend returns the backup in the response"
    )]
    NothingToLeave {
        /// The engine, as `--engine` accepts it.
        engine: String,
    },
    /// The user did not confirm a destructive operation.
    #[error("confirmation is required, so nothing was done: {what}")]
    NotConfirmed {
        /// The text that the user had to confirm.
        what: String,
    },
    /// The user confirmed a destructive operation with the wrong name.
    #[error("nothing was done: {}", typed_wrongly(typed, wanted))]
    WrongName {
        /// The text that the user typed.
        typed: String,
        /// The name that the question asked for.
        wanted: String,
    },
    /// The credentials lack the user name or the password.
    #[error("the credentials of the backend have no {missing}")]
    HalfCredentials {
        /// The part that is missing.
        missing: &'static str,
    },
    /// The engine does not take credentials of this name.
    #[error("engine {engine} takes no credentials `{name}`")]
    UnknownCredentials {
        /// Id of the engine.
        engine: String,
        /// The name of the credentials.
        name: String,
        /// The names that the engine takes.
        known: Vec<String>,
    },
    /// The Secret of credentials with a name can't be read.
    #[error("the credentials `{name}` can't be read: {source}")]
    NamedSecret {
        /// The name of the credentials.
        name: String,
        /// The error.
        source: Box<ClusterError>,
    },
    /// The Secret with age identities can't be read.
    #[error("age identities can't be read: {source}")]
    IdentitySecret {
        /// The error.
        source: Box<ClusterError>,
    },
    /// A Secret has no age identities.
    #[error(
        "can't read age identities from key {} of Secret {} in namespace {}: {reason}",
        text::printable(key, 300),
        text::printable(name, 300),
        text::printable(namespace, 300)
    )]
    BadIdentitySecret {
        /// Name of the Secret.
        name: String,
        /// Namespace of the Secret.
        namespace: String,
        /// The key.
        key: String,
        /// The reason, which repeats nothing of the content.
        reason: String,
    },
    /// Credentials with a name lack a part.
    #[error("the credentials `{name}` have no {missing}")]
    IncompleteCredentials {
        /// The name of the credentials.
        name: String,
        /// The part that is missing.
        missing: &'static str,
    },
    /// The credentials can't be put into a header.
    #[error("the credentials of the backend can't be used: {what}")]
    BadCredentials {
        /// The problem.
        what: &'static str,
    },
    /// Another process on this machine holds the lock of the target.
    #[error(
        "another {operation} of {place} is running on this machine{}",
        holder.as_ref().map_or(String::new(), |it| format!(": {}", text::printable(it, 500)))
    )]
    LockedHere {
        /// Name of the operation.
        operation: String,
        /// The target and its namespace.
        place: String,
        /// The holder of the lock and the time when it took the lock, if known.
        holder: Option<String>,
        /// Path of the lock file.
        path: PathBuf,
    },
    /// The lock file can't be opened or locked.
    #[error("the lock file {} can't be used: {source}", path.display())]
    LocalLock {
        /// Path of the lock file.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// There is no home folder for the state of the program.
    #[error("there is no home folder to keep a lock in")]
    NoHome,
    /// The system returned no random numbers.
    #[error("the system gives no random numbers")]
    NoRandomness,
    /// The engine lists no backup that the user could choose.
    #[error("engine {engine} has no backup to choose from")]
    NoBackups {
        /// The engine, as `--engine` accepts it.
        engine: String,
    },
    /// The user left the menu without a choice.
    #[error("nothing was chosen")]
    NothingChosen,
    /// The menu of backups can't be shown.
    #[error("the menu can't be shown: {source}")]
    Menu {
        /// The error of the terminal.
        source: io::Error,
    },
    /// No listed backup has succeeded.
    #[error("no backup has succeeded")]
    NothingWhole,
    /// A worker thread of this process ended unexpectedly.
    #[error("a worker of this process ended unexpectedly: {reason}")]
    Worker {
        /// Reason of the end.
        reason: String,
    },
}

/// An option that the user gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GivenOption {
    /// Name of the option.
    pub name: String,
    /// The words after `backup` on the command line.
    pub command: String,
    /// The option as the command line gives it.
    pub words: String,
}

impl fmt::Display for GivenOption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` for `{}`", self.name, self.command)
    }
}

/// A backend's demand for credentials that an engine reported without advice.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct NotAuthenticated {
    /// The error of the engine.
    pub error: EngineError,
    /// The credentials that the manifest asks for at the endpoint.
    pub auth: Auth,
    /// Whether credentials were sent.
    pub were_sent: bool,
}

impl NotAuthenticated {
    fn advice(&self) -> String {
        if let (Some(name), false) = (self.auth.credentials(), self.were_sent) {
            return format!(
                "Give the credentials `{name}` of the backend with `--credentials {name}=secret/NAME`"
            );
        }
        match (&self.auth, self.were_sent) {
            (Auth::Basic, false) => {
                "Give the user name and password of the backend: `--username` with `--password-stdin`, `--password-file` or $BROKER_PASSWORD, or name a Secret that has them with `--credentials-secret`"
            }
            (Auth::Bearer | Auth::Custom(_), false) => {
                "Put the token of the backend into $BROKER_TOKEN, or name a Secret that has it as `token` with `--credentials-secret`"
            }
            (Auth::Basic | Auth::Bearer | Auth::Custom(_), true) => {
                "The backend refused the credentials that were sent: check that they are those of the backend and not those of the cluster"
            }
            _ => {
                "The engine's manifest asks for no credentials at this endpoint, so none were sent: report this to the engine's author"
            }
        }
        .to_owned()
    }
}

impl OpsError {
    /// Returns true if work on another file or copy will fail in the same way, because the store can't be used.
    #[must_use]
    pub fn concerns_all(&self) -> bool {
        match self {
            Self::Store(error) => error.concerns_all(),
            Self::Transfer(error) => error.report().kind.concerns_all(),
            _ => false,
        }
    }
}

impl From<ClusterError> for OpsError {
    fn from(error: ClusterError) -> Self {
        Self::Cluster(Box::new(error))
    }
}

impl From<StoreError> for OpsError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Transfer(error) => Self::Transfer(error),
            error => Self::Store(Box::new(error)),
        }
    }
}

impl From<TransferError> for OpsError {
    fn from(error: TransferError) -> Self {
        Self::Transfer(Box::new(error))
    }
}

/// Lists each file that did not pass, with the reason.
fn several(of: usize, failed: &[TransferError]) -> String {
    if let ([only], 1) = (failed, of) {
        return only.to_string();
    }
    let reasons: Vec<_> = failed.iter().map(TransferError::to_string).collect();
    format!(
        "{} of {of} files failed verification: {}",
        failed.len(),
        reasons.join("; ")
    )
}

/// Returns the gravest failure: damaged bytes come before unreadable files.
fn gravest(of: usize, failed: &[TransferError]) -> Failure {
    let is_damage = |error: &TransferError| error.failure() == Failure::Integrity;
    match failed {
        _ if failed.iter().any(is_damage) => Failure::Integrity,
        [first, ..] if failed.len() == of => first.failure(),
        _ => Failure::Partial,
    }
}

/// The hint about one of several files, whose names the user can't choose.
const OTHER_FOLDER: &str = "Choose another folder with `--output-dir`";

/// Names the complete files of a set, but not all of many.
fn complete(files: &[String], folder: &Path) -> String {
    const SHOWN: usize = 5;

    let name = |path: &String| {
        let name = Path::new(path).file_name().unwrap_or_default();
        text::printable(&name.to_string_lossy(), 200).into_owned()
    };
    let mut names: Vec<_> = files.iter().take(SHOWN).map(name).collect();
    if files.len() > SHOWN {
        names.push(format!("{} more", files.len() - SHOWN));
    }
    let noun = if files.len() == 1 {
        "1 file is"
    } else {
        &format!("{} files are", files.len())
    };
    format!(
        "{noun} complete in {} ({})",
        text::printable(&folder.to_string_lossy(), 1000),
        names.join(", ")
    )
}

/// Describes what remains of an incomplete backup that can't be resumed.
const fn left_over(to_output: bool) -> &'static str {
    if to_output {
        "the output is not a complete backup"
    } else {
        "nothing is kept, because this backend can't resume an interrupted backup"
    }
}

/// Describes a backup or restore that did not succeed.
fn ended(activity: Activity, id: &str, state: &str, partly: bool) -> String {
    let what = match activity {
        Activity::Backup => "backup",
        Activity::Restore => "restore of",
    };
    if partly {
        format!("{what} {id} is incomplete: {state}")
    } else {
        format!("{what} {id} failed: {state}")
    }
}

/// Describes how the typed text differs from the name.
fn typed_wrongly(typed: &str, wanted: &str) -> String {
    let (typed, wanted) = (text::printable(typed, 200), text::printable(wanted, 200));
    if typed.is_empty() {
        format!("no name was typed, but `{wanted}` is required")
    } else {
        format!("the typed name is `{typed}`, not `{wanted}`")
    }
}

fn lacking(engine: Option<&str>) -> String {
    match engine {
        Some(engine) => format!("engine {engine} has no"),
        None => "no engine has the".to_owned(),
    }
}

/// Returns the reason that a manifest gives, to append it to a message.
fn in_its_words(reason: Option<&str>) -> String {
    reason
        .map(|reason| format!(": {}", text::printable(reason, 300)))
        .unwrap_or_default()
}

fn differently(differ: bool) -> &'static str {
    if differ {
        " with different meanings"
    } else {
        ""
    }
}

/// Returns a command of `backup` for each of these engines, in backticks. Long lists are cut.
fn with_engines(command: &str, engines: &[String], given: &str) -> String {
    let space = if given.is_empty() { "" } else { " " };
    let line = |engine: &String| {
        format!("`kubectl broker backup {command} --engine {engine}{space}{given}`")
    };
    let lines: Vec<_> = engines.iter().take(MOST_ENGINES).map(line).collect();
    lines.join(", ")
}

fn because(reason: Option<&str>) -> String {
    reason
        .map(|reason| format!(" ({reason})"))
        .unwrap_or_default()
}

impl OpsError {
    /// Whether a file could not be saved, and its hint advises another name.
    pub(super) fn is_about_a_name(&self) -> bool {
        match self.cause() {
            Self::Transfer(error) => error.wants_other_name(),
            _ => false,
        }
    }

    /// Returns the error without the words that an engine put around it.
    pub(super) fn cause(&self) -> &Self {
        match self {
            Self::InContext { source, .. }
            | Self::NotCopied { source, .. }
            | Self::SetIncomplete { source, .. }
            | Self::OneOfSeveral { source } => source.cause(),
            error => error,
        }
    }

    /// Removes the words that an engine put around the error.
    pub(super) fn into_cause(self) -> Self {
        match self {
            Self::InContext { source, .. } => source.into_cause(),
            error => error,
        }
    }
}

/// Returns the words of an engine about an error of the host, and the error behind them, unless the words
/// contain it.
fn said_of(said: &EngineError, source: &OpsError) -> String {
    let original = source.to_string();
    let EngineError::Reported { report, .. } = said else {
        return original;
    };
    if report.message == original {
        return original;
    }
    let said = said.to_string();
    if said.contains(&original) {
        said
    } else {
        format!("{said}: {original}")
    }
}

impl Problem for OpsError {
    fn failure(&self) -> Failure {
        match self {
            Self::Cluster(error) => error.failure(),
            Self::Engine(error) => error.failure(),
            Self::NotAuthenticated(refused) => refused.error.failure(),
            Self::UnknownEngine { .. }
            | Self::NothingToCopy { .. }
            | Self::OtherSource { .. }
            | Self::UnknownFile { .. }
            | Self::SeveralToRestore { .. }
            | Self::AmbiguousEngine { .. }
            | Self::CannotDo { .. }
            | Self::NobodyCan { .. }
            | Self::OnlyNamed { .. }
            | Self::NoSuchVerb { .. }
            | Self::ManyHaveVerb { .. }
            | Self::OtherVerb { .. }
            | Self::VerbOption { .. }
            | Self::NeedsWaiting { .. }
            | Self::StandsStill { .. }
            | Self::NothingToLeave { .. }
            | Self::SeveralFiles { .. }
            | Self::ReportOnOutput { .. }
            | Self::NoFiles { .. }
            | Self::NotItsOption { .. }
            | Self::ManyHaveOption { .. }
            | Self::OtherMeaning { .. }
            | Self::BadOptionValue { .. }
            | Self::OptionMissing { .. }
            | Self::NotConfirmed { .. }
            | Self::OtherTarget { .. }
            | Self::NoPods { .. }
            | Self::WrongName { .. }
            | Self::HalfCredentials { .. }
            | Self::UnknownCredentials { .. }
            | Self::IncompleteCredentials { .. }
            | Self::BadIdentitySecret { .. }
            | Self::BadCredentials { .. } => Failure::Usage,
            Self::Transfer(error) => error.failure(),
            Self::Store(error) => error.failure(),
            Self::NamedSecret { source, .. } | Self::IdentitySecret { source } => source.failure(),
            Self::Files { of, failed } => gravest(*of, failed),
            Self::SetIncomplete { source, .. } => match source.failure() {
                // These say more than that a part is missing.
                failure @ (Failure::Integrity | Failure::PluginFault | Failure::TimedOut) => {
                    failure
                }
                _ => Failure::Partial,
            },
            Self::NothingSaved { .. } => Failure::PluginFault,
            Self::NothingWhole | Self::NoBackups { .. } => Failure::NotFound,
            Self::NothingChosen => Failure::Interrupted,
            Self::EndedBadly { partly: true, .. } => Failure::Partial,
            Self::StillRunning { .. }
            | Self::NotEnded { .. }
            | Self::NoTrace {
                timed_out: true, ..
            }
            | Self::TooSlow { .. }
            | Self::ExportTooSlow { .. } => Failure::TimedOut,
            Self::InContext { source, .. }
            | Self::NotCopied { source, .. }
            | Self::OneOfSeveral { source }
            | Self::Unfinished { source, .. }
            | Self::ExportLost { source, .. } => source.failure(),
            Self::LockedHere { .. } | Self::NotWhole { running: true, .. } => Failure::Conflict,
            Self::EndedBadly { .. }
            | Self::NotWhole { .. }
            | Self::OutcomeUnknown { .. }
            | Self::NoTrace { .. }
            | Self::UnusableId { .. }
            | Self::LocalLock { .. }
            | Self::NoHome
            | Self::Menu { .. }
            | Self::NoRandomness
            | Self::Worker { .. } => Failure::Failed,
        }
    }

    #[expect(clippy::too_many_lines, reason = "one arm for each error")]
    fn advice(&self) -> Option<String> {
        match self {
            Self::Cluster(error) => error.advice(),
            Self::Engine(error) => error.advice(),
            Self::NotAuthenticated(refused) => Some(refused.advice()),
            Self::Transfer(error) => error.advice(),
            Self::Store(error) => error.advice(),
            Self::NotCopied { again, source, .. } => {
                let again = format!("Copy it with `{again}`");
                Some(match source.advice() {
                    Some(advice) => format!("{advice}. {again}"),
                    None => again,
                })
            }
            Self::NothingToCopy { .. } => Some("Choose another engine with `--engine NAME`, or leave `--to` out".to_owned()),
            Self::OtherSource { copy, .. } => Some(format!("If you mean it, name it in full: `{}`", text::printable(copy, 300))),
            Self::UnknownFile { .. } => Some("Name the backup with `--engine NAME`, `--id ID` and `--statefulset NAME`".to_owned()),
            Self::SeveralToRestore { copy, store, .. } => Some(format!(
                "Download the files with `kubectl broker store get {} {}`, and restore one of them with `kubectl broker backup restore --file FILE`",
                word(store),
                word(copy)
            )),
            Self::InContext { source, .. } | Self::Unfinished { source, .. } => source.advice(),
            Self::Files { failed, .. } => failed.first().and_then(Problem::advice),
            Self::NotWhole { running: true, id, engine, .. } | Self::NotEnded { id, engine } => {
                Some(format!(
                    "Follow it with `kubectl broker backup status --engine {} --id {}`",
                    word(engine),
                    word(id)
                ))
            }
            Self::NotWhole { engine, .. } => Some(format!(
                "`kubectl broker backup list --engine {}` shows which backups are complete",
                word(engine)
            )),
            Self::NoFiles { get: Some(get), .. } => Some(format!(
                "Get the file with `{get}`, and restore it with the backend's own tools"
            )),
            Self::NoFiles { able, .. } if able.is_empty() => Some(
                "Name a backup that the backend has with `--id ID` or `--latest`: no available engine takes files"
                    .to_owned(),
            ),
            Self::TooSlow { .. } => Some(
                "Run the same command again with a longer `--timeout` or none; the download resumes if the backend supports that"
                    .to_owned(),
            ),
            Self::ReportOnOutput { .. } => Some("Give `--output-file` a name".to_owned()),
            Self::SeveralFiles { .. } => {
                Some("Leave out `--output-file`; `--output-dir FOLDER` chooses the folder".to_owned())
            }
            Self::OneOfSeveral { source } => Some(match source.cause() {
                Self::Transfer(error) if matches!(**error, TransferError::Exists { .. }) => format!(
                    "{OTHER_FOLDER}, or replace the file with `--force`: the old file stays until the new one is complete and verified"
                ),
                _ => OTHER_FOLDER.to_owned(),
            }),
            Self::SetIncomplete { begins_anew: true, .. } => {
                Some("The same command makes a new backup".to_owned())
            }
            Self::SetIncomplete { source, .. } => {
                const AGAIN: &str = "Run the same command again with `--force`: it resumes partial downloads, and replaces complete files unless a checksum proves them";
                let hint = match source.cause() {
                    Self::Transfer(error) if matches!(**error, TransferError::Exists { .. }) => None,
                    Self::Transfer(_) if source.is_about_a_name() => Some(OTHER_FOLDER.to_owned()),
                    // Its hint is about a single file.
                    Self::Transfer(_) => None,
                    _ => source.advice(),
                };
                Some(hint.map_or_else(|| AGAIN.to_owned(), |hint| format!("{hint}. {AGAIN}")))
            }
            Self::ExportLost { source, .. } => Some(match source.advice() {
                Some(hint) => format!("{hint}. The same command makes a new backup"),
                None => "The same command makes a new backup".to_owned(),
            }),
            Self::ExportTooSlow { .. } => Some(
                "Give a longer `--timeout`, or none; each try makes a new backup".to_owned(),
            ),
            Self::NothingSaved { .. } => Some("Report this to the engine's author".to_owned()),
            Self::UnknownEngine {
                near: Some(near), ..
            } => Some(format!("Did you mean `--engine {near}`?")),
            Self::UnknownEngine { known, .. } => {
                Some(format!("Available engines: {}", known.join(", ")))
            }
            Self::CannotDo { able, .. } if able.is_empty() => {
                Some("No available engine can".to_owned())
            }
            Self::NoFiles { able, .. } | Self::CannotDo { able, .. } => {
                Some(format!("Engines that can: {}", able.join(", ")))
            }
            Self::NoSuchVerb { verb, able, .. } if !able.is_empty() => Some(format!(
                "Use an engine that has it: {}",
                with_engines(verb, able, "")
            )),
            Self::AmbiguousEngine { engines, .. } => engines
                .first()
                .map(|engine| format!("Name the one you mean, for example `--engine {engine}`")),
            Self::ManyHaveVerb { verb, engines, .. } => Some(format!(
                "Name the one you mean: {}",
                with_engines(verb, engines, "")
            )),
            Self::OtherVerb { verb, engine, reader } => Some(format!(
                "Name the one you mean: {}",
                with_engines(verb, &[reader.clone(), engine.clone()], "")
            )),
            Self::VerbOption { engine, verb, able, .. } if able.is_empty() => Some(format!(
                "`kubectl broker backup {verb} --engine {engine} --help` shows its options"
            )),
            Self::VerbOption { verb, able, .. } => Some(format!(
                "Leave out the option, or use an engine that has it: {}",
                with_engines(verb, able, "")
            )),
            Self::OnlyNamed { command, operation, able, .. } => able.first().map(|engine| {
                if engine.starts_with("kubectl-broker/") {
                    return format!(
                        "Name one with `kubectl broker backup {command} --engine {engine}`"
                    );
                }
                format!(
                    "Name one with `kubectl broker backup {command} --engine {engine}`, or let `auto` choose it with `kubectl broker plugin default {engine} --operations {operation}`"
                )
            }),
            Self::NobodyCan { .. } | Self::NoSuchVerb { .. } => {
                Some("`kubectl broker engines` shows what each engine can do".to_owned())
            }
            Self::NothingWhole => Some(
                "`kubectl broker backup list -o wide` shows all backups and why they failed".to_owned(),
            ),
            Self::EndedBadly { engine, .. } => engine.as_ref().map(|engine| {
                format!(
                    "`kubectl broker backup list --engine {}` shows the state of all backups",
                    word(engine)
                )
            }),
            Self::NeedsWaiting { .. } | Self::StandsStill { .. } => {
                Some("Leave out `--wait=false`; `--timeout` limits the time to wait".to_owned())
            }
            Self::NothingToLeave { .. } => Some(
                "Leave out `--wait=false`; `--timeout` limits the time of the whole command".to_owned(),
            ),
            Self::NotItsOption { able, .. } if able.is_empty() => {
                Some("Leave out the option".to_owned())
            }
            Self::NotItsOption { given, able, .. } => Some(format!(
                "Leave out the option, or use an engine that has it: {}",
                with_engines(&given.command, able, &given.words)
            )),
            Self::ManyHaveOption { given, engines, .. } => Some(format!(
                "Name the one you mean: {}",
                with_engines(&given.command, engines, &given.words)
            )),
            Self::OtherMeaning { engine, given, reader } => Some(format!(
                "Name the one you mean: {}",
                with_engines(&given.command, &[reader.clone(), engine.clone()], &given.words)
            )),
            Self::BadOptionValue { engine, command, .. } => Some(format!(
                "`kubectl broker backup {command} --engine {engine} --help` describes the option"
            )),
            Self::OptionMissing { engine, option, command } => Some(format!(
                "Give it: {}",
                with_engines(
                    command,
                    slice::from_ref(engine),
                    &format!("--{option} {}", option.to_ascii_uppercase())
                )
            )),
            Self::StillRunning { id, engine, .. } => Some(format!(
                "Follow it with `kubectl broker backup status --engine {} --id {}`, or give a longer `--timeout`",
                word(engine),
                word(id)
            )),
            Self::NoTrace { id, engine, .. } => Some(format!(
                "The restore may have ended between two checks, or not have begun. Before you try again, check `kubectl broker backup status --engine {} --id {}` and the log of the backend",
                word(engine),
                word(id)
            )),
            Self::UnusableId { engine, .. } => Some(format!(
                "The backend chose this id; `kubectl broker backup list --engine {} -o json` shows it in full",
                word(engine)
            )),
            Self::OtherTarget { .. } => {
                Some("Go on with it in the target where it was begun".to_owned())
            }
            Self::NoPods { .. } => Some("Leave out `--pod`".to_owned()),
            Self::OutcomeUnknown { engine, .. } => Some(format!(
                "Check `kubectl broker backup list --engine {}` before you try again",
                word(engine)
            )),
            Self::NotConfirmed { .. } => Some(
                "Pass `--yes` to confirm; on a terminal you are asked for the name of the target"
                    .to_owned(),
            ),
            Self::WrongName { .. } => Some(
                "Run the same command again and type the name as the question shows it, or pass `--yes`"
                    .to_owned(),
            ),
            Self::UnknownCredentials { known, .. } => Some(match &known[..] {
                [] => "Leave out `--credentials`, or name another engine with `--engine`".to_owned(),
                known => format!("It takes: {}", known.join(", ")),
            }),
            Self::NamedSecret { name, source } => match &**source {
                ClusterError::SecretNotFound { near, .. } if !near.is_empty() => Some(format!(
                    "Did you mean `--credentials {name}=secret/{}`?",
                    word(&near[0])
                )),
                source => source.advice(),
            },
            Self::IdentitySecret { source } => match &**source {
                ClusterError::SecretNotFound { near, .. } => Some(match near.first() {
                    Some(near) => format!("Did you mean `--identity secret/{}`?", word(near)),
                    None => {
                        "Name another Secret with `--identity secret/NAME`, and its namespace with `-n`, or a file with `--identity FILE`"
                            .to_owned()
                    }
                }),
                ClusterError::SecretKeyMissing { name, .. } => Some(format!(
                    "Name the key with `--identity secret/{}:KEY`",
                    word(name)
                )),
                source => source.advice(),
            },
            Self::BadIdentitySecret {
                name, namespace, ..
            } => Some(format!(
                "Name another key with `--identity secret/{}:KEY`, or create another Secret from a file of `age-keygen -o FILE`: `kubectl create secret generic NAME -n {} --from-file=identity=FILE`",
                word(name),
                word(namespace)
            )),
            Self::IncompleteCredentials { name, .. } => Some(format!(
                "Name a Secret that has it with `--credentials {name}=secret/NAME`; its keys are `username` and `password`, or `token`"
            )),
            Self::HalfCredentials { .. } | Self::BadCredentials { .. } => Some(
                "Give `--username` with `--password-stdin`, `--password-file` or $BROKER_PASSWORD, or name a Secret with `--credentials-secret`"
                    .to_owned(),
            ),
            Self::LockedHere { path, .. } => Some(format!(
                "Wait until the other process has ended; it holds the lock {}",
                path.display()
            )),
            Self::LocalLock { .. } | Self::NoHome => {
                Some("Set HOME or XDG_STATE_HOME to a writable folder".to_owned())
            }
            Self::NoRandomness => Some("Check that /dev/urandom can be read".to_owned()),
            Self::Menu { .. } => Some("Name the backup with `--id`".to_owned()),
            Self::NoBackups { .. } | Self::NothingChosen | Self::Worker { .. } => None,
        }
    }

    fn hint(&self) -> Option<Hint> {
        if let Self::InContext {
            said,
            has_hint: true,
            source,
        } = self
        {
            return match (source.hint(), said.hint()) {
                (Some(hint), Some(addition)) => Some(hint.with_addition(addition)),
                (hint, addition) => hint.or(addition),
            };
        }
        Some(Hint::new(self.advice()?, self.advisor()))
    }

    fn written_by(&self) -> Option<&str> {
        match self {
            Self::Engine(error) => error.written_by(),
            Self::InContext { said, source, .. } => {
                let is_original = said_of(said, source) == source.to_string();
                if is_original {
                    source.written_by()
                } else {
                    said.written_by()
                }
            }
            Self::NotAuthenticated(refused) => refused.error.written_by(),
            Self::Unfinished { source, .. }
            | Self::ExportLost { source, .. }
            | Self::SetIncomplete { source, .. }
            | Self::OneOfSeveral { source } => source.written_by(),
            _ => None,
        }
    }

    fn advisor(&self) -> Author {
        match self {
            Self::Cluster(error) => error.advisor(),
            Self::Engine(error) => error.advisor(),
            Self::InContext { source, .. }
            | Self::Unfinished { source, .. }
            | Self::ExportLost { source, .. }
            | Self::SetIncomplete { source, .. } => source.advisor(),
            _ => Author::Host,
        }
    }
}

#[cfg(test)]
mod messages;
