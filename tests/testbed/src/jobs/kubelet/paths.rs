//! The folder of a pod, and the paths of its containers in it.
//!
//! A process has no file system of its own here. Each absolute path of a mount, such as `/etc/store`, is
//! `ROOT/etc/store` below the folder of the pod. In arguments and variables, such a path at the start, or after the
//! first `=`, is replaced by that folder. The path of a folder that has mounts is replaced in the same way. A script finds the others by the variable `TESTBED_ROOT`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The folder of one pod.
#[derive(Debug, Clone)]
pub struct PodFolder(PathBuf);

impl PodFolder {
    pub fn new(path: PathBuf) -> Self {
        Self(path)
    }

    pub fn create(&self) -> io::Result<()> {
        for folder in [self.root(), self.home(), self.0.join("volumes")] {
            fs::create_dir_all(folder)?;
        }
        Ok(())
    }

    pub fn remove(&self) {
        // It may never have been made; the testbed's folder goes later anyhow.
        let _ = fs::remove_dir_all(&self.0);
    }

    /// Returns the root of the container's mounts.
    pub fn root(&self) -> PathBuf {
        self.0.join("root")
    }

    pub fn home(&self) -> PathBuf {
        self.0.join("home")
    }

    pub fn kubeconfig(&self) -> PathBuf {
        self.0.join("kubeconfig")
    }

    pub fn volume(&self, name: &str) -> PathBuf {
        self.0.join("volumes").join(name)
    }

    /// Returns where an absolute path of the container is.
    pub fn inside(&self, path: &str) -> PathBuf {
        let relative: PathBuf = Path::new(path)
            .components()
            .filter(|part| matches!(part, std::path::Component::Normal(_)))
            .collect();
        self.root().join(relative)
    }

    /// Replaces the path of a mount at the start of a text, or after its first `=`.
    pub fn mapped(&self, text: &str, mounts: &[String]) -> String {
        if let Some(path) = self.at_start(text, mounts) {
            return path;
        }
        let Some((name, value)) = text.split_once('=') else {
            return text.to_owned();
        };
        match self.at_start(value, mounts) {
            Some(path) => format!("{name}={path}"),
            None => text.to_owned(),
        }
    }

    fn at_start(&self, text: &str, mounts: &[String]) -> Option<String> {
        let within = |mount: &&String| {
            let rest = text.strip_prefix(mount.trim_end_matches('/'));
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', ':', ',']))
        };
        // A folder above mounts is in the image, and has nothing but them.
        let is_above = |mount: &String| {
            let below = mount.strip_prefix(text);
            text.len() > 1 && below.is_some_and(|it| it.starts_with('/'))
        };
        if mounts.iter().any(is_above) {
            return Some(self.inside(text).to_string_lossy().into_owned());
        }
        let mount = mounts
            .iter()
            .filter(within)
            .max_by_key(|mount| mount.len())?;
        let mount = mount.trim_end_matches('/');
        let inside = self.inside(mount).to_string_lossy().into_owned();
        Some(inside + &text[mount.len()..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_mounts_are_replaced_where_they_begin() {
        let folder = PodFolder::new("/pods/1".into());
        let mounts = ["/etc/store".to_owned(), "/etc/store/ca".to_owned()];
        for (text, mapped) in [
            ("/etc/store", "/pods/1/root/etc/store"),
            ("--keys=/etc/store/a", "--keys=/pods/1/root/etc/store/a"),
            ("/etc/store/ca/x", "/pods/1/root/etc/store/ca/x"),
            ("/etc/stores", "/etc/stores"),
            ("--all=/etc", "--all=/pods/1/root/etc"),
            ("/", "/"),
            ("cat /etc/store", "cat /etc/store"),
        ] {
            assert_eq!(folder.mapped(text, &mounts), mapped);
        }
    }
}
