//! The SDK for backup engines of kubectl-broker in Rust.
//!
//! An engine is a type that implements one trait per operation of its manifest ([`Detect`], [`List`],
//! [`Status`], …), and a call of [`engine!`]. The macro checks the manifest at compile time, writes it into
//! the component, and exports the operations that the manifest names. An operation that the manifest names
//! and the type does not implement is a compile error.
//!
//! ```text
//! use broker_engine::{Detect, Detection, Result, engine, http};
//!
//! struct Vault;
//! engine!(Vault, "engine.toml");
//!
//! impl Detect for Vault {
//!     fn detect() -> Result<Detection> {
//!         http::get("api", "/v1/health").send()?.expect_ok()?;
//!         Ok(Detection::of("Vault"))
//!     }
//! }
//! ```
//!
//! On other platforms than WebAssembly the same code runs against [`mock::Host`], so that tests of an
//! engine's logic are native.
#![deny(missing_docs)]

pub mod aws;
mod backup;
#[doc(hidden)]
pub mod bindings;
pub mod clock;
mod error;
pub mod exec;
pub mod http;
pub mod log;
#[cfg(not(target_family = "wasm"))]
pub mod mock;
mod operations;
pub mod progress;
pub mod random;
pub mod resources;
mod settings;
mod size;
pub mod storage;
pub mod target;
pub mod text;
#[cfg(feature = "yaml")]
pub mod yaml;

pub use backup::{Activity, Amount, Backup, Field, State};
/// Checks the manifest, writes it into the component, and exports the operations that the manifest names.
///
/// The form is `engine!(Type, "engine.toml")`; the path is relative to the folder of `Cargo.toml`. The macro
/// also defines `MANIFEST`, the text of the manifest, for [`mock::Host`].
pub use broker_engine_macros::engine;
pub use error::{Error, ErrorKind, Result};
pub use operations::{
    Act, ActRequest, Artifact, Check, Create, CreateRequest, Delete, DeleteRequest, Detect,
    Detection, Download, DownloadRequest, Finish, FinishRequest, Health, HealthReport,
    HealthRequest, List, ListRequest, OptionSetting, OptionValue, Outcome, Page, Preparation,
    Prepare, PrepareRequest, Report, Restoration, Restore, RestoreRequest, RestoreSource, Saved,
    Status, StatusRequest, Verify, VerifyRequest,
};
pub use settings::Settings;
pub use size::size;
