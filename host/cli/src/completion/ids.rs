//! Completes ids of backups, by listing the backups in the cluster.

use std::sync::Arc;
use std::time::Duration;

use broker_manifest::{EngineOption, Operation};
use clap::{ArgMatches, FromArgMatches as _};
use clap_complete::CompletionCandidate;
use host_base::text::size;
use host_base::{Backup, Folders, text};
use host_driver::{
    Begun, EngineChoice, Host, HostSettings, Listing, OpsError, Request, Session, has_port_flag,
};
use host_engine::{Catalogue, EngineFile, Limits, OptionSetting, OptionValue};

use super::{Line, is_plain, within};
use crate::Context;
use crate::backup::TargetArgs;
use crate::connection::ConnectionArgs;
use crate::engine_flags::innermost;
use crate::so_far::SoFar;
use crate::store::Opener;
use crate::ui::{Color, Format, Ui};

/// Number of ids that are offered. A longer list helps nobody.
pub(super) const MOST: u32 = 1000;

/// Returns the backups that the command of this line would find, newest first.
pub(super) fn ids(line: &Line) -> Vec<CompletionCandidate> {
    let asked = line.clone();
    let found = within(patience(line), move || find(&asked)).unwrap_or_default();
    found
        .iter()
        .filter(|backup| is_plain(&backup.id))
        .map(|backup| CompletionCandidate::new(&backup.id).help(Some(about(backup).into())))
        .collect()
}

/// Returns how long the user wants to wait for an answer.
pub(super) fn patience(line: &Line) -> Option<Duration> {
    let patience = line.matches().and_then(|matches| {
        let arguments = ConnectionArgs::from_arg_matches(innermost(&matches)).ok()?;
        arguments.into_options().request_timeout
    });
    patience.filter(|time| !time.is_zero())
}

/// Describes a backup by state, size and age, as far as they are known.
fn about(backup: &Backup) -> String {
    let state = backup.reported_state.as_deref();
    let state = text::printable(state.unwrap_or(backup.state.name()), 40);
    let size = backup.size.map(size);
    let created = backup.created.map(|time| format!("{time:.0}"));
    let parts = [Some(state.into_owned()), size, created];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn find(line: &Line) -> Option<Vec<Backup>> {
    let matches = line.matches()?;
    let operation = operation(&matches)?;
    let names = engines(&line.engines, line.choice(), operation);
    let request = request(line, &matches)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .ok()?;
    // With JSON output the program prints no notes.
    let ui = Ui::new(Format::Json, Color::Never);
    let host = Host::new(HostSettings {
        engines: line.engines.clone(),
        limits: Limits::default(),
        folders: Folders::of_user(),
        reporter: Arc::new(ui),
    });
    runtime.block_on(async {
        for name in names {
            let request = request_of(&line.engines, &request, name, operation);
            if let Ok(backups) = Box::pin(list(&host, request)).await {
                return Some(backups);
            }
        }
        None
    })
}

async fn list(host: &Host, request: Request) -> Result<Vec<Backup>, OpsError> {
    let session = Session::open(host, request).await?;
    match host_driver::list(&session, Some(MOST)).await? {
        Listing::Whole(backups) => Ok(backups.backups),
        Listing::Pages(mut pages) => {
            let mut backups = Vec::new();
            while let Some(page) = pages.next().await? {
                backups.extend(page.backups);
            }
            Ok(backups)
        }
    }
}

/// Returns the operation that needs the id.
fn operation(matches: &ArgMatches) -> Option<Operation> {
    let (_, backup) = matches.subcommand().filter(|(name, _)| *name == "backup")?;
    let verb = backup.subcommand_name()?;
    Operation::ALL
        .into_iter()
        .find(|operation| operation.name() == verb)
}

/// Returns the engines that the command would try, in order. `list` may prefer other engines, whose ids
/// differ.
fn engines(engines: &Catalogue, choice: EngineChoice, operation: Operation) -> Vec<String> {
    if let EngineChoice::Named(name) = choice {
        return vec![name];
    }
    // A key press must not run more than the command itself would run.
    let mut able: Vec<_> = host_driver::order(engines, &choice, operation)
        .into_iter()
        .map(EngineFile::manifest)
        .collect();
    if matches!(operation, Operation::Restore | Operation::Delete) {
        able.truncate(1);
    }
    let able = able
        .into_iter()
        .filter(|manifest| manifest.can(Operation::List));
    able.map(|manifest| manifest.id.to_string()).collect()
}

fn request(line: &Line, matches: &ArgMatches) -> Option<Request> {
    let innermost = innermost(matches);
    let target = TargetArgs::from_arg_matches(innermost).ok()?;
    let connection = ConnectionArgs::from_arg_matches(innermost).ok()?;
    let context = Context {
        connect: connection.into_options(),
        engines: line.engines.clone(),
        named: line.engine().cloned(),
        matches,
        output_file: None,
        begun: Begun::default(),
        opener: Opener::default(),
        so_far: SoFar::default(),
        ui: Ui::new(Format::Json, Color::Never),
    };
    target.into_request(context, EngineChoice::Auto).ok()
}

/// Returns the request for the list of one engine: with those options of the line that its list takes.
fn request_of(
    engines: &Catalogue,
    request: &Request,
    name: String,
    operation: Operation,
) -> Request {
    let engine = EngineChoice::Named(name);
    let file = host_driver::order(engines, &engine, Operation::List).pop();
    let option = |name: &str| {
        let mut options = file?.manifest().options_for(Operation::List);
        options.find(|option| option.name == name)
    };
    let mut options = request.options.clone();
    options.retain(|name, setting| option(name).is_some_and(|it| setting.value.fits(it.form())));
    // An engine whose list has the scope `local` deletes only backups on the pod's disk.
    let local = OptionSetting {
        name: "scope".to_owned(),
        value: OptionValue::Text("local".to_owned()),
    };
    let is_scope = |it: &EngineOption| local.value.fits(it.form()) && !it.choices.is_empty();
    if operation == Operation::Delete && option(&local.name).is_some_and(is_scope) {
        options.insert(local.name.clone(), local);
    }
    let has_port = |flag: &str| file.is_some_and(|file| has_port_flag(file, flag));
    let mut ports = request.ports.clone();
    ports.retain(|flag, _| has_port(flag));
    Request {
        engine,
        options,
        ports,
        ..request.clone()
    }
}
