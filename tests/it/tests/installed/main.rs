//! The tests of three engines again, with a program that does not bundle them. They are installed from files
//! as engines of a third party; nothing else may differ.
#![expect(clippy::expect_used, reason = "a test that can't go on has failed")]

#[path = "../it/support/mod.rs"]
#[expect(dead_code, unused_imports, reason = "other tests need the rest of it")]
mod support;

/// Engines that are installed on the program instead of bundled.
const INSTALLED: &[&str] = &["backuprequest", "kafka", "strategy"];

#[path = "../it/backuprequest/mod.rs"]
mod backuprequest;
#[path = "../it/kafka/mod.rs"]
mod kafka;
#[path = "../it/strategy/mod.rs"]
mod strategy;

use support::{Invocation, programs};

#[test]
fn the_program_has_none_of_them_bundled() {
    let programs = programs();
    let program = Invocation::new(&programs.kubectl_broker, &programs.folders);
    let list = program.run("plugin list -o json");
    for name in INSTALLED {
        let row = list.item(&format!("kubectl-broker/{name}"));
        let source = row["source"].as_str().expect("a source");
        assert!(source.ends_with(&format!("{name}.wasm")), "{row:#}");
        assert_eq!(row["state"], "ok", "{row:#}");
    }
    let list = list.json();
    let items = list["items"].as_array().expect("a list");
    let bundled = items.iter().filter(|row| row["source"] == "bundled");
    assert_eq!(bundled.count(), items.len() - INSTALLED.len());
}
