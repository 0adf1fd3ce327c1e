//! The bytes that ship in the program: the bundled engines, and the files that `plugin new` writes.
//!
//! The build script makes both. Only programs depend on this crate, so that a change in an engine rebuilds no
//! library.

/// Files of a project: the path of each, and its text.
pub type Files = &'static [(&'static str, &'static str)];

include!(concat!(env!("OUT_DIR"), "/bundled.rs"));
include!(concat!(env!("OUT_DIR"), "/sdk.rs"));
