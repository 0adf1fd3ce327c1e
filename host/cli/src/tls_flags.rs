//! The flags for TLS of endpoints. They are named after the flag of the port: see
//! [`TlsFlags`].

use std::collections::BTreeMap;

use broker_manifest::{Endpoint, SecretKey, Tls, TlsFlags};
use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, ArgMatches, ValueHint, value_parser};
use host_cluster::{Authorities, PemSource};
use host_driver::TlsRequest;
use host_engine::EngineFile;

use crate::ui::Ui;

/// The beginning of a value that names a Secret.
const SECRET: &str = "secret/";
/// The value that stands for the authorities of this system.
const SYSTEM: &str = "system";

/// Returns the flags for TLS of an endpoint.
pub(super) fn arguments(endpoint: &Endpoint) -> Vec<Arg> {
    let Some(flags) = endpoint.tls_flags() else {
        return Vec::new();
    };
    let argument = |name: String| Arg::new(name.clone()).long(name);
    let port = endpoint.port_flag().unwrap_or_default();
    let mut arguments = vec![
        argument(flags.mode())
            .value_name("YES|NO")
            .value_parser(PossibleValuesParser::new(["yes", "no"]))
            .hide_possible_values(true)
            .help(format!("Whether to speak TLS with the port of --{port}")),
        argument(flags.ca())
            .value_name("SOURCE")
            .value_parser(authorities)
            .value_hint(ValueHint::FilePath)
            .help("Trusted authorities: secret/NAME, secret/NAME:KEY, a file in PEM, or `system`"),
        argument(flags.server_name())
            .value_name("NAME")
            .value_parser(value_parser!(String))
            .help("Name to expect in the certificate of the backend"),
        argument(flags.insecure())
            .action(ArgAction::SetTrue)
            .help("Skip the check of the backend's certificate; insecure"),
    ];
    arguments.extend(flags.client_cert().map(|name| {
        argument(name)
            .value_name("SOURCE")
            .value_parser(pem_source)
            .value_hint(ValueHint::FilePath)
            .help("Client certificate and key: secret/NAME, or a file in PEM with both")
    }));
    arguments
}

/// Returns the settings that were given, by port flag. Each use without verification is warned of.
pub(super) fn settings(
    engines: &[EngineFile],
    matches: &ArgMatches,
    ui: Ui,
) -> BTreeMap<String, TlsRequest> {
    let commands = commands(matches);
    let endpoints = engines
        .iter()
        .flat_map(|engine| engine.manifest().endpoints.values());
    let mut settings = BTreeMap::new();
    for endpoint in endpoints {
        let (Some(flags), Some(port)) = (endpoint.tls_flags(), endpoint.port_flag()) else {
            continue;
        };
        let request: &mut TlsRequest = settings.entry(port.to_owned()).or_default();
        let before = request.clone();
        for given in &commands {
            add(request, &flags, given);
        }
        if endpoint.tls == Tls::Yes && request.with_tls == Some(false) && before.with_tls.is_none()
        {
            ui.warn(&format!(
                "--{} no: requests and credentials travel in plain text between the API server and the backend",
                flags.mode()
            ));
        }
        if request.accepts_anything && !before.accepts_anything {
            ui.warn(&format!(
                "--{} accepts any certificate: anybody between the API server and the backend can read and change all data, credentials included",
                flags.insecure()
            ));
        }
    }
    settings
}

/// Returns the matches of each command on the line, the innermost first: a flag behind the verb wins.
fn commands(matches: &ArgMatches) -> Vec<&ArgMatches> {
    let mut commands = vec![matches];
    let mut inner = matches.subcommand();
    while let Some((_, matches)) = inner {
        commands.insert(0, matches);
        inner = matches.subcommand();
    }
    commands
}

fn add(request: &mut TlsRequest, flags: &TlsFlags, given: &ArgMatches) {
    // Engines that share the flag of a port may differ in the other flags.
    let with_tls = value::<String>(given, &flags.mode()).map(|mode| mode == "yes");
    request.with_tls = request.with_tls.or(with_tls);
    let authorities = value(given, &flags.ca());
    request.authorities = request.authorities.take().or(authorities);
    let name = value(given, &flags.server_name());
    request.server_name = request.server_name.take().or(name);
    let client = flags.client_cert().and_then(|flag| value(given, &flag));
    request.client = request.client.take().or(client);
    request.accepts_anything |= value(given, &flags.insecure()).unwrap_or(false);
}

fn value<T: Clone + Send + Sync + 'static>(given: &ArgMatches, flag: &str) -> Option<T> {
    given.try_get_one::<T>(flag).ok().flatten().cloned()
}

fn authorities(text: &str) -> Result<Authorities, String> {
    if text == SYSTEM {
        return Ok(Authorities::System);
    }
    pem_source(text).map(Authorities::Pem)
}

fn pem_source(text: &str) -> Result<PemSource, String> {
    let Some(secret) = text.strip_prefix(SECRET) else {
        return Ok(PemSource::File(text.into()));
    };
    let (name, key) = match secret.split_once(':') {
        Some((name, key)) => (name, Some(key)),
        None => (secret, None),
    };
    if name.is_empty() || key.is_some_and(|key| !SecretKey::is_key(key)) {
        return Err("write secret/NAME or secret/NAME:KEY".to_owned());
    }
    Ok(PemSource::Secret {
        name: name.to_owned(),
        key: key.map(str::to_owned),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_a_secret_a_file_or_the_system() {
        let secret = |name: &str, key: Option<&str>| PemSource::Secret {
            name: name.to_owned(),
            key: key.map(str::to_owned),
        };
        assert_eq!(pem_source("secret/certs"), Ok(secret("certs", None)));
        let with_key = Ok(secret("certs", Some("tls.crt")));
        assert_eq!(pem_source("secret/certs:tls.crt"), with_key);
        assert_eq!(pem_source("ca.pem"), Ok(PemSource::File("ca.pem".into())));
        assert_eq!(authorities("system"), Ok(Authorities::System));
        let file = Authorities::Pem(PemSource::File("./system".into()));
        assert_eq!(authorities("./system"), Ok(file));
        for text in ["secret/", "secret/:ca.crt", "secret/a:", "secret/a:b/c"] {
            assert!(pem_source(text).is_err(), "{text}");
        }
    }
}
