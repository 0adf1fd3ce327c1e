//! The program against a real Kafka. Records and offsets are written and compared by librdkafka, a second client.
//!
//! Without Java or Maven the tests that need Kafka are left out, with a note. With the variable `CI` they fail instead.

#![expect(clippy::expect_used, reason = "a test that can't go on has failed")]

mod at_random;
mod bench;
mod checks;
mod damage;
mod data;
mod gate;
mod interrupted;
mod kafka;
mod leaders;
mod offsets;
mod prune;
#[path = "../../../../tests/it/tests/it/support/python.rs"]
mod python;
mod refused;
mod s3;
mod secured;
#[path = "../../../../tests/it/tests/it/support/server.rs"]
mod server;
mod upstream;
mod witness;
mod worker;

use std::path::PathBuf;
use std::time::{Duration, Instant};

/// The folder of this workspace.
const WORKSPACE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// Nothing takes longer, also on a busy machine.
const DEADLINE: Duration = Duration::from_mins(4);

/// Returns the folder in which cargo builds for this profile.
fn profile_folder() -> PathBuf {
    let program = PathBuf::from(env!("CARGO_BIN_EXE_broker-kafka-worker"));
    program.parent().expect("a folder").to_owned()
}

/// Waits for a condition.
fn until<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = condition() {
            return found;
        }
        assert!(begun.elapsed() < DEADLINE, "{what} did not come");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}
