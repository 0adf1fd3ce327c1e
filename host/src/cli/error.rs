use std::io;

use crate::model::{Failure, Problem};
use crate::ops::OpsError;

/// How a command ended badly.
#[derive(Debug, thiserror::Error)]
pub(super) enum CliError {
    #[error(transparent)]
    Ops(#[from] OpsError),
    #[error("the result can't be written: {0}")]
    Output(#[from] io::Error),
    #[error("the process can't start its workers: {0}")]
    Runtime(io::Error),
    #[error("stopped")]
    Interrupted,
}

impl Problem for CliError {
    fn failure(&self) -> Failure {
        match self {
            Self::Ops(error) => error.failure(),
            Self::Output(_) | Self::Runtime(_) => Failure::Failed,
            Self::Interrupted => Failure::Interrupted,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Ops(error) => error.hint(),
            Self::Output(_) => Some("Check where stdout goes: is its disk full?".to_owned()),
            Self::Runtime(_) => Some("Check the limits of the system (`ulimit -a`)".to_owned()),
            Self::Interrupted => None,
        }
    }
}
