use std::time::Duration;

use clap::ArgMatches;
use host_driver::{Session, VerbRequest, VerbResult, act};
use host_engine::EngineFile;

use crate::engine_verbs;
use crate::error::CliError;
use crate::ui::Document;

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
) -> Result<Box<dyn Document>, CliError> {
    let yes = args.matches.try_get_one::<bool>("yes");
    let timeout = args.matches.try_get_one::<Duration>("timeout");
    let request = VerbRequest {
        timeout: timeout.ok().flatten().copied(),
        given: engine_verbs::given(engines, &args.matches, &args.verb)?,
        verb: args.verb,
        // Only destructive verbs have the flag.
        is_confirmed: matches!(yes, Ok(Some(true))),
    };
    Ok(match act(session, &request).await? {
        VerbResult::Backups(backups) => Box::new(backups),
        VerbResult::Report(report) => Box::new(report),
        VerbResult::Items(items) => Box::new(items),
    })
}
