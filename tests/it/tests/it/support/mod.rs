//! The common parts of the tests: the programs, a simulated cluster, and ways to run a program in it.

mod bed;
mod component;
mod depot;
mod desk;
mod http;
mod invocation;
mod machine;
mod outcome;
pub mod programs;
mod project;
mod python;
mod registry;
mod repacked;
mod run;
mod s3;
mod session;
mod signer;
mod vault;

pub use bed::Bed;
pub use component::{Component, module};
pub use depot::Depot;
pub use desk::{Desk, ID, NAME, names};
pub use invocation::{Folders, Invocation};
pub use machine::{Machine, accepting};
pub use outcome::Verbatim;
pub use programs::{plain_cargo, profile_folder, programs, without_outer_cargo, workspace};
pub use project::Project;
pub use python::{python, python_with};
pub use registry::{Registry, Store, cosign, image, layer, sha256};
pub use repacked::Repacked;
pub use run::Run;
pub use s3::{AccessKey, S3};
pub use session::Session;
pub use signer::Signer;
pub use vault::Vault;
