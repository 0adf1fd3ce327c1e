//! The common parts of the tests: the programs, a simulated cluster, and ways to run a program in it.

mod agent;
mod bed;
mod certificates;
mod cloud;
mod component;
mod depot;
mod desk;
mod http;
mod invocation;
pub mod kafka_worker;
mod machine;
mod outcome;
pub mod programs;
mod project;
mod python;
mod registry;
mod repacked;
mod run;
mod s3;
mod server;
mod session;
mod signer;
mod vault;

pub use agent::{AGENT_TOKEN, Agent};
pub use bed::Bed;
pub use certificates::Certificates;
pub use cloud::{Azurite, Cloud, Faulty, Gcs, Seen, Then, Weed, When, aws_cli};
pub use component::{Component, module};
pub use depot::{Depot, Served};
pub use desk::{Desk, ID, NAME, names};
pub use http::send;
pub use invocation::{Folders, Invocation};
pub use machine::{Machine, accepting};
pub use outcome::Verbatim;
pub use programs::{
    plain_cargo, profile_folder, programs, stock_kubectl, without_outer_cargo, workspace,
};
pub use project::Project;
pub use python::{python, python_with};
pub use registry::{Registry, Store, cosign, image, layer, sha256};
pub use repacked::Repacked;
pub use run::Run;
pub use s3::{AccessKey, S3, unchecked};
pub use server::Server;
pub use session::Session;
pub use signer::Signer;
pub use vault::Vault;
