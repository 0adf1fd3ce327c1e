//! Completes names of stores, and the copies in a store.

use std::collections::BTreeMap;

use clap::ArgMatches;
use clap_complete::CompletionCandidate;
use host_base::Folders;
use host_base::text::{printable, size};
use host_store::{Copy, Stores};

use super::{Line, ids, is_plain, within};
use crate::engine_flags::innermost;
use crate::store::Opener;

/// The flag with a store and a copy as its values.
const FROM: &str = "--from";

/// Returns the named stores, without any request.
pub(super) fn names() -> Vec<CompletionCandidate> {
    // The file may be on a share that does not answer.
    let found = within(None, || {
        let folders = Folders::of_user()?;
        Some(Stores::read(&folders.configuration).ok()?.stores)
    });
    let found = found.unwrap_or_default().into_iter();
    let plain = found.filter(|(name, _)| is_plain(name));
    plain
        .map(|(name, settings)| {
            let url = settings.url.to_string();
            CompletionCandidate::new(name).help(Some(printable(&url, 100).into_owned().into()))
        })
        .collect()
}

/// Returns the copies in the store that the line names, the newest first.
pub(super) fn copies(line: &Line) -> Vec<CompletionCandidate> {
    let store = line.matches().and_then(|matches| store_of(&matches));
    candidates(line, store)
}

/// Returns what completes `--from STORE COPY`: a store, or a copy in it.
pub(super) fn store_or_copy(line: &Line) -> Vec<CompletionCandidate> {
    let before = |count: usize| {
        let word = line.at.checked_sub(count).and_then(|at| line.words.get(at));
        word.map(|word| word.to_string_lossy().into_owned())
    };
    let last = before(1).unwrap_or_default();
    let attached = last
        .strip_prefix(FROM)
        .and_then(|rest| rest.strip_prefix('='));
    match attached {
        Some(store) => candidates(line, Some(store.to_owned())),
        None if before(2).as_deref() == Some(FROM) => candidates(line, Some(last)),
        None => names(),
    }
}

/// Returns the store whose copies a command takes: the only one that it names, or the one that it reads.
fn store_of(matches: &ArgMatches) -> Option<String> {
    let matches = innermost(matches);
    ["store", "from"].into_iter().find_map(|name| {
        let value = matches.try_get_one::<String>(name).ok().flatten();
        value.cloned()
    })
}

fn candidates(line: &Line, store: Option<String>) -> Vec<CompletionCandidate> {
    let Some(store) = store.filter(|store| !store.is_empty()) else {
        return Vec::new();
    };
    let found = within(ids::patience(line), move || find(&store)).unwrap_or_default();
    let mut of_id: BTreeMap<String, usize> = BTreeMap::new();
    for copy in &found {
        *of_id.entry(copy.name.id.clone()).or_default() += 1;
    }
    let has_folder = line.word().contains('/');
    let mut offered = Vec::new();
    for copy in found.iter().take(ids::MOST as usize) {
        let is_clear = !copy.name.is_cut && of_id.get(&copy.name.id) == Some(&1);
        let reference = copy.reference();
        let names = [
            is_clear.then(|| copy.name.id.clone()),
            (has_folder || !is_clear).then_some(reference),
        ];
        let plain = names.into_iter().flatten().filter(|name| is_plain(name));
        offered.extend(
            plain.map(|name| CompletionCandidate::new(name).help(Some(about(copy).into()))),
        );
    }
    offered
}

/// Describes a copy by the target, the size and the time of its backup.
fn about(copy: &Copy) -> String {
    let source = &copy.name.source;
    let target = format!("{}/{}", source.namespace, source.target);
    let target = printable(&target, 80);
    format!("{target}, {}, {:.0}", size(copy.name.size), copy.name.time)
}

fn find(store: &str) -> Option<Vec<Copy>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .ok()?;
    let opener = Opener {
        folders: Folders::of_user(),
        ..Opener::default()
    };
    runtime.block_on(async {
        let store = opener.open(store).await.ok()?;
        store.copies().await.ok()
    })
}
