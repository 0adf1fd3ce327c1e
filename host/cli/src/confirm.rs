use std::io::{self, IsTerminal};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use host_driver::{Confirmation, OpsError};

use crate::ui::Ui;

/// Asks on the terminal for the name of the target, unless `--yes` was given.
pub(super) struct Prompt {
    pub(super) yes: bool,
    pub(super) ui: Ui,
}

impl Confirmation for Prompt {
    fn confirm(&self, what: String, target: String) -> BoxFuture<'_, Result<(), OpsError>> {
        async move {
            if self.yes {
                self.ui.note(&what);
                return Ok(());
            }
            if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
                return Err(OpsError::NotConfirmed { what });
            }
            let ui = self.ui;
            ui.warn(&what);
            // Reading blocks, and Ctrl-C must still be seen.
            let question = format!("Type the name `{target}` to go on: ");
            let typed = tokio::task::spawn_blocking(move || ui.ask(&question));
            let typed = typed.await.map_err(|error| OpsError::Worker {
                reason: error.to_string(),
            })?;
            let typed = typed.unwrap_or_default();
            if typed == target {
                return Ok(());
            }
            Err(OpsError::WrongName {
                typed,
                wanted: target,
            })
        }
        .boxed()
    }
}
