use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::problem::Findings;
use super::section::{Section, has_unknown, words_of};
use super::substitute::Environment;
use super::tree::{Node, Value};

/// The options of `database_dump` and `custom`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commands {
    pub pre: Vec<CommandLine>,
    /// The main commands: at least one, and exactly one if its output is captured.
    pub main: Vec<CommandLine>,
    pub post: Vec<CommandLine>,
    /// Whether the artifact is the stdout of the main command.
    pub capture_stdout: bool,
    /// Variables of the commands. They override the helper variables.
    pub env: BTreeMap<String, String>,
    pub workdir: PathBuf,
    /// The words in front of a command line for the shell. The list is never empty.
    pub shell: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommandLine {
    /// One text, which the shell interprets.
    Shell(String),
    /// The program and its arguments, without a shell. The list is never empty.
    Words(Vec<String>),
}

/// Reads the commands, and whether their output is streamed.
pub(super) fn read(
    mut section: Section<'_>,
    captures: bool,
    workdir: &Path,
    env: &Environment,
    findings: &mut Findings,
) -> (Option<Commands>, bool) {
    let pre = lines(&mut section, "pre", findings);
    let post = lines(&mut section, "post", findings);
    let both = section
        .get("command")
        .is_some()
        .then(|| section.get("commands"))
        .flatten();
    if let Some(node) = both {
        let field = section.field("command");
        findings.problem(node.at, format!("{field} and {field}s can't both be set"));
    }
    let is_missing = section.get("command").is_none() && section.get("commands").is_none();
    let mut main = lines(&mut section, "command", findings);
    let more = lines(&mut section, "commands", findings);
    if both.is_none() {
        main = main.zip(more).map(|(mut main, more)| {
            main.extend(more);
            main
        });
    }
    let has_none = main.as_ref().is_some_and(Vec::is_empty);
    if has_none || is_missing {
        findings.problem(
            section.at,
            format!("{} is required", section.field("command")),
        );
    }
    let capture_stdout = section
        .boolean("capture_stdout", findings)
        .unwrap_or(captures);
    if capture_stdout && main.as_ref().is_some_and(|main| main.len() > 1) {
        findings.problem(
            section.at,
            format!(
                "{} needs exactly one command",
                section.field("capture_stdout")
            ),
        );
    }
    let stream = section.boolean("stream", findings).unwrap_or(false);
    if stream && !capture_stdout {
        findings.problem(
            section.at,
            format!("{} needs capture_stdout: true", section.field("stream")),
        );
    }
    let variables = variables(section.section("env", findings), findings);
    let workdir = section
        .path("workdir", env, findings)
        .unwrap_or_else(|| workdir.to_owned());
    let shell = shell(&mut section, findings);
    section.finish(findings);
    let commands = pre.zip(main).zip(post).map(|((pre, main), post)| Commands {
        pre,
        main,
        post,
        capture_stdout,
        env: variables,
        workdir,
        shell,
    });
    (commands, stream)
}

/// Reads one command or several; a list within the list is one command in words. Returns `None` if there is a
/// problem.
fn lines(
    section: &mut Section<'_>,
    key: &'static str,
    findings: &mut Findings,
) -> Option<Vec<CommandLine>> {
    let Some(node) = section.get(key) else {
        return Some(Vec::new());
    };
    let lines: Option<Vec<_>> = match &node.value {
        Value::List(items) => items.iter().map(line).collect(),
        _ => line(node).map(|line| vec![line]),
    };
    if lines.is_none() && !has_unknown(node) {
        let field = section.field(key);
        findings.problem(
            node.at,
            format!("{field} must be a command, or a list of them; each is text for the shell, or a list of words"),
        );
    }
    lines
}

fn line(node: &Node) -> Option<CommandLine> {
    match &node.value {
        Value::Text(text) if !text.trim().is_empty() => Some(CommandLine::Shell(text.clone())),
        Value::List(items) => words_of(items)
            .filter(|words| words.first().is_some_and(|program| !program.is_empty()))
            .map(CommandLine::Words),
        _ => None,
    }
}

fn variables(mut section: Section<'_>, findings: &mut Findings) -> BTreeMap<String, String> {
    let mut variables = BTreeMap::new();
    for entry in section.entries() {
        let name = &entry.key;
        let value = match &entry.node.value {
            Value::Text(text) => text.clone(),
            Value::Null => String::new(),
            Value::Unknown => continue,
            _ => {
                let field = section.field(name);
                findings.problem(entry.node.at, format!("{field} must be text"));
                continue;
            }
        };
        if name.is_empty() || name.contains(['=', '\0']) || value.contains('\0') {
            let field = section.field(name);
            findings.problem(entry.at, format!("{field} can't be a variable"));
        }
        variables.insert(name.clone(), value);
    }
    variables
}

fn shell(section: &mut Section<'_>, findings: &mut Findings) -> Vec<String> {
    let default = || vec!["/bin/sh".to_owned(), "-c".to_owned()];
    let Some(node) = section.get("shell") else {
        return default();
    };
    let words = match &node.value {
        Value::List(items) => words_of(items),
        _ => None,
    };
    if let Some(words) = words.filter(|words| words.len() > 1) {
        return words;
    }
    if !has_unknown(node) {
        let field = section.field("shell");
        findings.problem(
            node.at,
            format!("{field} must be a list of words, such as [/bin/bash, -o, pipefail, -c]"),
        );
    }
    default()
}
