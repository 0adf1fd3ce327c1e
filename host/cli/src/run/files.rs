//! Credentials from the folders that the kubelet mounts.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use host_base::{Secret, files};
use host_driver::CredentialsRequest;

use super::RunArgs;
use crate::error::CliError;

/// The longest value in bytes. A Secret has at most 1 MiB.
const LONGEST: u64 = 64 << 10;

impl RunArgs {
    /// Reads the credentials that all engines share.
    pub(super) fn shared_credentials(&self) -> Result<CredentialsRequest, CliError> {
        match &self.credentials {
            Some(folder) => of_folder(folder),
            None => Ok(CredentialsRequest::default()),
        }
    }

    /// Reads the credentials that have names.
    pub(super) fn credentials_by_name(
        &self,
    ) -> Result<BTreeMap<String, CredentialsRequest>, CliError> {
        // clap hands over the values of all occurrences in one list, in pairs.
        self.named_credentials
            .chunks_exact(2)
            .map(|pair| Ok((pair[0].clone(), of_folder(Path::new(&pair[1]))?)))
            .collect()
    }
}

/// Reads one set of credentials.
fn of_folder(folder: &Path) -> Result<CredentialsRequest, CliError> {
    let username = value(folder, "username")?;
    Ok(CredentialsRequest {
        username: username.and_then(|it| it.expose_text().ok().map(str::to_owned)),
        password: value(folder, "password")?,
        token: value(folder, "token")?,
        from_secret: None,
    })
}

/// Reads one key. Editors and `echo` end a file with a line break, which is no part of it.
fn value(folder: &Path, key: &str) -> Result<Option<Secret>, CliError> {
    let path = folder.join(key);
    let mut bytes = match files::read(&path, LONGEST) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => {
            return Err(CliError::Password {
                from: path.display().to_string(),
                source,
            });
        }
    };
    while bytes
        .last()
        .is_some_and(|byte| matches!(byte, b'\n' | b'\r'))
    {
        bytes.pop();
    }
    Ok(Some(Secret::from(bytes)))
}
