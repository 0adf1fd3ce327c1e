use std::fmt;

use host_base::text::is_unsafe;
use http::HeaderMap;
use jiff::Timestamp;

use super::{TransferError, content_disposition};

/// The maximum length of a name, in bytes. Most file systems allow 255, but derived names are longer.
const LONGEST: usize = 200;

/// The maximum length of an ending that is kept when a name is cut, in bytes.
const LONGEST_ENDING: usize = 24;

/// Endings of compressed files. The ending before it says what is compressed.
const COMPRESSED: [&str; 5] = [".gz", ".bz2", ".xz", ".zst", ".lz4"];

/// The name of a file, without a folder, that is safe on every system. It can't leave its folder, hide, look
/// like an option or like another name, or name a device.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FileName(String);

impl FileName {
    /// Makes a name from the proposal of a server or an engine. Returns none if nothing useful is left.
    ///
    /// The last part of a path is used. Invisible characters are dropped; characters with a meaning to some
    /// system become `_`.
    #[must_use]
    pub fn clean(proposed: &str) -> Option<Self> {
        let last = proposed.rsplit(['/', '\\']).next().unwrap_or_default();
        let seen: String = last
            .chars()
            .filter(|character| !is_invisible(*character))
            .map(|character| match character {
                ':' | '*' | '?' | '"' | '<' | '>' | '|' | char::REPLACEMENT_CHARACTER => '_',
                character if character.is_whitespace() => ' ',
                character => character,
            })
            .collect();
        let mut name = trim(&seen).to_owned();
        if is_device(&name) {
            name.insert(0, '_');
        }
        // The ending would make the file look like the digest of another file, which would overwrite it.
        if name.to_ascii_lowercase().ends_with(".sha256") {
            name.push_str(".backup");
        }
        let name = shorten(&name);
        (!name.is_empty()).then_some(Self(name))
    }

    /// Checks a name that the user gave; it is used unchanged or refused.
    ///
    /// # Errors
    /// [`TransferError::BadFileName`], with a similar name that is allowed.
    pub fn given(name: &str) -> Result<Self, TransferError> {
        let clean = Self::clean(name);
        match clean {
            Some(clean) if clean.0 == name => Ok(clean),
            clean => Err(TransferError::BadFileName {
                given: name.to_owned(),
                better: clean.map(|clean| clean.0),
            }),
        }
    }

    /// Returns the name that a response proposes in its `Content-Disposition` (RFC 6266).
    #[must_use]
    pub fn of_headers(headers: &HeaderMap) -> Option<Self> {
        headers
            .get_all(http::header::CONTENT_DISPOSITION)
            .iter()
            .flat_map(content_disposition::names)
            .find_map(|name| Self::clean(&name))
    }

    /// Returns the name `backup-{id}-{time}.backup`, with the time in UTC.
    ///
    /// A partial download is found by its name. Therefore pass the time when the backup was made, if it is
    /// known, and not the current time.
    #[must_use]
    pub fn fallback(id: &str, time: Timestamp) -> Self {
        const LONGEST_ID: usize = 120;
        let mut clean: String = id
            .chars()
            .map(|c| {
                if c.is_ascii_alphanumeric() || c == '_' || c == '.' {
                    c
                } else {
                    '-'
                }
            })
            .collect();
        clean.truncate(LONGEST_ID);
        let clean = clean.trim_matches(['-', '.']);
        let id = if clean.is_empty() { "unknown" } else { clean };
        Self(format!(
            "backup-{id}-{}.backup",
            time.strftime("%Y%m%d-%H%M%S")
        ))
    }

    /// Inserts a time in UTC before the ending of the name, as in `app-20260506-061317.sql.gz`.
    #[must_use]
    pub fn dated(&self, time: Timestamp) -> Self {
        let (stem, ending) = split_ending(&self.0);
        let time = time.strftime("%Y%m%d-%H%M%S").to_string();
        let room = LONGEST - ending.len() - time.len() - 1;
        let stem = &stem[..stem.floor_char_boundary(room)];
        let stem = stem.trim_end_matches([' ', '.', '-']);
        Self(format!("{stem}-{time}{ending}"))
    }

    /// Returns the name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Returns true for characters that are invisible or could control a terminal. Unusual spaces are not among
/// them: they become plain spaces.
fn is_invisible(character: char) -> bool {
    let is_line_break = matches!(character, '\u{2028}' | '\u{2029}') || character.is_control();
    is_unsafe(character) && (is_line_break || !character.is_whitespace())
}

/// Removes beginnings that hide a file or make it an option or a home folder, and endings that Windows drops.
fn trim(name: &str) -> &str {
    name.trim_start_matches([' ', '.', '-', '~'])
        .trim_end_matches([' ', '.'])
}

/// Returns true for names of devices on Windows, with any ending.
fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().trim_end();
    let stem = stem.to_ascii_uppercase();
    let numbered = |prefix| {
        stem.strip_prefix(prefix).is_some_and(|rest: &str| {
            let mut rest = rest.chars();
            matches!(rest.next(), Some('0'..='9' | '¹' | '²' | '³')) && rest.next().is_none()
        })
    };
    matches!(
        stem.as_str(),
        "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$"
    ) || numbered("COM")
        || numbered("LPT")
}

/// Cuts a long name before its ending.
fn shorten(name: &str) -> String {
    if name.len() <= LONGEST {
        return name.to_owned();
    }
    let (stem, ending) = split_ending(name);
    let stem = &stem[..stem.floor_char_boundary(LONGEST - ending.len())];
    format!("{}{ending}", stem.trim_end_matches([' ', '.']))
}

/// Splits off the ending with its dot, or both endings of a compressed file (`.tar.gz`).
fn split_ending(name: &str) -> (&str, &str) {
    let before = |end: usize| {
        name[..end]
            .rfind('.')
            .filter(|at| *at > 0 && name.len() - at <= LONGEST_ENDING)
    };
    let Some(last) = before(name.len()) else {
        return (name, "");
    };
    let is_compressed = (COMPRESSED.iter()).any(|ending| name[last..].eq_ignore_ascii_case(ending));
    let inner = before(last).filter(|_| is_compressed);
    name.split_at(inner.unwrap_or(last))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clean(text: &str) -> Option<String> {
        FileName::clean(text).map(|name| name.0)
    }

    #[test]
    fn a_good_name_stays_as_it_is() {
        for name in [
            "a.zip",
            "backup 2026-01-02.tar.gz",
            "Größe-備份.backup",
            "a..b",
            "COMMON.zip",
            "x~1",
        ] {
            assert_eq!(clean(name).as_deref(), Some(name));
            assert!(FileName::given(name).is_ok());
        }
    }

    #[test]
    fn a_name_cannot_leave_its_folder() {
        for (hostile, tame) in [
            ("../../etc/passwd", "passwd"),
            ("/etc/cron.d/x", "x"),
            ("..\\..\\boot.ini", "boot.ini"),
            ("C:\\backups\\a.zip", "a.zip"),
            ("C:a.zip", "C_a.zip"),
            ("a/b\\c", "c"),
        ] {
            assert_eq!(clean(hostile).as_deref(), Some(tame), "{hostile}");
            assert!(FileName::given(hostile).is_err(), "{hostile}");
        }
        for nothing in [
            "",
            ".",
            "..",
            "...",
            "/",
            "a/",
            "..\\",
            " ",
            "-",
            "--",
            "~",
            ".-. ",
            "\u{200b}\0",
        ] {
            assert_eq!(clean(nothing), None, "{nothing:?}");
        }
    }

    #[test]
    fn a_name_cannot_hide_be_an_option_or_name_a_device() {
        for (hostile, tame) in [
            (".bashrc", "bashrc"),
            ("-rf", "rf"),
            ("~root", "root"),
            ("--help.zip", "help.zip"),
            ("con", "_con"),
            ("NUL.tar.gz", "_NUL.tar.gz"),
            ("com1.zip", "_com1.zip"),
            ("LPT³", "_LPT³"),
            ("aux .txt", "_aux .txt"),
            ("name. . ", "name"),
            ("a.sha256", "a.sha256.backup"),
            ("a.SHA256", "a.SHA256.backup"),
        ] {
            assert_eq!(clean(hostile).as_deref(), Some(tame), "{hostile}");
        }
    }

    #[test]
    fn a_name_cannot_look_like_another() {
        assert_eq!(clean("a\u{202e}piz.exe").as_deref(), Some("apiz.exe"));
        assert_eq!(clean("a\u{200d}\u{ad}\u{fe0f}b").as_deref(), Some("ab"));
        assert_eq!(clean("a\r\n\u{1b}[2Jb").as_deref(), Some("a[2Jb"));
        assert_eq!(
            clean("a\u{a0}b\u{3000}c\u{fffd}").as_deref(),
            Some("a b c_")
        );
    }

    #[test]
    fn a_long_name_is_cut_before_its_ending() {
        let long = clean(&format!("{}.tar.gz", "ä".repeat(300))).expect("a name");
        assert!(
            long.len() <= LONGEST && long.ends_with("ä.tar.gz"),
            "{long}"
        );
        let long = clean(&"x".repeat(1000)).expect("a name");
        assert_eq!(long.len(), LONGEST);
        let long = clean(&format!("a.{}", "b".repeat(1000))).expect("a name");
        assert_eq!(long.len(), LONGEST);
        let long = clean(&format!("{}.sha256", "x".repeat(300))).expect("a name");
        assert!(
            long.len() <= LONGEST && long.ends_with("x.backup"),
            "{long}"
        );
        assert_eq!(
            clean(&long).as_deref(),
            Some(long.as_str()),
            "cleaning again changes nothing"
        );
    }

    #[test]
    fn a_dated_name_keeps_its_ending() {
        let time: Timestamp = "2026-05-06T08:13:17.5+02:00".parse().expect("a time");
        let dated = |name: &str| FileName::clean(name).expect("a name").dated(time).0;
        for (name, with_time) in [
            ("app.sql.gz", "app-20260506-061317.sql.gz"),
            ("app.tar.zst", "app-20260506-061317.tar.zst"),
            ("my.app.dump", "my.app-20260506-061317.dump"),
            ("app", "app-20260506-061317"),
        ] {
            assert_eq!(dated(name), with_time);
        }
        for long in [
            "x".repeat(999),
            format!("{}.sql.gz", "ä".repeat(300)),
            format!("a.{}.gz", "b".repeat(20)),
        ] {
            let name = dated(&long);
            assert!(name.len() <= LONGEST, "{name}");
            assert_eq!(clean(&name).as_deref(), Some(&*name));
        }
    }

    #[test]
    fn cleaning_is_done_once() {
        // The texts are random, from a small generator with a fixed seed.
        let alphabet: Vec<char> = "ab./\\-~ :\u{200b}\u{202e}ä\0CON1sha256".chars().collect();
        let mut seed = 0x9e37_79b9_u32;
        for _ in 0..20_000 {
            let text: String = (0..seed % 12)
                .map(|_| {
                    seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    alphabet[(seed >> 16) as usize % alphabet.len()]
                })
                .collect();
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            if let Some(name) = clean(&text) {
                assert_eq!(clean(&name).as_deref(), Some(name.as_str()), "{text:?}");
            }
        }
    }

    #[test]
    fn the_fallback_names_backup_and_time() {
        let time: Timestamp = "2026-05-06T08:13:17.5+02:00".parse().expect("a time");
        let name = |id| FileName::fallback(id, time).0;
        assert_eq!(name("B-1"), "backup-B-1-20260506-061317.backup");
        assert_eq!(name("x/../y é"), "backup-x-..-y-20260506-061317.backup");
        assert_eq!(name(""), "backup-unknown-20260506-061317.backup");
        for id in ["../..", "\u{202e}", &"x".repeat(999), "a\\b", "a.sha256"] {
            assert_eq!(clean(&name(id)), Some(name(id)), "{id}");
        }
    }
}
