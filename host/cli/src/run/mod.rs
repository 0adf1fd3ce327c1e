//! `run`: what the pod of a Job of the operator does. It reads its object, works by the same steps as a person's command,
//! and writes progress and result into the status of the object.
//!
//! The pod never writes a phase: that is the operator's, which sees how the Job ended. A second attempt follows what the
//! first one began in the backend.

mod backup;
mod files;
mod live;
mod request;
mod restore;
mod store;
mod upkeep;
mod watched;

use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use host_base::{Problem as _, text};
use host_installed::{
    InstallRequest, KeyFolder, PluginError, Plugins, Reference, SourceOptions, Sources, catalogue,
};
use operator_api::Fault;

pub(crate) use live::read;

use super::Context;
use super::error::CliError;
use crate::plugin::AcceptArgs;
use crate::store::IdentityArgs;

/// The longest message and hint of a fault in characters. A termination message has at most 4,096 bytes.
const MESSAGE: usize = 600;

/// Do the work of an object of the operator, in the pod of its Job
#[derive(Args)]
pub(super) struct RunArgs {
    /// The object: backup/NAME, restore/NAME, backupstore/NAME, retention/SCHEDULE or deepcheck/SCHEDULE
    #[arg(value_name = "KIND/NAME")]
    object: Object,
    /// Folder with the credentials of the backend: the files `username` and `password`, or `token`
    #[arg(long, value_name = "FOLDER")]
    credentials: Option<PathBuf>,
    /// Name and folder of credentials that an engine asks for by name; repeatable
    #[arg(long, num_args = 2, value_names = ["NAME", "FOLDER"])]
    named_credentials: Vec<String>,
    /// Lockfile with engines to install first
    #[arg(long, value_name = "FILE")]
    lockfile: Option<PathBuf>,
    /// Id and reference of an engine to install first
    #[arg(long, num_args = 2, value_names = ["ID", "REFERENCE"], requires = "accept_capabilities")]
    plugin: Vec<String>,
    #[command(flatten)]
    accept: AcceptArgs,
    #[command(flatten)]
    identity: IdentityArgs,
    /// The way to the backend
    #[arg(long, value_enum, default_value_t)]
    connection: Way,
    /// File for the reason of a failure, which the kubelet copies into the pod's status
    #[arg(long, value_name = "FILE", default_value = "/dev/termination-log")]
    termination_log: PathBuf,
}

/// The ways to a backend.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Way {
    /// The address of the pod if it answers, else a port-forward.
    #[default]
    Auto,
    /// Always a port-forward through the API server.
    PortForward,
}

/// The subject of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Object {
    what: What,
    name: String,
}

/// The kinds of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Backup,
    Restore,
    Store,
    Retention,
    DeepCheck,
}

impl FromStr for Object {
    type Err = String;

    fn from_str(given: &str) -> Result<Self, String> {
        let form = "write KIND/NAME, such as backup/nightly-29412345";
        let (kind, name) = given.split_once('/').ok_or(form)?;
        let what = match kind {
            "backup" | "backups" => What::Backup,
            "restore" | "restores" => What::Restore,
            "backupstore" | "backupstores" => What::Store,
            "retention" => What::Retention,
            "deepcheck" => What::DeepCheck,
            _ => {
                return Err(
                    "the kind must be backup, restore, backupstore, retention or deepcheck"
                        .to_owned(),
                );
            }
        };
        if name.is_empty() {
            return Err(form.to_owned());
        }
        Ok(Self {
            what,
            name: name.to_owned(),
        })
    }
}

pub(super) async fn run(args: RunArgs, mut context: Context<'_>) -> Result<(), CliError> {
    let log = args.termination_log.clone();
    let result = Box::pin(work(args, &mut context)).await;
    if let Err(error) = &result {
        // Outside of a pod there is no such file, and the error is shown anyway.
        let fault = fault(error);
        let text = serde_json::to_vec(&fault).unwrap_or_default();
        if log.exists()
            && let Err(error) = std::fs::write(&log, text)
        {
            context
                .ui
                .note(&format!("{} can't be written: {error}", log.display()));
        }
    }
    result
}

async fn work(args: RunArgs, context: &mut Context<'_>) -> Result<(), CliError> {
    if args.lockfile.is_some() || !args.plugin.is_empty() {
        install(&args, context).await?;
    }
    match args.object.what {
        What::Backup => Box::pin(backup::run(&args, context)).await,
        What::Restore => Box::pin(restore::run(&args, context)).await,
        What::Store => Box::pin(store::run(&args, context)).await,
        What::Retention => Box::pin(upkeep::retention(&args, context)).await,
        What::DeepCheck => Box::pin(upkeep::deep_check(&args, context)).await,
    }
}

/// Installs the engines of a lockfile, and one by its reference, with the capabilities that were accepted.
async fn install(args: &RunArgs, context: &mut Context<'_>) -> Result<(), CliError> {
    let folders = host_base::Folders::of_user().ok_or(CliError::NoHome)?;
    let sources = Sources::new(SourceOptions::from_environment());
    let keys = KeyFolder::of(&folders.configuration);
    let bundled = context.engines.clone();
    let plugins = Plugins::open(&bundled, &sources, &keys, &folders, Arc::new(context.ui))?;
    if let Some(lockfile) = &args.lockfile {
        Box::pin(plugins.sync(lockfile)).await?;
    }
    if let [id, reference] = &args.plugin[..] {
        let request = InstallRequest {
            reference: Reference::typed(reference).map_err(PluginError::from)?,
            sha256: None,
            id: Some(id.parse().map_err(|_| {
                wrong(
                    format!("spec.engine.name is {}", text::printable(id, 200)),
                    "Write PUBLISHER/NAME, as the engine's manifest has it",
                )
            })?),
            key: None,
        };
        let consent = args.accept.asking(context.ui);
        Box::pin(plugins.install(&request, &consent)).await?;
    }
    let (engines, problems) = catalogue(&bundled, Some(&folders));
    context.engines = engines;
    for problem in problems {
        context.ui.warn(&problem.to_string());
    }
    Ok(())
}

/// Returns an error in the form that objects have it.
fn fault(error: &CliError) -> Fault {
    let failure = error.failure();
    let shown = |it: &str| text::printable(it, MESSAGE).into_owned();
    Fault {
        code: match error {
            // Its exit code is that of all conflicts, and people must tell it from a lock.
            CliError::RestoreUnknown => "RestoreUnknown",
            _ => failure.name(),
        }
        .to_owned(),
        exit_code: Some(i32::from(failure.exit_code())),
        message: shown(&error.to_string()),
        hint: error.advice().map(|hint| shown(&hint)),
    }
}

/// Returns the error for an object that asks for something impossible.
fn wrong(problem: impl Into<String>, choice: &str) -> CliError {
    CliError::Conflict {
        problem: problem.into(),
        choices: vec![choice.to_owned()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_a_kind_and_a_name() {
        let object = |what, name: &str| Object {
            what,
            name: name.to_owned(),
        };
        for (text, expected) in [
            ("backup/a-1", object(What::Backup, "a-1")),
            ("restore/b", object(What::Restore, "b")),
            ("backupstore/s", object(What::Store, "s")),
            ("retention/n", object(What::Retention, "n")),
            ("deepcheck/n", object(What::DeepCheck, "n")),
        ] {
            assert_eq!(text.parse(), Ok(expected), "{text}");
        }
        for text in ["backup", "backup/", "/a", "pod/a"] {
            assert!(text.parse::<Object>().is_err(), "{text}");
        }
    }
}
