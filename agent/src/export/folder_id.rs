use std::fmt;

/// Maximum length of an id. The ids of drives are shorter.
const LONGEST: usize = 128;

/// The folder that the orchestrator names. Commands get it as a variable, and the answer contains it as a
/// header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FolderId(String);

impl FolderId {
    /// Parses an id of letters, digits, `-`, `_` and `.`, with no `-` or `.` at the beginning.
    ///
    /// Such a text is safe for a shell, an option parser and a path, even if a command omits the quotes. The
    /// ids of drives have no other characters. Other texts return `None`.
    pub fn parse(text: &str) -> Option<Self> {
        let is_valid = text.len() <= LONGEST
            && text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
            && text
                .bytes()
                .all(|c| c.is_ascii_alphanumeric() || b"-_.".contains(&c));
        is_valid.then(|| Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for FolderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_drives_are_taken_as_they_are() {
        for id in ["1AbC_d-9", "0B_xyz", "_x", "folder.2026", "a"] {
            assert_eq!(
                FolderId::parse(id).map(|id| id.to_string()).as_deref(),
                Some(id)
            );
        }
    }

    #[test]
    fn what_could_mean_something_to_a_shell_is_no_id() {
        let long = "a".repeat(LONGEST + 1);
        for text in [
            "",
            "a b",
            "a;id",
            "$(id)",
            "`id`",
            "a\nb",
            "a\0b",
            "-rf",
            "..",
            "../x",
            "a/b",
            "a'b",
            "a\"b",
            "ä",
            "a|b",
            "a&b",
            "a>b",
            "*",
            "~",
            "a%b",
            "a\r\nX-Evil: 1",
            &long,
        ] {
            assert_eq!(FolderId::parse(text), None, "{text:?}");
        }
    }
}
