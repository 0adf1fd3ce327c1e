//! Writes `NAME.sha256` in the format of `sha256sum`, and reads every format that tools write.

mod lines;
#[cfg(test)]
mod tests;

use std::path::Path;

use host_base::Sha256;
use lines::{Line, lines};

/// The maximum size of a digest file, in bytes.
pub(super) const LONGEST: u64 = 1 << 20;

/// Returns one line that `sha256sum -c` accepts. A name with a backslash or a line break is escaped like in
/// `sha256sum`, with a backslash before the digest.
pub(super) fn line(digest: Sha256, name: &str) -> String {
    let escaped = name
        .replace('\\', "\\\\")
        .replace('\n', "\\n")
        .replace('\r', "\\r");
    let mark = if escaped == name { "" } else { "\\" };
    format!("{mark}{digest}  {escaped}\n")
}

/// The facts of a digest file about one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// The possible digests of the file.
    Digests {
        digests: Vec<Sha256>,
        /// The name beside the digest, if it is another one.
        other_name: Option<String>,
    },
    /// There is no digest to compare with, for this reason.
    Nothing(String),
}

/// Finds the digest of the file at `path` in the text of a digest file beside it.
///
/// The file may have been hashed in another folder and renamed together with its digest:
/// - Lines with its name count, and among them those whose folders match best.
/// - Without such a line, a single digest belongs to the file beside it, whatever its name. Of several
///   digests, one that equals `actual`, the digest of the file, is chosen.
pub(super) fn find(bytes: &[u8], path: &Path, actual: Sha256) -> Found {
    let text = decode(bytes);
    let parsed = lines(&text);
    let path = path.to_string_lossy();
    let fits = |line: &Line| {
        let names = line.names.iter().map(|name| common_parts(name, &path));
        names.max().unwrap_or_default()
    };
    let best = parsed.digests.iter().map(fits).max().unwrap_or_default();
    if best > 0 {
        let digests = parsed.digests.iter().filter(|line| fits(line) == best);
        return Found::Digests {
            digests: digests.map(|line| line.digest).collect(),
            other_name: None,
        };
    }
    let mut different: Vec<_> = parsed.digests.iter().map(|line| line.digest).collect();
    different.sort_unstable_by_key(|digest| digest.to_bytes());
    different.dedup();
    let only = (different.len() == 1)
        .then(|| parsed.digests.first())
        .flatten();
    let fitting = parsed.digests.iter().find(|line| line.digest == actual);
    if let Some(line) = only.or(fitting) {
        return Found::Digests {
            digests: vec![line.digest],
            other_name: line.names.first().cloned(),
        };
    }
    Found::Nothing(match (parsed.digests.len(), parsed.other_algorithm) {
        (0, Some(algorithm)) => format!("has a digest of another kind ({algorithm})"),
        (0, None) => "has no SHA-256".to_owned(),
        (count, _) => format!("has digests of {count} files, and none of this one"),
    })
}

/// Returns how many parts two paths have in common, from their ends. 0 means that the names differ.
///
/// The first path may come from another system, so both kinds of slashes separate its parts.
fn common_parts(named: &str, path: &str) -> usize {
    let parts = path.rsplit('/').filter(|part| *part != ".");
    let count = |separators: &[char]| {
        let named = named.rsplit(separators).filter(|part| *part != ".");
        named
            .zip(parts.clone())
            .take_while(|(a, b)| a == b && !a.is_empty())
            .count()
    };
    count(&['/']).max(count(&['/', '\\']))
}

/// Decodes UTF-8, or UTF-16 with a byte order mark, which PowerShell's `>` writes.
fn decode(bytes: &[u8]) -> String {
    let units = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let (pairs, _) = bytes.as_chunks::<2>();
        let units: Vec<_> = pairs.iter().map(|pair| unit(*pair)).collect();
        String::from_utf16_lossy(&units)
    };
    match bytes {
        [0xff, 0xfe, rest @ ..] => units(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => units(rest, u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] | rest => String::from_utf8_lossy(rest).into_owned(),
    }
}
