//! An engine that hangs while it starts.

use broker_engine::{Detect, Detection, List, ListRequest, Page, Result, engine};

struct Hang;

engine!(Hang, "engine.toml");

/// Initializes the component. The host calls it before any other export.
#[unsafe(no_mangle)]
extern "C" fn _initialize() {
    loop {
        std::hint::black_box(());
    }
}

impl Detect for Hang {
    fn detect() -> Result<Detection> {
        Ok(Detection::of("nothing"))
    }
}

impl List for Hang {
    fn list(_: ListRequest) -> Result<Page> {
        Ok(Vec::new().into())
    }
}
