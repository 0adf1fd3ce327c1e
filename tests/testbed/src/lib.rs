//! A simulated Kubernetes cluster on loopback, for tests and demonstrations.
//!
//! [`Testbed`] starts an API server (TLS, its own certificate authority, a bearer token) with brokers. Behind
//! their pods are the backup systems that kubectl-broker talks to.
//!
//! Clients reach those systems as in a real cluster: through the port-forward upgrade of a pod. Answers are
//! computed from state that tests can read and change. [`Faults`] makes any layer misbehave at run time.
//!
//! [`aws::Aws`] plays services outside the cluster: S3 and RDS. [`google::Google`] plays Google Cloud Storage.
//!
//! ```no_run
//! # async fn example() -> Result<(), testbed::TestbedError> {
//! use testbed::{Fault, Testbed, TunnelFault};
//!
//! let bed = Testbed::builder().start().await?;
//! bed.faults().set(Fault::Tunnel(TunnelFault::PortClosed(8085)));
//! // … run a client with KUBECONFIG set to bed.kubeconfig() …
//! assert_eq!(bed.requests().count("GET", "/portforward"), 1);
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

mod access;
mod api;
pub mod aws;
mod backend;
mod bed;
pub mod cli;
mod clock;
mod faults;
pub mod google;
mod jobs;
mod kubeconfig;
mod log;
pub mod messages;
mod operators;
mod pods;
#[cfg(unix)]
pub mod postgres;
mod scenario;
pub mod scripted;
mod tasks;
mod tls;
mod web;

pub use api::objects::{Objects, ObjectsError};
pub use api::resources::{Columns, PrinterColumn, ResourceType, Schema};
pub use backend::content::Content;
pub use backend::hivemq::{Backup, BackupState, Hivemq};
pub use backend::pace::Pace;
pub use backend::sidecar::{Entry, RemoteObject, Sidecar, UploadStatus};
pub use backend::strategy::{Strategy, TOKEN as STRATEGY_TOKEN};
pub use backend::{Backend, Backends, PodAddress};
pub use bed::{Builder, Testbed, TestbedError};
pub use clock::Clock;
pub use faults::api::{ApiFault, ApiFaults, DenyRule};
pub use faults::backup_request::{BackupRequestFault, BackupRequestFaults, Step, Words};
pub use faults::download::{DownloadFault, DownloadFaults, Framing};
pub use faults::exec::{ExecFault, ExecFaults};
pub use faults::hivemq::{HivemqFault, HivemqFaults};
pub use faults::job::{JobFault, JobFaults};
pub use faults::kafka::{KafkaFault, KafkaFaults};
pub use faults::node::{ContainerFault, NodeFault, NodeFaults};
pub use faults::reply::{BackendKind, BodyFault, ReplyFault, ReplyFaults};
pub use faults::sidecar::{SidecarFault, SidecarFaults};
pub use faults::strategy::{HeaderFamily, StrategyFault, StrategyFaults};
pub use faults::tunnel::{TunnelFault, TunnelFaults};
pub use faults::{Fault, FaultError, FaultInfo, FaultSettings, Faults, catalogue};
pub use jobs::{Image, NodeDeath, ServiceAccountError};
pub use log::{ApiRequest, BackendRequest, Log, Permission, Recorded};
pub use operators::backup_request;
pub use pods::PodFiles;
pub use scenario::World;
pub use tls::{Authority, Client, Server, TlsError, Validity};
