//! The completion protocol of kubectl for its plugins. kubectl runs `kubectl_complete-broker` with the words
//! of the line, which runs `kubectl-broker __complete --` with them.
//!
//! The answer has one candidate per line, followed by a tab and a description if there is one. The last line
//! is a colon and a number: the `ShellCompDirective` of cobra, which tells the shell what to do.

use std::ffi::OsString;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap_complete::{CompletionCandidate, engine};
use host_base::text;

use super::Line;
use super::command::{Paths, command};

/// Directive for a list of candidates: don't add file names (4), and keep the order (32).
const ONLY_THESE: u8 = 4 | 32;
/// Directive that asks the shell to complete file names.
const FILES: u8 = 0;
/// Longest description, in characters.
const MAX_HELP: usize = 120;

/// Returns the words of the line that kubectl asks about, with the name of the program first.
pub(super) fn words(arguments: &[OsString]) -> Option<Vec<OsString>> {
    let [program, command, rest @ ..] = arguments else {
        return None;
    };
    if command != "__complete" {
        return None;
    }
    let rest = match rest {
        [dashes, rest @ ..] if dashes == "--" => rest,
        rest => rest,
    };
    Some([program].into_iter().chain(rest).cloned().collect())
}

pub(super) fn answer(line: &Line) -> Option<String> {
    let wants_files = Arc::new(AtomicBool::new(false));
    let mut command = command(line, &Paths::LeftToTheShell(Arc::clone(&wants_files)));
    let candidates = engine::complete(&mut command, line.words.clone(), line.at, None).ok()?;
    if wants_files.load(Ordering::Relaxed) && !line.word().starts_with("--") {
        return Some(format!(":{FILES}\n"));
    }
    let lines: String = candidates
        .iter()
        .filter_map(|candidate| shown(line, candidate))
        .map(|candidate| format!("{candidate}\n"))
        .collect();
    Some(format!("{lines}:{ONLY_THESE}\n"))
}

fn shown(line: &Line, candidate: &CompletionCandidate) -> Option<String> {
    let mut value = candidate.get_value().to_str()?;
    let word = line.word();
    // The scripts of kubectl remove `--flag=` from the typed word, and expect only the value.
    if word.starts_with('-')
        && let Some((flag, _)) = word.split_once('=')
    {
        value = value.strip_prefix(flag)?.strip_prefix('=')?;
    }
    let help = candidate.get_help().map(ToString::to_string);
    let first = help.as_deref().and_then(|help| help.lines().next());
    Some(match first {
        Some(help) => format!("{value}\t{}", text::printable(help, MAX_HELP)),
        None => value.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use host_engine::Catalogue;

    use super::*;

    fn arguments(words: &[&str]) -> Vec<OsString> {
        words.iter().map(OsString::from).collect()
    }

    /// Returns the candidates for the last of these words, and the directive for the shell.
    fn completed(words: &[&str]) -> (Vec<String>, String) {
        let engines = Catalogue::bundled(host_bundled::ENGINES).expect("the bundled engines");
        let words = [&["kubectl-broker"], words].concat();
        let answer = answer(&Line::ending(engines, arguments(&words))).expect("an answer");
        let mut lines: Vec<_> = answer.lines().map(str::to_owned).collect();
        let directive = lines.pop().expect("a directive");
        let value = |line: &String| line.split('\t').next().unwrap_or_default().to_owned();
        (lines.iter().map(value).collect(), directive)
    }

    fn values(words: &[&str]) -> Vec<String> {
        let (values, directive) = completed(words);
        assert_eq!(directive, ":36", "{words:?}");
        values
    }

    #[test]
    fn what_kubectl_asks_is_told_from_commands() {
        let words = |given: &[&str]| words(&arguments(given));
        assert_eq!(words(&["x", "backup", "list"]), None);
        assert_eq!(words(&["x"]), None);
        assert_eq!(words(&[]), None);
        let asked = Some(arguments(&["x", "backup", ""]));
        assert_eq!(words(&["x", "__complete", "--", "backup", ""]), asked);
        assert_eq!(words(&["x", "__complete", "backup", ""]), asked);
        // Only the first `--` is removed; the second one belongs to the line.
        let asked = Some(arguments(&["x", "--", "a"]));
        assert_eq!(words(&["x", "__complete", "--", "--", "a"]), asked);
    }

    #[test]
    fn commands_are_completed_also_those_of_engines() {
        assert_eq!(values(&["b"]), ["backup"]);
        assert_eq!(values(&["backup", "up"]), ["upload"]);
        let all = values(&["backup", ""]);
        assert!(all.contains(&"list".to_owned()), "{all:?}");
        assert!(!all.iter().any(|value| value.starts_with('-')), "{all:?}");
    }

    #[test]
    fn flags_are_completed_where_one_begins() {
        assert_eq!(values(&["backup", "list", "--lim"]), ["--limit"]);
        assert_eq!(values(&["backup", "list", "--sidecar"]), ["--sidecar-port"]);
        assert_eq!(values(&["backup", "status", "--limit"]), [""; 0]);
    }

    #[test]
    fn flags_are_those_of_the_engine_that_is_named_and_the_common_ones() {
        let kafka = values(&["backup", "create", "-e", "kafka", "--"]);
        for flag in ["--topics", "--timeout", "--engine", "--namespace"] {
            assert!(kafka.contains(&flag.to_owned()), "{flag}: {kafka:?}");
        }
        for flag in ["--project", "--destination", "--api-port", "--output-dir"] {
            assert!(!kafka.contains(&flag.to_owned()), "{flag}: {kafka:?}");
        }
        assert_eq!(
            values(&["backup", "list", "-e", "kafka", "--sidecar"]),
            [""; 0]
        );
        assert_eq!(values(&["backup", "-e", "kafka", "up"]), [""; 0]);
        // Also where the engine is named behind the word.
        let line = ["kubectl-broker", "backup", "list", "--ki", "--engine=kafka"];
        let engines = Catalogue::bundled(host_bundled::ENGINES).expect("the bundled engines");
        let mut line = Line::ending(engines, arguments(&line));
        line.at = 3;
        let answer = answer(&line).expect("an answer");
        assert!(answer.starts_with("--kind\t"), "{answer}");
        let unnamed = values(&["backup", "create", "--"]);
        for flag in ["--topics", "--project", "--destination", "--api-port"] {
            assert!(!unnamed.contains(&flag.to_owned()), "{flag}: {unnamed:?}");
        }
    }

    #[test]
    fn engines_are_those_that_there_are() {
        let all = [
            "auto",
            "aws",
            "backuprequest",
            "hivemq",
            "kafka",
            "operator",
            "sidecar",
            "strategy",
        ];
        assert_eq!(values(&["backup", "--engine", ""]), all);
        assert_eq!(values(&["backup", "list", "-e", ""]), all);
        assert_eq!(values(&["backup", "list", "-e", "si"]), ["sidecar"]);
        // The flag is removed, as the scripts of kubectl expect.
        assert_eq!(values(&["backup", "--engine=h"]), ["hivemq"]);
    }

    #[test]
    fn values_of_a_choice_are_offered() {
        assert_eq!(values(&["backup", "restore", "--source", "r"]), ["remote"]);
        assert_eq!(values(&["backup", "list", "--scope", "l"]), ["local"]);
        assert_eq!(values(&["completion", "b"]), ["bash"]);
    }

    #[test]
    fn names_of_files_are_left_to_the_shell() {
        for words in [
            &["backup", "verify", ""][..],
            &["backup", "verify", "a", "b"],
            &["backup", "download", "--output-dir", ""],
            &["backup", "list", "--password-file", "x"],
        ] {
            assert_eq!(completed(words), (Vec::new(), ":0".to_owned()), "{words:?}");
        }
        assert_eq!(values(&["backup", "verify", "--verb"]), ["--verbose"]);
    }

    #[test]
    fn what_makes_no_sense_gets_no_candidates() {
        assert_eq!(values(&["nonsense", "x"]), [""; 0]);
        assert_eq!(values(&["backup", "list", "--limit", "x"]), [""; 0]);
        assert_eq!(values(&["--", "--", "x"]), [""; 0]);
    }
}
