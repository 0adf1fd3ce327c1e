//! The files that one command writes into one folder.

use std::collections::BTreeSet;

use super::{FileName, TransferError};

/// The maximum number of files that one command saves.
const MOST: usize = 1000;

/// The names of the files that one command saves. On some systems, names that differ in case only name one file.
#[derive(Debug, Default)]
pub struct FileNames(BTreeSet<String>);

impl FileNames {
    /// Adds the name of the next file.
    ///
    /// # Errors
    /// [`TransferError::SameName`] if another file has this name, or the same name in differing case.
    /// [`TransferError::TooManyFiles`] if the command has saved as many files as it may.
    pub fn add(&mut self, name: &FileName) -> Result<(), TransferError> {
        if self.0.len() == MOST {
            return Err(TransferError::TooManyFiles { most: MOST });
        }
        // Some letters have two lower-case forms, but only one in upper case.
        let folded = name.as_str().to_uppercase().to_lowercase();
        if self.0.insert(folded) {
            return Ok(());
        }
        Err(TransferError::SameName {
            name: name.to_string(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> FileName {
        FileName::clean(text).expect("a name")
    }

    #[test]
    fn two_names_that_some_system_takes_for_one_are_refused() {
        for (first, second) in [
            ("a.zip", "a.zip"),
            ("a.zip", "A.ZIP"),
            ("größe", "GRÖSSE"),
            ("ſ", "s"),
            ("x/a.zip", "y\\a.zip"),
            ("a.zip", "..a.zip. "),
        ] {
            let mut names = FileNames::default();
            assert!(names.add(&name(first)).is_ok());
            let error = names.add(&name(second));
            assert!(
                matches!(error, Err(TransferError::SameName { .. })),
                "{first} {second}"
            );
            assert!(names.add(&name("other")).is_ok());
        }
    }

    #[test]
    fn the_number_of_files_is_limited() {
        let mut names = FileNames::default();
        for number in 0..MOST {
            assert!(names.add(&name(&number.to_string())).is_ok());
        }
        let error = names.add(&name("one more"));
        assert!(matches!(error, Err(TransferError::TooManyFiles { .. })));
    }
}
