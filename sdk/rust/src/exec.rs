//! Commands in the pods of the target, as the manifest names them.
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

/// The most of an error's text that is passed on, in characters.
const MAX_TEXT: usize = 400;

/// A command under construction.
#[derive(Debug)]
#[must_use = "a command does nothing until it is run"]
pub struct Command {
    name: String,
    pod: Option<String>,
    arguments: Vec<(String, String)>,
}

/// The command that the manifest calls `name`, in the first pod of the target.
pub fn command(name: &str) -> Command {
    Command {
        name: name.to_owned(),
        pod: None,
        arguments: Vec::new(),
    }
}

/// Names of the running pods of the target, the ready ones first.
///
/// # Errors
/// When the host may not look, or none runs.
pub fn pods() -> Result<Vec<String>> {
    host::pods()
}

impl Command {
    /// Runs it in this pod, one of [`pods`].
    pub fn in_pod(mut self, pod: &str) -> Self {
        self.pod = Some(pod.to_owned());
        self
    }

    /// The value of a placeholder.
    pub fn argument(mut self, name: &str, value: &str) -> Self {
        self.arguments.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Runs it to its end. An exit code other than 0 is an answer, not an error.
    ///
    /// # Errors
    /// When the host refuses it, or it could not be run.
    pub fn run(self) -> Result<Output> {
        host::run(&self.name, self.pod.as_deref(), &self.arguments)
    }
}

impl Output {
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.exit_code == 0
    }

    /// Standard output as text, without the white space at its ends.
    ///
    /// # Errors
    /// When it is not UTF-8.
    pub fn text(&self) -> Result<&str> {
        std::str::from_utf8(&self.stdout)
            .map(str::trim)
            .map_err(|_| Error::protocol("the command wrote what is no text"))
    }

    /// What the command says went wrong: its standard error in one line, or its exit code.
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

    /// Passes success on and turns all else into an error that begins with `what` failed.
    ///
    /// # Errors
    /// When the exit code is not 0.
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
