//! Typed reading of one mapping. The code asks for each key by name; a key that nothing asks for is a
//! problem.

use std::path::PathBuf;

use super::problem::{At, Findings};
use super::substitute::Environment;
use super::tree::{Entry, Node, Value};

/// A mapping of the configuration, with the set of its known keys.
pub(super) struct Section<'a> {
    /// The path of the mapping, with a dot at its end; empty for the root.
    prefix: String,
    pub(super) at: At,
    entries: &'a [Entry],
    known: Vec<&'static str>,
}

impl<'a> Section<'a> {
    /// Returns the root, if it is a mapping.
    pub(super) fn root(node: &'a Node) -> Option<Self> {
        let Value::Map(entries) = &node.value else {
            return None;
        };
        Some(Self {
            prefix: String::new(),
            at: node.at,
            entries,
            known: Vec::new(),
        })
    }

    /// Returns the mapping at `key`. A missing mapping is empty; a value of another type is a problem, and
    /// its mapping is empty, too.
    pub(super) fn section(&mut self, key: &'static str, findings: &mut Findings) -> Section<'a> {
        let mut section = Section {
            prefix: format!("{}.", self.field(key)),
            at: self.at,
            entries: &[],
            known: Vec::new(),
        };
        if let Some(node) = self.get(key) {
            section.at = node.at;
            match &node.value {
                Value::Map(entries) => section.entries = entries,
                Value::Unknown => {}
                _ => findings.problem(node.at, format!("{} must be a mapping", self.field(key))),
            }
        }
        section
    }

    /// Returns the value at `key`, unless it is null.
    pub(super) fn get(&mut self, key: &'static str) -> Option<&'a Node> {
        self.known.push(key);
        let entry = self.entries.iter().find(|entry| entry.key == key)?;
        (entry.node.value != Value::Null).then_some(&entry.node)
    }

    pub(super) fn text(
        &mut self,
        key: &'static str,
        findings: &mut Findings,
    ) -> Option<(At, &'a str)> {
        let node = self.get(key)?;
        match &node.value {
            Value::Text(text) => return Some((node.at, text)),
            Value::Unknown => {}
            _ => findings.problem(node.at, format!("{} must be text", self.field(key))),
        }
        None
    }

    /// Returns a text that is not empty. `message` is the problem if the text is missing.
    pub(super) fn required(
        &mut self,
        key: &'static str,
        message: &str,
        findings: &mut Findings,
    ) -> Option<(At, &'a str)> {
        let is_missing = self
            .get(key)
            .is_none_or(|node| node.value == Value::Text(String::new()));
        if is_missing {
            findings.problem(self.at, message);
            return None;
        }
        self.text(key, findings)
    }

    pub(super) fn integer(&mut self, key: &'static str, findings: &mut Findings) -> Option<u64> {
        let (at, text) = self.text(key, findings)?;
        let number = text.trim().parse().ok();
        if number.is_none() {
            let field = self.field(key);
            findings.problem(at, format!("Invalid integer for {field}: {text}"));
        }
        number
    }

    /// Returns a number of bytes. The text may have the unit `KiB`, `MiB`, `GiB` or `TiB`.
    pub(super) fn bytes(&mut self, key: &'static str, findings: &mut Findings) -> Option<u64> {
        let (at, text) = self.text(key, findings)?;
        let number = bytes(text.trim());
        if number.is_none() {
            let field = self.field(key);
            findings.problem(
                at,
                format!("Invalid size for {field}: {text}; write a number of bytes, or one like `500MiB`"),
            );
        }
        number
    }

    pub(super) fn boolean(&mut self, key: &'static str, findings: &mut Findings) -> Option<bool> {
        let (at, text) = self.text(key, findings)?;
        match text.trim().to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" => Some(true),
            "false" | "no" | "off" => Some(false),
            _ => {
                findings.problem(at, format!("{} must be true or false", self.field(key)));
                None
            }
        }
    }

    /// Returns a path. A `~` at its beginning stands for the home folder.
    pub(super) fn path(
        &mut self,
        key: &'static str,
        env: &Environment,
        findings: &mut Findings,
    ) -> Option<PathBuf> {
        let (_, text) = self.text(key, findings)?;
        (!text.is_empty()).then(|| expanded(text, env))
    }

    /// Returns one text or several.
    pub(super) fn texts(
        &mut self,
        key: &'static str,
        findings: &mut Findings,
    ) -> Option<Vec<String>> {
        let node = self.get(key)?;
        let texts = texts_of(node);
        if texts.is_none() && !has_unknown(node) {
            let field = self.field(key);
            findings.problem(node.at, format!("{field} must be a list of texts"));
        }
        texts
    }

    /// Returns all entries of a mapping with free names.
    pub(super) fn entries(&mut self) -> &'a [Entry] {
        std::mem::take(&mut self.entries)
    }

    /// Returns the full name of a key.
    pub(super) fn field(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }

    /// Reports each key that nothing asked for. Otherwise a misspelt option would be ignored silently.
    pub(super) fn finish(self, findings: &mut Findings) {
        for entry in self.entries {
            if self.known.iter().any(|known| *known == entry.key) {
                continue;
            }
            let field = self.field(&entry.key);
            let mut text = format!("{field} is not known");
            let near = self
                .known
                .iter()
                .map(|known| (strsim::damerau_levenshtein(known, &entry.key), known));
            if let Some((_, near)) = near.filter(|(distance, _)| *distance <= 2).min() {
                text.push_str(&format!("; did you mean {}?", self.field(near)));
            }
            findings.problem(entry.at, text);
        }
    }
}

/// Returns whether the node needs a missing variable, which is already reported.
pub(super) fn has_unknown(node: &Node) -> bool {
    match &node.value {
        Value::Unknown => true,
        Value::List(items) => items.iter().any(has_unknown),
        _ => false,
    }
}

/// Returns the texts of a node: its own, or those of its list.
pub(super) fn texts_of(node: &Node) -> Option<Vec<String>> {
    match &node.value {
        Value::Text(text) => Some(vec![text.clone()]),
        Value::List(items) => words_of(items),
        _ => None,
    }
}

pub(super) fn words_of(items: &[Node]) -> Option<Vec<String>> {
    items
        .iter()
        .map(|item| match &item.value {
            Value::Text(text) => Some(text.clone()),
            _ => None,
        })
        .collect()
}

/// Expands a `~/` at the beginning of a path, like a shell.
pub(super) fn expanded(text: &str, env: &Environment) -> PathBuf {
    let rest = text.strip_prefix('~');
    match (rest, env.get("HOME")) {
        (Some(rest), Some(home)) if rest.is_empty() || rest.starts_with('/') => {
            PathBuf::from(format!("{home}{rest}"))
        }
        _ => PathBuf::from(text),
    }
}

fn bytes(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let shift = match text[digits.len()..].trim() {
        "" => 0,
        "KiB" => 10,
        "MiB" => 20,
        "GiB" => 30,
        "TiB" => 40,
        _ => return None,
    };
    let number: u64 = digits.parse().ok()?;
    number.checked_mul(1 << shift)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_numbers_of_bytes_with_or_without_a_unit() {
        assert_eq!(bytes("4096"), Some(4096));
        assert_eq!(bytes("10 GiB"), Some(10 << 30));
        for wrong in ["", "GiB", "-1", "1GB", "1.5MiB", "99999999999TiB"] {
            assert_eq!(bytes(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_tilde_is_the_home_folder_only_at_the_beginning_of_a_path() {
        let env = [("HOME".to_owned(), "/home/app".to_owned())].into();
        let path = |text| expanded(text, &env).display().to_string();
        assert_eq!(path("~/dumps"), "/home/app/dumps");
        assert_eq!(path("~other/dumps"), "~other/dumps");
        assert_eq!(path("/a/~"), "/a/~");
    }
}
