//! What the author of an engine needs: a manifest put into a component.
//!
//! Nothing here is needed to use an engine, and nothing of it talks to a cluster.

mod error;
mod manifest_section;
mod pack;
mod write;

pub use error::AuthoringError;
pub use pack::{PackRequest, Packed, Packing, pack};
