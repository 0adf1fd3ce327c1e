//! A process that dies in the middle of a copy, at each step.

use std::fs::File;
use std::time::{Duration, SystemTime};

use serde_json::json;

use super::Place;
use super::left::{BIG, Left, SMALL, files};
use crate::support::{Cloud, Weed};

/// The remains of a run that died at a step, beside a copy that was there before.
struct Death {
    step: &'static str,
    left: Left,
    /// The content of the store when the same command has run again.
    after: Left,
}

const OLD: Left = Left::whole(1);
const BOTH: Left = Left::whole(2);

/// The steps of an upload to an object store.
const DEATHS: [Death; 7] = [
    Death {
        step: "copy-opened",
        left: Left { open: 1, ..OLD },
        after: Left { open: 1, ..BOTH },
    },
    Death {
        step: "copy-begun",
        left: Left {
            open: 1,
            parts: 1,
            ..OLD
        },
        after: Left {
            open: 1,
            parts: 1,
            ..BOTH
        },
    },
    Death {
        step: "copy-part-noted",
        left: Left {
            open: 1,
            parts: 1,
            ..OLD
        },
        after: BOTH,
    },
    Death {
        step: "copy-sealed",
        left: Left {
            open: 1,
            parts: 1,
            ..OLD
        },
        after: BOTH,
    },
    Death {
        step: "copy-stored",
        left: Left {
            data: 2,
            open: 1,
            ..OLD
        },
        after: BOTH,
    },
    Death {
        step: "copy-named",
        left: Left { open: 1, ..BOTH },
        after: Left { open: 1, ..BOTH },
    },
    Death {
        step: "copy-closed",
        left: BOTH,
        after: BOTH,
    },
];

/// Dies at a step, and checks what is left and what the program says about it.
fn die(place: &Place<'_>, death: &Death, look: &dyn Fn() -> Left) {
    let Death { step, left, after } = death;
    place.ok(&place.copying(SMALL, "old"));
    assert_eq!(look(), OLD);
    let run = place
        .program()
        .env("KUBECTL_BROKER_FAIL_POINT", *step)
        .run(&place.copying(BIG, "new"));
    assert_eq!(run.code, 128 + 6, "{step}: {}", run.shown());
    assert_eq!(look(), *left, "{step}");
    // A copy is shown whole or not at all, and what was there is unharmed.
    let ids = place.ids();
    assert_eq!(ids.len(), left.copies, "{step}: {ids:?}");
    place.assert_deep(left.copies);
    // Nothing tells a dead upload from one that is under way before its time is over.
    let findings = place.findings();
    assert_eq!(findings.is_empty(), *left == BOTH, "{step}: {findings:?}");
    place.ok("store repair URL --yes");
    assert_eq!(
        look(),
        *left,
        "{step}: repair has removed what may be alive"
    );

    let copied = place.ok(&place.copying(BIG, "new")).json();
    let was_there = left.copies == 2;
    assert_eq!(copied["items"][0]["wasThere"], json!(was_there), "{step}");
    let resumed = copied["items"][0]["resumedBytes"].as_u64();
    assert_eq!(
        resumed > Some(0),
        left.parts > 0 && after.parts == 0,
        "{step}: {copied}"
    );
    assert_eq!(look(), *after, "{step}");
    place.assert_deep(2);
}

#[test]
fn each_step_in_an_object_store() {
    for death in &DEATHS {
        let weed = Weed::with_bucket(&format!("kill-{}", death.step));
        let place = Place::at(&weed).with_files();
        die(&place, death, &|| Left::of(&weed));
        if death.after.open == 0 {
            continue;
        }
        // Somebody who knows that the process is dead removes its entry.
        let entry = super::left::only(&weed, "open");
        weed.delete(&entry);
        place.ok("store repair URL --yes");
        assert_eq!(Left::of(&weed), BOTH, "{}", death.step);
        place.assert_deep(2);
    }
}

/// The steps of an upload to a folder, which has no parts to go on from.
#[test]
fn each_step_in_a_folder() {
    for death in &DEATHS {
        if matches!(death.step, "copy-begun" | "copy-part-noted") {
            continue;
        }
        let death = Death {
            after: Left {
                data: death.left.data.max(2) + usize::from(death.step == "copy-stored"),
                open: death.left.open,
                parts: death.left.parts,
                ..BOTH
            },
            ..*death
        };
        let place = Place::in_folder().with_files();
        let store = place.folder().join("store");
        let look = || Left::in_folder(&store);
        die(&place, &death, &look);
        // The clock of a folder is the time of its files.
        age(&place, Duration::from_mins(29));
        place.ok("store repair URL --yes");
        assert_eq!(look(), death.after, "{}: it may be alive", death.step);
        age(&place, Duration::from_mins(61));
        let repaired = place.ok("store repair URL --yes -o json").json();
        assert_eq!(look(), BOTH, "{}: {repaired}", death.step);
        assert_eq!(place.findings(), Vec::<String>::new(), "{}", death.step);
        place.assert_deep(2);
    }
}

/// Makes every file of the store so old.
fn age(place: &Place<'_>, age: Duration) {
    let time = SystemTime::now() - age;
    for file in files(&place.folder().join("store")) {
        let file = File::options().write(true).open(file).expect("a file");
        file.set_modified(time).expect("a new time");
    }
}

/// Data without an entry are not removed before an hour is over: their upload may be older than its entry.
#[test]
fn data_without_an_entry_wait_for_an_hour() {
    let place = Place::in_folder().with_files();
    let store = place.folder().join("store");
    let run = place
        .program()
        .env("KUBECTL_BROKER_FAIL_POINT", "copy-stored")
        .run(&place.copying(SMALL, "new"));
    assert_eq!(run.code, 128 + 6, "{}", run.shown());
    for entry in files(&store.join("v1/open")) {
        std::fs::remove_file(entry).expect("removed");
    }
    let orphan = Left {
        data: 1,
        ..Left::NOTHING
    };
    for (minutes, left, kind) in [(59, orphan, "under-way"), (61, Left::NOTHING, "orphan")] {
        age(&place, Duration::from_mins(minutes));
        assert_eq!(place.findings(), [kind]);
        place.ok("store repair URL --dry-run");
        assert_eq!(Left::in_folder(&store), orphan);
        place.ok("store repair URL --yes");
        assert_eq!(Left::in_folder(&store), left, "{minutes} minutes");
    }
}
