//! Finds, reads and merges kubeconfig files like kubectl.

mod file;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use super::ClusterError;
use file::Unusable;
pub(super) use file::{
    AuthProvider, ClusterEntry, ContextEntry, ExecEntry, Kubeconfig, UserEntry, data, tolerant,
};

/// The parts of the environment that say where kubeconfig files are.
#[derive(Debug, Default)]
pub(super) struct Places {
    /// Value of `--kubeconfig`: a list, as in the variable.
    pub flag: Option<String>,
    /// Value of the variable KUBECONFIG.
    pub variable: Option<OsString>,
    pub home: Option<PathBuf>,
}

/// The merged configuration, and the files that were searched.
#[derive(Debug)]
pub(super) struct Loaded {
    /// The configuration; `None` if no file exists or all are empty.
    pub config: Option<Kubeconfig>,
    pub looked: Vec<String>,
}

impl Places {
    /// Returns the files in order, and whether each must exist.
    ///
    /// Like kubectl, files of the variable may be missing, but the file of the flag must exist.
    fn files(&self) -> (Vec<PathBuf>, bool) {
        let split = |list: &std::ffi::OsStr| -> Vec<PathBuf> {
            std::env::split_paths(list)
                .filter(|path| !path.as_os_str().is_empty())
                .collect()
        };
        if let Some(flag) = &self.flag {
            return (split(flag.as_ref()), true);
        }
        match self.variable.as_deref().map(split) {
            Some(files) if !files.is_empty() => (files, false),
            _ => {
                let default = self
                    .home
                    .iter()
                    .map(|home| home.join(".kube").join("config"));
                (default.collect(), false)
            }
        }
    }

    /// Reads the files. Of entries with the same name, and of `current-context`, the first wins.
    pub fn load(&self) -> Result<Loaded, ClusterError> {
        let (files, required) = self.files();
        let mut merged: Option<Kubeconfig> = None;
        for path in &files {
            let next = match Kubeconfig::read(path) {
                Ok(config) => config,
                Err(Unusable::File(source)) if source.kind() == io::ErrorKind::NotFound => {
                    if required {
                        return Err(ClusterError::KubeconfigMissing { path: path.clone() });
                    }
                    continue;
                }
                Err(Unusable::File(source)) => {
                    let path = path.clone();
                    return Err(ClusterError::KubeconfigUnreadable { path, source });
                }
                Err(Unusable::Syntax(reason)) => {
                    let path = path.clone();
                    return Err(ClusterError::KubeconfigSyntax { path, reason });
                }
            };
            match &mut merged {
                None => merged = Some(next),
                Some(merged) => merged.add(next),
            }
        }
        let empty = |config: &Kubeconfig| {
            config.contexts.is_empty() && config.clusters.is_empty() && config.users.is_empty()
        };
        let looked = files
            .iter()
            .map(|path| {
                let state = if path.exists() {
                    ""
                } else {
                    ", which does not exist"
                };
                format!("{}{state}", path.display())
            })
            .collect();
        Ok(Loaded {
            config: merged.filter(|config| !empty(config)),
            looked,
        })
    }
}

impl Kubeconfig {
    /// Adds the entries whose names are not taken yet.
    fn add(&mut self, next: Self) {
        if self.current_context.is_empty() {
            self.current_context = next.current_context;
        }
        add(&mut self.clusters, next.clusters, |entry| &entry.name);
        add(&mut self.users, next.users, |entry| &entry.name);
        add(&mut self.contexts, next.contexts, |entry| &entry.name);
    }
}

fn add<T>(entries: &mut Vec<T>, more: Vec<T>, name: impl Fn(&T) -> &String) {
    let taken: BTreeSet<String> = entries.iter().map(|entry| name(entry).clone()).collect();
    entries.extend(
        more.into_iter()
            .filter(|entry| !taken.contains(name(entry))),
    );
}

/// Returns the contexts of one kubeconfig file, in order. An unusable file has none.
#[must_use]
pub fn context_names(path: &Path) -> Vec<String> {
    let contexts = Kubeconfig::read(path).map(|config| config.contexts);
    let contexts = contexts.unwrap_or_default().into_iter();
    contexts.map(|entry| entry.name).collect()
}

#[cfg(test)]
mod tests {
    use host_base::{Failure, Problem};

    use super::*;

    fn file(folder: &tempfile::TempDir, name: &str, text: &str) -> String {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    fn config(cluster: &str, server: &str) -> String {
        format!(
            "current-context: {cluster}\nclusters: [{{name: {cluster}, cluster: {{server: '{server}'}}}}]\n\
             contexts: [{{name: {cluster}, context: {{cluster: {cluster}, user: me}}}}]\n"
        )
    }

    fn from_flag(list: String) -> Result<Loaded, ClusterError> {
        Places {
            flag: Some(list),
            ..Places::default()
        }
        .load()
    }

    #[test]
    fn the_first_file_wins_and_the_others_add() {
        let folder = tempfile::tempdir().unwrap();
        let first = file(&folder, "first", &config("one", "https://one"));
        let second = file(
            &folder,
            "second",
            &(config("one", "https://late")
                .replace("current-context: one", "current-context: two")
                + ""),
        );
        let third = file(&folder, "third", &config("three", "https://three"));
        let merged = from_flag(format!("{first}:{second}:{third}"))
            .unwrap()
            .config
            .unwrap();
        assert_eq!(merged.current_context, "one");
        assert_eq!(merged.clusters.len(), 2);
        assert_eq!(merged.clusters[0].cluster.server, "https://one");
    }

    #[test]
    fn the_variable_passes_over_missing_files_and_the_flag_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let there = file(&folder, "there", &config("one", "https://one"));
        let missing = folder.path().join("missing").to_str().unwrap().to_owned();
        let list = format!("{missing}:{there}");
        let variable = Places {
            variable: Some(list.clone().into()),
            ..Places::default()
        };
        assert!(variable.load().unwrap().config.is_some());
        let error = from_flag(list).unwrap_err();
        assert!(
            matches!(&error, ClusterError::KubeconfigMissing { path } if path.ends_with("missing"))
        );
        assert_eq!(error.failure(), Failure::Usage);
    }

    #[test]
    fn the_home_folder_is_last() {
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir(home.path().join(".kube")).unwrap();
        let path = file(&home, ".kube/config", &config("home", "https://home"));
        let places = Places {
            home: Some(home.path().to_owned()),
            ..Places::default()
        };
        let loaded = places.load().unwrap();
        assert_eq!(loaded.config.unwrap().current_context, "home");
        assert_eq!(loaded.looked, [path]);
    }

    #[test]
    fn an_empty_file_is_no_configuration() {
        let folder = tempfile::tempdir().unwrap();
        let empty = file(&folder, "empty", "");
        let loaded = from_flag(empty.clone()).unwrap();
        assert!(loaded.config.is_none());
        assert_eq!(loaded.looked, [empty]);
    }

    #[test]
    fn a_syntax_error_names_the_file_and_the_line_but_no_value() {
        let folder = tempfile::tempdir().unwrap();
        let text = "apiVersion: v1\nusers:\n- name: me\n  user: canary-secret\n";
        let path = file(&folder, "broken", text);
        let message = from_flag(path.clone()).unwrap_err().to_string();
        assert!(
            message.contains(&path) && message.contains("line 4"),
            "{message}"
        );
        assert!(!message.contains("canary-secret"), "{message}");
    }

    #[test]
    fn paths_are_relative_to_the_file_that_names_them() {
        let folder = tempfile::tempdir().unwrap();
        let text = "clusters: [{cluster: {certificate-authority: ca.crt}}]\nusers: [{user: {tokenFile: ../token, \
                    client-certificate: /abs, client-key: '', exec: {command: ./plugin}}}, {user: {exec: {command: aws}}}]";
        let path = file(&folder, "config", text);
        let config = from_flag(path);
        let config = config.unwrap().config.unwrap();
        let within = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let user = &config.users[0].user;
        assert_eq!(
            config.clusters[0].cluster.certificate_authority,
            within("ca.crt")
        );
        assert_eq!(user.token_file, within("../token"));
        assert_eq!((&*user.client_certificate, &*user.client_key), ("/abs", ""));
        assert_eq!(user.exec.as_ref().unwrap().command, within("./plugin"));
        assert_eq!(config.users[1].user.exec.as_ref().unwrap().command, "aws");
    }

    #[test]
    fn what_has_no_end_is_no_kubeconfig() {
        let error = from_flag("/dev/zero".into()).unwrap_err();
        assert!(
            matches!(error, ClusterError::KubeconfigUnreadable { .. }),
            "{error}"
        );
        assert_eq!(error.failure(), Failure::Usage);
        let empty = from_flag("/dev/null".into()).unwrap();
        assert!(empty.config.is_none());
    }
}
