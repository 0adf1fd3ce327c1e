//! Engines that were built for interface 0.1 when it was current, and are never rebuilt: see
//! `tests/fixtures/v0.1`. The tests of the bundled engines run again with them. Three of the engines are not
//! bundled here but installed from files, as engines of a third party; nothing else may differ.
#![expect(clippy::expect_used, reason = "a test that can't go on has failed")]

#[path = "../it/support/mod.rs"]
#[expect(dead_code, unused_imports, reason = "other tests need the rest of it")]
mod support;

/// Engines that are installed on the program instead of bundled.
const INSTALLED: &[&str] = &["backuprequest", "kafka", "strategy"];

/// Folder in `tests/fixtures` with the engines that replace those of this build.
const FROZEN: Option<&str> = Some("v0.1");

#[path = "../it/backuprequest/mod.rs"]
mod backuprequest;
#[path = "../it/create.rs"]
mod create;
#[path = "../it/delete.rs"]
mod delete;
#[path = "../it/destination.rs"]
mod destination;
#[path = "../it/download.rs"]
mod download;
#[path = "../it/kafka/mod.rs"]
mod kafka;
#[path = "../it/restore.rs"]
mod restore;
#[path = "../it/restore_file.rs"]
mod restore_file;
#[path = "../it/strategy/mod.rs"]
mod strategy;

mod templates;

use support::{Bed, Invocation, programs};

#[test]
fn every_engine_here_is_built_for_interface_0_1() {
    let list = Bed::start().run("engines -o json").json();
    let items = list["items"].as_array().expect("a list");
    assert_eq!(items.len(), 5, "{list:#}");
    for item in items {
        assert_eq!(item["interface"], "0.1.0", "{item:#}");
    }
}

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
