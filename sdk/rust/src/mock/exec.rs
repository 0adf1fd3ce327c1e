//! The native implementation of commands: a script decides their results.

use std::collections::{BTreeMap, VecDeque};

use super::{Host, current};
use crate::error::{Error, ErrorKind, Result};
use crate::exec::Output;

/// The pods, the scripted results of commands in them, and the commands that ran.
#[derive(Debug, Default)]
pub(super) struct Commands {
    pub(super) pods: Vec<String>,
    refused: Option<Error>,
    /// The results, by pod and command line.
    results: BTreeMap<(String, String), VecDeque<Ran>>,
    ran: Vec<String>,
}

/// The result of a command.
#[derive(Debug, Clone)]
pub enum Ran {
    /// The command ran to its end.
    Ended(Output),
    /// The command could not be run: the call itself fails.
    Failure(Error),
}

impl Ran {
    /// Returns a success with this standard output.
    #[must_use]
    pub fn ok(stdout: &str) -> Self {
        Self::Ended(Output {
            exit_code: 0,
            stdout: stdout.as_bytes().to_vec(),
            stderr: Vec::new(),
        })
    }

    /// Returns a result with this exit code and standard error.
    #[must_use]
    pub fn exit(exit_code: i32, stderr: &str) -> Self {
        Self::Ended(Output {
            exit_code,
            stdout: Vec::new(),
            stderr: stderr.as_bytes().to_vec(),
        })
    }
}

impl Host {
    /// Sets the pods of the target.
    #[must_use]
    pub fn pods(self, names: &[&str]) -> Self {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        self.0.borrow_mut().commands.pods = names;
        self
    }

    /// Makes every call of the `exec` interface fail, for example because a permission is missing.
    #[must_use]
    pub fn refuses_commands(self, error: Error) -> Self {
        self.0.borrow_mut().commands.refused = Some(error);
        self
    }

    /// Adds a result for a command line in a pod; `line` is its words separated by spaces. Commands get the
    /// results in order; the last result is repeated.
    #[must_use]
    pub fn runs(self, pod: &str, line: &str, ran: Ran) -> Self {
        let key = (pod.to_owned(), line.to_owned());
        let results = &mut self.0.borrow_mut().commands.results;
        results.entry(key).or_default().push_back(ran);
        self.clone()
    }

    /// Replaces all results for a command line in a pod by this one.
    #[must_use]
    pub fn runs_instead(self, pod: &str, line: &str, ran: Ran) -> Self {
        let key = (pod.to_owned(), line.to_owned());
        self.0.borrow_mut().commands.results.remove(&key);
        self.runs(pod, line, ran)
    }

    /// Returns the commands that the host has allowed so far, as `POD: LINE`.
    #[must_use]
    pub fn ran(&self) -> Vec<String> {
        self.0.borrow().commands.ran.clone()
    }

    fn run_command(
        &self,
        name: &str,
        pod: Option<&str>,
        arguments: &[(String, String)],
    ) -> Result<Output> {
        let denied = |message: String| Error::new(ErrorKind::Denied, message);
        let mut script = self.0.borrow_mut();
        let command = script.manifest.as_ref().and_then(|it| it.exec.get(name));
        let Some(command) = command else {
            return Err(denied(format!("the manifest names no command `{name}`")));
        };
        let argv = command
            .fill(arguments)
            .map_err(|e| Error::new(ErrorKind::InvalidArgument, e.to_string()))?;
        let commands = &mut script.commands;
        if let Some(error) = &commands.refused {
            return Err(error.clone());
        }
        let pod = match pod {
            Some(pod) if !commands.pods.iter().any(|known| known == pod) => {
                return Err(denied(format!("`{pod}` is not a pod of the target")));
            }
            Some(pod) => pod.to_owned(),
            None => commands.pods.first().cloned().unwrap_or_else(|| {
                panic!("the test names no pods for command `{name}`");
            }),
        };
        let line = argv.join(" ");
        commands.ran.push(format!("{pod}: {line}"));
        let results = commands
            .results
            .get_mut(&(pod.clone(), line.clone()))
            .unwrap_or_else(|| panic!("the test has no result for `{line}` in {pod}"));
        let ran = if results.len() > 1 {
            results.pop_front()
        } else {
            results.front().cloned()
        };
        match ran {
            Some(Ran::Ended(output)) => Ok(output),
            Some(Ran::Failure(error)) => Err(error),
            None => panic!("the test has no result for `{line}` in {pod}"),
        }
    }
}

pub(crate) fn pods() -> Result<Vec<String>> {
    let host = current();
    let script = host.0.borrow();
    match &script.commands.refused {
        Some(error) => Err(error.clone()),
        None => Ok(script.commands.pods.clone()),
    }
}

pub(crate) fn run(name: &str, pod: Option<&str>, arguments: &[(String, String)]) -> Result<Output> {
    current().run_command(name, pod, arguments)
}
