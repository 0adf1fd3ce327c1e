use std::io::{self, IsTerminal};

use clap::Args;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use crate::model::text;
use crate::plugin::{Consent, Wanted};
use crate::transfer::Sha256;
use crate::ui::Ui;

/// What was accepted beforehand.
#[derive(Args)]
pub(super) struct AcceptArgs {
    /// Accept what the engine may do, if it is exactly the set with this digest. `plugin inspect` and a
    /// refusal show it. May be given several times, for several engines
    #[arg(long, value_name = "SHA256", value_parser = digest)]
    accept_capabilities: Vec<Sha256>,
}

/// Reads a SHA-256, with or without `sha256:` before it.
pub(super) fn digest(text: &str) -> Result<Sha256, String> {
    let hex = text.strip_prefix("sha256:").unwrap_or(text);
    hex.parse::<Sha256>().map_err(|error| error.to_string())
}

/// Asks on the terminal, where there is one.
pub(super) struct Asking {
    accepted: Vec<Sha256>,
    ui: Ui,
}

impl AcceptArgs {
    pub(super) fn asking(&self, ui: Ui) -> Asking {
        Asking {
            accepted: self.accept_capabilities.clone(),
            ui,
        }
    }
}

/// The version, and which one it would replace.
fn versions(wanted: &Wanted) -> String {
    let to = &wanted.version;
    match &wanted.installed {
        Some(from) if from > to => format!("{from} -> {to}, which is older"),
        Some(from) if from < to => format!("{from} -> {to}"),
        _ => to.to_string(),
    }
}

impl Consent for Asking {
    fn accepted(&self) -> &[Sha256] {
        &self.accepted
    }

    fn ask(&self, wanted: Wanted) -> BoxFuture<'_, Option<bool>> {
        async move {
            if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
                return None;
            }
            let ui = self.ui;
            let more = if wanted.is_more { "also " } else { "" };
            let mut question = format!(
                "{} {} ({}, sha256:{}) {more}wants to:",
                wanted.id,
                versions(&wanted),
                wanted.signature,
                wanted.digest
            );
            for sentence in &wanted.sentences {
                question.push_str(&format!("\n- {}", text::printable(sentence, 1000)));
            }
            if let Some(fingerprint) = wanted.key {
                question.push_str(&format!(
                    "\nThe key {fingerprint} will be trusted for all engines of {}.",
                    wanted.id.publisher()
                ));
            }
            ui.warn(&question);
            // Reading blocks, and Ctrl-C must still be seen.
            let typed = tokio::task::spawn_blocking(move || {
                ui.ask("Type `yes` to accept that: ")
                    .is_some_and(|typed| typed == "yes")
            });
            Some(typed.await.unwrap_or(false))
        }
        .boxed()
    }
}
