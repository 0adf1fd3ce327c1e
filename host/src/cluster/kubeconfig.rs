//! Finds, reads and merges kubeconfig files as kubectl does.

use std::ffi::OsString;
use std::path::PathBuf;

use kube::config::{Kubeconfig, KubeconfigError};

use super::ClusterError;

/// The parts of the process's environment that say where kubeconfig files are.
#[derive(Debug, Default)]
pub(super) struct Places {
    /// `--kubeconfig`: a list, as in the variable.
    pub flag: Option<String>,
    /// The variable KUBECONFIG.
    pub variable: Option<OsString>,
    pub home: Option<PathBuf>,
}

/// The merged configuration, and where it was looked for.
#[derive(Debug)]
pub(super) struct Loaded {
    /// `None` when no file exists, or all are empty.
    pub config: Option<Kubeconfig>,
    pub looked: Vec<String>,
}

impl Places {
    /// The files in order, and whether each has to exist.
    ///
    /// kubectl passes over files of the variable that don't exist, and insists on that of the flag.
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

    /// Reads the files. Of entries with one name, and of `current-context`, the first wins.
    pub fn load(&self) -> Result<Loaded, ClusterError> {
        let (files, required) = self.files();
        let mut merged: Option<Kubeconfig> = None;
        for path in &files {
            let next = match Kubeconfig::read_from(path) {
                Ok(config) => config,
                Err(KubeconfigError::ReadConfig(source, _))
                    if source.kind() == std::io::ErrorKind::NotFound =>
                {
                    if required {
                        return Err(ClusterError::KubeconfigMissing { path: path.clone() });
                    }
                    continue;
                }
                Err(error) => return Err(unusable(path.clone(), error)),
            };
            merged = Some(match merged {
                None => next,
                Some(first) => first
                    .merge(next)
                    .map_err(|error| unusable(path.clone(), error))?,
            });
        }
        let empty = |config: &Kubeconfig| {
            config.contexts.is_empty() && config.clusters.is_empty() && config.auth_infos.is_empty()
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

fn unusable(path: PathBuf, error: KubeconfigError) -> ClusterError {
    let reason = match error {
        KubeconfigError::ReadConfig(source, _)
            if source.kind() != std::io::ErrorKind::InvalidData =>
        {
            return ClusterError::KubeconfigUnreadable { path, source };
        }
        // With its snippet the error would print lines of the file, which may be a token.
        KubeconfigError::Parse(error) => without_values(&error.without_snippet().to_string()),
        other => other.to_string(),
    };
    ClusterError::KubeconfigSyntax { path, reason }
}

/// Blots out what a parser quotes from the file: between `"` may stand a secret.
fn without_values(message: &str) -> String {
    message
        .split('"')
        .enumerate()
        .map(|(index, part)| if index % 2 == 0 { part } else { "…" })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Failure, Problem};

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
        assert_eq!(merged.current_context.as_deref(), Some("one"));
        assert_eq!(merged.clusters.len(), 2);
        let server = merged.clusters[0]
            .cluster
            .as_ref()
            .unwrap()
            .server
            .as_deref();
        assert_eq!(server, Some("https://one"));
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
        assert_eq!(
            loaded.config.unwrap().current_context.as_deref(),
            Some("home")
        );
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
}
