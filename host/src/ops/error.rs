use std::io;
use std::path::PathBuf;

use broker_manifest::Operation;

use crate::cluster::ClusterError;
use crate::engine::EngineError;
use crate::model::shell::word;
use crate::model::{Activity, Failure, Problem, text};
use crate::transfer::TransferError;

/// Why an operation could not be done.
#[derive(Debug, thiserror::Error)]
pub enum OpsError {
    #[error(transparent)]
    Cluster(Box<ClusterError>),
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error(transparent)]
    Transfer(Box<TransferError>),
    #[error(
        "backup {} can't be downloaded: it is {state}{}",
        text::printable(id, 200),
        because(reason.as_deref())
    )]
    NotWhole {
        id: String,
        state: String,
        reason: Option<String>,
        engine: String,
        /// Whether it may become whole.
        running: bool,
    },
    #[error("{}", several(*of, failed))]
    Files {
        /// How many were asked for.
        of: usize,
        failed: Vec<TransferError>,
    },
    #[error(
        "{} restores from a file",
        match engine { Some(engine) => format!("engine {engine} never"), None => "no engine".to_owned() }
    )]
    NoFiles {
        engine: Option<String>,
        /// The engines that do.
        able: Vec<String>,
    },
    #[error("backup {id} did not come within {seconds} s")]
    TooSlow { id: String, seconds: u64 },
    #[error("engine {engine} says that it saved backup {id}, and saved nothing")]
    NothingSaved { engine: String, id: String },
    #[error("there is no engine `{name}`")]
    UnknownEngine {
        name: String,
        /// The name that was perhaps meant.
        near: Option<String>,
        known: Vec<String>,
    },
    #[error("several engines are called `{name}`: {}", engines.join(", "))]
    AmbiguousEngine { name: String, engines: Vec<String> },
    #[error("engine {engine} can't `{operation}`{}", in_its_words(reason.as_deref()))]
    CannotDo {
        engine: String,
        operation: Operation,
        /// What its manifest says about that.
        reason: Option<String>,
        /// The engines that can.
        able: Vec<String>,
    },
    #[error("no engine can `{operation}`")]
    NobodyCan { operation: Operation },
    /// `auto` chooses no installed engine unless the user says so.
    #[error("no bundled engine can {}; installed engines that can: {}", what, able.join(", "))]
    OnlyInstalled {
        /// For people.
        what: String,
        /// What is typed after `backup`.
        command: String,
        operation: Operation,
        able: Vec<String>,
    },
    #[error("{} verb `{verb}`", lacking(engine.as_deref()))]
    NoSuchVerb {
        /// The one that was named.
        engine: Option<String>,
        verb: String,
        /// The engines that have it.
        able: Vec<String>,
    },
    #[error("several engines have the verb `{verb}`: {}", engines.join(", "))]
    ManyHaveVerb { verb: String, engines: Vec<String> },
    #[error("the verb `{verb}` of engine {engine} {problem}")]
    VerbOption {
        engine: String,
        verb: String,
        problem: String,
    },
    #[error("the {} {id} ended {}: {state}{}", match activity { Activity::Backup => "backup", Activity::Restore => "restore of" }, if *partly { "with a part missing" } else { "badly" }, because(reason.as_deref()))]
    EndedBadly {
        activity: Activity,
        id: String,
        state: String,
        reason: Option<String>,
        /// What `--engine` takes for it, if it lists backups.
        engine: Option<String>,
        partly: bool,
    },
    #[error("`--{flag}` takes effect when the backup has ended, and nobody waits for that")]
    NeedsWaiting { flag: String },
    #[error("engine {engine} has no `--{flag}`")]
    NotItsOption { engine: String, flag: String },
    #[error("backup {id} is complete, but what was to be done with it was not: {source}")]
    Unfinished { id: String, source: Box<OpsError> },
    #[error(
        "{} has not ended within {seconds} s; it goes on in the backend",
        text::printable(id, 200)
    )]
    StillRunning {
        id: String,
        engine: String,
        seconds: u64,
    },
    #[error(
        "nothing is to be seen of the restore of {} {seconds} s after it was asked for: its state is still {state}",
        text::printable(id, 200)
    )]
    NoTrace {
        id: String,
        /// As before.
        state: String,
        engine: String,
        seconds: u64,
        /// Whether it was not to be waited for any longer.
        timed_out: bool,
    },
    #[error("engine {engine} was given a backup with an id that can't be used: {reason}")]
    UnusableId { engine: String, reason: String },
    #[error("`--pod all` can't be used with engine {engine}, which works with no pods")]
    NoPods { engine: String },
    #[error(
        "the answer was lost ({reason}), and no new backup is to be seen: nothing says whether one was begun"
    )]
    OutcomeUnknown { reason: String, engine: String },
    #[error(
        "{source}; {}",
        if *broke_off { left_over(*to_output) } else { "whether the backup was made is not known, and nothing of it came" }
    )]
    ExportLost {
        source: Box<OpsError>,
        /// Whether bytes had begun to come.
        broke_off: bool,
        to_output: bool,
    },
    #[error("the backup did not come within {seconds} s; {}", left_over(*to_output))]
    ExportTooSlow { seconds: u64, to_output: bool },
    #[error("engine {engine} saves the backup that it makes: there is nothing to begin and leave")]
    NothingToLeave { engine: String },
    #[error("nothing was done, because it was not confirmed: {what}")]
    NotConfirmed { what: String },
    #[error("nothing was done: {}", typed_wrongly(typed, wanted))]
    WrongName {
        typed: String,
        /// The name that was asked for.
        wanted: String,
    },
    #[error("the credentials of the backend have no {missing}")]
    HalfCredentials { missing: &'static str },
    #[error("the credentials of the backend can't be used: {what}")]
    BadCredentials { what: &'static str },
    #[error(
        "another {operation} of {place} is running on this machine{}",
        holder.as_ref().map_or(String::new(), |it| format!(": {}", text::printable(it, 500)))
    )]
    LockedHere {
        operation: String,
        /// The target and its namespace.
        place: String,
        /// Who holds the lock, and since when.
        holder: Option<String>,
        path: PathBuf,
    },
    #[error("the lock {} can't be used: {source}", path.display())]
    LocalLock { path: PathBuf, source: io::Error },
    #[error("there is no home folder to keep a lock in")]
    NoHome,
    #[error("the system gives no random numbers")]
    NoRandomness,
    #[error("engine {engine} has no backup to choose from")]
    NoBackups { engine: String },
    #[error("nothing was chosen")]
    NothingChosen,
    #[error("the menu can't be shown: {source}")]
    Menu { source: io::Error },
    #[error("there is no backup that ended well")]
    NothingWhole,
    #[error("{} can't be written: {source}", text::printable(&path.to_string_lossy(), 1000))]
    Audit { path: PathBuf, source: io::Error },
    #[error("a worker of this process ended unexpectedly: {reason}")]
    Worker { reason: String },
}

impl From<ClusterError> for OpsError {
    fn from(error: ClusterError) -> Self {
        Self::Cluster(Box::new(error))
    }
}

impl From<TransferError> for OpsError {
    fn from(error: TransferError) -> Self {
        Self::Transfer(Box::new(error))
    }
}

/// Each file that is not right, with the reason.
fn several(of: usize, failed: &[TransferError]) -> String {
    if let ([only], 1) = (failed, of) {
        return only.to_string();
    }
    let reasons: Vec<_> = failed.iter().map(TransferError::to_string).collect();
    format!(
        "{} of {of} files are not right: {}",
        failed.len(),
        reasons.join("; ")
    )
}

/// The gravest: bytes that are wrong, before files that could not be looked at.
fn gravest(of: usize, failed: &[TransferError]) -> Failure {
    let is_damage = |error: &TransferError| error.failure() == Failure::Integrity;
    match failed {
        _ if failed.iter().any(is_damage) => Failure::Integrity,
        [first, ..] if failed.len() == of => first.failure(),
        _ => Failure::Partial,
    }
}

/// What stays of a backup that did not come whole, and can't be taken up again.
const fn left_over(to_output: bool) -> &'static str {
    if to_output {
        "what was written is not a whole backup"
    } else {
        "nothing of it is kept, because this backend can't go on where it broke off"
    }
}

/// What was typed in place of a name.
fn typed_wrongly(typed: &str, wanted: &str) -> String {
    let (typed, wanted) = (text::printable(typed, 200), text::printable(wanted, 200));
    if typed.is_empty() {
        format!("no name was typed, and `{wanted}` is needed")
    } else {
        format!("the name that was typed is `{typed}`, and not `{wanted}`")
    }
}

fn lacking(engine: Option<&str>) -> String {
    match engine {
        Some(engine) => format!("engine {engine} has no"),
        None => "no engine has the".to_owned(),
    }
}

/// The reason of a manifest.
fn in_its_words(reason: Option<&str>) -> String {
    reason
        .map(|reason| format!(": {}", text::printable(reason, 300)))
        .unwrap_or_default()
}

fn because(reason: Option<&str>) -> String {
    reason
        .map(|reason| format!(" ({reason})"))
        .unwrap_or_default()
}

impl Problem for OpsError {
    fn failure(&self) -> Failure {
        match self {
            Self::Cluster(error) => error.failure(),
            Self::Engine(error) => error.failure(),
            Self::UnknownEngine { .. }
            | Self::AmbiguousEngine { .. }
            | Self::CannotDo { .. }
            | Self::NobodyCan { .. }
            | Self::OnlyInstalled { .. }
            | Self::NoSuchVerb { .. }
            | Self::ManyHaveVerb { .. }
            | Self::VerbOption { .. }
            | Self::NeedsWaiting { .. }
            | Self::NothingToLeave { .. }
            | Self::NoFiles { .. }
            | Self::NotItsOption { .. }
            | Self::NotConfirmed { .. }
            | Self::NoPods { .. }
            | Self::WrongName { .. }
            | Self::HalfCredentials { .. }
            | Self::BadCredentials { .. } => Failure::Usage,
            Self::Transfer(error) => error.failure(),
            Self::Files { of, failed } => gravest(*of, failed),
            Self::NothingSaved { .. } => Failure::PluginFault,
            Self::NothingWhole | Self::NoBackups { .. } => Failure::NotFound,
            Self::NothingChosen => Failure::Interrupted,
            Self::EndedBadly { partly: true, .. } => Failure::Partial,
            Self::StillRunning { .. }
            | Self::NoTrace {
                timed_out: true, ..
            }
            | Self::TooSlow { .. }
            | Self::ExportTooSlow { .. } => Failure::TimedOut,
            Self::Unfinished { source, .. } | Self::ExportLost { source, .. } => source.failure(),
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
            | Self::Audit { .. }
            | Self::Worker { .. } => Failure::Failed,
        }
    }

    fn is_hint_of_others(&self) -> bool {
        match self {
            Self::Cluster(error) => error.is_hint_of_others(),
            Self::Unfinished { source, .. } | Self::ExportLost { source, .. } => {
                source.is_hint_of_others()
            }
            _ => self.hint_written_by().is_some(),
        }
    }

    #[expect(clippy::too_many_lines, reason = "one arm for each error")]
    fn hint(&self) -> Option<String> {
        match self {
            Self::Cluster(error) => error.hint(),
            Self::Engine(error) => error.hint(),
            Self::Transfer(error) => error.hint(),
            Self::Files { failed, .. } => failed.first().and_then(Problem::hint),
            Self::NotWhole { running: true, id, engine, .. } => Some(format!(
                "Wait for its end: `kubectl broker backup status --engine {} --id {}`",
                word(engine),
                word(id)
            )),
            Self::NotWhole { engine, .. } => Some(format!(
                "`kubectl broker backup list --engine {}` shows which backups are whole",
                word(engine)
            )),
            Self::NoFiles { able, .. } if able.is_empty() => Some(
                "The backends of the installed engines restore only what they have themselves: `--id ID` or `--latest`"
                    .to_owned(),
            ),
            Self::NoFiles { able, .. } => Some(format!("Engines that do: {}", able.join(", "))),
            Self::TooSlow { .. } => Some(
                "Run the same command again, with a longer `--timeout` or none: it goes on after what has come, where the backend allows that"
                    .to_owned(),
            ),
            Self::ExportLost { source, .. } => Some(match source.hint() {
                Some(hint) => format!("{hint}. The same command makes a new backup"),
                None => "The same command makes a new backup".to_owned(),
            }),
            Self::ExportTooSlow { .. } => Some(
                "Give a longer `--timeout`, or none; each try makes a new backup".to_owned(),
            ),
            Self::NothingSaved { .. } => Some("Tell the engine's author".to_owned()),
            Self::UnknownEngine {
                near: Some(near), ..
            } => Some(format!("Did you mean `--engine {near}`?")),
            Self::UnknownEngine { known, .. } => {
                Some(format!("Engines that are there: {}", known.join(", ")))
            }
            Self::CannotDo { able, .. } if able.is_empty() => {
                Some("No engine that is installed can".to_owned())
            }
            Self::CannotDo { able, .. } => Some(format!("Engines that can: {}", able.join(", "))),
            Self::NoSuchVerb { able, .. } if !able.is_empty() => {
                Some(format!("Engines that have it: {}", able.join(", ")))
            }
            Self::AmbiguousEngine { engines, .. } | Self::ManyHaveVerb { engines, .. } => engines
                .first()
                .map(|engine| format!("Name the one you mean, for example `--engine {engine}`")),
            Self::VerbOption { .. } => Some(
                "Several engines have this verb, and the command line is that of the first of them"
                    .to_owned(),
            ),
            Self::OnlyInstalled { command, operation, able, .. } => able.first().map(|engine| {
                format!(
                    "Name it with `kubectl broker backup {command} --engine {engine}`; `kubectl broker plugin default {engine} --operations {operation}` lets `auto` choose it"
                )
            }),
            Self::NobodyCan { .. } | Self::NoSuchVerb { .. } => {
                Some("`kubectl broker engines` shows what each can do".to_owned())
            }
            Self::NothingWhole => Some(
                "`kubectl broker backup list` shows what is there and why it failed".to_owned(),
            ),
            Self::EndedBadly { engine, .. } => engine.as_ref().map(|engine| {
                format!(
                    "`kubectl broker backup list --engine {}` shows what is there",
                    word(engine)
                )
            }),
            Self::NeedsWaiting { .. } => {
                Some("Leave `--wait=false` out; `--timeout` says how long to wait".to_owned())
            }
            Self::NothingToLeave { .. } => Some(
                "Leave `--wait=false` out; `--timeout` says how long all of it may take".to_owned(),
            ),
            Self::NotItsOption { .. } => Some("Leave it out, or choose another engine".to_owned()),
            Self::Unfinished { source, .. } => source.hint(),
            Self::StillRunning { id, engine, .. } => Some(format!(
                "Follow it with `kubectl broker backup status --engine {} --id {}`, or give a longer `--timeout`",
                word(engine),
                word(id)
            )),
            Self::NoTrace { id, engine, .. } => Some(format!(
                "It may have ended between two looks, or not have begun. Look with `kubectl broker backup status --engine {} --id {}`, and at the log of the backend, before you try again",
                word(engine),
                word(id)
            )),
            Self::UnusableId { engine, .. } => Some(format!(
                "The id is the backend's own: look at it with `kubectl broker backup list --engine {} -o json`",
                word(engine)
            )),
            Self::NoPods { .. } => Some("Leave `--pod` out".to_owned()),
            Self::OutcomeUnknown { engine, .. } => Some(format!(
                "Look with `kubectl broker backup list --engine {}` before you try again",
                word(engine)
            )),
            Self::NotConfirmed { .. } => Some(
                "Give `--yes` if you mean it; on a terminal the name of the target is asked for"
                    .to_owned(),
            ),
            Self::WrongName { .. } => Some(
                "Run the same command again and type the name as the question shows it, or give `--yes`"
                    .to_owned(),
            ),
            Self::HalfCredentials { .. } | Self::BadCredentials { .. } => Some(
                "Give `--username` with `--password-stdin`, `--password-file` or $BROKER_PASSWORD, or name a Secret with `--credentials-secret`"
                    .to_owned(),
            ),
            Self::LockedHere { path, .. } => Some(format!(
                "Wait until it has ended; it holds {}",
                path.display()
            )),
            Self::LocalLock { .. } | Self::NoHome => {
                Some("Set HOME or XDG_STATE_HOME to a folder that can be written to".to_owned())
            }
            Self::Audit { .. } => Some("Give `--audit` a file that can be written to".to_owned()),
            Self::NoRandomness => Some("Check that /dev/urandom can be read".to_owned()),
            Self::Menu { .. } => Some("Name the backup with `--id`".to_owned()),
            Self::NoBackups { .. } | Self::NothingChosen | Self::Worker { .. } => None,
        }
    }

    fn written_by(&self) -> Option<&str> {
        match self {
            Self::Engine(error) => error.written_by(),
            Self::Unfinished { source, .. } | Self::ExportLost { source, .. } => {
                source.written_by()
            }
            _ => None,
        }
    }

    fn hint_written_by(&self) -> Option<&str> {
        match self {
            Self::Engine(error) => error.hint_written_by(),
            Self::Unfinished { source, .. } | Self::ExportLost { source, .. } => {
                source.hint_written_by()
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod messages;
