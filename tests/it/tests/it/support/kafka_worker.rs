//! The worker for Kafka, a real Kafka, and librdkafka as a second client. They are those of the worker's own tests.

#[path = "../../../../../kafka-worker/worker/tests/it/kafka.rs"]
#[allow(dead_code, reason = "those tests use more of it")]
mod kafka;
#[path = "../../../../../kafka-worker/worker/tests/it/witness.rs"]
#[allow(dead_code, reason = "those tests use more of it")]
mod witness;

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::{plain_cargo, python, server};

pub use kafka::kafka;
pub use witness::Witness;

/// The folder of the worker's workspace.
const WORKSPACE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../kafka-worker");

/// Returns the folder in which cargo builds the worker.
fn profile_folder() -> PathBuf {
    Path::new(WORKSPACE).join("target/debug")
}

/// Returns the worker, which is built once.
pub fn worker() -> PathBuf {
    static BUILT: OnceLock<bool> = OnceLock::new();
    let is_built = BUILT.get_or_init(|| {
        let mut cargo = plain_cargo();
        let arguments = ["build", "--quiet", "--locked", "--target-dir", "target"];
        let built = cargo.current_dir(WORKSPACE).args(arguments).status();
        built.is_ok_and(|status| status.success())
    });
    assert!(is_built, "the worker for Kafka can't be built");
    profile_folder().join("broker-kafka-worker")
}
