//! Deleting the object of a backup. The documents do not say whether the controller also deletes the
//! snapshot and the copied files.

use broker_engine::{Delete, DeleteRequest, Error, ErrorKind, Result, State};

use crate::BackupRequest;
use crate::object::{list, state_of};
use crate::sort::{Id, Sort};

impl Delete for BackupRequest {
    fn delete(request: DeleteRequest) -> Result<Vec<String>> {
        let id = Id::parse(&request.id)?;
        if id.sort == Sort::Liferay {
            return Err(Error::unsupported(
                "LiferayBackups are removed by Liferay's own retention job",
            )
            .with_hint(
                "The job removes backups that are older than `backup.retentionDays` of the chart",
            ));
        }
        let object = id.read()?;
        let (state, word) = state_of(id.sort, &object);
        if state == State::Running && !request.force {
            return Err(Error::new(
                ErrorKind::Conflict,
                format!("{id} is running ({})", word.unwrap_or("no state yet")),
            )
            .with_hint("Wait until the backup has ended, or remove its object with `--force`"));
        }
        id.sort.kind().delete(&id.name)?;
        match id.sort.kind().get::<serde_json::Value>(&id.name) {
            Err(error) if error.kind == ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(error),
            Ok(left) => {
                let holding: Vec<_> = list(&left, "/metadata/finalizers")
                    .iter()
                    .filter_map(|finalizer| finalizer.as_str())
                    .collect();
                let held = format!(
                    "{id} is being removed, but is held by {}",
                    holding.join(", ")
                );
                Err(Error::new(ErrorKind::Unavailable, held)
                    .with_hint("Its controller must finish first; check again later"))
            }
        }
    }
}
