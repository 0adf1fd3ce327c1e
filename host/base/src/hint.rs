//! A hint: the next step for a person, as data that a front end puts into words.

use std::fmt;

/// The next step for a person after an error or a warning.
///
/// The text is a sentence. Commands and flags in it stand in backticks, so that a front end can put them into
/// its own words, or leave them out:
///
/// - A command begins with `kubectl`. Commands of this program begin with `kubectl broker`.
/// - A flag of this program begins with `--`.
/// - Anything else in backticks is a literal, such as the key of a Secret.
///
/// The sentence consists of clauses, which end at `; `, `, or `, `. ` or `? `. A front end without a command line
/// leaves out the clauses that name a flag. Values in commands are quoted with [`super::shell::word`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hint {
    text: String,
    author: Author,
    /// The hint of another author about the same problem.
    addition: Option<Box<Hint>>,
}

/// The author of a hint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Author {
    /// This program.
    Host,
    /// An installed engine, as `publisher/name`.
    Engine(String),
    /// Another party, such as the author of a kubeconfig.
    Other,
}

/// How a front end says what a hint names.
pub trait Terms {
    /// Returns how a person gives a flag, such as `--pod broker-0`. None if the front end has no such setting.
    fn flag(&self, flag: &str) -> Option<String>;

    /// Returns a command as a person can paste it. None if the front end's reader has no shell.
    fn command(&self, command: &str) -> Option<String>;
}

/// A part of a clause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part<'a> {
    Text(&'a str),
    Flag(&'a str),
    Command(&'a str),
    Literal(&'a str),
}

/// The ends of clauses.
const ENDS: [&str; 4] = ["; ", ", or ", ". ", "? "];

impl Hint {
    /// Creates a hint.
    #[must_use]
    pub fn new(text: impl Into<String>, author: Author) -> Self {
        Self {
            text: text.into(),
            author,
            addition: None,
        }
    }

    /// Adds what somebody else says about the same problem.
    #[must_use]
    pub fn with_addition(mut self, addition: Self) -> Self {
        self.addition = Some(Box::new(addition));
        self
    }

    /// Returns the engine that wrote the hint, as `publisher/name`. None if no engine wrote it.
    #[must_use]
    pub fn engine(&self) -> Option<&str> {
        match &self.author {
            Author::Engine(engine) => Some(engine),
            Author::Host | Author::Other => None,
        }
    }

    /// Returns the hint in the words of a front end. None if nothing is left of it. Hints of others are
    /// returned as they are: nothing in them is a command of this program.
    #[must_use]
    pub fn in_terms(&self, terms: &dyn Terms) -> Option<String> {
        let own = self.own_in_terms(terms);
        let Some(addition) = &self.addition else {
            return own;
        };
        let Some(said) = addition.in_terms(terms) else {
            return own;
        };
        let said = match (addition.engine(), self.engine()) {
            (Some(engine), None) => format!("Engine {engine} adds: {said}"),
            _ => said,
        };
        Some(match own {
            Some(own) => format!("{own}. {said}"),
            None => said,
        })
    }

    fn own_in_terms(&self, terms: &dyn Terms) -> Option<String> {
        if self.author != Author::Host {
            return Some(self.text.clone());
        }
        let mut said = String::new();
        let mut end = "";
        for (clause, next_end) in clauses(&self.text) {
            let Some(clause) = words(&clause, terms) else {
                continue;
            };
            // A question keeps its mark, whatever follows.
            said.push_str(end);
            said.push_str(&clause);
            end = next_end;
        }
        if end == "? " {
            said.push('?');
        }
        (!said.is_empty()).then_some(said)
    }
}

/// The hint in the terms of the command line.
impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let said = self.in_terms(&AsWritten);
        f.write_str(&said.unwrap_or_default())
    }
}

/// The terms in which hints are written.
struct AsWritten;

impl Terms for AsWritten {
    fn flag(&self, flag: &str) -> Option<String> {
        Some(flag.to_owned())
    }

    fn command(&self, command: &str) -> Option<String> {
        Some(command.to_owned())
    }
}

fn words(clause: &[Part<'_>], terms: &dyn Terms) -> Option<String> {
    let mut words = String::new();
    for part in clause {
        match part {
            Part::Text(text) => words.push_str(text),
            Part::Flag(flag) => words.push_str(&format!("`{}`", terms.flag(flag)?)),
            Part::Command(command) => words.push_str(&format!("`{}`", terms.command(command)?)),
            Part::Literal(literal) => words.push_str(&format!("`{literal}`")),
        }
    }
    Some(words)
}

/// Returns the clauses of a hint, each with its end. The last one has none.
fn clauses(text: &str) -> Vec<(Vec<Part<'_>>, &'static str)> {
    let mut clauses = Vec::new();
    let mut clause = Vec::new();
    for part in parts(text) {
        let Part::Text(mut text) = part else {
            clause.push(part);
            continue;
        };
        let first_end = |text: &str| {
            let ends = ENDS.iter().filter_map(|end| Some((text.find(end)?, *end)));
            ends.min()
        };
        while let Some((at, end)) = first_end(text) {
            clause.push(Part::Text(&text[..at]));
            clauses.push((std::mem::take(&mut clause), end));
            text = &text[at + end.len()..];
        }
        clause.push(Part::Text(text));
    }
    clauses.push((clause, ""));
    clauses
}

/// Splits a hint at its backticks. An odd backtick is text.
fn parts(text: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('`')
        && let Some(end) = end_of(behind)
    {
        parts.push(Part::Text(before));
        let quoted = &behind[..end];
        parts.push(match quoted {
            flag if flag.starts_with("--") => Part::Flag(flag),
            command if is_command(command) => Part::Command(command),
            literal => Part::Literal(literal),
        });
        rest = &behind[end + 1..];
    }
    parts.push(Part::Text(rest));
    parts
}

fn is_command(text: &str) -> bool {
    text == "kubectl" || text.starts_with("kubectl ")
}

/// Returns where the quoted text ends: at the next backtick outside quotes. Quotes count only in commands.
fn end_of(text: &str) -> Option<usize> {
    let mut quoted = false;
    let is_command = is_command(text);
    for (at, character) in text.char_indices() {
        match character {
            '`' if !quoted => return Some(at),
            '\'' if is_command => quoted = !quoted,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A program in the cluster, whose readers have a shell but not its command line.
    struct Controller;

    impl Terms for Controller {
        fn flag(&self, flag: &str) -> Option<String> {
            (flag == "--request-timeout").then(|| "spec.requestTimeout".to_owned())
        }

        fn command(&self, command: &str) -> Option<String> {
            Some(command.to_owned())
        }
    }

    struct Shell;

    impl Terms for Shell {
        fn flag(&self, flag: &str) -> Option<String> {
            Some(flag.to_owned())
        }

        fn command(&self, command: &str) -> Option<String> {
            Some(format!("[{command}]"))
        }
    }

    fn said(text: &str, terms: &dyn Terms) -> Option<String> {
        Hint::new(text, Author::Host).in_terms(terms)
    }

    #[test]
    fn a_front_end_without_flags_leaves_out_the_clauses_that_name_them() {
        for (text, expected) in [
            (
                "Follow it with `kubectl broker backup status --id x`, or give a longer `--timeout`",
                Some("Follow it with `kubectl broker backup status --id x`"),
            ),
            (
                "try again, or allow more with `--request-timeout`",
                Some("try again, or allow more with `spec.requestTimeout`"),
            ),
            (
                "is it switched on in the backend? Name its port with `--sidecar-port`",
                Some("is it switched on in the backend?"),
            ),
            (
                "give it `--force`; it has the key `password`. Try again",
                Some("it has the key `password`. Try again"),
            ),
            ("leave `--pod` out", None),
        ] {
            assert_eq!(said(text, &Controller).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn a_front_end_with_a_command_line_says_all_of_it() {
        for (text, expected) in [
            (
                "Look: `kubectl get pods`, then go on; or use `--pod x`. `ls -l`, or not? Yes",
                "Look: `[kubectl get pods]`, then go on; or use `--pod x`. `ls -l`, or not? Yes",
            ),
            ("an odd ` and `kubectl", "an odd ` and `kubectl"),
            ("an odd ` at the end", "an odd ` at the end"),
            (
                "`kubectl broker backup status --id 'a`kubectl x; y`'` shows it",
                "`[kubectl broker backup status --id 'a`kubectl x; y`']` shows it",
            ),
            ("`kubectls` is no command", "`kubectls` is no command"),
            ("did you mean `--pod a`?", "did you mean `--pod a`?"),
        ] {
            assert_eq!(said(text, &Shell).as_deref(), Some(expected));
        }
    }

    #[test]
    fn what_others_wrote_is_left_as_it_is() {
        let text = "run `kubectl delete ns x` with `--force`";
        for author in [Author::Other, Author::Engine("evil/x".to_owned())] {
            let hint = Hint::new(text, author);
            assert_eq!(hint.in_terms(&Shell).as_deref(), Some(text));
        }
    }
}
