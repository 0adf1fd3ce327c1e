//! Engines: WebAssembly components that know a backup system, run in a sandbox.
//!
//! [`EngineFile`] is what can be known of a component without running it. [`Runtime`] turns one into
//! native code, once, and starts [`Instance`]s of it. What an instance can reach is decided by its
//! imports and by [`Grants`]; everything it reaches is given by its [`Services`].

mod artifacts;
mod audit;
mod catalogue;
mod commands;
mod compiler;
mod error;
mod examine;
mod file;
mod grants;
mod instance;
mod limits;
mod loads;
mod meter;
mod native_cache;
mod network;
mod objects;
mod output;
mod runtime;
mod sections;
mod settings;
mod space;
mod tally;
#[cfg(test)]
mod testing;
mod v0_1;

pub use artifacts::{Artifact, Artifacts, SavedFile, ToSave};
pub use audit::{Auditor, HostCall};
pub use catalogue::Catalogue;
pub use commands::{Commands, Ended, GrantedCommand};
pub use compiler::compile_if_asked;
pub use error::EngineError;
pub use file::{EngineFile, INTERFACE, Outline};
pub use grants::Grants;
pub use instance::{Acted, Detection, Instance, Restoration, RestoreSource, Services};
pub use limits::Limits;
pub use loads::components_opened;
pub use native_cache::NativeCache;
pub use network::{Answer, Body, Level, Network, Observer, Outgoing, Sent};
pub use objects::stay_within;
pub use objects::{GrantedObjects, ObjectChange, Objects, SelectedObjects, WatchedObjects};
pub use runtime::{Compiling, Loaded, Runtime};
pub use settings::{OptionSetting, OptionValue};
