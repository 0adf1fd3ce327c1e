//! Completes the names of contexts, without any request.

use std::path::PathBuf;

use clap_complete::CompletionCandidate;
use host_cluster::context_names;

use super::{Line, is_plain, within};
use crate::engine_flags::innermost;

/// Returns the contexts of the kubeconfig files that the line selects.
pub(super) fn contexts(line: &Line) -> Vec<CompletionCandidate> {
    let flag = line.matches().and_then(|matches| {
        let flag = innermost(&matches).try_get_one::<String>("kubeconfig");
        flag.ok().flatten().cloned()
    });
    // A file may be a pipe without a writer, so reading it may block.
    let names = within(None, move || Some(names(&files(flag))));
    let names = names.unwrap_or_default().into_iter();
    names.map(CompletionCandidate::new).collect()
}

/// Returns the kubeconfig files, in the order in which kubectl merges them.
fn files(flag: Option<String>) -> Vec<PathBuf> {
    let given = flag
        .map(Into::into)
        .or_else(|| std::env::var_os("KUBECONFIG"));
    match given.filter(|list| !list.is_empty()) {
        Some(list) => std::env::split_paths(&list).collect(),
        None => directories::BaseDirs::new()
            .map(|folders| folders.home_dir().join(".kube").join("config"))
            .into_iter()
            .collect(),
    }
}

/// Returns each name once. Missing or broken files have no names.
fn names(files: &[PathBuf]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for name in files.iter().flat_map(|file| context_names(file)) {
        if is_plain(&name) && !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contexts_of_all_files_that_can_be_read_are_offered_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).expect("a file");
            path
        };
        let context = |name: &str| format!("{{name: \"{name}\", context: {{cluster: c}}}}");
        let config = |names: &[&str]| {
            let contexts: Vec<_> = names.iter().map(|name| context(name)).collect();
            format!("contexts: [{}]\n", contexts.join(", "))
        };
        let files = [
            file("first", &config(&["b", "a", "with space"])),
            folder.path().join("missing"),
            file("broken", "contexts: {"),
            file("second", &config(&["a", "user@cluster"])),
        ];
        assert_eq!(names(&files), ["b", "a", "user@cluster"]);
    }
}
