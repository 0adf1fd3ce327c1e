use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::OnceLock;

use clap::Args;
use host_base::{Secret, files};
use host_driver::CredentialsRequest;

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

/// The variables with secrets, once they are taken out of the environment.
static TAKEN: OnceLock<Vec<(&str, Secret)>> = OnceLock::new();

/// Takes the secrets out of the environment, so that no child process inherits them.
///
/// Child processes are credential plugins, and helpers of docker and AWS.
///
/// It is called once, before there is any other thread.
pub(super) fn take_from_environment() {
    TAKEN.get_or_init(|| {
        let names = [PASSWORD, TOKEN].into_iter();
        let taken = names.filter_map(|name| {
            let value = std::env::var_os(name)?;
            #[expect(
                unsafe_code,
                reason = "there is one thread only, so nobody reads the environment meanwhile"
            )]
            // SAFETY: this is the beginning of `main`, and no thread was started.
            unsafe {
                std::env::remove_var(name);
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
