use std::sync::Arc;

use host_engine::{Level, Observer};

use super::Seen;

/// The maximum number of stored warnings of one call.
const MAX_WARNINGS: usize = 100;

/// Stores the messages for the user, and shows none.
pub(super) struct Listening(pub(super) Arc<Seen>);

impl Observer for Listening {
    fn log(&self, _: &str, level: Level, message: &str) {
        let mut warnings = self.0.warnings();
        if level == Level::Warn && warnings.len() < MAX_WARNINGS {
            warnings.push(message.to_owned());
        }
    }

    fn progress(&self, _: &str, _: &str, _: u64, _: Option<u64>) {}
}
