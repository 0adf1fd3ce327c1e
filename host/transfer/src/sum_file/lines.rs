//! Reads the lines of digest files:
//!
//! | written by | form |
//! |---|---|
//! | `sha256sum`, `shasum` | `DIGEST  NAME`, `DIGEST *NAME`, with a leading backslash if NAME is escaped |
//! | `sha256sum --tag`, BSD's `sha256`, `openssl dgst` | `SHA256 (NAME) = DIGEST`, `SHA2-256(NAME)= DIGEST` |
//! | `sha256sum --zero` | with NUL at the end of each line, and no escapes |
//! | many | the digest alone, perhaps as `sha256:DIGEST` |
//! | PowerShell, `certutil` | the digest as one word among others |

use host_base::Sha256;

/// A digest, and the possible names in the text beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) digest: Sha256,
    pub(super) names: Vec<String>,
}

#[derive(Debug, Default)]
pub(super) struct Lines {
    pub(super) digests: Vec<Line>,
    /// The algorithm of a digest that is not SHA-256: its name in the line, or a guess by its length.
    pub(super) other_algorithm: Option<String>,
}

/// Reads all digests of a text. Unreadable lines are ignored.
pub(super) fn lines(text: &str) -> Lines {
    let mut found = Lines::default();
    for line in text.split(['\n', '\0']) {
        let line = line.trim_end_matches('\r');
        let start = line.trim_start();
        if start.is_empty() || start.starts_with(['#', ';']) {
            continue;
        }
        match tagged(line)
            .or_else(|| listed(line))
            .or_else(|| anywhere(line))
        {
            Some(Read::Digest(line)) => found.digests.push(line),
            Some(Read::Other(algorithm)) => {
                found.other_algorithm.get_or_insert(algorithm);
            }
            None => {}
        }
    }
    found
}

enum Read {
    Digest(Line),
    Other(String),
}

/// Reads `SHA256 (NAME) = DIGEST`. A name may contain parentheses.
fn tagged(line: &str) -> Option<Read> {
    let line = line.trim();
    let (is_escaped, line) = match line.strip_prefix('\\') {
        Some(line) => (true, line),
        None => (false, line),
    };
    let (name_end, digest) = line.rsplit_once('=')?;
    let (algorithm, name) = name_end.trim_end().strip_suffix(')')?.split_once('(')?;
    let algorithm = algorithm.trim();
    let digest = digest.trim();
    let is_algorithm = |c: char| c.is_ascii_alphanumeric() || "-_/".contains(c);
    if algorithm.is_empty() || !algorithm.chars().all(is_algorithm) || !is_hex(digest) {
        return None;
    }
    let plain = algorithm.to_ascii_lowercase().replace(['-', '_'], "");
    if !matches!(plain.as_str(), "sha256" | "sha2256" | "sha2") {
        return Some(Read::Other(algorithm.to_owned()));
    }
    let digest = digest.parse().ok()?;
    Some(Read::Digest(Line {
        digest,
        names: names(name, is_escaped),
    }))
}

/// Reads `DIGEST NAME`, or a digest alone.
fn listed(line: &str) -> Option<Read> {
    let line = line.trim_start();
    let (is_escaped, line) = match line.strip_prefix('\\') {
        Some(line) => (true, line),
        None => (false, line),
    };
    let line = match line.split_at_checked(7) {
        Some((prefix, rest)) if prefix.eq_ignore_ascii_case("sha256:") => rest,
        _ => line,
    };
    let digits = line.find(|c: char| !c.is_ascii_hexdigit());
    let (digest, rest) = line.split_at(digits.unwrap_or(line.len()));
    let Ok(digest) = digest.parse() else {
        let algorithm = by_length(digest, rest)?;
        return Some(Read::Other(format!("as long as {algorithm}")));
    };
    if rest.trim().is_empty() {
        return Some(Read::Digest(Line {
            digest,
            names: Vec::new(),
        }));
    }
    if !rest.starts_with([' ', '\t']) {
        return None;
    }
    let mut candidates = Vec::new();
    // A space means text and an asterisk binary; both are the same on Unix.
    let exact = rest.strip_prefix("  ").or_else(|| rest.strip_prefix(" *"));
    if let Some(exact) = exact {
        candidates.extend(names(exact, is_escaped));
    }
    // Other tools write one space, a tab, or columns.
    let lenient = rest.trim();
    for name in [lenient, lenient.trim_start_matches('*')] {
        candidates.extend(names(name, is_escaped));
    }
    candidates.dedup();
    Some(Read::Digest(Line {
        digest,
        names: candidates,
    }))
}

/// Finds a word of 64 hexadecimal digits, or a digest made of all words of the line. `certutil` once wrote
/// the bytes separately. Which of the other words is a name remains unknown.
fn anywhere(line: &str) -> Option<Read> {
    let lower = line.to_ascii_lowercase();
    for other in ["sha512", "sha384", "sha3", "sha1", "md5", "blake"] {
        if lower.contains(other) {
            return Some(Read::Other(other.to_uppercase()));
        }
    }
    let words: Vec<_> = line
        .split(|c: char| c.is_whitespace() || "\"',;:=()[]{}<>".contains(c))
        .filter(|word| !word.is_empty())
        .collect();
    let digest = words
        .iter()
        .find_map(|word| word.parse().ok())
        .or_else(|| words.concat().parse().ok())?;
    Some(Read::Digest(Line {
        digest,
        names: Vec::new(),
    }))
}

/// Returns the name unchanged, and unescaped if the line says that it is escaped.
fn names(name: &str, is_escaped: bool) -> Vec<String> {
    let unescaped = is_escaped.then(|| unescape(name)).flatten();
    vec![unescaped.unwrap_or_else(|| name.to_owned())]
}

/// Returns the algorithm whose digests have as many digits, if a name or nothing follows.
fn by_length(digest: &str, rest: &str) -> Option<&'static str> {
    if !(rest.trim().is_empty() || rest.starts_with([' ', '\t'])) {
        return None;
    }
    Some(match digest.len() {
        32 => "MD5",
        40 => "SHA-1",
        56 => "SHA-224",
        96 => "SHA-384",
        128 => "SHA-512",
        _ => return None,
    })
}

fn is_hex(text: &str) -> bool {
    text.len() >= 8 && text.chars().all(|c| c.is_ascii_hexdigit())
}

fn unescape(text: &str) -> Option<String> {
    let mut name = String::new();
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        name.push(match character {
            '\\' => match characters.next()? {
                'n' => '\n',
                'r' => '\r',
                '\\' => '\\',
                _ => return None,
            },
            other => other,
        });
    }
    Some(name)
}
