//! A project of `plugin new`, from the point of view of its author.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Component, Machine, Run, plain_cargo, profile_folder, workspace};

pub struct Project {
    folder: PathBuf,
    /// The name of its component in cargo.
    component: String,
}

impl Project {
    /// Creates a project in a folder that persists, so that cargo rebuilds only the changes. Each test needs
    /// its own name: cargo confuses two packages of one name, even in different folders.
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

    /// Replaces a text that occurs once in a file.
    pub fn edit(&self, name: &str, old: &str, new: &str) {
        let path = self.file(name);
        let text = fs::read_to_string(&path).expect("a file of the project");
        assert_eq!(text.matches(old).count(), 1, "{old:?} in {name}");
        fs::write(path, text.replace(old, new)).expect("written");
    }

    /// Runs the native tests of the project.
    pub fn test(&self) {
        self.cargo(&["test"]);
    }

    /// Builds the component of the project.
    pub fn build(&self) -> Component {
        self.cargo(&["build", "--target", "wasm32-wasip2"]);
        let built = target().join("wasm32-wasip2/debug").join(&self.component);
        Component::of(&fs::read(built).expect("the component"))
    }

    /// Runs cargo with the versions of this workspace and a target folder that persists, so that only the
    /// project is rebuilt.
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
