use std::time::Duration;

use clap::ArgMatches;
use host_driver::{Session, VerbRequest, act};
use host_engine::OptionSetting;

use super::place::PlaceArgs;
use crate::error::CliError;
use crate::ui::{Document, Ui};
use crate::{Context, engine_verbs};

/// A verb that an engine brings. Its flags stand in manifests, so clap can't derive them.
pub(super) struct ActArgs {
    verb: String,
    place: PlaceArgs,
    matches: ArgMatches,
}

impl ActArgs {
    pub(super) fn new(verb: &str, matches: &ArgMatches) -> Result<Self, clap::Error> {
        Ok(Self {
            verb: verb.to_owned(),
            place: PlaceArgs::of(matches)?,
            matches: matches.clone(),
        })
    }

    pub(super) fn verb(&self) -> &str {
        &self.verb
    }

    /// The options that stand on the command line.
    pub(super) fn given(&self, context: &Context<'_>) -> Result<Vec<OptionSetting>, CliError> {
        engine_verbs::given(&context.engines, context.whose(), &self.matches, &self.verb)
    }
}

pub(super) async fn run(
    args: ActArgs,
    given: Vec<OptionSetting>,
    session: &Session,
    ui: Ui,
) -> Result<Box<dyn Document>, CliError> {
    let yes = args.matches.try_get_one::<bool>("yes");
    let timeout = args.matches.try_get_one::<Duration>("timeout");
    let request = VerbRequest {
        timeout: timeout.ok().flatten().copied(),
        given,
        verb: args.verb,
        // Only destructive verbs have the flag.
        is_confirmed: matches!(yes, Ok(Some(true))),
        accept_unproven: args.place.accept_unproven,
        place: args.place.place(ui)?,
    };
    Ok(Box::new(act(session, &request).await?))
}
