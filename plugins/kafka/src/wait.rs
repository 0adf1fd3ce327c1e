//! Waiting within a call, by watching: for verbs and dry runs, for whose end the host does not wait.

use broker_engine::resources::{Change, Selection};
use broker_engine::{Error, ErrorKind, Result};

use crate::object::Object;
use crate::state;
use crate::work::Work;

/// The object when its work has ended; none when the time of the call is over before.
///
/// # Errors
/// When it is deleted meanwhile, or can't be watched.
pub fn until_ended(work: Work, name: &str) -> Result<Option<Object>> {
    let mut watch = work.kind().watch::<Object>(&Selection::all())?;
    while let Some(event) = watch.next_event()? {
        if event.object.metadata.name != name {
            continue;
        }
        if event.change == Change::Deleted {
            return Err(Error::new(
                ErrorKind::Failed,
                format!("{} {name} was deleted before it ended", work.name()),
            ));
        }
        if state::has_ended(work, &event.object) {
            return Ok(Some(event.object));
        }
    }
    Ok(None)
}

/// How to see how far it is.
pub fn look(work: Work, name: &str) -> String {
    format!(
        "`kubectl broker backup status --engine kafka --id {}` shows how far it is",
        work.id(name)
    )
}
