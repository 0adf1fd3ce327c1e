//! The steps of an engine's author before the engine is installed.

mod cases;
mod check;
mod object_cases;
mod pack;
mod project;
mod python;

use std::sync::LazyLock;

use regex::Regex;

use crate::support::{Machine, Run};

/// The interface of the SDKs.
const INTERFACE: &str = "wit/v0.2";

/// Returns the output without the digests and sizes of engines, which change with the SDK.
pub fn shown(run: &Run) -> String {
    static STABLE: LazyLock<[(Regex, &str); 2]> = LazyLock::new(|| {
        [("[0-9a-f]{64}", "DIGEST"), (r"[0-9.]+[KM]iB", "SIZE")]
            .map(|(pattern, with)| (Regex::new(pattern).expect("a pattern"), with))
    });
    let stable = STABLE.iter();
    stable.fold(run.outcome(), |text, (pattern, with)| {
        pattern.replace_all(&text, *with).into_owned()
    })
}

/// Writes a text file to the folder of the files.
fn write(machine: &Machine, name: &str, text: &str) {
    std::fs::write(machine.folder.path().join(name), text).expect("a file");
}
