//! Texts from brokers, stores and the library, made safe.

use std::sync::{Mutex, PoisonError};

use host_base::text::printable;

/// The longest text from outside, in characters.
const LONGEST: usize = 500;
/// Shorter values are not replaced: they occur in harmless texts.
const SHORTEST_SECRET: usize = 4;

static SECRETS: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Remembers a value that no text may contain.
pub fn keep_secret(value: &str) {
    let value = value.trim();
    if value.len() >= SHORTEST_SECRET {
        SECRETS
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(value.to_owned());
    }
}

/// Returns the first line of a text, without secrets and control characters, cut to a fixed length.
///
/// The library formats some errors with a backtrace, which begins in the second line.
pub fn clean(text: &str) -> String {
    let first = text
        .trim_start()
        .lines()
        .next()
        .unwrap_or_default()
        .trim_end();
    let mut first = first.to_owned();
    for secret in SECRETS
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .iter()
    {
        first = first.replace(secret, "***");
    }
    printable(&first, LONGEST).into_owned()
}

/// Returns a list of at most `most` items, and the number of the others.
pub fn listed(items: &[String], most: usize) -> String {
    let mut text = items
        .iter()
        .take(most)
        .cloned()
        .collect::<Vec<_>>()
        .join("; ");
    if items.len() > most {
        text += &format!("; and {} more", items.len() - most);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backtrace_and_control_characters_do_not_get_through() {
        let text = "Failed to decode \u{1b}[2Jresponse\n\nStack backtrace:\n   0: anyhow::error";
        assert_eq!(clean(text), "Failed to decode \\u{1b}[2Jresponse");
        assert_eq!(clean("\n  first\r\nsecond"), "first");
        assert!(clean(&"x".repeat(10_000)).chars().count() <= LONGEST + 1);
    }

    #[test]
    fn a_secret_is_replaced() {
        keep_secret("canary-7341\n");
        assert_eq!(clean("login as canary-7341 failed"), "login as *** failed");
    }

    #[test]
    fn a_long_list_is_cut() {
        let items = ["a", "b", "c"].map(str::to_owned);
        assert_eq!(listed(&items, 2), "a; b; and 1 more");
        assert_eq!(listed(&items, 3), "a; b; c");
    }
}
