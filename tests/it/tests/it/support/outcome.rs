//! The outcome of a command, without the sentences about it.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

/// The word of `docs/schema/Error.json` for how a command failed, which its exit code says. Not the program's own list.
pub fn kind(code: i32) -> Option<&'static str> {
    Some(match code {
        1 => "Failed",
        2 => "Usage",
        3 => "Partial",
        10 => "NotFound",
        11 => "Conflict",
        12 => "NotAllowed",
        13 => "Integrity",
        14 => "PluginFault",
        124 => "TimedOut",
        130 => "Interrupted",
        _ => return None,
    })
}

/// The part of a message that is shown word for word. Each sentence is in one test only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verbatim {
    /// Facts alone.
    Nothing,
    /// Of an error, what stands behind its first colon.
    Reason,
    /// Errors and warnings.
    Message,
    Hint,
    MessageAndHint,
    /// Notes, too, and what stands before those of every command.
    All,
}

/// How the messages of one command are told.
pub struct Telling<'a> {
    pub code: i32,
    /// The arguments of the command that may be names, and are looked for as well.
    pub named: &'a [String],
    pub verbatim: Verbatim,
}

impl Telling<'_> {
    /// Each message of `stderr` as its label and its facts; an error's label is its kind. Notes without a
    /// fact are left out.
    pub fn of(&self, stderr: &str) -> String {
        if let Ok(document) = serde_json::from_str::<Value>(stderr)
            && document["kind"] == "Error"
        {
            return self.of_document(&document);
        }
        let error = kind(self.code).unwrap_or("error");
        let mut text = String::new();
        let mut is_of_an_error = false;
        for line in stderr.lines().filter(|line| !is_left_out(line)) {
            let labelled = LABEL.captures(line);
            let (label, said) = match &labelled {
                Some(found) => (found.name("label"), &line[found[0].len()..]),
                None => (None, line),
            };
            match label.map(|label| label.as_str()) {
                Some("error") => text += &with(error, &self.error(said)),
                Some("warning") => text += &with("warning", &self.warning(said)),
                Some(label) => text += &with(label, &self.hint(said)),
                None if is_of_an_error => text += &self.line_of_an_error(line),
                None => text += &self.note(line),
            }
            is_of_an_error = match label {
                Some(label) => label.as_str() == "error",
                None => is_of_an_error,
            };
        }
        text
    }

    /// Data as it is, but for the checks of `backup test`: of their messages the facts. Nothing but a test
    /// of that table looks at those.
    pub fn data(&self, stdout: &str) -> String {
        if !stdout.starts_with("CHECK ") {
            return stdout.to_owned();
        }
        let mut is_row = true;
        let lines = stdout.lines().map(|line| {
            is_row &= !line.is_empty();
            let mut columns: Vec<_> = line.splitn(4, "   ").collect();
            let message = columns.pop().unwrap_or_default();
            if !is_row || columns.is_empty() || message == "MESSAGE" {
                let is_hint = line.starts_with(' ');
                return if is_hint {
                    format!("  hint: {}", sorted(&self.facts(line)))
                        .trim_end()
                        .to_owned()
                } else {
                    line.to_owned()
                };
            }
            let facts = sorted(&self.facts(message));
            columns.push(&facts);
            columns.join("   ").trim_end().to_owned()
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    /// The same of a failure that was told with `-o json`.
    fn of_document(&self, document: &Value) -> String {
        assert_eq!(document["exitCode"], self.code, "{document:#}");
        let error = document["code"].as_str();
        assert_eq!(error, kind(self.code), "{document:#}");
        let from = |field: &str| {
            let source = document[field].as_str();
            source.map_or_else(String::new, |source| format!(" from {source}"))
        };
        let message = document["message"].as_str().expect("a message");
        let (first, lines) = message.split_once('\n').unwrap_or((message, ""));
        let label = format!("{}{}", error.unwrap_or_default(), from("source"));
        let mut text = with(&label, &self.error(first));
        for line in lines.lines() {
            text += &self.line_of_an_error(line);
        }
        if let Some(hint) = document["hint"].as_str() {
            text += &with(&format!("hint{}", from("hintSource")), &self.hint(hint));
        }
        text
    }

    fn error(&self, said: &str) -> String {
        match (self.verbatim, said.split_once(": ")) {
            (Verbatim::Message | Verbatim::MessageAndHint, _) => said.to_owned(),
            (Verbatim::Reason, Some((what, reason))) => {
                let facts = sorted(&self.facts(what));
                let gap = if facts.is_empty() { "" } else { ": " };
                format!("{facts}{gap}{reason}")
            }
            _ => sorted(&self.facts(said)),
        }
    }

    fn warning(&self, said: &str) -> String {
        if matches!(self.verbatim, Verbatim::Message | Verbatim::MessageAndHint) {
            said.to_owned()
        } else {
            sorted(&self.facts(said))
        }
    }

    fn hint(&self, said: &str) -> String {
        if matches!(self.verbatim, Verbatim::Hint | Verbatim::MessageAndHint) {
            said.to_owned()
        } else {
            sorted(&self.facts(said))
        }
    }

    /// A line behind the first, such as one of a list.
    fn line_of_an_error(&self, line: &str) -> String {
        if !matches!(self.verbatim, Verbatim::Nothing | Verbatim::Hint) {
            return format!("{line}\n");
        }
        let mut facts = sorted(&self.facts(line));
        if let Some(mark) = bullet(line) {
            facts.insert_str(0, mark);
        }
        if facts.is_empty() {
            String::new()
        } else {
            format!("  {facts}\n")
        }
    }

    /// The numbers of a note are a sum and what it is made of: each has its place.
    fn note(&self, line: &str) -> String {
        let facts = self.facts(line).join(" ");
        match bullet(line) {
            Some(mark) => format!("  {mark}{facts}\n"),
            None if facts.is_empty() => String::new(),
            None => with("note", &facts),
        }
    }

    /// Returns the facts in a sentence, which tests compare.
    ///
    /// A fact is a text in backticks or quotation marks, a flag, a number, a name, or a text from outside.
    fn facts(&self, sentence: &str) -> Vec<String> {
        let foreign = FOREIGN.iter().filter(|words| sentence.contains(**words));
        let mut facts: Vec<_> = foreign.map(|words| format!("«{words}»")).collect();
        for found in TOKEN.find_iter(sentence) {
            let token = found.as_str();
            let is_quoted = token.starts_with(['`', '"', '\'']) && token.len() > 1;
            if (is_quoted && token.ends_with(&token[..1])) || MARK.is_match(token) {
                facts.push(token.to_owned());
                continue;
            }
            for word in token.split('–') {
                let word = word.trim_matches(|c: char| ",.;:()!?'…".contains(c));
                if is_fact(word) || self.named.iter().any(|name| name == word) {
                    facts.push(without_unit(word).to_owned());
                }
            }
        }
        facts
    }
}

/// Returns the mark at the beginning of a list item.
fn bullet(line: &str) -> Option<&'static str> {
    let line = line.trim_start();
    ["! ", "- "].into_iter().find(|mark| line.starts_with(mark))
}

fn with(label: &str, facts: &str) -> String {
    let gap = if facts.is_empty() { "" } else { " " };
    format!("{label}:{gap}{facts}\n")
}

/// Each once, in the order of the alphabet: that of a sentence may be another tomorrow. Digests and
/// fingerprints of what a test makes differ from run to run, and stand behind the others as they came.
fn sorted(facts: &[String]) -> String {
    let is_random = |fact: &str| fact.len() > 31 && fact.chars().all(|c| c.is_ascii_hexdigit());
    let (random, stable): (Vec<_>, Vec<_>) = facts
        .iter()
        .map(String::as_str)
        .partition(|fact| is_random(fact));
    let mut facts: Vec<_> = BTreeSet::from_iter(stable).into_iter().collect();
    for fact in random {
        if !facts.contains(&fact) {
            facts.push(fact);
        }
    }
    facts.join(" ")
}

fn is_fact(word: &str) -> bool {
    let has = |is: fn(char) -> bool| word.contains(is);
    let is_loud = word.len() > 4 && word.chars().all(|c| c.is_ascii_uppercase() || c == '-');
    let is_file = word
        .split_once('.')
        .is_some_and(|(stem, rest)| stem.len() > 1 && !rest.is_empty());
    let is_marked = has(|c| c.is_ascii_digit() || "/_=@\\$<>{}%~".contains(c));
    let is_camel = word
        .as_bytes()
        .windows(2)
        .any(|pair| pair[0].is_ascii_lowercase() && pair[1].is_ascii_uppercase());
    let is_shaped = is_loud || is_file || is_marked || is_camel || word.starts_with("--");
    let is_word = WORDS
        .iter()
        .any(|known| word.trim_end_matches("'s") == *known);
    NAMES.contains(&word) || (is_shaped && !is_word && has(|c| c.is_ascii_alphanumeric()))
}

/// `10 s`, `10s` and `10 seconds` are one fact.
fn without_unit(word: &str) -> &str {
    let number = word.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = &word[number.len()..];
    let is_number = number.chars().all(|c| c.is_ascii_digit() || c == '.');
    if is_number && UNITS.contains(&unit) {
        number
    } else {
        word
    }
}

fn is_left_out(line: &str) -> bool {
    LEFT_OUT.iter().any(|start| line.starts_with(start))
}

/// The lines that clap adds to its errors.
const LEFT_OUT: [&str; 2] = ["Usage: ", "For more information, "];

/// Words that look like facts.
const WORDS: [&str; 14] = [
    "SHA-256",
    "UTF-8",
    "I/O",
    "S3",
    "HTTP/1.1",
    "HTTPS",
    "and/or",
    "HiveMQ",
    "StatefulSet",
    "StatefulSets",
    "WebAssembly",
    "MiB",
    "GiB",
    "KiB",
];

/// Names of the simulated cluster that are words, too, and methods of HTTP.
const NAMES: [&str; 10] = [
    "testbed-default",
    "messaging",
    "apps",
    "nightly",
    "testbed",
    "GET",
    "PUT",
    "POST",
    "HEAD",
    "DELETE",
];

/// Texts of backends, engines, files and systems in the tests. Each has to get to the user as it is.
const FOREIGN: [&str; 12] = [
    "something is wrong with the service",
    "temporarily not available",
    "unauthorized",
    "Forbidden",
    "Access Denied",
    "the disk is on fire",
    "with its own command line",
    "No such file or directory",
    "Permission denied",
    "Read-only file system",
    "No space left on device",
    "Connection refused",
];

const UNITS: [&str; 8] = ["s", "ms", "min", "m", "h", "KiB", "MiB", "GiB"];

static LABEL: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new("^(?P<label>error|hint|warning|hint from [^:]*): ?").expect("a pattern")
});

static TOKEN: LazyLock<Regex> = LazyLock::new(|| {
    let quoted = r#"`[^`]*`|"(?:[^"\\]|\\.)*""#;
    Regex::new(&format!(
        r#"{quoted}|'[^']+'|\[possible values: [^\]]*\]|\[[a-z]+\]|[^\s`"]+|["`]"#
    ))
    .expect("a pattern")
});

/// The mark of a capability, such as `[writes]`, and the lists of clap.
static MARK: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^\[(?:[a-z]+|possible values: .*)\]$").expect("a pattern"));
