//! Changes of a status that can't hit the wrong object.

use json_patch::jsonptr::PointerBuf;
use json_patch::{AddOperation, Patch, PatchOperation, TestOperation};
use serde::Serialize;
use serde_json::{Value, json};

/// The field of a status with its conditions.
const CONDITIONS: &str = "conditions";

/// Returns the change from one status to another, or none if they are equal.
///
/// The change tests the uid: a merge patch and server-side apply on `/status` ignore a wrong one. It names only what
/// differs, because the operator and the pod write different fields of the same status.
///
/// Conditions are one field: only the operator writes them. It may know an old status only, and a change of the second
/// condition could then hit another one.
///
/// # Errors
/// When a status can't be written as JSON.
pub fn status_patch<S: Serialize>(
    uid: &str,
    old: Option<&S>,
    new: &S,
) -> Result<Option<Patch>, serde_json::Error> {
    let before = old.map(serde_json::to_value).transpose()?;
    let after = serde_json::to_value(new)?;
    if before.as_ref() == Some(&after) {
        return Ok(None);
    }
    let mut operations = vec![PatchOperation::Test(TestOperation {
        path: pointer(&["metadata", "uid"]),
        value: json!(uid),
    })];
    match before {
        None => operations.push(add(pointer(&["status"]), after)),
        Some(mut before) => {
            let mut after = after;
            let conditions = |status: &mut Value| status.as_object_mut()?.remove(CONDITIONS);
            let (old, new) = (conditions(&mut before), conditions(&mut after));
            let changes = json_patch::diff(&before, &after);
            operations.extend(changes.0.into_iter().map(below_status));
            if old != new {
                let new = new.unwrap_or_else(|| json!([]));
                operations.push(add(pointer(&["status", CONDITIONS]), new));
            }
        }
    }
    Ok(Some(Patch(operations)))
}

fn add(path: PointerBuf, value: Value) -> PatchOperation {
    PatchOperation::Add(AddOperation { path, value })
}

fn pointer(tokens: &[&str]) -> PointerBuf {
    PointerBuf::from_tokens(tokens.iter().copied())
}

/// Moves an operation below `/status`.
fn below_status(operation: PatchOperation) -> PatchOperation {
    let moved = |path: PointerBuf| {
        let mut moved = pointer(&["status"]);
        moved.append(&path);
        moved
    };
    match operation {
        PatchOperation::Add(it) => add(moved(it.path), it.value),
        PatchOperation::Replace(mut it) => {
            it.path = moved(it.path);
            PatchOperation::Replace(it)
        }
        PatchOperation::Remove(mut it) => {
            it.path = moved(it.path);
            PatchOperation::Remove(it)
        }
        PatchOperation::Move(mut it) => {
            it.path = moved(it.path);
            it.from = moved(it.from);
            PatchOperation::Move(it)
        }
        PatchOperation::Copy(mut it) => {
            it.path = moved(it.path);
            it.from = moved(it.from);
            PatchOperation::Copy(it)
        }
        PatchOperation::Test(mut it) => {
            it.path = moved(it.path);
            PatchOperation::Test(it)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BackupStatus, Condition, Phase, RunStatus};

    fn status(phase: Phase, id: Option<&str>) -> BackupStatus {
        BackupStatus {
            run: RunStatus {
                phase: Some(phase),
                ..RunStatus::default()
            },
            backup_id: id.map(str::to_owned),
            ..BackupStatus::default()
        }
    }

    fn applied(object: &Value, patch: &Patch) -> Result<Value, json_patch::PatchError> {
        let mut object = object.clone();
        json_patch::patch(&mut object, patch)?;
        Ok(object)
    }

    #[test]
    fn nothing_is_written_if_nothing_changes() {
        let same = status(Phase::Running, None);
        let patch = status_patch("u", Some(&same), &same).expect("a patch");
        assert_eq!(patch, None);
    }

    #[test]
    fn a_first_status_is_written_whole() {
        let new = status(Phase::Queued, None);
        let patch = status_patch("u", None, &new).expect("a patch").expect("it");
        let object = json!({"metadata": {"uid": "u"}});
        let object = applied(&object, &patch).expect("it applies");
        assert_eq!(object["status"], json!({"run": {"phase": "Queued"}}));
    }

    #[test]
    fn what_the_pod_has_written_meanwhile_stays() {
        let old = status(Phase::Starting, None);
        let new = status(Phase::Running, None);
        let patch = status_patch("u", Some(&old), &new).expect("a patch");
        let patch = patch.expect("a change");
        let object = json!({
            "metadata": {"uid": "u"},
            "status": {"backupId": "7", "run": {"phase": "Starting", "attempts": [1]}},
        });
        let object = applied(&object, &patch).expect("it applies");
        let expected = json!({"backupId": "7", "run": {"phase": "Running", "attempts": [1]}});
        assert_eq!(object["status"], expected);
    }

    /// A watch may show an object a moment too late. The same change is made twice then.
    #[test]
    fn conditions_are_not_doubled_by_a_look_at_an_old_status() {
        let with = |types: &[&str]| {
            let now = jiff::Timestamp::UNIX_EPOCH;
            let conditions = types.iter();
            BackupStatus {
                conditions: conditions
                    .map(|it| Condition::new(it, false, "Reason", "", now, None))
                    .collect(),
                ..status(Phase::Running, None)
            }
        };
        let (old, new) = (with(&["Ready"]), with(&["Ready", "Database"]));
        let patch = status_patch("u", Some(&old), &new).expect("a patch");
        let patch = patch.expect("a change");
        let object = json!({"metadata": {"uid": "u"}, "status": old});
        let once = applied(&object, &patch).expect("it applies");
        let twice = applied(&once, &patch).expect("it applies");
        assert_eq!(twice["status"], json!(new));
        assert_eq!(once, twice);
    }

    #[test]
    fn another_object_of_the_same_name_is_not_changed() {
        let new = status(Phase::Queued, None);
        let patch = status_patch("u", None, &new).expect("a patch").expect("it");
        let other = json!({"metadata": {"uid": "other"}});
        assert!(applied(&other, &patch).is_err());
    }
}
