//! Python in separate environments for packages.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use super::profile_folder;

/// Returns the folder `name` with Python's own programs. It is created once, even if tests run concurrently.
pub fn python(name: &str) -> PathBuf {
    static MAKING: Mutex<()> = Mutex::new(());
    let _one = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = profile_folder().join("it/python").join(name);
    if !folder.join("bin/pip").exists() {
        let mut python = Command::new("python3");
        let made = python.args(["-m", "venv"]).arg(&folder).status();
        assert!(
            made.is_ok_and(|status| status.success()),
            "the tests need python3 with its module venv (Debian: python3-venv)"
        );
    }
    folder
}

/// Returns such a folder with packages from PyPI, which are installed once.
pub fn python_with(name: &str, packages: &[&str]) -> PathBuf {
    static INSTALLING: Mutex<()> = Mutex::new(());
    let folder = python(name);
    let _one = INSTALLING.lock().unwrap_or_else(PoisonError::into_inner);
    let done = folder.join("installed");
    let wanted = packages.join("\n");
    if fs::read_to_string(&done).ok().as_deref() != Some(&wanted) {
        let mut pip = Command::new(folder.join("bin/pip"));
        pip.args(["install", "--quiet", "--disable-pip-version-check"]);
        let output = pip.args(packages).output().expect("pip");
        assert!(
            output.status.success(),
            "the tests need {packages:?} from PyPI: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        fs::write(done, wanted).expect("a note that they are there");
    }
    folder
}
