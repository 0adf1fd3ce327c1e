//! The command of the program, with the values that complete its arguments.

use std::ffi::OsStr;
use std::slice;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::builder::PossibleValue;
use clap::{Arg, Command, ValueHint};
use clap_complete::CompletionCandidate;
use clap_complete::engine::{
    ArgValueCandidates, ArgValueCompleter, PathCompleter, ValueCompleter as _,
};

use super::{Line, ids, is_plain, kubeconfig, stores};
use crate::engine_help::Whose;

/// How an argument that takes a path is completed.
#[derive(Clone)]
pub(super) enum Paths {
    /// The program lists the files.
    Listed,
    /// The shell lists the files, because it does that better. The flag is set when it has to.
    LeftToTheShell(Arc<AtomicBool>),
}

/// The command of this line: with the flags and verbs of the engine that it names, else of all engines.
pub(super) fn command(line: &Line, paths: &Paths) -> Command {
    let program = line.words.first();
    let mut command = match line.engine() {
        Some(engine) => crate::command(slice::from_ref(engine), program, Whose::Of(engine)),
        None => crate::command(&line.engines, program, Whose::Unnamed),
    };
    // `--help` is there from now on.
    command.build();
    with_candidates(command, &Arc::new(line.clone()), paths, Place::Root)
}

/// The place of a command in the tree. A verb of an engine may be called `store`, too.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Root,
    /// `store`, or below it.
    Stores,
    Elsewhere,
}

impl Place {
    fn of(self, inner: &Command) -> Self {
        match self {
            Self::Root if inner.get_name() == "store" => Self::Stores,
            Self::Root => Self::Elsewhere,
            place => place,
        }
    }
}

fn with_candidates(command: Command, line: &Arc<Line>, paths: &Paths, place: Place) -> Command {
    command
        .mut_args(|argument| {
            let argument = if argument.is_positional() || line.word().starts_with('-') {
                argument
            } else {
                // Flags are offered only after a typed dash, or if there is nothing else to offer.
                argument.hide(true)
            };
            if place == Place::Stores
                && let Some(argument) = of_stores(&argument, line)
            {
                return argument;
            }
            completed(argument, Arc::clone(line), paths.clone())
        })
        .mut_subcommands(|inner| {
            let place = place.of(&inner);
            with_candidates(inner, line, paths, place)
        })
}

/// Completes the arguments that only the commands below `store` have. Engines may have options of these names.
fn of_stores(argument: &Arg, line: &Arc<Line>) -> Option<Arg> {
    let line = Arc::clone(line);
    let candidates = match argument.get_id().as_str() {
        "store" | "from" | "to" => ArgValueCandidates::new(stores::names),
        "copy" | "copies" => ArgValueCandidates::new(move || stores::copies(&line)),
        _ => return None,
    };
    Some(argument.clone().add(candidates))
}

fn completed(argument: Arg, line: Arc<Line>, paths: Paths) -> Arg {
    match (argument.get_id().as_str(), paths) {
        ("engine", _) => argument.add(ArgValueCandidates::new(move || engines(&line))),
        ("context", _) => {
            argument.add(ArgValueCandidates::new(move || kubeconfig::contexts(&line)))
        }
        ("id" | "version", _) => argument.add(ArgValueCandidates::new(move || ids::ids(&line))),
        ("to", _) => argument.add(ArgValueCandidates::new(stores::names)),
        ("from", _) => argument.add(ArgValueCandidates::new(move || {
            stores::store_or_copy(&line)
        })),
        (_, Paths::Listed) if takes_path(&argument) => {
            argument.add(ArgValueCompleter::new(plain_paths))
        }
        (_, Paths::LeftToTheShell(wanted)) if takes_path(&argument) => {
            argument.add(ArgValueCandidates::new(move || {
                wanted.store(true, Ordering::Relaxed);
                Vec::new()
            }))
        }
        _ => plain_values(argument),
    }
}

/// Leaves out choices that must be quoted: shells insert candidates into the line without quoting them, and
/// choices come from manifests.
fn plain_values(argument: Arg) -> Arg {
    let is_plain = |value: &PossibleValue| is_plain(value.get_name());
    let (plain, others): (Vec<_>, Vec<_>) = argument
        .get_possible_values()
        .into_iter()
        .partition(is_plain);
    if others.is_empty() {
        return argument;
    }
    argument.add(ArgValueCandidates::new(move || {
        let candidates = plain.iter().map(|value| {
            CompletionCandidate::new(value.get_name()).help(value.get_help().cloned())
        });
        candidates.collect()
    }))
}

fn takes_path(argument: &Arg) -> bool {
    matches!(
        argument.get_value_hint(),
        ValueHint::AnyPath | ValueHint::FilePath | ValueHint::DirPath
    )
}

fn engines(line: &Line) -> Vec<CompletionCandidate> {
    let auto =
        CompletionCandidate::new("auto").help(Some("The preferred engine that responds".into()));
    let named = line.engines.iter().map(|engine| {
        let manifest = engine.manifest();
        CompletionCandidate::new(engine.shown_name()).help(Some(manifest.summary.clone().into()))
    });
    [auto].into_iter().chain(named).collect()
}

/// Lists files, except for names that must be quoted: shells insert candidates into the line without quoting
/// them.
fn plain_paths(typed: &OsStr) -> Vec<CompletionCandidate> {
    let mut found = PathCompleter::any().complete(typed);
    found.retain(|candidate| candidate.get_value().to_str().is_some_and(is_plain));
    found
}
