use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;
use testbed::Fault;

use super::{Bed, Run};

/// A backup of the testbed that succeeded.
pub const ID: &str = "20250905-130215";
/// The name that the host gives to the backup's file.
pub const NAME: &str = "backup-20250905-130215-20250905-130215.backup";
/// The fault that sets the size of backups: a little more than the period of the testbed's content.
const SIZE: &str = "download-size=1500000";

/// A cluster, and a working folder.
pub struct Desk {
    pub bed: Bed,
    pub folder: TempDir,
}

impl Desk {
    pub fn with(faults: &[&str]) -> Self {
        let faults: Vec<_> = faults.iter().copied().chain([SIZE]).collect();
        Self {
            bed: Bed::with(&faults),
            folder: tempfile::tempdir().expect("a folder"),
        }
    }

    pub fn run(&self, arguments: &str) -> Run {
        self.bed
            .program()
            .in_folder(self.folder.path())
            .run(arguments)
    }

    pub fn download(&self, more: &str) -> Run {
        self.run(&format!("backup download --id {ID} {more}"))
    }

    pub fn heal(&self) {
        self.bed.faults().clear();
        self.set(SIZE);
    }

    pub fn set(&self, fault: &str) {
        let fault: Fault = fault.parse().expect("a fault of the testbed");
        self.bed.faults().set(fault);
    }

    pub fn sha256(&self) -> String {
        let hivemq = self.bed.hivemq("messaging").expect("HiveMQ");
        hivemq.content(ID).expect("a content").sha256()
    }

    /// Checks that the file is the backup, and that its digest is next to it.
    pub fn assert_whole(&self, file: &str) {
        let path = self.folder.path().join(file);
        let folder = path.parent().expect("a folder");
        let sum = fs::read_to_string(format!("{}.sha256", path.display())).expect("the digest");
        assert!(sum.starts_with(&self.sha256()), "{sum}");
        let checked = Command::new("sha256sum")
            .args(["--check", "--strict", "--quiet"])
            .arg(format!("{}.sha256", path.display()))
            .current_dir(folder)
            .stdout(Stdio::null())
            .status()
            .expect("sha256sum runs");
        assert!(checked.success());
        assert_eq!(hidden(folder), Vec::<String>::new());
    }

    /// Checks that no file looks like a backup.
    pub fn assert_no_file(&self) {
        let visible: Vec<_> = names(&self.folder.path().join("backups"))
            .into_iter()
            .filter(|name| !name.starts_with('.'))
            .collect();
        assert_eq!(visible, Vec::<String>::new());
    }

    pub fn parts(&self) -> Vec<String> {
        hidden(&self.folder.path().join("backups"))
    }
}

/// Returns the names in a folder.
pub fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let name = |entry: fs::DirEntry| entry.file_name().into_string().expect("UTF-8");
    entries
        .map(|entry| name(entry.expect("an entry")))
        .collect()
}

fn hidden(folder: &Path) -> Vec<String> {
    let hidden = |name: &String| name.starts_with('.');
    names(folder).into_iter().filter(hidden).collect()
}
