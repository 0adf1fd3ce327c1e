//! Several uploads at the same time.

use std::sync::atomic::{AtomicUsize, Ordering};

use http::Method;
use serde_json::{Value, json};

use super::Place;
use super::left::{BIG, Left, SMALL};
use crate::support::{Faulty, Weed, When};

/// Holds the manifest of one upload until another one of the same backup is complete.
#[test]
fn two_uploads_of_one_backup_make_one_copy() {
    for (file, machine) in [(SMALL, "same"), (BIG, "same"), (BIG, "other")] {
        let weed = Weed::with_bucket(&format!("race-{}-{machine}", &file[..3]));
        let faulty = Faulty::before(&weed);
        let place = Place::at(&faulty).with_files();
        let manifest = When::method(Method::PUT).path("/v1/copies/");
        let held = faulty.hold_before(manifest.nth(1));
        let command = place.copying(file, "a");
        let first = place.program();
        let child = first.spawn(&command);
        held.wait();
        let second = place
            .program()
            .env("XDG_STATE_HOME", place.folder().join(machine))
            .run(&command)
            .json();
        assert_eq!(second["items"][0]["wasThere"], json!(false));
        held.release();
        let output = child.wait_with_output().expect("the process ends");
        let first = first.ended(&output).json();
        assert_eq!(first["items"][0]["wasThere"], json!(true));
        assert_eq!(Left::of(&weed), Left::whole(1), "{file} {machine}");
        place.assert_deep(1);
    }
}

/// More processes than a machine has cores.
const PROCESSES: usize = 16;
const UPLOADS: usize = 100;

#[test]
fn a_hundred_uploads_at_once_make_a_hundred_copies() {
    let weed = Weed::with_bucket("hundred");
    let place = Place::at(&weed).with_files();
    let program = place.program();
    let number = |number: usize| place.copying(SMALL, &format!("backup-{number}"));
    let commands: Vec<_> = (0..UPLOADS).map(number).collect();
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..PROCESSES {
            scope.spawn(|| {
                while let Some(command) = commands.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let copied: Value = program.run(command).json();
                    assert_eq!(copied["items"][0]["wasThere"], json!(false));
                }
            });
        }
    });
    assert_eq!(Left::of(&weed), Left::whole(UPLOADS));
    assert_eq!(place.ids().len(), UPLOADS);
    place.assert_deep(UPLOADS);
}
