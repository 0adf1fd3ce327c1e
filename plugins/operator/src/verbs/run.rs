//! `run`: a run of a schedule, now.

use broker_engine::{ActRequest, Report, Result, Settings, log};

use crate::kind::Run;
use crate::object::Object;
use crate::{create, state, wait};

/// Creates the Backup, and waits for its end if the user wants that.
pub fn run(request: &ActRequest) -> Result<Report> {
    let schedule = request.required_text("name")?;
    let plan = create::run_of(schedule)?;
    for note in &plan.notes {
        log::info(note);
    }
    let created: Object = Run::Backup.kind().create(&plan.object)?;
    if request.boolean("no-wait") {
        let name = &created.metadata.name;
        return Ok(Report::text(format!(
            "Backup {name} is created.\n{}.",
            wait::look(Run::Backup, name)
        )));
    }
    let ended = wait::until_ended(Run::Backup, &created)?;
    match wait::failure(Run::Backup, &ended) {
        Some(error) => Err(error),
        None => Ok(Report::backups([state::shown(Run::Backup, &ended)])),
    }
}
