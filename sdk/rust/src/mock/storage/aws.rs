//! The native implementation of the services of AWS.

use std::collections::{BTreeMap, VecDeque};

use crate::error::{Error, ErrorKind, Result};
use crate::mock::{Host, current};

/// The answers to actions, and the calls.
#[derive(Debug, Default)]
pub(super) struct Actions {
    answers: BTreeMap<String, VecDeque<Result<String>>>,
    called: Vec<Called>,
}

/// An action that the engine called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Called {
    /// The action as `SERVICE:ACTION`.
    pub action: String,
    /// The parameters, in order.
    pub parameters: Vec<(String, String)>,
    /// The region, if the engine named one.
    pub region: Option<String>,
}

impl Host {
    /// Adds an answer to an action, `SERVICE:ACTION`. Calls get the answers in order; the last one is repeated.
    #[must_use]
    pub fn action(self, action: &str, answer: Result<String>) -> Self {
        let answers = &mut self.0.borrow_mut().outside.actions.answers;
        answers
            .entry(action.to_owned())
            .or_default()
            .push_back(answer);
        self.clone()
    }

    /// Returns the actions that the engine called, in order.
    #[must_use]
    pub fn called(&self) -> Vec<Called> {
        self.0.borrow().outside.actions.called.clone()
    }
}

pub(crate) fn call(
    service: &str,
    action: &str,
    parameters: &[(String, String)],
    region: Option<&str>,
) -> Result<String> {
    let host = current();
    host.count()?;
    let mut script = host.0.borrow_mut();
    let name = format!("{service}:{action}");
    if let Some(manifest) = &script.manifest {
        let service = manifest.aws.get(service);
        let allows = service.is_some_and(|it| it.allow.iter().any(|known| known == action));
        if !allows {
            let message = format!("the manifest does not allow the action `{name}`");
            return Err(Error::new(ErrorKind::Denied, message));
        }
    }
    script.outside.actions.called.push(Called {
        action: name.clone(),
        parameters: parameters.to_vec(),
        region: region.map(str::to_owned),
    });
    let answers = script.outside.actions.answers.get_mut(&name);
    let answers = answers.unwrap_or_else(|| panic!("the test has no answer to {name}"));
    let answer = if answers.len() > 1 {
        answers.pop_front()
    } else {
        answers.front().cloned()
    };
    answer.unwrap_or_else(|| panic!("the test has no answer to {name}"))
}
