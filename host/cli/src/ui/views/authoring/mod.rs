//! What is shown to the author of an engine.

mod pack;
mod project;
mod test;

pub use pack::PluginPackView;
pub use project::PluginProjectView;
pub use test::{CaseRow, PluginTestView};
