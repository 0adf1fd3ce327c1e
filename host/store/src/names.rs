//! The names of objects in a store. They carry everything that a listing of copies shows.
//!
//! ```text
//! PREFIX/v1/store.json                                              format, time zone of retention
//! PREFIX/v1/copies/CLUSTER/NAMESPACE/TARGET/ENGINE/TIME-SIZE-DIGEST-ID.json    manifest, written last
//! PREFIX/v1/data/BACKUP-NONCE/NUMBER[.age]                          the bytes of each file
//! PREFIX/v1/marks/COPY/pin | check-TIME-HOW-RESULT-BY | lock-TIME   empty objects
//! PREFIX/v1/open/BACKUP-NONCE.json                                  an upload that is under way
//! ```
//!
//! Text in names consists of letters, digits, dashes and dots. Everything else is `_` and two hexadecimal digits.

use std::fmt;

use host_base::Sha256;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// The version of the layout, and the beginning of all names below the prefix.
pub(crate) const VERSION: &str = "v1";
pub(crate) const COPIES: &str = "copies";
pub(crate) const DATA: &str = "data";
pub(crate) const MARKS: &str = "marks";
pub(crate) const OPEN: &str = "open";
pub(crate) const STORE: &str = "store.json";

/// The maximum number of characters of a text in a name. Some file systems allow 255 bytes for a name.
const MAX_TEXT: usize = 150;
/// How many characters are kept of a longer text, in front of its digest.
const KEPT: usize = 100;
/// The number of hexadecimal digits of a digest in a name.
const DIGITS: usize = 16;

/// The origin of a backup. Retention counts the copies of each source by themselves.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Source {
    /// Name of the cluster, as in the kubeconfig.
    pub cluster: String,
    /// Namespace of the target.
    pub namespace: String,
    /// Name of the StatefulSet, or of the pod if each pod has backups of its own. Empty if the engine has no
    /// target.
    pub target: String,
    /// Id of the engine.
    pub engine: String,
}

impl Source {
    fn parts(&self) -> [&str; 4] {
        [&self.cluster, &self.namespace, &self.target, &self.engine]
    }
}

/// `CLUSTER/NAMESPACE/TARGET/ENGINE`, for people.
impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |text: &str| {
            if text.is_empty() {
                "-".to_owned()
            } else {
                text.to_owned()
            }
        };
        f.write_str(&self.parts().map(shown).join("/"))
    }
}

/// The facts about a copy that its name has.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CopyName {
    /// The origin of the backup.
    pub source: Source,
    /// When the backup was created, in milliseconds.
    pub time: Timestamp,
    /// Length of the backup in bytes, before encryption.
    pub size: u64,
    /// The first 16 hexadecimal digits of its digest.
    pub digest: String,
    /// Id of the backup. The end of a long one is missing.
    pub id: String,
    /// Whether the end of the id is missing.
    pub is_cut: bool,
}

impl CopyName {
    /// Returns the name of the manifest below `copies/`.
    #[must_use]
    pub fn path(&self) -> String {
        let source = self.source.parts().map(escaped).join("/");
        let id = escaped(&self.id);
        format!(
            "{source}/{}-{}-{}-{id}.json",
            time_text(self.time),
            self.size,
            self.digest
        )
    }

    /// Reads a name below `copies/`.
    pub(crate) fn parse(path: &str) -> Option<Self> {
        let (source, name) = path.rsplit_once('/')?;
        let mut parts = source.split('/').map(unescaped);
        let mut part = || parts.next().flatten();
        let source = Source {
            cluster: part()?,
            namespace: part()?,
            target: part()?,
            engine: part()?,
        };
        if parts.next().is_some() {
            return None;
        }
        let mut fields = name.strip_suffix(".json")?.splitn(4, '-');
        let mut field = || fields.next();
        let time = parse_time(field()?)?;
        let size = field()?.parse().ok()?;
        let digest = field()?.to_owned();
        let is_digest = digest.len() == DIGITS && digest.bytes().all(|b| b.is_ascii_hexdigit());
        let id = unescaped(field()?)?;
        let is_cut = is_cut(&id);
        is_digest.then_some(Self {
            source,
            time,
            size,
            digest,
            id,
            is_cut,
        })
    }

    /// Creates the name of a copy.
    pub(crate) fn new(
        source: &Source,
        id: &str,
        time: Timestamp,
        size: u64,
        digest: Sha256,
    ) -> Self {
        let id = bounded(id);
        Self {
            source: Source {
                cluster: bounded(&source.cluster),
                namespace: bounded(&source.namespace),
                target: bounded(&source.target),
                engine: bounded(&source.engine),
            },
            time: Timestamp::from_millisecond(time.as_millisecond()).unwrap_or(time),
            size,
            digest: short(digest),
            is_cut: is_cut(&id),
            id,
        }
    }

    /// Returns the key of the copy in the names of its marks.
    pub(crate) fn key(&self) -> String {
        short(Sha256::digest(self.path().as_bytes()))
    }

    /// Returns the key of the backup in the names of its data.
    pub(crate) fn backup_key(&self) -> String {
        backup_key(&self.source, &self.id)
    }

    /// Returns true if `reference` means this copy. A reference is the id of the backup. Any number of the names
    /// of its source may stand in front of it. `@DIGEST` may stand after it, and then `@TIME`.
    #[must_use]
    pub fn is_meant_by(&self, reference: &str) -> bool {
        let timed = reference.rsplit_once('@');
        match timed.and_then(|(front, time)| Some((front, parse_time(time)?))) {
            // An id may look like that, too.
            Some((front, time)) if self.time == time && self.is_named(front) => true,
            _ => self.is_named(reference),
        }
    }

    fn is_named(&self, reference: &str) -> bool {
        let matches = |reference: &str| {
            let whole = format!("{}/{}", self.source, self.id);
            whole == reference
                || whole
                    .strip_suffix(reference)
                    .is_some_and(|front| front.ends_with('/') && reference.ends_with(&self.id))
        };
        if matches(reference) {
            return true;
        }
        match reference.rsplit_once('@') {
            Some((id, digest)) => {
                digest.len() >= 6 && self.digest.starts_with(digest) && matches(id)
            }
            None => false,
        }
    }

    /// Returns the reference. It means no other copy, unless a backup with the same id has the same bytes.
    #[must_use]
    pub fn reference(&self) -> String {
        let (source, id, digest) = self.referred();
        format!("{source}/{id}@{digest}")
    }

    /// Returns what the reference consists of.
    pub(crate) fn referred(&self) -> (&Source, &str, &str) {
        (&self.source, &self.id, &self.digest[..8])
    }

    /// Returns the reference with the time, which tells the copies apart that have the same reference.
    pub(crate) fn timed_reference(&self) -> String {
        format!("{}@{}", self.reference(), time_text(self.time))
    }
}

/// Returns the key of a backup in the names of its data and of its uploads.
pub(crate) fn backup_key(source: &Source, id: &str) -> String {
    let parts = source.parts().map(bounded).join("\n");
    let id = bounded(id);
    short(Sha256::digest(format!("{parts}\n{id}").as_bytes()))
}

/// Returns the first digits of a digest.
pub(crate) fn short(digest: Sha256) -> String {
    digest.to_string()[..DIGITS].to_owned()
}

/// Returns a time in UTC as fixed-width text, so that names sort by it.
pub(crate) fn time_text(time: Timestamp) -> String {
    let civil = TimeZone::UTC.to_datetime(time);
    format!(
        "{:04}{:02}{:02}T{:02}{:02}{:02}{:03}Z",
        civil.year(),
        civil.month(),
        civil.day(),
        civil.hour(),
        civil.minute(),
        civil.second(),
        civil.millisecond()
    )
}

pub(crate) fn parse_time(text: &str) -> Option<Timestamp> {
    let is_digits = |range: std::ops::Range<usize>| {
        text.get(range)
            .filter(|it| it.bytes().all(|b| b.is_ascii_digit()))
    };
    if text.len() != 19 || text.get(8..9) != Some("T") || text.get(18..) != Some("Z") {
        return None;
    }
    let number = |range| is_digits(range)?.parse::<i16>().ok();
    let small = |range| i8::try_from(number(range)?).ok();
    let time = DateTime::new(
        number(0..4)?,
        small(4..6)?,
        small(6..8)?,
        small(9..11)?,
        small(11..13)?,
        small(13..15)?,
        i32::from(number(15..18)?) * 1_000_000,
    )
    .ok()?;
    TimeZone::UTC.to_timestamp(time).ok()
}

/// Returns a text as a part of a name. `-` stands for an empty one.
pub(crate) fn escaped(text: &str) -> String {
    if text.is_empty() {
        return "-".to_owned();
    }
    if is_cut(text) {
        return text.to_owned();
    }
    let is_special = matches!(text, "-" | "." | "..");
    let mut name = String::new();
    for byte in text.bytes() {
        if !is_special && (byte.is_ascii_alphanumeric() || b"-.".contains(&byte)) {
            name.push(char::from(byte));
        } else {
            name.push_str(&format!("_{byte:02x}"));
        }
    }
    if name.len() <= MAX_TEXT {
        return name;
    }
    // The escape of a byte must not be cut in its middle.
    let mut end = KEPT;
    if let Some(at) = name[..end].rfind('_').filter(|at| end - at < 3) {
        end = at;
    }
    let digest = short(Sha256::digest(text.as_bytes()));
    format!("{}__{digest}", &name[..end])
}

/// Returns the text, or what names have of it if it is very long. Both have the same name.
fn bounded(text: &str) -> String {
    let name = escaped(text);
    if is_cut(&name) { name } else { text.to_owned() }
}

/// Returns true for the name of a very long text: its beginning, two underscores, and its digest.
fn is_cut(name: &str) -> bool {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
    name.rsplit_once("__").is_some_and(|(front, digest)| {
        front.len() <= KEPT
            && front.bytes().all(is_plain)
            && digest.len() == DIGITS
            && digest.bytes().all(|b| b.is_ascii_hexdigit())
    })
}

/// Returns the text of a part of a name. None if no text has this name.
pub(crate) fn unescaped(name: &str) -> Option<String> {
    if name == "-" {
        return Some(String::new());
    }
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"-.".contains(&b);
    if name.bytes().all(is_plain) {
        let has_text = !matches!(name, "" | "." | "..") && name.len() <= MAX_TEXT;
        return has_text.then(|| name.to_owned());
    }
    if is_cut(name) {
        return Some(name.to_owned());
    }
    let mut bytes = Vec::new();
    let mut rest = name.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'_' {
            let digit = |byte: u8| char::from(byte).to_digit(16);
            let value = digit(rest.next()?)? << 4 | digit(rest.next()?)?;
            bytes.push(u8::try_from(value).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    let text = String::from_utf8(bytes).ok()?;
    (escaped(&text) == name).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source() -> Source {
        Source {
            cluster: "prod:eu/1".to_owned(),
            namespace: "hivemq".to_owned(),
            target: "broker".to_owned(),
            engine: "acme/vault".to_owned(),
        }
    }

    fn name(id: &str) -> CopyName {
        let time: Timestamp = "2026-11-27T01:02:03.456789Z".parse().unwrap();
        CopyName::new(&source(), id, time, 1 << 40, Sha256::digest(b"x"))
    }

    #[test]
    fn a_name_has_all_that_a_listing_shows() {
        let name = name("20261127-010203");
        assert_eq!(
            name.path(),
            "prod_3aeu_2f1/hivemq/broker/acme_2fvault/20261127T010203456Z-1099511627776-2d711642b726b044-20261127-010203.json"
        );
        assert_eq!(CopyName::parse(&name.path()), Some(name));
    }

    #[test]
    fn every_text_comes_back_and_none_becomes_a_path() {
        for id in [
            "", "-", ".", "..", "a/b", "../../x", "a_b", "ä", "a b", "__", "x.json", "\0", "A-b-c",
        ] {
            let name = name(id);
            assert_eq!(CopyName::parse(&name.path()).unwrap().id, id, "{id}");
            assert_eq!(name.path().matches('/').count(), 4);
            let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._/".contains(c);
            assert!(name.path().chars().all(is_plain));
        }
    }

    #[test]
    fn long_ids_that_begin_alike_have_different_names() {
        let ids = ["é".repeat(400), format!("{}x", "é".repeat(400))];
        let [a, b] = ids.each_ref().map(|id| name(id));
        assert!(a.is_cut && a.path().len() < 255 + source().to_string().len() + 60);
        assert_ne!(a.path(), b.path());
        assert_ne!(a.backup_key(), b.backup_key());
        let read = CopyName::parse(&a.path()).unwrap();
        assert_eq!(read, a);
        assert_eq!(read.backup_key(), backup_key(&source(), &ids[0]));
        assert_eq!(read.backup_key(), a.backup_key());

        // The same holds for a long name of a cluster.
        let long = Source {
            cluster: format!("arn:aws:eks:eu-west-1:1:cluster/{}", "ä_".repeat(40)),
            ..source()
        };
        let name = CopyName::new(&long, "7", Timestamp::UNIX_EPOCH, 1, Sha256::digest(b"x"));
        assert_eq!(CopyName::parse(&name.path()), Some(name.clone()));
        assert_eq!(name.backup_key(), backup_key(&long, "7"));
    }

    #[test]
    fn names_of_others_are_no_copies() {
        for path in [
            "x.json",
            "a/b/c/d/x.json",
            "a/b/c/d/20261127T010203456Z-1-2d711642b726b044-x",
            "a/b/c/d/20261327T010203456Z-1-2d711642b726b044-x.json",
            "a/b/c/d/20261127T010203456Z--1-2d711642b726b044-x.json",
            "a/b/c/d/20261127T010203456Z-1-2d711642b726b04-x.json",
            "a/b/c/d/e/20261127T010203456Z-1-2d711642b726b044-x.json",
            "_/b/c/d/20261127T010203456Z-1-2d711642b726b044-x.json",
            "a/b/c/d/20261127T010203456Z-1-2d711642b726b044-_41.json",
        ] {
            assert_eq!(CopyName::parse(path), None, "{path}");
        }
    }

    #[test]
    fn a_copy_is_meant_by_its_id_and_by_more_of_its_name() {
        let name = name("a/7");
        for reference in [
            "a/7",
            "acme/vault/a/7",
            "broker/acme/vault/a/7",
            "a/7@2d711642",
            "prod:eu/1/hivemq/broker/acme/vault/a/7",
            &name.reference(),
        ] {
            assert!(name.is_meant_by(reference), "{reference}");
        }
        for reference in ["7", "/7", "", "a/7@2d", "a/7@ffffffff", "t/a/7", "a/70"] {
            assert!(!name.is_meant_by(reference), "{reference}");
        }
    }
}
