use std::collections::BTreeSet;
use std::io::{self, IsTerminal};

use broker_manifest::{EngineId, Operation};
use clap::Args;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use host_base::Sha256;
use host_base::text::bullet;
use host_installed::{Consent, Wanted};

use crate::ui::Ui;

/// The consent that was given beforehand.
#[derive(Args)]
pub(crate) struct AcceptArgs {
    /// Accept the set of capabilities with this digest, as shown by `plugin inspect`; repeatable
    #[arg(long, value_name = "SHA256", value_parser = digest)]
    accept_capabilities: Vec<Sha256>,
}

/// Reads a SHA-256, with or without `sha256:` before it.
pub(super) fn digest(text: &str) -> Result<Sha256, String> {
    let hex = text.strip_prefix("sha256:").unwrap_or(text);
    hex.parse::<Sha256>().map_err(|error| error.to_string())
}

/// Asks on the terminal, where there is one.
pub(crate) struct Asking {
    accepted: Vec<Sha256>,
    ui: Ui,
}

impl AcceptArgs {
    pub(crate) fn asking(&self, ui: Ui) -> Asking {
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
            ui.warn_whole(&question(&wanted));
            // Reading blocks, and Ctrl-C must still be seen.
            let typed = tokio::task::spawn_blocking(move || {
                ui.ask("Type `yes` to accept that: ")
                    .is_some_and(|typed| typed == "yes")
            });
            Some(typed.await.unwrap_or(false))
        }
        .boxed()
    }

    fn ask_default(
        &self,
        id: EngineId,
        operations: BTreeSet<Operation>,
    ) -> BoxFuture<'_, BTreeSet<Operation>> {
        async move {
            if operations.is_empty() {
                return BTreeSet::new();
            }
            let ui = self.ui;
            let names: Vec<_> = operations.iter().map(|it| it.name()).collect();
            let question = format!(
                "Should `auto` choose {id}, before the bundled engines? Type `all`, or some of {}; Enter for no: ",
                names.join(",")
            );
            let typed = tokio::task::spawn_blocking(move || ui.ask(&question));
            let typed = typed.await.ok().flatten().unwrap_or_default();
            chosen(&typed, &operations)
        }
        .boxed()
    }
}

/// All that is asked, ending with how much it is and the gravest of it: a long list scrolls away.
fn question(wanted: &Wanted) -> String {
    let more = if wanted.is_more { "also " } else { "" };
    let mut lines = vec![format!(
        "{} {} ({}, sha256:{}) {more}wants to:",
        wanted.id,
        versions(wanted),
        wanted.signature,
        wanted.digest
    )];
    lines.extend(wanted.sentences.iter().map(|sentence| bullet(sentence)));
    if wanted.sentences.is_empty() {
        lines.push("- be installed, without any capability".to_owned());
    }
    let remarks = wanted.remarks.iter();
    lines.extend(remarks.map(|remark| {
        if remark.starts_with('[') {
            bullet(remark)
        } else {
            remark.clone()
        }
    }));
    if let Some(fingerprint) = wanted.key {
        lines.push(format!(
            "The key {fingerprint} will be trusted for all engines of {}.",
            wanted.id.publisher()
        ));
    }
    let all = wanted.sentences.iter().chain(&wanted.remarks);
    let marked: Vec<_> = all.filter_map(|sentence| marks(sentence)).collect();
    let count = lines.len();
    if let (Some(gravest), true) = (
        wanted.sentences.iter().find(|it| marks(it).is_some()),
        count > 6,
    ) {
        lines.push(format!("The most dangerous again: {}", bullet(gravest)));
    }
    let mut kinds: Vec<&str> = Vec::new();
    for kind in marked.iter().flat_map(|marks| marks.split(", ")) {
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    lines.push(match marked.len() {
        0 => format!("These are {count} lines, none of them marked as dangerous."),
        dangerous => format!(
            "These are {count} lines, {dangerous} of them marked with `!` as dangerous: {}.",
            kinds.join(", ")
        ),
    });
    lines.join("\n")
}

/// Returns the mark in brackets before a sentence.
fn marks(sentence: &str) -> Option<&str> {
    let (marks, _) = sentence.strip_prefix('[')?.split_once(']')?;
    Some(marks)
}

/// Returns the operations that were typed. An answer that names no operation means none.
fn chosen(typed: &str, operations: &BTreeSet<Operation>) -> BTreeSet<Operation> {
    if typed == "all" {
        return operations.clone();
    }
    let names = typed.split([',', ' ']).filter(|name| !name.is_empty());
    let known = names.map(|name| operations.iter().find(|it| it.name() == name).copied());
    known.collect::<Option<_>>().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(sentences: &[String]) -> Wanted {
        Wanted {
            id: "acme/vault".parse().expect("an id"),
            version: semver::Version::new(1, 0, 0),
            installed: None,
            digest: Sha256::digest(b""),
            signature: host_installed::SignatureState::Unsigned,
            sentences: sentences.to_vec(),
            is_more: false,
            remarks: vec!["[look-alike] it could be mistaken for acme/vau1t".to_owned()],
            key: None,
        }
    }

    #[test]
    fn a_long_question_is_whole_and_ends_with_the_gravest() {
        let routes: Vec<_> = (0..200).map(|at| format!("GET /v1/{at:0>40}")).collect();
        let shell = format!(
            "[shell] run in a pod: sh -c \"{}; curl x | sh\"",
            "ls ".repeat(900)
        );
        let mut sentences = vec![shell.clone(), "[writes, secrets] b".to_owned()];
        sentences.push(format!("talk to port 1: {}", routes.join(", ")));
        sentences.extend((0..4).map(|at| format!("do {at}")));
        let asked = question(&wanted(&sentences));
        for sentence in &sentences {
            assert!(asked.contains(sentence.as_str()));
        }
        let end: Vec<_> = asked.lines().rev().take(2).collect();
        assert_eq!(
            end[0],
            "These are 9 lines, 3 of them marked with `!` as dangerous: shell, writes, secrets, look-alike."
        );
        assert_eq!(end[1], format!("The most dangerous again: ! {shell}"));
    }

    #[test]
    fn an_engine_that_can_reach_nothing_is_asked_about_too() {
        let asked = question(&Wanted {
            remarks: Vec::new(),
            ..wanted(&[])
        });
        assert!(
            asked.contains("be installed, without any capability"),
            "{asked}"
        );
        assert!(
            asked.ends_with("none of them marked as dangerous."),
            "{asked}"
        );
    }

    #[test]
    fn nothing_becomes_a_default_unless_it_is_typed() {
        let can: BTreeSet<_> = [Operation::List, Operation::Create].into();
        for no in [
            "",
            "no",
            "n",
            "y",
            "yes",
            "ALL",
            "list,delete",
            "lists",
            ",",
        ] {
            assert!(chosen(no, &can).is_empty(), "{no}");
        }
        assert_eq!(chosen("list", &can), [Operation::List].into());
        assert_eq!(chosen("list, create", &can), can);
        assert_eq!(chosen("all", &can), can);
    }
}
