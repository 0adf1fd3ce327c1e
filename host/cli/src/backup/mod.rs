//! `backup`: the operations on backups.

mod act;
mod copy;
pub(super) mod create;
mod delete;
mod download;
mod history;
mod list;
pub(super) mod place;
pub(super) mod restore;
mod status;
mod test;
mod verify;
mod which;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use broker_manifest::Operation;
use clap::{ArgMatches, Args, Command, FromArgMatches, Subcommand};
use host_base::Folders;
use host_base::shell::word;
use host_driver::{
    Begun, Downloaded, EngineChoice, Host, HostSettings, Request, Session, Work, order,
};
use host_engine::{EngineFile, OptionSetting};

use super::credentials::CredentialsArgs;
use super::error::CliError;
use super::limits::LimitsArgs;
use super::store::Opener;
use super::{Context, engine_flags, tls_flags};
use crate::ui::{Document, Ui};

/// Create, list, download, verify, restore and delete backups
#[derive(Args)]
#[command(arg_required_else_help = true)]
pub(super) struct BackupArgs {
    #[command(flatten)]
    engine: EngineArgs,
    #[command(flatten)]
    target: TargetArgs,
    #[command(subcommand)]
    verb: BackupVerb,
}

/// The engine that the user chose.
#[derive(Args)]
pub(super) struct EngineArgs {
    /// Engine to use; `auto` picks the preferred engine that responds
    #[arg(
        short,
        long,
        global = true,
        default_value = "auto",
        value_name = "NAME",
        help_heading = ENGINE_HEADING
    )]
    engine: String,
}

/// Whose backups.
#[derive(Args)]
#[command(next_help_heading = "Target")]
pub(super) struct TargetArgs {
    /// StatefulSet of the target [default: broker]
    #[arg(long, global = true, value_name = "NAME")]
    statefulset: Option<String>,
    /// Pod to contact; for `list` only, `all` means every pod in which a container runs [default: first ready pod]
    #[arg(long, global = true, value_name = "NAME")]
    pod: Option<String>,
    #[command(flatten)]
    credentials: CredentialsArgs,
    #[command(flatten)]
    sandbox: SandboxArgs,
}

/// The limits of engines, and the record of their calls.
#[derive(Args)]
pub(super) struct SandboxArgs {
    #[command(flatten)]
    limits: LimitsArgs,
    /// File to append engine calls to, as JSON lines without secrets
    #[arg(long, global = true, value_name = "FILE", help_heading = ENGINE_HEADING)]
    audit: Option<PathBuf>,
}

/// The heading of what every engine is given.
pub(super) const ENGINE_HEADING: &str = "Engine";

/// The value of `--pod` for every pod.
const ALL_PODS: &str = "all";

/// A verb that an engine carries out at a target.
#[derive(Subcommand)]
enum EngineVerb {
    List(list::ListArgs),
    Status(status::StatusArgs),
    Create(create::CreateArgs),
    Download(download::DownloadArgs),
    Restore(restore::RestoreArgs),
    Delete(delete::DeleteArgs),
    /// One that an engine brings: see [`BackupVerb`].
    #[command(skip)]
    OfEngine(Box<act::ActArgs>),
}

/// A verb that is not the work of one engine at one target.
#[derive(Subcommand)]
enum OtherVerb {
    Test(test::TestArgs),
    Verify(verify::VerifyArgs),
    Copy(copy::CopyArgs),
    History(history::HistoryArgs),
}

/// Any verb. The code that clap derives refuses the commands that were added for the verbs of engines.
enum BackupVerb {
    Engine(EngineVerb),
    Other(OtherVerb),
}

impl FromArgMatches for BackupVerb {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        match matches.subcommand() {
            Some((name, _)) if OtherVerb::has_subcommand(name) => {
                OtherVerb::from_arg_matches(matches).map(Self::Other)
            }
            Some((name, inner)) if !EngineVerb::has_subcommand(name) => {
                let args = act::ActArgs::new(name, inner)?;
                Ok(Self::Engine(EngineVerb::OfEngine(Box::new(args))))
            }
            _ => EngineVerb::from_arg_matches(matches).map(Self::Engine),
        }
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Subcommand for BackupVerb {
    fn augment_subcommands(command: Command) -> Command {
        OtherVerb::augment_subcommands(EngineVerb::augment_subcommands(command))
    }

    fn augment_subcommands_for_update(command: Command) -> Command {
        Self::augment_subcommands(command)
    }

    /// Always true: the command was built from the manifests.
    fn has_subcommand(_: &str) -> bool {
        true
    }
}

pub(super) async fn run(args: BackupArgs, context: Context<'_>) -> Result<(), CliError> {
    let ui = context.ui;
    let named = &args.engine.engine;
    let engine = args.verb.engine(named, &context.engines)?;
    // An engine's own verb may name its engine without the line.
    let is_own = matches!(args.verb, BackupVerb::Engine(EngineVerb::OfEngine(_)));
    if named != "auto" || !is_own {
        refuse_another(&engine, "backup", &context)?;
    }
    let of_verb = match &args.verb {
        BackupVerb::Engine(EngineVerb::OfEngine(args)) => args.given(&context)?,
        _ => Vec::new(),
    };
    let output_file = context.output_file.clone();
    if !matches!(&args.verb, BackupVerb::Engine(EngineVerb::List(_))) {
        args.target.refuse_all_pods()?;
    }
    let host = args.target.host(&context);
    let opener = context.opener.clone();
    let so_far = context.so_far.clone();
    let given = copy::origin(&args.target, named, &context);
    let request = args.target.into_request(context, engine)?;
    let work = async {
        let verb = match args.verb {
            BackupVerb::Engine(verb) => verb,
            BackupVerb::Other(OtherVerb::Test(_)) => {
                return Ok(Some(test::run(&host, request, ui).await?));
            }
            BackupVerb::Other(OtherVerb::Verify(args)) => {
                return Ok(Some(match args.what()? {
                    verify::What::Files(files) => verify::of_files(files, &host).await?,
                    verify::What::Backup(which) => {
                        let session = Session::open(&host, request).await?;
                        let view = verify::of_backup(&which, &session).await?;
                        session.note_requests();
                        view
                    }
                }));
            }
            BackupVerb::Other(OtherVerb::Copy(args)) => {
                return Ok(Some(
                    copy::run(args, given, &host, &opener, &so_far, ui).await?,
                ));
            }
            BackupVerb::Other(OtherVerb::History(args)) => {
                return Ok(Some(history::run(&args, &host).await?));
            }
        };
        let session = Session::open(&host, request).await?;
        let view = Box::pin(run_in(&session, verb, output_file, of_verb, &opener, ui)).await;
        session.note_requests();
        view
    };
    let view = ui
        .while_waiting("Asking the backend", Box::pin(work))
        .await?;
    let Some(view) = view else {
        return Ok(());
    };
    ui.data(view.as_ref())?;
    ui.summary(view.as_ref());
    match view.failure() {
        Some(failure) => Err(CliError::Said(failure)),
        None => Ok(()),
    }
}

/// Refuses a line for which both passes found different engines: its options would mean something else.
fn refuse_another(
    chosen: &EngineChoice,
    command: &str,
    context: &Context<'_>,
) -> Result<(), CliError> {
    let found = match chosen {
        EngineChoice::Auto => None,
        named @ EngineChoice::Named(_) => order(&context.engines, named, Operation::Detect).pop(),
    };
    let id = |engine: &EngineFile| engine.manifest().id.clone();
    if found.map(id) == context.named.as_ref().map(id) {
        return Ok(());
    }
    Err(CliError::Conflict {
        problem: "it is unclear which engine the command line names".to_owned(),
        choices: vec![format!("Put --engine NAME directly behind `{command}`")],
    })
}

impl EngineArgs {
    /// Returns the choice of the engine for a command that names it with the flag alone.
    pub(super) fn choice(
        &self,
        command: &str,
        context: &Context<'_>,
    ) -> Result<EngineChoice, CliError> {
        let choice = EngineChoice::from(self.engine.as_str());
        refuse_another(&choice, command, context)?;
        Ok(choice)
    }
}

impl SandboxArgs {
    /// The file that gets the calls of engines.
    pub(super) fn audit(&self) -> Option<&Path> {
        self.audit.as_deref()
    }

    /// Makes the host that the operations use.
    pub(super) fn host(&self, context: &Context<'_>) -> Host {
        Host::new(HostSettings {
            engines: context.engines.clone(),
            limits: self.limits.limits(),
            folders: Folders::of_user(),
            reporter: Arc::new(context.ui),
        })
    }
}

/// Lets an engine do it. `of_verb` are the options of the engine's own verb. Nothing is to be shown when the data went to stdout itself.
async fn run_in(
    session: &Session,
    verb: EngineVerb,
    output_file: Option<String>,
    of_verb: Vec<OptionSetting>,
    opener: &Opener,
    ui: Ui,
) -> Result<Option<Box<dyn Document>>, CliError> {
    Ok(Some(match verb {
        EngineVerb::List(args) => match list::run(&args, session, ui).await? {
            Some(view) => Box::new(view),
            None => return Ok(None),
        },
        EngineVerb::Status(args) => match status::run(args, session, ui).await? {
            Some(view) => Box::new(view),
            None => return Ok(None),
        },
        EngineVerb::Create(args) => match create::run(args, session, opener, ui).await? {
            Some(view) => Box::new(view),
            None => return Ok(None),
        },
        EngineVerb::Download(args) => {
            match download::run(args, output_file, session, opener, ui).await? {
                Downloaded::Files(view) => view,
                Downloaded::Copy(view) => view,
                Downloaded::Output => return Ok(None),
            }
        }
        EngineVerb::Restore(args) => Box::new(Box::pin(restore::run(args, session, opener)).await?),
        EngineVerb::Delete(args) => Box::new(delete::run(args, session).await?),
        EngineVerb::OfEngine(args) => act::run(*args, of_verb, session, ui).await?,
    }))
}

impl BackupArgs {
    /// Returns the settings of the target.
    pub(super) fn into_request(
        self,
        context: Context<'_>,
        engine: EngineChoice,
    ) -> Result<Request, CliError> {
        self.target.into_request(context, engine)
    }

    /// The file that gets the calls of engines.
    pub(super) fn audit(&self) -> Option<&Path> {
        self.target.audit()
    }

    /// Whether to be stopped is the usual end of the command, of which nothing need be said.
    pub(super) fn is_watching(&self) -> bool {
        matches!(&self.verb, BackupVerb::Engine(EngineVerb::Status(args)) if args.watches())
    }

    /// Says what to do when the command is stopped.
    pub(super) fn after_stop(&self, engines: &[EngineFile]) -> AfterStop {
        let verb = match &self.verb {
            BackupVerb::Engine(verb) => verb,
            BackupVerb::Other(OtherVerb::Copy(args)) => return AfterStop::Copies(args.command()),
            BackupVerb::Other(_) => return AfterStop::Nothing,
        };
        match verb {
            EngineVerb::Download(_) => AfterStop::Resumes,
            EngineVerb::Create(_) if saves(engines, &self.engine.engine) => AfterStop::BeginsAnew,
            EngineVerb::Create(_) | EngineVerb::Restore(_) | EngineVerb::OfEngine(_) => {
                AfterStop::GoesOn
            }
            _ => AfterStop::Nothing,
        }
    }
}

/// The work that a command leaves behind when it is stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum AfterStop {
    Nothing,
    Resumes,
    /// Complete copies in a store, and parts of one. The command goes on with them.
    Copies(String),
    BeginsAnew,
    /// The work that it has begun in the backend.
    GoesOn,
}

impl AfterStop {
    /// Returns the next step. `begun` is what the command had begun when it was stopped.
    pub(super) fn hint(self, begun: &Begun) -> Option<String> {
        let hint = match self {
            Self::Nothing => return None,
            Self::Resumes => {
                "Run the same command again; the download resumes if the backend supports that"
            }
            Self::Copies(command) => {
                return Some(format!(
                    "Run `{command}` again: it skips complete copies, and goes on from the parts that the store has, unless they are encrypted"
                ));
            }
            Self::BeginsAnew => "Nothing of the backup was kept: the same command makes a new one",
            Self::GoesOn => return Some(goes_on(begun.work())),
        };
        Some(hint.to_owned())
    }
}

fn goes_on(work: Option<Work>) -> String {
    let Some(work) = work else {
        return "Nothing was begun".to_owned();
    };
    if let Some(command) = &work.copied_by {
        return format!("The backup is complete, but was not copied: copy it with `{command}`");
    }
    let engine = word(&work.engine);
    // Without an id the backend has not answered: nobody knows what it has begun.
    let what = match &work.id {
        Some(id) if work.has_status => {
            return format!(
                "The operation continues in the cluster: follow it with `kubectl broker backup status --engine {engine} --id {}`",
                word(id)
            );
        }
        Some(_) => "The operation continues in the cluster",
        None => "The backend received the request and may continue",
    };
    if work.has_list {
        format!("{what}: check with `kubectl broker backup list --engine {engine}`")
    } else {
        what.to_owned()
    }
}

/// Whether the engine that is named saves what it creates.
fn saves(engines: &[EngineFile], name: &str) -> bool {
    let mut manifests = engines.iter().map(EngineFile::manifest);
    manifests.any(|it| it.saves() && (it.id.name() == name || it.id.to_string() == name))
}

impl BackupVerb {
    /// The engine that the command line asks for. A restore may name it by where the backup comes from,
    /// and a verb by being one that no other has.
    fn engine(&self, named: &str, engines: &[EngineFile]) -> Result<EngineChoice, CliError> {
        match self {
            Self::Engine(EngineVerb::Restore(args)) => args.engine(named),
            Self::Engine(EngineVerb::OfEngine(args)) => {
                Ok(EngineChoice::from(named).for_verb(engines, args.verb()))
            }
            _ => Ok(EngineChoice::from(named)),
        }
    }
}

impl TargetArgs {
    /// Whether `--pod` names each pod.
    fn all_pods(&self) -> bool {
        self.pod.as_deref() == Some(ALL_PODS)
    }

    /// Refuses `--pod all` for a verb that works with one pod.
    pub(super) fn refuse_all_pods(&self) -> Result<(), CliError> {
        if !self.all_pods() {
            return Ok(());
        }
        Err(CliError::Conflict {
            problem: "`--pod all` is for `backup list` only".to_owned(),
            choices: vec![
                "Name one pod: --pod NAME".to_owned(),
                "Leave --pod out, for the first that is ready".to_owned(),
            ],
        })
    }

    /// Makes the host that the operations use.
    pub(super) fn host(&self, context: &Context<'_>) -> Host {
        self.sandbox.host(context)
    }

    /// The file that gets the calls of engines.
    pub(super) fn audit(&self) -> Option<&Path> {
        self.sandbox.audit()
    }

    pub(super) fn into_request(
        self,
        context: Context<'_>,
        engine: EngineChoice,
    ) -> Result<Request, CliError> {
        let all_pods = self.all_pods();
        let named_credentials = self.credentials.named()?;
        Ok(Request {
            engine,
            statefulset: self.statefulset,
            pod: self.pod.filter(|_| !all_pods),
            all_pods,
            ports: engine_flags::ports(&context.engines, context.whose(), context.matches),
            tls: tls_flags::settings(&context.engines, context.matches, context.ui),
            options: engine_flags::options(&context.engines, context.whose(), context.matches)?,
            connect: context.connect,
            begun: context.begun,
            credentials: self.credentials.into_request(context.ui)?,
            named_credentials,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_go_on_is_told_as_far_as_it_is_known() {
        let told = |id: Option<&str>, has_status: bool, has_list: bool| {
            goes_on(Some(Work {
                engine: "kafka".to_owned(),
                id: id.map(str::to_owned),
                has_status,
                has_list,
                copied_by: None,
            }))
        };
        assert_eq!(goes_on(None), "Nothing was begun");
        let copied_by = Some("kubectl broker backup download --to nightly".to_owned());
        let complete = Work {
            engine: "kafka".to_owned(),
            id: Some("a".to_owned()),
            has_status: false,
            has_list: false,
            copied_by,
        };
        assert_eq!(
            goes_on(Some(complete)),
            "The backup is complete, but was not copied: copy it with `kubectl broker backup download --to nightly`"
        );
        assert_eq!(
            told(Some("a b"), true, true),
            "The operation continues in the cluster: follow it with `kubectl broker backup status --engine kafka --id 'a b'`"
        );
        assert_eq!(
            told(Some("a"), false, true),
            "The operation continues in the cluster: check with `kubectl broker backup list --engine kafka`"
        );
        assert_eq!(
            told(None, true, true),
            "The backend received the request and may continue: check with `kubectl broker backup list --engine kafka`"
        );
        assert_eq!(
            told(None, true, false),
            "The backend received the request and may continue"
        );
    }
}
