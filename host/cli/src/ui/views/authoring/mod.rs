//! The results of the commands for authors of engines.

mod check;
mod pack;
mod project;
mod test;

pub use check::{CheckedEngine, ManifestCheckBody, ManifestCheckView, ProblemRow};
pub use pack::PluginPackView;
pub use project::PluginProjectView;
pub use test::{CaseRow, PluginTestBody, PluginTestView};
