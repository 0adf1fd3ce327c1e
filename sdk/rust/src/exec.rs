//! Commands in the pods of the target, as the manifest declares them.
//!
//! ```
//! use broker_engine::{exec, mock};
//!
//! # const MANIFEST: &str = r#"
//! # id = "acme/vault"
//! # version = "1.0.0"
//! # summary = "x"
//! # [operations.detect]
//! # [exec.is-there]
//! # argv = ["test", "-e", "{path}"]
//! # "#;
//! let host = mock::Host::new(MANIFEST)
//!     .pods(&["vault-0"])
//!     .runs("vault-0", "test -e /data", mock::Ran::exit(1, ""));
//! let there = host.run(|| exec::command("is-there").argument("path", "/data").run());
//! assert!(!there.unwrap().is_success());
//! ```

use crate::error::{Error, ErrorKind, Result};

#[cfg(target_family = "wasm")]
use crate::bindings::kubectl_broker::engine::exec as host;
#[cfg(not(target_family = "wasm"))]
use crate::mock::exec as host;

pub use crate::bindings::kubectl_broker::engine::exec::Output;

/// Maximum length of the text of an error, in characters.
const MAX_TEXT: usize = 400;

/// A command under construction.
#[derive(Debug)]
#[must_use = "a command does nothing until it is run"]
pub struct Command {
    name: String,
    pod: Option<String>,
    arguments: Vec<(String, String)>,
}

/// Returns the command that the manifest calls `name`. By default it runs in the first pod of the target.
pub fn command(name: &str) -> Command {
    Command {
        name: name.to_owned(),
        pod: None,
        arguments: Vec::new(),
    }
}

/// Returns the names of the running pods of the target, the ready ones first.
///
/// # Errors
/// Fails if the host is not allowed to read the pods, or if none runs.
pub fn pods() -> Result<Vec<String>> {
    host::pods()
}

impl Command {
    /// Chooses the pod, one of [`pods`].
    pub fn in_pod(mut self, pod: &str) -> Self {
        self.pod = Some(pod.to_owned());
        self
    }

    /// Sets the value of a placeholder.
    pub fn argument(mut self, name: &str, value: &str) -> Self {
        self.arguments.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Runs the command and waits for its end. A non-zero exit code is a result, not an error.
    ///
    /// # Errors
    /// Fails if the host denies the command, or could not run it.
    pub fn run(self) -> Result<Output> {
        host::run(&self.name, self.pod.as_deref(), &self.arguments)
    }
}

impl Output {
    /// Returns whether the exit code is 0.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.exit_code == 0
    }

    /// Returns standard output as text, without leading and trailing white space.
    ///
    /// # Errors
    /// Fails if the output is not UTF-8.
    pub fn text(&self) -> Result<&str> {
        std::str::from_utf8(&self.stdout)
            .map(str::trim)
            .map_err(|_| Error::protocol("the command wrote what is no text"))
    }

    /// Returns the reason of a failure: standard error in one line, or the exit code if standard error is
    /// empty.
    #[must_use]
    pub fn complaint(&self) -> String {
        let text = String::from_utf8_lossy(&self.stderr);
        let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if line.is_empty() {
            return format!("it ended with exit code {}", self.exit_code);
        }
        match line.char_indices().nth(MAX_TEXT) {
            Some((end, _)) => format!("{}…", &line[..end]),
            None => line,
        }
    }

    /// Returns the output if the command succeeded. Otherwise the error says that `what` failed.
    ///
    /// # Errors
    /// Fails if the exit code is not 0.
    pub fn expect_success(self, what: &str) -> Result<Self> {
        if self.is_success() {
            return Ok(self);
        }
        let complaint = self.complaint();
        Err(Error::new(
            ErrorKind::Failed,
            format!("{what}: {complaint}"),
        ))
    }
}
