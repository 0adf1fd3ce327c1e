//! The settings of an object, as the operations take them.

use std::ffi::OsString;
use std::sync::Arc;
use std::time::Duration;

use broker_manifest::{Endpoint, Manifest, Operation, OptionKind, TlsFlags};
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
    let manifest = known.as_ref().map(|engine| engine.manifest());
    let words = words(work, manifest, operation)?;
    let mut request = crate::parsed_request(&words, engine, context)?;
    if let Some(namespace) = &work.target.namespace {
        request.connect.namespace = Some(namespace.clone());
    }
    request.connect.dials_pods = args.connection == Way::Auto;
    request.credentials = args.shared_credentials()?;
    request.named_credentials = args.credentials_by_name()?;
    Ok(request)
}

/// Returns the command line with the same meaning. Without a manifest there is no such engine, and the command line says so.
fn words(
    work: &Work,
    manifest: Option<&Manifest>,
    operation: Operation,
) -> Result<Vec<OsString>, CliError> {
    let mut words: Vec<OsString> = ["kubectl-broker", "backup", "--engine"]
        .map(OsString::from)
        .into();
    words.push((&work.engine.name).into());
    let mut add = |flag: &str, value: &dyn std::fmt::Display| {
        words.push(format!("--{flag}={value}").into());
    };
    let named = [
        ("statefulset", &work.target.stateful_set),
        ("pod", &work.target.pod),
    ];
    for (flag, value) in named {
        if let Some(value) = value {
            add(flag, value);
        }
    }
    let Some(manifest) = manifest else {
        words.push(operation.name().into());
        return Ok(words);
    };
    check(work, manifest, operation)?;
    for (flag, port) in &work.ports {
        add(flag, port);
    }
    let mut switches = Vec::new();
    for (flag, value) in &work.tls {
        match (is_switch(manifest, flag), value.as_str()) {
            (false, value) => add(flag, &value),
            (true, "true") => switches.push(format!("--{flag}").into()),
            (true, "false") => {}
            (true, _) => return Err(neither(&format!("spec.tls.{flag}"))),
        }
    }
    words.append(&mut switches);
    words.push(operation.name().into());
    for (name, value) in &work.options {
        let flag = format!("--{name}");
        match (takes_no_value(manifest, operation, name), value.as_str()) {
            (false, value) => words.push(format!("{flag}={value}").into()),
            (true, "true") => words.push(flag.into()),
            (true, "false") => {}
            (true, _) => return Err(neither(&format!("spec.options.{name}"))),
        }
    }
    Ok(words)
}

/// Returns the error of a setting that must be true or false.
fn neither(field: &str) -> CliError {
    wrong(
        format!("{field} is neither true nor false"),
        "Write \"true\" or \"false\" in quotes",
    )
}

/// Returns whether an option is a flag without a value.
fn takes_no_value(manifest: &Manifest, operation: Operation, name: &str) -> bool {
    let mut options = manifest.options_of_command(operation);
    options.any(|option| option.name == name && option.kind == OptionKind::Boolean)
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
    let tls: Vec<String> = tls_flags(manifest).flat_map(|it| it.all()).collect();
    let tls: Vec<&str> = tls.iter().map(String::as_str).collect();
    let given = work.options.keys().map(|name| ("options", name, &options));
    let given = given.chain(work.ports.keys().map(|name| ("ports", name, &ports)));
    let given = given.chain(work.tls.keys().map(|name| ("tls", name, &tls)));
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

fn tls_flags(manifest: &Manifest) -> impl Iterator<Item = TlsFlags> {
    let endpoints = manifest.endpoints.values();
    endpoints.filter_map(Endpoint::tls_flags)
}

/// Returns whether a flag for TLS takes no value.
fn is_switch(manifest: &Manifest, flag: &str) -> bool {
    tls_flags(manifest).any(|flags| flags.insecure() == flag)
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const MANIFEST: &str = r#"
        id = "acme/vault"
        version = "1.0.0"
        summary = "x"
        [operations.detect]
        [operations.list]
        [operations.create]
        [endpoints.api]
        select = "pod"
        port = { numbers = [8200], flag = "vault-port" }
        tls = "yes"
        allow = ["GET /v1/sys/health"]
        [[options]]
        name = "label"
        type = "text"
        operations = ["create"]
        help = "Text"
        [[options]]
        name = "sealed"
        type = "boolean"
        operations = ["create"]
        help = "Text"
    "#;

    fn given(more: &serde_json::Value) -> Result<Vec<String>, CliError> {
        let manifest = Manifest::from_toml(MANIFEST).unwrap();
        let mut work = json!({"engine": {"name": "acme/vault"}});
        for (name, value) in more.as_object().unwrap() {
            work[name] = value.clone();
        }
        let work = serde_json::from_value(work).unwrap();
        let words = words(&work, Some(&manifest), Operation::Create)?;
        let texts = words.into_iter().skip(4);
        Ok(texts.map(|it| it.into_string().unwrap()).collect())
    }

    #[test]
    fn settings_become_flags_of_the_engine() {
        let flags = given(&json!({
            "target": {"statefulSet": "vault"},
            "ports": {"vault-port": 8201},
            "tls": {"vault-ca": "secret/ca", "vault-insecure-skip-tls-verify": "true"},
            "options": {"label": "-n other"},
        }));
        assert_eq!(
            flags.unwrap(),
            [
                "--statefulset=vault",
                "--vault-port=8201",
                "--vault-ca=secret/ca",
                "--vault-insecure-skip-tls-verify",
                "create",
                "--label=-n other",
            ]
        );
        let off = json!({
            "tls": {"vault-insecure-skip-tls-verify": "false"},
            "options": {"sealed": "false"},
        });
        assert_eq!(given(&off).unwrap(), ["create"]);
        let on = given(&json!({"options": {"sealed": "true"}}));
        assert_eq!(on.unwrap(), ["create", "--sealed"]);
    }

    #[test]
    fn what_is_no_setting_of_the_engine_is_refused() {
        for more in [
            json!({"options": {"kubeconfig": "x"}}),
            json!({"ports": {"label": 1}}),
            json!({"tls": {"label": "x"}}),
            json!({"tls": {"vault-insecure-skip-tls-verify": "yes"}}),
            json!({"options": {"sealed": "yes"}}),
        ] {
            let refused = given(&more);
            assert!(matches!(refused, Err(CliError::Conflict { .. })), "{more}");
        }
    }
}
