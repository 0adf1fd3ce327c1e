//! Sends the file of a restore, and reports the properties that the engine can see.

use broker_engine::{
    Activity, Backup, Error, Field, Restoration, Restore, RestoreRequest, RestoreSource, Result,
    State, http,
};

use crate::Hostile;

impl Restore for Hostile {
    fn restore(request: RestoreRequest) -> Result<Restoration> {
        let RestoreSource::File(file) = request.source else {
            return Err(Error::unsupported("only from files"));
        };
        let mut backup = Backup::new(file.name(), State::Succeeded);
        backup.activity = Activity::Restore;
        backup.size = Some(file.length());
        let known = Field {
            name: "sha256".to_owned(),
            value: file.sha256(),
        };
        if !request.dry_run {
            http::post("api", "/v1/restore").send_file(&file)?;
        }
        Ok(Restoration {
            backup,
            details: vec![known],
        })
    }
}
