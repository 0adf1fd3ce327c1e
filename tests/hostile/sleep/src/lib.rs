//! An engine that sleeps while it starts.

use std::time::Duration;

use broker_engine::{Detect, Detection, List, ListRequest, Page, Result, engine};

struct Sleep;

engine!(Sleep, "engine.toml");

/// Initializes the component. The host calls it before any other export.
#[unsafe(no_mangle)]
extern "C" fn _initialize() {
    std::thread::sleep(Duration::from_secs(100_000));
}

impl Detect for Sleep {
    fn detect() -> Result<Detection> {
        Ok(Detection::of("nothing"))
    }
}

impl List for Sleep {
    fn list(_: ListRequest) -> Result<Page> {
        Ok(Vec::new().into())
    }
}
