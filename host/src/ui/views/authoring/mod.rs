//! What is shown to the author of an engine.

mod pack;

pub use pack::PluginPackView;
