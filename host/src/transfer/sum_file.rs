//! `NAME.sha256`, in the form of `sha256sum`.

use super::Sha256;

/// Longest file of this kind that is read.
pub(super) const LONGEST: u64 = 1 << 20;

/// One line that `sha256sum -c` accepts. A name with a backslash or a line break is escaped as
/// `sha256sum` does it, with a backslash before the digest.
pub(super) fn line(digest: Sha256, name: &str) -> String {
    let escaped = name
        .replace('\\', "\\\\")
        .replace('\n', "\\n")
        .replace('\r', "\\r");
    let mark = if escaped == name { "" } else { "\\" };
    format!("{mark}{digest}  {escaped}\n")
}

/// The digest of `name` in a file of this kind.
///
/// A file with nothing but one digest is taken for the digest of whatever it lies beside.
pub(super) fn find(text: &str, name: &str) -> Option<Sha256> {
    if let Ok(digest) = text.trim().parse() {
        return Some(digest);
    }
    text.lines().find_map(|line| {
        let (digest, named) = parse(line.trim_end_matches('\r'))?;
        (named == name).then_some(digest)
    })
}

fn parse(line: &str) -> Option<(Sha256, String)> {
    let (escaped, rest) = match line.strip_prefix('\\') {
        Some(rest) => (true, rest),
        None => (false, line),
    };
    let (digest, rest) = rest.split_at_checked(64)?;
    // A space for text and an asterisk for binary; they are the same on Unix.
    let name = rest
        .strip_prefix("  ")
        .or_else(|| rest.strip_prefix(" *"))?;
    let name = if escaped {
        unescape(name)?
    } else {
        name.to_owned()
    };
    Some((digest.parse().ok()?, name))
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

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn the_form_is_that_of_sha256sum() {
        let digest: Sha256 = HEX.parse().expect("a digest");
        assert_eq!(line(digest, "a b.zip"), format!("{HEX}  a b.zip\n"));
        assert_eq!(line(digest, "a\\b\nc"), format!("\\{HEX}  a\\\\b\\nc\n"));
        for name in ["a b.zip", "a\\b\nc\r", "\\", " *x"] {
            assert_eq!(find(&line(digest, name), name), Some(digest), "{name:?}");
            assert_eq!(find(&line(digest, name), "other"), None);
        }
    }

    #[test]
    fn files_of_other_tools_are_read() {
        let digest = HEX.parse().ok();
        assert_eq!(find(&format!("{HEX} *a.zip\r\n"), "a.zip"), digest);
        assert_eq!(find(&format!("{}\n", HEX.to_uppercase()), "a.zip"), digest);
        assert_eq!(
            find(&format!("# x\n{HEX}  b\n{HEX}  a.zip\n"), "a.zip"),
            digest
        );
        for text in [
            "",
            "x",
            HEX.split_at(9).0,
            "é".repeat(64).as_str(),
            &format!("{HEX} a.zip"),
        ] {
            assert_eq!(find(text, "a.zip"), None, "{text}");
        }
    }
}
