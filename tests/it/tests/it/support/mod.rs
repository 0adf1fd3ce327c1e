//! What the tests need: the programs, a simulated cluster, a way to run one against the other.

mod bed;
mod component;
mod desk;
mod invocation;
mod machine;
mod programs;
mod registry;
mod run;
mod session;
mod signer;

pub use bed::Bed;
pub use component::Component;
pub use desk::{Desk, ID, NAME, names};
pub use invocation::{Folders, Invocation};
pub use machine::{Machine, accepting};
pub use programs::programs;
pub use registry::{Registry, Store, cosign, image, layer, sha256};
pub use run::Run;
pub use session::Session;
pub use signer::Signer;
