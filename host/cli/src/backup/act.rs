use std::time::Duration;

use clap::ArgMatches;
use host_driver::{Session, VerbRequest, VerbResult, act};
use host_engine::EngineFile;

use crate::confirm::Prompt;
use crate::engine_verbs;
use crate::error::CliError;
use crate::ui::{Document, Ui};

/// A verb that an engine brings. Its flags stand in manifests, so clap can't derive them.
pub(super) struct ActArgs {
    verb: String,
    matches: ArgMatches,
}

impl ActArgs {
    pub(super) fn new(verb: &str, matches: &ArgMatches) -> Self {
        Self {
            verb: verb.to_owned(),
            matches: matches.clone(),
        }
    }

    pub(super) fn verb(&self) -> &str {
        &self.verb
    }
}

/// `engines` are those that the command line was made of.
pub(super) async fn run(
    args: ActArgs,
    engines: &[EngineFile],
    session: &Session,
    ui: Ui,
) -> Result<Box<dyn Document>, CliError> {
    let yes = args.matches.try_get_one::<bool>("yes");
    let prompt = Prompt {
        // Only what destroys has the flag.
        yes: matches!(yes, Ok(Some(true))),
        ui,
    };
    let timeout = args.matches.try_get_one::<Duration>("timeout");
    let request = VerbRequest {
        timeout: timeout.ok().flatten().copied(),
        given: engine_verbs::given(engines, &args.matches, &args.verb)?,
        verb: args.verb,
    };
    Ok(match act(session, &request, &prompt).await? {
        VerbResult::Backups(backups) => Box::new(backups),
        VerbResult::Report(report) => Box::new(report),
    })
}
