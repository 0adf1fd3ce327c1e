//! What is shown to the author of an engine.

mod pack;
mod test;

pub use pack::PluginPackView;
pub use test::{CaseRow, PluginTestView};
