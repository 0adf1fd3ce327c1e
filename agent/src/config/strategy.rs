use std::path::Path;

use super::commands::{self, Commands};
use super::file_archive::{self, FileArchive};
use super::problem::{At, Findings};
use super::section::Section;
use super::substitute::Environment;

/// The strategy that makes the backup.
#[derive(Debug, Clone)]
pub struct Strategy {
    /// The name: `database_dump`, `file_archive` or `custom`. Aliases are resolved.
    pub name: &'static str,
    pub artifact: ArtifactInfo,
    pub work: Work,
    /// Whether the bytes are sent while they are produced, without a copy on disk.
    pub stream: bool,
}

#[derive(Debug, Clone)]
pub enum Work {
    Commands(Commands),
    FileArchive(FileArchive),
}

/// The description of the artifact in the answer. All three texts are valid in a header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArtifactInfo {
    pub filename: String,
    pub format: String,
    pub content_type: String,
}

/// Reads the strategy. Returns `None` only if the findings contain a problem.
pub(super) fn read(
    mut section: Section<'_>,
    workdir: &Path,
    env: &Environment,
    findings: &mut Findings,
) -> Option<Strategy> {
    if let Some(node) = section.get("commands") {
        findings.problem(
            node.at,
            "strategy.commands is of an older layout; write pre, command and post into strategy.config",
        );
    }
    let artifact = artifact(section.section("artifact", findings), findings);
    let kind = section.required("type", "strategy.type is required", findings);
    let options = section.section("config", findings);
    let name = kind.and_then(|(at, text)| name(at, text, findings));
    section.finish(findings);
    let (work, stream) = match name? {
        "file_archive" => {
            let (archive, stream) = file_archive::read(options, workdir, env, findings);
            (archive.map(Work::FileArchive), stream)
        }
        name => {
            let captures = name == "database_dump";
            let (commands, stream) = commands::read(options, captures, workdir, env, findings);
            (commands.map(Work::Commands), stream)
        }
    };
    Some(Strategy {
        name: name?,
        artifact: artifact?,
        work: work?,
        stream,
    })
}

fn name(at: At, text: &str, findings: &mut Findings) -> Option<&'static str> {
    match text.to_lowercase().as_str() {
        "database_dump" | "postgres" | "mysql" | "mariadb" => Some("database_dump"),
        "file_archive" | "filesystem" => Some("file_archive"),
        "custom" => Some("custom"),
        _ => {
            findings.problem(
                at,
                format!(
                    "Unsupported strategy type: {text}; use database_dump, file_archive or custom"
                ),
            );
            None
        }
    }
}

fn artifact(mut section: Section<'_>, findings: &mut Findings) -> Option<ArtifactInfo> {
    let mut text = |key, default: &str, is_valid: fn(&str) -> bool, rule: &str| {
        let Some((at, text)) = section.text(key, findings) else {
            return Some(default.to_owned());
        };
        if is_valid(text) {
            return Some(text.to_owned());
        }
        let field = section.field(key);
        findings.problem(at, format!("{field} must be {rule}"));
        None
    };
    let filename = text(
        "filename",
        "backup.dat",
        is_file_name,
        "a plain file name: no folder, no quotes, no backslash, nothing invisible, ASCII",
    );
    let format = text(
        "format",
        "binary",
        is_header_value,
        "one line of ASCII that is not empty",
    );
    let content_type = text(
        "content_type",
        "application/octet-stream",
        is_content_type,
        "a media type, such as application/gzip",
    );
    section.finish(findings);
    Some(ArtifactInfo {
        filename: filename?,
        format: format?,
        content_type: content_type?,
    })
}

/// Returns whether the text is a file name that needs no escaping between the quotes of a header.
fn is_file_name(text: &str) -> bool {
    is_header_value(text)
        && !matches!(text, "." | "..")
        && !text.contains(['/', '\\', '"'])
        && text.len() <= 255
}

fn is_content_type(text: &str) -> bool {
    is_header_value(text)
        && text
            .split_once('/')
            .is_some_and(|(kind, rest)| !kind.is_empty() && !rest.is_empty())
}

fn is_header_value(text: &str) -> bool {
    !text.is_empty()
        && text.trim() == text
        && text
            .bytes()
            .all(|byte| byte == b' ' || byte.is_ascii_graphic())
}
