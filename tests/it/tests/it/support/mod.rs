//! What the tests need: the programs, a simulated cluster, a way to run one against the other.

mod bed;
mod component;
mod desk;
mod invocation;
mod machine;
mod programs;
mod run;

pub use bed::Bed;
pub use component::Component;
pub use desk::{Desk, ID, NAME, names};
pub use invocation::{Folders, Invocation};
pub use machine::Machine;
pub use programs::programs;
pub use run::Run;
