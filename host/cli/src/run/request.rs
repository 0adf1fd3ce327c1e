//! The settings of an object, as the operations take them.

use std::ffi::OsString;
use std::sync::Arc;
use std::time::Duration;

use broker_manifest::{Manifest, Operation};
use host_base::{Folders, text};
use host_driver::{EngineChoice, Host, HostSettings, Request, Waiting, order};
use host_engine::Limits;
use operator_api::Work;

use super::live::Moved;
use super::watched::Watched;
use super::{RunArgs, Way, wrong};
use crate::Context;
use crate::error::CliError;

/// Makes the host that the operations use.
pub(super) fn host(context: &Context<'_>, moved: &Arc<Moved>) -> Host {
    Host::new(HostSettings {
        engines: context.engines.clone(),
        limits: Limits::default(),
        folders: Folders::of_user(),
        reporter: Arc::new(Watched {
            ui: context.ui,
            moved: Arc::clone(moved),
        }),
    })
}

/// Returns the settings of the work of an object. They are read as a command line is, so that an option means the same in
/// both.
pub(super) fn of_work(
    work: &Work,
    operation: Operation,
    args: &RunArgs,
    context: &Context<'_>,
) -> Result<Request, CliError> {
    let engine = EngineChoice::from(work.engine.name.as_str());
    if matches!(engine, EngineChoice::Auto) {
        return Err(wrong(
            "spec.engine.name is auto",
            "Name the engine: a run by itself must not choose another one each time",
        ));
    }
    let known = order(&context.engines, &engine, Operation::Detect).pop();
    let mut words: Vec<OsString> = ["kubectl-broker", "backup", "--engine"]
        .map(OsString::from)
        .into();
    words.push((&work.engine.name).into());
    let named = [
        ("statefulset", &work.target.stateful_set),
        ("pod", &work.target.pod),
    ];
    for (flag, value) in named {
        if let Some(value) = value {
            words.push(format!("--{flag}={value}").into());
        }
    }
    if let Some(engine) = &known {
        let manifest = engine.manifest();
        check(work, manifest, operation)?;
        for (flag, port) in &work.ports {
            words.push(format!("--{flag}={port}").into());
        }
        words.push(operation.name().into());
        for (name, value) in &work.options {
            words.push(format!("--{name}={value}").into());
        }
    } else {
        words.push(operation.name().into());
    }
    let mut request = crate::parsed_request(&words, engine, context)?;
    if let Some(namespace) = &work.target.namespace {
        request.connect.namespace = Some(namespace.clone());
    }
    request.connect.dials_pods = args.connection == Way::Auto;
    request.credentials = args.shared_credentials()?;
    request.named_credentials = args.credentials_by_name()?;
    Ok(request)
}

/// Refuses names that are no options of the engine: they could be any flag of the command line.
fn check(work: &Work, manifest: &Manifest, operation: Operation) -> Result<(), CliError> {
    let options: Vec<&str> = manifest
        .options_of_command(operation)
        .map(|option| option.name.as_str())
        .collect();
    let ports: Vec<&str> = manifest
        .endpoints
        .values()
        .filter_map(|endpoint| endpoint.port_flag())
        .collect();
    let given = work.options.keys().map(|name| ("options", name, &options));
    let given = given.chain(work.ports.keys().map(|name| ("ports", name, &ports)));
    for (field, name, known) in given {
        if !known.contains(&name.as_str()) {
            let name = text::printable(name, 100);
            let list = match known[..] {
                [] => "none".to_owned(),
                _ => known.join(", "),
            };
            return Err(wrong(
                format!("engine {} has no spec.{field}.{name}", manifest.id),
                &format!("Use one of these: {list}"),
            ));
        }
    }
    Ok(())
}

/// Returns how long an attempt may take.
pub(super) fn timeout(work: &Work) -> Duration {
    let length = work.timeout.parse::<jiff::SignedDuration>().ok();
    let length = length.and_then(|it| Duration::try_from(it).ok());
    length.unwrap_or(Duration::from_hours(1))
}

/// Waits for the end of what was begun.
pub(super) fn waiting(work: &Work) -> Waiting {
    Waiting {
        wait: true,
        timeout: timeout(work),
    }
}
