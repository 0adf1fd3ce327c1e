use std::path::{Path, PathBuf};

/// The name of the program's folders.
const NAME: &str = "kubectl-broker";

/// The folders that a program keeps its files in. None of them need exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folders {
    /// Native code of engines. It may be removed at any time.
    pub cache: PathBuf,
    /// Trusted keys.
    pub configuration: PathBuf,
    /// Installed engines, and the key of the native code. They must be kept.
    pub data: PathBuf,
    /// The history of this machine, and its locks.
    pub state: PathBuf,
}

impl Folders {
    /// Returns the folders of this user, by the rules of the system; none without a home folder.
    #[must_use]
    pub fn of_user() -> Option<Self> {
        let user = directories::ProjectDirs::from("", "", NAME)?;
        Some(Self {
            cache: user.cache_dir().to_owned(),
            configuration: user.config_dir().to_owned(),
            data: user.data_dir().to_owned(),
            state: user
                .state_dir()
                .unwrap_or_else(|| user.data_local_dir())
                .to_owned(),
        })
    }

    /// Returns folders within another one, for a program without a user.
    #[must_use]
    pub fn within(root: &Path) -> Self {
        Self {
            cache: root.join("cache"),
            configuration: root.join("configuration"),
            data: root.join("data"),
            state: root.join("state"),
        }
    }
}
