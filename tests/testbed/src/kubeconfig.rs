//! The kubeconfig for clients of a testbed.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::Path;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

/// The content of a kubeconfig.
pub struct Access<'a> {
    pub url: &'a str,
    pub ca_pem: &'a str,
    pub token: &'a str,
    /// The namespace of the current context.
    pub namespace: &'a str,
}

/// Writes the file so that only its owner can read it, because it contains a token.
pub fn write(path: &Path, access: &Access) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options.open(path)?.write_all(render(access).as_bytes())
}

fn render(access: &Access) -> String {
    let Access {
        url,
        token,
        namespace,
        ..
    } = access;
    let ca = BASE64_STANDARD.encode(access.ca_pem);
    format!(
        "apiVersion: v1
kind: Config
current-context: testbed
clusters:
- name: testbed
  cluster:
    server: {url}
    certificate-authority-data: {ca}
users:
- name: testbed
  user:
    token: {token}
contexts:
- name: testbed
  context:
    cluster: testbed
    user: testbed
    namespace: {namespace}
- name: testbed-default
  context:
    cluster: testbed
    user: testbed
"
    )
}
