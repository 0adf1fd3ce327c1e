//! A machine for one test, on which engines are installed.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::{Component, Folders, Invocation, Run, programs};

/// A machine whose store is empty at first. It shares its native code with the other tests.
pub struct Machine {
    /// The folder of the files to install.
    pub folder: TempDir,
    pub folders: Folders,
}

impl Machine {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Self {
            folders: programs().folders.with_data_in(folder.path()),
            folder,
        }
    }

    /// Returns a machine with the small engine, which has no capabilities.
    pub fn with_small() -> Self {
        let machine = Self::new();
        machine.put("small.wasm", &Component::small());
        let run = machine.accepting("plugin install small.wasm");
        assert_eq!(run.code, 0, "{}", run.stderr);
        machine
    }

    /// Returns a machine with the hostile engine, with all its capabilities granted.
    pub fn with_hostile() -> Self {
        let machine = Self::new();
        machine.put("hostile.wasm", &Component::hostile());
        let run = machine.accepting("plugin install hostile.wasm");
        assert_eq!(run.code, 0, "{}", run.stderr);
        machine
    }

    /// Returns the program in the folder of the files, without a cluster.
    pub fn program(&self) -> Invocation {
        Invocation::new(&programs().kubectl_broker, &self.folders)
            .in_folder(self.folder.path())
            .unreachable_cluster()
    }

    pub fn run(&self, arguments: &str) -> Run {
        self.program().run(arguments)
    }

    /// Runs a command that is first denied, and then grants the capabilities that the error lists.
    pub fn accepting(&self, arguments: &str) -> Run {
        let refused = self.run(arguments);
        assert_eq!(refused.code, 2, "{}", refused.stderr);
        self.run(&format!("{arguments} {}", accepting(&refused)))
    }

    /// Writes a component to the folder of the files.
    pub fn put(&self, name: &str, component: &Component) -> PathBuf {
        component.save(&self.folder, name)
    }

    pub fn lockfile(&self) -> PathBuf {
        self.folders.plugins().join("broker-plugins.lock")
    }

    /// Returns the only stored file of this kind: `blobs` or `outlines`.
    pub fn stored(&self, kind: &str) -> PathBuf {
        let files: Vec<_> = self.content().into_keys().collect();
        let mut files = files.into_iter().filter(|path| path.starts_with(kind));
        let file = files.next().expect("a stored file");
        assert_eq!(files.next(), None);
        self.folders.plugins().join(file)
    }

    /// Returns every file of the store, with its bytes.
    pub fn content(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut content = BTreeMap::new();
        let root = self.folders.plugins();
        for folder in ["", "blobs", "outlines", "signatures"] {
            let Ok(entries) = fs::read_dir(root.join(folder)) else {
                continue;
            };
            for entry in entries {
                let entry = entry.expect("an entry");
                if entry.file_type().expect("a type").is_file() {
                    let path = Path::new(folder).join(entry.file_name());
                    content.insert(path, fs::read(entry.path()).expect("a file"));
                }
            }
        }
        content
    }
}

/// Returns the flag that the error of a denied command names.
pub fn accepting(refused: &Run) -> String {
    let at = refused.stderr.find("--accept-capabilities ");
    let flag = &refused.stderr[at.expect("a flag that accepts")..];
    flag.split('`').next().expect("the flag").to_owned()
}
