//! Contains the bytes that ship in the program: the bundled engines, and the files that `plugin new` writes.
//!
//! The build script creates both. Only programs depend on this crate, so that a change in an engine rebuilds
//! no library.

/// The files of a project: path and text of each.
pub type Files = &'static [(&'static str, &'static str)];

include!(concat!(env!("OUT_DIR"), "/bundled.rs"));
include!(concat!(env!("OUT_DIR"), "/sdk.rs"));
