//! What the author of an engine needs: a manifest put into a component, and a test of it.
//!
//! Nothing here is needed to use an engine, and nothing of it talks to a cluster.

mod call;
mod cases;
mod error;
mod manifest_section;
mod pack;
mod stage;
mod write;

use std::fs;
use std::path::Path;

pub use cases::{CaseResult, TestRequest, Tested, test};
pub use error::AuthoringError;
pub use pack::{PackRequest, Packed, Packing, pack};

fn read(path: &Path) -> Result<Vec<u8>, AuthoringError> {
    fs::read(path).map_err(|source| AuthoringError::Read {
        path: path.to_owned(),
        source,
    })
}
