use std::io::{self, Read};
use std::path::PathBuf;

use clap::Args;

use super::error::CliError;
use crate::model::Secret;
use crate::ops::CredentialsRequest;
use crate::ui::Ui;

/// Credentials of the backend; those of the cluster are in the kubeconfig.
#[derive(Args)]
#[command(next_help_heading = "Credentials of the backend")]
pub(super) struct CredentialsArgs {
    /// User name
    #[arg(long, global = true, value_name = "NAME")]
    username: Option<String>,
    /// Read the password from stdin
    #[arg(long, global = true, conflicts_with_all = ["password_file", "password"])]
    password_stdin: bool,
    /// Read the password from a file
    #[arg(long, global = true, value_name = "FILE", conflicts_with = "password")]
    password_file: Option<PathBuf>,
    /// The password; everybody on this machine can see it, so better use one of the others, or
    /// $BROKER_PASSWORD
    #[arg(long, global = true, value_name = "PASSWORD")]
    password: Option<String>,
    /// Read them from this Secret of the namespace: keys `username` and `password`, or `token`
    #[arg(long, global = true, value_name = "NAME")]
    credentials_secret: Option<String>,
}

/// The variable with the password. A variable is seen by this user's processes only.
const PASSWORD: &str = "BROKER_PASSWORD";
/// The variable with the token, for backends that take one.
const TOKEN: &str = "BROKER_TOKEN";
/// The longest password that is read, in bytes.
const MAX_PASSWORD: u64 = 64 << 10;

impl CredentialsArgs {
    /// Reads what the flags and the environment name.
    pub(super) fn into_request(self, ui: Ui) -> Result<CredentialsRequest, CliError> {
        let password = if self.password_stdin {
            Some(read("stdin", io::stdin().lock())?)
        } else if let Some(path) = &self.password_file {
            let name = path.display().to_string();
            let file = std::fs::File::open(path).map_err(|source| CliError::Password {
                from: name.clone(),
                source,
            })?;
            Some(read(&name, file)?)
        } else if let Some(password) = self.password {
            ui.warn("--password shows the password to everybody on this machine; use --password-stdin, --password-file or $BROKER_PASSWORD");
            Some(Secret::from(password))
        } else {
            None
        };
        // A password in the environment is for whoever names a user; alone it means nothing.
        let from_environment = || variable(PASSWORD).filter(|_| self.username.is_some());
        Ok(CredentialsRequest {
            password: password.or_else(from_environment),
            username: self.username,
            token: variable(TOKEN),
            from_secret: self.credentials_secret,
        })
    }
}

fn variable(name: &str) -> Option<Secret> {
    let text = std::env::var(name).ok()?;
    (!text.is_empty()).then(|| Secret::from(text))
}

/// All of it but the line break at its end, which editors and `echo` add.
fn read(name: &str, source: impl Read) -> Result<Secret, CliError> {
    let failed = |source| CliError::Password {
        from: name.to_owned(),
        source,
    };
    let mut bytes = Vec::new();
    source
        .take(MAX_PASSWORD)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    let text = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
    let text = text.strip_suffix(b"\r").unwrap_or(text);
    if text.is_empty() {
        return Err(failed(io::Error::other("it is empty")));
    }
    Ok(Secret::from(text.to_vec()))
}
