//! Contains what every part of the host uses: plain types, files, digests, and escaping of text.
//!
//! Nothing here knows Kubernetes, an engine or a terminal. The crate depends only on the standard library,
//! parsers of standard formats, and interfaces to the operating system.

mod backup;
mod check;
pub mod fail_point;
mod failure;
pub mod files;
mod folder;
mod folders;
mod hint;
mod locked_file;
mod private_folder;
mod report;
mod reporter;
mod secret;
mod sha256;
pub mod shell;
pub mod text;

pub use backup::{Activity, Amount, Backup, State, newest_first};
pub use check::{Check, Outcome};
pub use failure::{Failure, Problem};
pub use folder::sync_folder;
pub use folders::Folders;
pub use hint::{Author, Hint, Terms};
pub use locked_file::LockedFile;
pub use private_folder::{PrivateFolder, PrivateFolderError};
pub use report::{Report, ReportKind};
pub use reporter::{Answer, Meter, Reporter, Working};
pub use secret::Secret;
pub use sha256::{Hashing, Sha256};
