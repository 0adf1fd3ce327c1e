use broker_manifest::Operation;

use crate::cluster::ClusterError;
use crate::engine::EngineError;
use crate::model::{Failure, Problem};

/// Why an operation could not be done.
#[derive(Debug, thiserror::Error)]
pub enum OpsError {
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error("there is no engine `{name}`")]
    UnknownEngine {
        name: String,
        /// The name that was perhaps meant.
        near: Option<String>,
        known: Vec<String>,
    },
    #[error("engine {engine} can't `{operation}`")]
    CannotDo {
        engine: String,
        operation: Operation,
        /// The engines that can.
        able: Vec<String>,
    },
    #[error("no engine can `{operation}`")]
    NobodyCan { operation: Operation },
    #[error("there is no backup that ended well")]
    NothingWhole,
    #[error("a worker of this process ended unexpectedly: {reason}")]
    Worker { reason: String },
}

impl Problem for OpsError {
    fn failure(&self) -> Failure {
        match self {
            Self::Cluster(error) => error.failure(),
            Self::Engine(error) => error.failure(),
            Self::UnknownEngine { .. } | Self::CannotDo { .. } | Self::NobodyCan { .. } => {
                Failure::Usage
            }
            Self::NothingWhole => Failure::NotFound,
            Self::Worker { .. } => Failure::Failed,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Cluster(error) => error.hint(),
            Self::Engine(error) => error.hint(),
            Self::UnknownEngine {
                near: Some(near), ..
            } => Some(format!("Did you mean `--engine {near}`?")),
            Self::UnknownEngine { known, .. } => {
                Some(format!("Engines that are there: {}", known.join(", ")))
            }
            Self::CannotDo { able, .. } if able.is_empty() => {
                Some("No engine that is installed can".to_owned())
            }
            Self::CannotDo { able, .. } => Some(format!("Engines that can: {}", able.join(", "))),
            Self::NobodyCan { .. } => {
                Some("`kubectl broker engines` shows what each can do".to_owned())
            }
            Self::NothingWhole => Some(
                "`kubectl broker backup list` shows what is there and why it failed".to_owned(),
            ),
            Self::Worker { .. } => None,
        }
    }
}
