//! Plain types that every layer may use. They import nothing but the standard library,
//! parsers of standard formats, and the manifest.

mod backup;
pub(crate) mod fail_point;
mod failure;
#[cfg(test)]
pub(crate) mod messages;
mod report;
mod secret;
pub mod shell;
pub mod text;

pub use backup::{Activity, Backup, State, newest_first};
pub use failure::{Failure, Problem};
pub use report::{Report, ReportKind};
pub use secret::Secret;
