//! What an object says about a backup. Which fields it has depends on the document that its controller
//! was written after, so they are looked for one by one.

use broker_engine::{Activity, Backup, Error, Result, State};
use serde_json::Value;

use crate::sort::{Id, Sort};
use crate::state;

/// A text that is not empty.
pub fn text<'a>(object: &'a Value, pointer: &str) -> Option<&'a str> {
    let text = object.pointer(pointer).and_then(Value::as_str);
    text.filter(|text| !text.is_empty())
}

pub fn list<'a>(object: &'a Value, pointer: &str) -> &'a [Value] {
    let list = object.pointer(pointer).and_then(Value::as_array);
    list.map_or(&[], Vec::as_slice)
}

pub fn name(object: &Value) -> Result<&str> {
    text(object, "/metadata/name")
        .ok_or_else(|| Error::protocol("an object of the API server has no name"))
}

/// The project or the environment, from the first place that has it: the documents don't agree on what
/// they call either, in the spec and in labels.
pub fn belonging<'a>(object: &'a Value, what: &str) -> Option<&'a str> {
    let places: &[&str] = match what {
        "project" => &[
            "/spec/projectId",
            "/metadata/labels/backup.liferay.cloud~1project",
            "/metadata/labels/backup.liferay.cloud~1project-id",
            "/metadata/labels/project",
        ],
        _ => &[
            "/spec/environment",
            "/spec/targetEnvironment",
            "/metadata/labels/backup.liferay.cloud~1environment",
            "/metadata/labels/environment",
        ],
    };
    places.iter().find_map(|place| text(object, place))
}

/// Whether it is of the project or environment that is wanted, if one is.
pub fn belongs_to(object: &Value, what: &str, wanted: Option<&str>) -> bool {
    wanted.is_none() || belonging(object, what) == wanted
}

/// The state, and the word for it.
pub fn state_of(sort: Sort, object: &Value) -> (State, Option<&str>) {
    if sort == Sort::Liferay {
        return state::of_condition(object);
    }
    let word = text(object, "/status/state");
    (state::of_word(word), word)
}

pub fn to_backup(sort: Sort, object: &Value) -> Result<Backup> {
    let (state, word) = state_of(sort, object);
    let mut backup = Backup::new(Id::new(sort, name(object)?).to_string(), state);
    if sort.is_restore() {
        backup.activity = Activity::Restore;
    }
    backup.reported_state = word.map(str::to_owned);
    backup.created = text(object, "/metadata/creationTimestamp").map(str::to_owned);
    if state == State::Failed {
        backup.failure = state::failure(object);
    }
    let field = |places: &[&str]| {
        let value = places.iter().find_map(|place| text(object, place));
        value.map(str::to_owned)
    };
    let number = |place| object.pointer(place).and_then(Value::as_u64);
    Ok(backup
        .with_field("project", belonging(object, "project").map(str::to_owned))
        .with_field(
            "environment",
            belonging(object, "environment").map(str::to_owned),
        )
        .with_field("database-size", field(&["/status/database/size"]))
        .with_field(
            "library-size",
            field(&["/status/documentLibrary/totalSize", "/status/size"]),
        )
        .with_field(
            "snapshot",
            field(&[
                "/status/database/snapshotId",
                "/status/databaseSnapshot/uuid",
            ]),
        )
        .with_field(
            "objects",
            number("/status/documentLibrary/objectCount").map(|count| count.to_string()),
        )
        .with_field("location", location(object))
        .with_field("completed", field(&["/status/completionTime"]))
        .with_field(
            "progress",
            number("/status/progress").map(|percent| format!("{percent}%")),
        )
        .with_field("conditions", state::conditions(object)))
}

/// Where the document library lies, or its manifest.
fn location(object: &Value) -> Option<String> {
    if let Some(manifest) = text(object, "/status/documentLibrary/manifestPath") {
        return Some(manifest.to_owned());
    }
    let bucket = text(object, "/status/documentLibrary/destinationBucket")?;
    let path = text(object, "/status/documentLibrary/destinationPath").unwrap_or_default();
    Some(format!("{bucket}/{}", path.trim_start_matches('/')))
}
