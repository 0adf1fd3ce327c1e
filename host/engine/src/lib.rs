//! Runs engines: WebAssembly components that know one backup system, in a sandbox.
//!
//! [`EngineFile`] holds the facts about a component that are known without running it. [`Runtime`] compiles
//! an engine to native code, once, and starts [`Instance`]s of it. The imports of a component and its
//! [`Grants`] decide what an instance may reach. Its [`Services`] provide everything that it reaches.
#![deny(missing_docs)]

mod artifacts;
mod audit;
mod calls;
mod catalogue;
mod commands;
mod compiler;
mod error;
mod examine;
mod file;
mod form;
mod grants;
mod guest;
mod instance;
mod limits;
mod loads;
mod meter;
mod native_cache;
mod network;
mod objects;
mod output;
mod pages;
mod random;
mod results;
mod runtime;
mod sections;
mod settings;
mod space;
mod stores;
mod tally;
#[cfg(test)]
mod testing;
mod v0_1;
mod v0_2;

pub use artifacts::{Artifact, Artifacts, SavedFile, ToSave};
pub use audit::HOST_CALLS;
pub use catalogue::Catalogue;
pub use commands::{Commands, Ended, GrantedCommand};
pub use compiler::compile_if_asked;
pub use error::EngineError;
pub use file::{EngineFile, Outline};
pub use form::{Form, FormPart, FormPiece, FormValue};
pub use grants::Grants;
pub use guest::{INTERFACE, INTERFACES};
pub use instance::{
    Acted, Detection, HealthReport, Instance, Page, Preparation, Restoration, RestoreSource,
    Services, TargetInfo,
};
pub use limits::Limits;
pub use loads::components_opened;
pub use native_cache::NativeCache;
pub use network::{Answer, Body, Level, Network, Observer, Outgoing, Sent};
pub use objects::stay_within;
pub use objects::{GrantedObjects, ObjectChange, Objects, Place, SelectedObjects, WatchedObjects};
pub use pages::Pages;
pub use runtime::{Compiling, Loaded, Runtime};
pub use settings::{OptionSetting, OptionValue};
pub use stores::{
    Condition, GrantedAction, ObjectAt, Outside, SelectedKeys, StoreAccess, StoredObject,
    StoredPage, StoredUpload, ToBegin, ToCopy, ToPut,
};
