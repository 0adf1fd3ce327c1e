//! The images that the simulated registry has: programs of this machine.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// A program that runs as a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// The entry point.
    pub program: PathBuf,
    /// Further environment variables, which those of the container override.
    pub env: BTreeMap<String, String>,
}

impl Image {
    /// Returns an image whose entry point is a program of this machine.
    pub fn new(program: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
            env: BTreeMap::new(),
        }
    }

    /// Adds a variable to the environment of the containers.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Returns the program that a container runs, and its arguments.
    ///
    /// `command` replaces the entry point. The folders of the real image don't exist here. A first word with the
    /// file name of the image's program is therefore that program.
    pub(super) fn command_line(&self, command: &[String], args: &[String]) -> Vec<String> {
        let program = self.program.to_string_lossy().into_owned();
        let Some((first, rest)) = command.split_first() else {
            return std::iter::once(program)
                .chain(args.iter().cloned())
                .collect();
        };
        let same = Path::new(first).file_name() == self.program.file_name();
        let first = if same { program } else { first.clone() };
        std::iter::once(first)
            .chain(rest.iter().chain(args).cloned())
            .collect()
    }
}

impl<P: Into<PathBuf>> From<P> for Image {
    fn from(program: P) -> Self {
        Self::new(program)
    }
}

/// The images of the registry, by their full names with tag or digest. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Images {
    known: Arc<Mutex<BTreeMap<String, Image>>>,
}

impl Images {
    pub fn add(&self, name: &str, image: Image) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(name.to_owned(), image);
    }

    pub fn get(&self, name: &str) -> Option<Image> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(name).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_with_the_name_of_the_program_is_the_program() {
        let image = Image::new("/here/target/tool");
        let words = |words: &[&str]| words.iter().map(|&w| w.to_owned()).collect::<Vec<_>>();
        let line = |command: &[&str]| image.command_line(&words(command), &words(&["-x"]));
        assert_eq!(line(&[]), ["/here/target/tool", "-x"]);
        assert_eq!(
            line(&["/usr/bin/tool", "run"]),
            ["/here/target/tool", "run", "-x"]
        );
        assert_eq!(line(&["sh", "-c"]), ["sh", "-c", "-x"]);
    }
}
