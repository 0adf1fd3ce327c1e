//! What every part of the host stands on: plain types, files, digests, and text made safe.
//!
//! Nothing here knows Kubernetes, an engine or a terminal. The crate imports the standard library, parsers of
//! standard formats, and what asks the system.

mod backup;
pub mod fail_point;
mod failure;
pub mod files;
mod folder;
mod folders;
mod private_folder;
mod report;
mod reporter;
mod secret;
mod sha256;
pub mod shell;
pub mod text;

pub use backup::{Activity, Backup, State, newest_first};
pub use failure::{Failure, Problem};
pub use folder::sync_folder;
pub use folders::Folders;
pub use private_folder::{PrivateFolder, PrivateFolderError};
pub use report::{Report, ReportKind};
pub use reporter::{Answer, Meter, Reporter, Working};
pub use secret::Secret;
pub use sha256::{Hashing, Sha256};
