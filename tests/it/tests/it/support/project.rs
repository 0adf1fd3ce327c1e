//! A project of `plugin new`, as its author works on it.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Component, Machine, Run, plain_cargo, profile_folder, workspace};

pub struct Project {
    folder: PathBuf,
    /// What cargo calls its component.
    component: String,
}

impl Project {
    /// Begins one in a folder that stays, so that cargo builds anew only what has changed. Each test has a
    /// name of its own for it: cargo takes two of one name for the same, wherever they lie.
    pub fn begin(machine: &Machine, id: &str) -> (Self, Run) {
        let root = profile_folder().join("it/project");
        let (_, name) = id.split_once('/').expect("a publisher");
        let folder = root.join(name);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&root).expect("a folder");
        let run = machine
            .program()
            .in_folder(&root)
            .run(&format!("plugin new {id}"));
        let lock = workspace().join("Cargo.lock");
        fs::copy(lock, folder.join("Cargo.lock")).expect("the versions of this workspace");
        let component = format!("engine_{}.wasm", name.replace('-', "_"));
        (Self { folder, component }, run)
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Puts other text in the place of what stands in a file once.
    pub fn edit(&self, name: &str, old: &str, new: &str) {
        let path = self.file(name);
        let text = fs::read_to_string(&path).expect("a file of the project");
        assert_eq!(text.matches(old).count(), 1, "{old:?} in {name}");
        fs::write(path, text.replace(old, new)).expect("written");
    }

    /// Runs its native tests.
    pub fn test(&self) {
        self.cargo(&["test"]);
    }

    /// Builds its component.
    pub fn build(&self) -> Component {
        self.cargo(&["build", "--target", "wasm32-wasip2"]);
        let built = target().join("wasm32-wasip2/debug").join(&self.component);
        Component::of(&fs::read(built).expect("the component"))
    }

    /// With the versions of this workspace, in a target folder that stays: only the project is built anew.
    fn cargo(&self, arguments: &[&str]) {
        let output = plain_cargo()
            .current_dir(&self.folder)
            .args(arguments)
            .env("CARGO_PROFILE_DEV_DEBUG", "0")
            .arg("--target-dir")
            .arg(target())
            .output()
            .expect("cargo can be started");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
    }
}

fn target() -> PathBuf {
    let profile = profile_folder();
    let parent: Option<&Path> = profile.parent();
    parent.expect("a target folder").join("project")
}
