//! Patterns of keys that are not copied.

use broker_engine::{Error, Result};

/// The maximum length of a pattern, in bytes, and the maximum number of patterns.
const MAX_PATTERN: usize = 256;
const MAX_PATTERNS: usize = 50;

/// A pattern: `*` fits any characters except a slash, `?` one of them, `**` any characters, and `**/` any folders.
#[derive(Clone, Debug)]
pub struct Pattern(Vec<Part>);

#[derive(Clone, Copy, Debug)]
enum Part {
    Exactly(char),
    One,
    Star,
    DoubleStar,
    /// `**/` at the beginning of a segment.
    Folders,
    /// `**/` within a segment. It always stands behind `Folders`.
    InFolder,
}

impl Pattern {
    pub fn parse(text: &str) -> Self {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let length = if rest.starts_with("**/") {
                parts.extend([Part::Folders, Part::InFolder]);
                3
            } else if rest.starts_with("**") {
                parts.push(Part::DoubleStar);
                2
            } else {
                parts.push(match first {
                    '*' => Part::Star,
                    '?' => Part::One,
                    other => Part::Exactly(other),
                });
                first.len_utf8()
            };
            rest = &rest[length..];
        }
        Self(parts)
    }

    /// Returns whether the whole key fits. The time grows with the product of both lengths only.
    pub fn fits(&self, key: &str) -> bool {
        let mut now = vec![false; self.0.len() + 1];
        self.enter(0, &mut now);
        for c in key.chars() {
            let mut next = vec![false; now.len()];
            for (at, part) in self.0.iter().enumerate().filter(|(at, _)| now[*at]) {
                match part {
                    Part::Exactly(expected) if *expected == c => self.enter(at + 1, &mut next),
                    Part::One if c != '/' => self.enter(at + 1, &mut next),
                    Part::Star if c != '/' => self.enter(at, &mut next),
                    Part::DoubleStar => self.enter(at, &mut next),
                    Part::Folders if c == '/' => self.enter(at, &mut next),
                    Part::Folders => next[at + 1] = true,
                    Part::InFolder if c == '/' => self.enter(at - 1, &mut next),
                    Part::InFolder => next[at] = true,
                    Part::Exactly(_) | Part::One | Part::Star => {}
                }
            }
            now = next;
        }
        now[self.0.len()]
    }

    /// Marks a position, and those that are reached from it without a character.
    fn enter(&self, at: usize, marked: &mut [bool]) {
        let mut at = at;
        loop {
            marked[at] = true;
            match self.0.get(at) {
                Some(Part::Star | Part::DoubleStar) => at += 1,
                Some(Part::Folders) => at += 2,
                _ => return,
            }
        }
    }
}

/// Reads patterns that are separated by commas.
///
/// # Errors
/// Fails if there are too many, or if one is empty or too long.
pub fn split(text: &str) -> Result<Vec<String>> {
    let patterns: Vec<_> = text.split(',').map(|it| it.trim().to_owned()).collect();
    let is_bad = |it: &String| !(1..=MAX_PATTERN).contains(&it.len());
    if patterns.len() > MAX_PATTERNS || patterns.iter().any(is_bad) {
        return Err(Error::invalid(format!(
            "--exclude must have 1–{MAX_PATTERNS} patterns of 1–{MAX_PATTERN} bytes, separated by commas"
        )));
    }
    Ok(patterns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_as_globs_do() {
        for (pattern, fitting, others) in [
            ("a.txt", vec!["a.txt"], vec!["b/a.txt", "a.txt2", "A.txt"]),
            ("*.bak", vec![".bak", "ü.bak"], vec!["a/b.bak", "a.bakk"]),
            ("**.bak", vec!["a/b.bak", "a.bak"], vec!["a.bak/c"]),
            ("tmp/**", vec!["tmp/", "tmp/a/b"], vec!["tmp", "atmp/a"]),
            (
                "**/tmp/*",
                vec!["tmp/a", "x/tmp/a", "x/y/tmp/a"],
                vec!["xtmp/a", "tmp/a/b"],
            ),
            (
                "a/**/b",
                vec!["a/b", "a/x/b", "a/x/y/b"],
                vec!["a/xb", "ab"],
            ),
            ("?", vec!["a", "é", "😀"], vec!["", "/", "ab"]),
            (
                "*/0/adaptive/**",
                vec!["20097/0/adaptive/a/b"],
                vec!["1/2/0/adaptive/a", "adaptive/a"],
            ),
            ("", vec![""], vec!["a"]),
        ] {
            let it = Pattern::parse(pattern);
            assert!(fitting.iter().all(|key| it.fits(key)), "{pattern}");
            assert!(!others.iter().any(|key| it.fits(key)), "{pattern}");
        }
    }

    #[test]
    fn a_pattern_of_many_stars_takes_no_long_time() {
        let pattern = Pattern::parse(&"*a".repeat(128));
        assert!(!pattern.fits(&"a".repeat(127)));
        assert!(pattern.fits(&"a".repeat(1024)));
    }

    #[test]
    fn patterns_are_separated_by_commas() {
        assert_eq!(
            split("a, b/**"),
            Ok(vec!["a".to_owned(), "b/**".to_owned()])
        );
        for text in ["", "a,,b", &"x".repeat(257), &"x,".repeat(60)] {
            assert!(split(text).is_err(), "{text}");
        }
    }
}
