//! The fields of an object. They depend on the document that the controller follows, so each field is
//! searched in several places.

use broker_engine::{Activity, Backup, Error, Result, State};
use serde_json::Value;

use crate::sort::{Id, Sort};
use crate::state;

/// Returns a text that is not empty.
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

/// Returns the project or the environment from the first place that has it. The documents use different names
/// for them in the spec and in labels.
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

/// Returns whether the object belongs to the wanted project or environment. Without a wanted one, every
/// object does.
pub fn belongs_to(object: &Value, what: &str, wanted: Option<&str>) -> bool {
    wanted.is_none() || belonging(object, what) == wanted
}

/// Returns the state, and the controller's word for it.
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

/// Returns the place of the document library or of its manifest.
fn location(object: &Value) -> Option<String> {
    if let Some(manifest) = text(object, "/status/documentLibrary/manifestPath") {
        return Some(manifest.to_owned());
    }
    let bucket = text(object, "/status/documentLibrary/destinationBucket")?;
    let path = text(object, "/status/documentLibrary/destinationPath").unwrap_or_default();
    Some(format!("{bucket}/{}", path.trim_start_matches('/')))
}
