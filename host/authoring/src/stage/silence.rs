use std::sync::Arc;

use host_engine::{Level, Observer};

use super::Seen;

/// The most warnings of one call that are kept.
const MAX_WARNINGS: usize = 100;

/// Keeps what the user would be shown, and shows nothing.
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
