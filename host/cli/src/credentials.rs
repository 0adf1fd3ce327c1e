use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::OnceLock;

use broker_manifest::{CredentialKind, is_flag_name};
use clap::{Args, Command};
use host_base::{Secret, files};
use host_driver::CredentialsRequest;
use host_engine::EngineFile;

use super::error::CliError;
use crate::ui::Ui;

/// Credentials of the backend; those of the cluster are in the kubeconfig.
#[derive(Args)]
#[command(next_help_heading = "Credentials of the backend")]
pub(super) struct CredentialsArgs {
    /// User name for the backend
    #[arg(long, global = true, value_name = "NAME")]
    username: Option<String>,
    /// Read the password from standard input
    #[arg(long, global = true, conflicts_with_all = ["password_file", "password"])]
    password_stdin: bool,
    /// Read the password from a file
    #[arg(long, global = true, value_name = "FILE", conflicts_with = "password")]
    password_file: Option<PathBuf>,
    /// Password, visible to every user of this machine; prefer --password-stdin, --password-file or
    /// $BROKER_PASSWORD
    #[arg(long, global = true, value_name = "PASSWORD")]
    password: Option<String>,
    /// Secret in the namespace with keys `username` and `password`, or `token`
    #[arg(long, global = true, value_name = "NAME")]
    credentials_secret: Option<String>,
    /// Credentials that an engine asks for by name, from `secret/SECRET`; repeatable
    #[arg(
        long,
        global = true,
        value_name = "NAME=SOURCE",
        value_parser = parse_named
    )]
    credentials: Vec<Named>,
}

/// A Secret for credentials with a name.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Named {
    name: String,
    secret: String,
}

fn parse_named(text: &str) -> Result<Named, String> {
    let form = "write NAME=secret/SECRET; the command line is no place for a secret itself";
    let (name, source) = text.split_once('=').ok_or(form)?;
    let secret = source.strip_prefix("secret/").ok_or(form)?;
    if !is_flag_name(name) || secret.is_empty() {
        return Err(form.to_owned());
    }
    Ok(Named {
        name: name.to_owned(),
        secret: secret.to_owned(),
    })
}

/// The variable with the password. A variable is seen by this user's processes only.
const PASSWORD: &str = "BROKER_PASSWORD";
/// The variable with the token, for backends that take one.
const TOKEN: &str = "BROKER_TOKEN";
/// The beginning of the variables with credentials that have a name: `BROKER_CREDENTIALS_ADMIN_TOKEN`.
const NAMED: &str = "BROKER_CREDENTIALS_";
/// The longest password that is read, in bytes.
const MAX_PASSWORD: u64 = 64 << 10;

impl CredentialsArgs {
    /// Reads what the flags and the environment name.
    pub(super) fn into_request(self, ui: Ui) -> Result<CredentialsRequest, CliError> {
        let password = if self.password_stdin {
            let mut bytes = Vec::new();
            let stdin = io::stdin().lock().take(MAX_PASSWORD + 1);
            let read = { stdin }.read_to_end(&mut bytes).map(|_| bytes);
            Some(password("stdin", read)?)
        } else if let Some(path) = &self.password_file {
            let name = path.display().to_string();
            Some(password(&name, files::read(path, MAX_PASSWORD))?)
        } else if let Some(password) = self.password {
            ui.warn("--password shows the password to everybody on this machine; use --password-stdin, --password-file or $BROKER_PASSWORD");
            Some(Secret::from(password))
        } else {
            None
        };
        // A password in the environment counts only together with a user name.
        let from_environment = || variable(PASSWORD).filter(|_| self.username.is_some());
        Ok(CredentialsRequest {
            password: password.or_else(from_environment),
            username: self.username,
            token: variable(TOKEN),
            from_secret: self.credentials_secret,
        })
    }
}

impl CredentialsArgs {
    /// Returns the credentials that have names, from Secrets and from the environment.
    pub(super) fn named(&self) -> Result<BTreeMap<String, CredentialsRequest>, CliError> {
        let mut requests: BTreeMap<String, CredentialsRequest> = BTreeMap::new();
        for Named { name, secret } in &self.credentials {
            let request = requests.entry(name.clone()).or_default();
            if request.from_secret.replace(secret.clone()).is_some() {
                return Err(CliError::Conflict {
                    problem: format!("--credentials names two Secrets for `{name}`"),
                    choices: vec!["Leave one of them out".to_owned()],
                });
            }
        }
        let taken = TAKEN.get().into_iter().flatten();
        for (variable, value) in taken {
            let Some((name, part)) = named_variable(variable) else {
                continue;
            };
            let request = requests.entry(name).or_default();
            match part {
                Part::Username => request.username = value.expose_text().ok().map(str::to_owned),
                Part::Password => request.password = Some(value.clone()),
                Part::Token => request.token = Some(value.clone()),
            }
        }
        Ok(requests)
    }
}

/// Adds to the help of `--credentials` which of them the engine takes.
pub(super) fn described(command: Command, engine: &EngineFile) -> Command {
    let declared = &engine.manifest().credentials;
    if declared.is_empty() {
        return command;
    }
    let each = declared.iter().map(|(name, credential)| {
        let kind = match credential.kind {
            CredentialKind::Basic => "user name and password",
            CredentialKind::Token => "token",
        };
        format!("{name} ({kind}): {}", credential.help)
    });
    let help = format!(
        "Credentials of engine {}, from secret/SECRET; repeatable. {}",
        engine.shown_name(),
        each.collect::<Vec<_>>().join("; ")
    );
    let with_help = |command: Command| command.mut_arg("credentials", |it| it.help(help.clone()));
    command
        .mut_subcommand("backup", with_help)
        .mut_subcommand("engines", with_help)
        .mut_subcommand("health", with_help)
}

/// A part of credentials that a variable has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Username,
    Password,
    Token,
}

/// Returns which credentials a variable is for, and which part of them it has.
fn named_variable(variable: &str) -> Option<(String, Part)> {
    let rest = variable.strip_prefix(NAMED)?;
    let (name, part) = rest.rsplit_once('_')?;
    let part = match part {
        "USERNAME" => Part::Username,
        "PASSWORD" => Part::Password,
        "TOKEN" => Part::Token,
        _ => return None,
    };
    let is_upper = !name.bytes().any(|byte| byte.is_ascii_lowercase());
    let name = name.to_ascii_lowercase().replace('_', "-");
    (is_upper && is_flag_name(&name)).then_some((name, part))
}

/// The variables with secrets, once they are taken out of the environment.
static TAKEN: OnceLock<Vec<(String, Secret)>> = OnceLock::new();

/// Takes the secrets out of the environment, so that no child process inherits them.
///
/// Child processes are credential plugins, and helpers of docker and AWS.
///
/// It is called once, before there is any other thread.
pub(super) fn take_from_environment() {
    TAKEN.get_or_init(|| {
        let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
        let is_secret =
            |name: &String| [PASSWORD, TOKEN].contains(&&**name) || name.starts_with(NAMED);
        let names: Vec<_> = names.filter(is_secret).collect();
        let taken = names.into_iter().filter_map(|name| {
            let value = std::env::var_os(&name)?;
            #[expect(
                unsafe_code,
                reason = "there is one thread only, so nobody reads the environment meanwhile"
            )]
            // SAFETY: this is the beginning of `main`, and no thread was started.
            unsafe {
                std::env::remove_var(&name);
            }
            let value = value.into_string().ok()?;
            (!value.is_empty()).then(|| (name, Secret::from(value)))
        });
        taken.collect()
    });
}

fn variable(name: &str) -> Option<Secret> {
    let taken = TAKEN.get()?.iter().find(|(known, _)| *known == name)?;
    Some(taken.1.clone())
}

/// All of it but the line break at its end, which editors and `echo` add.
fn password(from: &str, read: io::Result<Vec<u8>>) -> Result<Secret, CliError> {
    let failed = |source| CliError::Password {
        from: from.to_owned(),
        source,
    };
    let bytes = read.map_err(failed)?;
    if bytes.len() as u64 > MAX_PASSWORD {
        return Err(failed(io::Error::other("it has more than 64 KiB")));
    }
    let text = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
    let text = text.strip_suffix(b"\r").unwrap_or(text);
    if text.is_empty() {
        return Err(failed(io::Error::other("it is empty")));
    }
    Ok(Secret::from(text.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_for_a_name_is_named_and_not_given() {
        let named = Named {
            name: "admin".to_owned(),
            secret: "vault-admin".to_owned(),
        };
        assert_eq!(parse_named("admin=secret/vault-admin"), Ok(named));
        for text in [
            "admin",
            "admin=hunter2",
            "=secret/x",
            "admin=secret/",
            "A=secret/x",
        ] {
            assert!(parse_named(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_variable_is_for_one_part_of_the_credentials_of_one_name() {
        let of = |text: &str| named_variable(text);
        let named = |name: &str, part| Some((name.to_owned(), part));
        assert_eq!(
            of("BROKER_CREDENTIALS_ADMIN_TOKEN"),
            named("admin", Part::Token)
        );
        assert_eq!(
            of("BROKER_CREDENTIALS_X_TOKEN_PASSWORD"),
            named("x-token", Part::Password)
        );
        assert_eq!(
            of("BROKER_CREDENTIALS_A_USERNAME"),
            named("a", Part::Username)
        );
        for text in [
            "BROKER_TOKEN",
            "BROKER_CREDENTIALS_TOKEN",
            "BROKER_CREDENTIALS_ADMIN",
            "BROKER_CREDENTIALS__TOKEN",
            "BROKER_CREDENTIALS_admin_TOKEN",
        ] {
            assert_eq!(of(text), None, "{text}");
        }
    }
}
