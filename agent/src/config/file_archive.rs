use std::path::{Path, PathBuf};

use glob::Pattern;

use super::problem::{At, Findings};
use super::section::{Section, expanded};
use super::substitute::Environment;

/// The options of `file_archive`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileArchive {
    /// Absolute patterns in order; at least one.
    pub patterns: Vec<String>,
    /// The folder that the names in the archive are relative to.
    pub base_dir: PathBuf,
    pub format: Format,
    pub compression: Compression,
    /// Whether the archive contains the target of a symbolic link instead of the link.
    pub follow_symlinks: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Tar,
    Zip,
}

/// The compression. A zip supports only `Store` and `Deflate`; a tar supports all but `Deflate`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    Store,
    Gzip,
    Bzip2,
    Xz,
    Zstd,
    Deflate,
}

/// Reads the options, and whether the archive is streamed.
pub(super) fn read(
    mut section: Section<'_>,
    workdir: &Path,
    env: &Environment,
    findings: &mut Findings,
) -> (Option<FileArchive>, bool) {
    let base_dir = section
        .path("base_dir", env, findings)
        .unwrap_or_else(|| workdir.to_owned());
    let patterns = patterns(&mut section, &base_dir, env, findings);
    let format = match section.text("format", findings) {
        None => Some(Format::Tar),
        Some((at, text)) => match text.to_ascii_lowercase().as_str() {
            "tar" => Some(Format::Tar),
            "zip" => Some(Format::Zip),
            _ => {
                let field = section.field("format");
                findings.problem(at, format!("{field} must be tar or zip"));
                None
            }
        },
    };
    let word = section.text("compression", findings);
    let field = section.field("compression");
    let compression = format.and_then(|format| compression(format, word, &field, findings));
    let follow_symlinks = section
        .boolean("follow_symlinks", findings)
        .unwrap_or(false);
    let stream = section.boolean("stream", findings).unwrap_or(false);
    if stream && format == Some(Format::Zip) {
        let field = section.field("stream");
        findings.problem(
            section.at,
            format!("{field} needs format: tar, because the beginning of a zip is written last"),
        );
    }
    section.finish(findings);
    let archive = patterns.zip(format).zip(compression);
    let archive = archive.map(|((patterns, format), compression)| FileArchive {
        patterns,
        base_dir,
        format,
        compression,
        follow_symlinks,
    });
    (archive, stream)
}

fn patterns(
    section: &mut Section<'_>,
    base_dir: &Path,
    env: &Environment,
    findings: &mut Findings,
) -> Option<Vec<String>> {
    let field = section.field("paths");
    let at = section.get("paths").map(|node| node.at);
    let texts = match at {
        Some(_) => section.texts("paths", findings)?,
        None => Vec::new(),
    };
    let at = at.unwrap_or(section.at);
    if texts.iter().all(String::is_empty) {
        findings.problem(
            at,
            format!("{field} is required: a list of paths or patterns"),
        );
        return None;
    }
    let mut patterns = Vec::new();
    for text in texts {
        // In a relative path, the part before the first pattern character is a folder, not a pattern.
        let path = expanded(&text, env);
        let pattern = if path.is_absolute() {
            path.display().to_string()
        } else {
            let base = Pattern::escape(&base_dir.display().to_string());
            format!("{}/{}", base.trim_end_matches('/'), path.display())
        };
        match Pattern::new(&pattern) {
            Ok(_) => patterns.push(pattern),
            Err(e) => findings.problem(
                at,
                format!("{field}: {text} is not a valid pattern: {}", e.msg),
            ),
        }
    }
    Some(patterns)
}

fn compression(
    format: Format,
    word: Option<(At, &str)>,
    field: &str,
    findings: &mut Findings,
) -> Option<Compression> {
    let Some((at, word)) = word else {
        return Some(Compression::Store);
    };
    let found = match (format, word.to_ascii_lowercase().as_str()) {
        (_, "" | "none" | "store" | "stored") => Some(Compression::Store),
        (Format::Tar, "gz" | "gzip") => Some(Compression::Gzip),
        (Format::Tar, "bz2" | "bzip2") => Some(Compression::Bzip2),
        (Format::Tar, "xz") => Some(Compression::Xz),
        (Format::Tar, "zst" | "zstd") => Some(Compression::Zstd),
        (Format::Zip, "deflate" | "deflated" | "gz") => Some(Compression::Deflate),
        _ => None,
    };
    if found.is_none() {
        let rule = match format {
            Format::Tar => "store, gz, bz2, xz or zstd for a tar",
            Format::Zip => "store or deflate for a zip",
        };
        findings.problem(at, format!("{field} must be {rule}, not {word}"));
    }
    found
}
