use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// The location of an engine. Its text parses to the same reference.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Reference {
    /// A file of this machine.
    Path(PathBuf),
    /// A URL with the scheme `https`, or `http` on loopback.
    Url(String),
    /// An artifact of an OCI registry.
    Oci {
        /// Host, with a port if it needs one.
        registry: String,
        repository: String,
        version: OciVersion,
    },
}

/// Selects an artifact of a repository.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum OciVersion {
    /// A tag.
    Tag(String),
    /// SHA-256 digest of its image manifest in hexadecimal.
    Digest(String),
    /// SHA-512 of its image manifest in hexadecimal. Registries may also name a manifest by it.
    Sha512(String),
}

/// An error: the text is not a reference.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid engine reference `{given}`: {reason}")]
pub struct BadReference {
    /// The text.
    pub given: String,
    /// The fault, as a phrase for people.
    pub reason: &'static str,
}

impl Reference {
    /// Returns where another version may be: at the usual tags of that version, without and with `v`. Only a
    /// registry has more than one version.
    #[must_use]
    pub fn of_version(&self, version: &semver::Version) -> Option<[Self; 2]> {
        let Self::Oci {
            registry,
            repository,
            ..
        } = self
        else {
            return None;
        };
        // A tag can't contain `+`; helm writes it like this, too.
        let tag = version.to_string().replace('+', "_");
        let tagged = |tag: String| Self::Oci {
            registry: registry.clone(),
            repository: repository.clone(),
            version: OciVersion::Tag(tag),
        };
        Some([tagged(tag.clone()), tagged(format!("v{tag}"))])
    }
}

impl Reference {
    /// Parses a text that a user typed. Like in docker and oras, a registry needs no `oci://` if it has a dot
    /// or a port or is `localhost`. An existing file of that name is preferred.
    ///
    /// # Errors
    /// When it is not a reference.
    pub fn typed(text: &str) -> Result<Self, BadReference> {
        let reference: Self = text.parse()?;
        match &reference {
            Self::Path(path) if std::fs::symlink_metadata(path).is_err() => {
                Ok(registry_without_scheme(text).unwrap_or(reference))
            }
            _ => Ok(reference),
        }
    }
}

/// Returns none if the text is more likely the path of a missing file.
fn registry_without_scheme(text: &str) -> Option<Reference> {
    let (registry, rest) = text.split_once('/')?;
    let is_host = registry.eq_ignore_ascii_case("localhost")
        || !registry.starts_with('.') && registry.contains(['.', ':']);
    let is_file = [".wasm", ".tar", ".bundle"]
        .iter()
        .any(|extension| rest.ends_with(extension));
    if !is_host || is_file {
        return None;
    }
    oci(text).ok()
}

impl FromStr for Reference {
    type Err = BadReference;

    /// A path that begins like another form needs `./` before it.
    fn from_str(text: &str) -> Result<Self, BadReference> {
        let bad = |reason| BadReference {
            given: without_login(text),
            reason,
        };
        if text.is_empty() {
            return Err(bad("it is empty"));
        }
        let Some((scheme, rest)) = text.split_once("://") else {
            return Ok(Self::Path(text.into()));
        };
        // RFC 3986: schemes are case-insensitive.
        match scheme.to_ascii_lowercase().as_str() {
            "oci" => oci(rest).map_err(bad),
            scheme @ ("https" | "http") => Ok(Self::Url(format!("{scheme}://{rest}"))),
            "docker" => Err(bad("for a registry, write oci:// in place of docker://")),
            _ => Err(bad("only https:// and oci:// are supported")),
        }
    }
}

/// Removes user and password from a text for messages. They are not allowed here, but may be there.
fn without_login(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else {
        return text.to_owned();
    };
    let host = rest.split('/').next().unwrap_or_default();
    match host.rfind('@') {
        Some(at) => format!("{scheme}://***{}", &rest[at..]),
        None => text.to_owned(),
    }
}

/// Parses by the rules of the distribution specification: lower-case repositories, tags of at most 128
/// characters.
///
/// Like in docker, host names are lower case, docker's registry has one name, and a digest overrides the tag
/// before it.
fn oci(text: &str) -> Result<Reference, &'static str> {
    let text = text.trim_end_matches('/');
    if text.contains("://") {
        return Err("after oci:// comes the registry itself, without another scheme");
    }
    let (registry, rest) = text
        .split_once('/')
        .ok_or("a registry and a repository are needed: oci://HOST/REPOSITORY:TAG")?;
    let registry = host(registry)?;
    let (name, digest) = match rest.split_once('@') {
        Some((name, digest)) => (name, Some(self::digest(digest)?)),
        None => (rest, None),
    };
    let (repository, tag) = match name.rsplit_once(':') {
        Some((repository, tag)) if is_tag(tag) => (repository, tag),
        Some(_) => return Err("the tag has characters that no tag can have"),
        None => (name, "latest"),
    };
    let is_part = |part: &str| {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b);
        let ends = [part.bytes().next(), part.bytes().next_back()];
        let alphanumeric = |b: Option<u8>| b.is_some_and(|b| b.is_ascii_alphanumeric());
        part.bytes().all(allowed) && ends.into_iter().all(alphanumeric)
    };
    if !repository.split('/').all(is_part) {
        return Err("the repository must be lower-case names with slashes between them");
    }
    Ok(Reference::Oci {
        registry,
        repository: repository.to_owned(),
        version: digest.unwrap_or_else(|| OciVersion::Tag(tag.to_owned())),
    })
}

/// Returns a host name or address, with its port if it has one, in canonical form.
fn host(text: &str) -> Result<String, &'static str> {
    if text.contains('@') {
        return Err("a reference must not contain a user name and a password");
    }
    let is_host = |c: char| c.is_ascii_alphanumeric() || ".-:[]".contains(c);
    if text.is_empty() || !text.chars().all(is_host) {
        return Err("the registry is not a host name");
    }
    let (name, port) = match text.rsplit_once(']') {
        Some((_, after)) => (
            &text[..text.len() - after.len()],
            after
                .strip_prefix(':')
                .or((!after.is_empty()).then_some("")),
        ),
        None => match text.split_once(':') {
            Some((_, port)) if port.contains(':') => {
                return Err("an IPv6 address stands in brackets: oci://[::1]:5000/REPOSITORY:TAG");
            }
            Some((name, port)) => (name, Some(port)),
            None => (text, None),
        },
    };
    let is_address = |name: &str| match name.strip_prefix('[') {
        Some(rest) => rest
            .strip_suffix(']')
            .is_some_and(|address| address.parse::<std::net::Ipv6Addr>().is_ok()),
        None => !name.is_empty() && !name.contains(']'),
    };
    if !is_address(name) {
        return Err("the registry is not a host name");
    }
    if port.is_some_and(|port| port.parse::<u16>().map_or(true, |port| port == 0)) {
        return Err("the port of the registry must be 1–65535");
    }
    let host = text.to_ascii_lowercase();
    Ok(if DOCKER.contains(&host.as_str()) {
        DOCKER[0].to_owned()
    } else {
        host
    })
}

/// The names of docker's registry, the canonical one first.
const DOCKER: [&str; 3] = ["docker.io", "index.docker.io", "registry-1.docker.io"];

/// Parses a digest of the algorithms that the image specification registers.
fn digest(text: &str) -> Result<OciVersion, &'static str> {
    let is_hex =
        |hex: &str, length| hex.len() == length && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
    match text.split_once(':') {
        Some(("sha256", hex)) if is_hex(hex, 64) => {
            Ok(OciVersion::Digest(hex.to_ascii_lowercase()))
        }
        Some(("sha512", hex)) if is_hex(hex, 128) => {
            Ok(OciVersion::Sha512(hex.to_ascii_lowercase()))
        }
        _ => Err("after the @ comes sha256: and 64 hexadecimal digits, or sha512: and 128"),
    }
}

fn is_tag(tag: &str) -> bool {
    let mut bytes = tag.bytes();
    let first = bytes.next();
    tag.len() <= 128
        && first.is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => write!(f, "{}", path.display()),
            Self::Url(url) => f.write_str(url),
            Self::Oci {
                registry,
                repository,
                version,
            } => write!(f, "oci://{registry}/{repository}{version}"),
        }
    }
}

impl fmt::Display for OciVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(tag) => write!(f, ":{tag}"),
            Self::Digest(hex) => write!(f, "@sha256:{hex}"),
            Self::Sha512(hex) => write!(f, "@sha512:{hex}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_reads_back_as_itself() {
        let digest = format!(
            "oci://registry.example/acme/vault@sha256:{}",
            "a1".repeat(32)
        );
        for text in [
            "vault.wasm",
            "./oci:odd.wasm",
            "/opt/engines/vault.wasm",
            "https://example.com/vault.wasm?version=1",
            "http://127.0.0.1:8080/vault.wasm",
            "oci://127.0.0.1:5000/vault:1.2.3",
            "oci://[::1]:5000/acme/vault:v1_2",
            &digest,
        ] {
            let reference: Reference = text.parse().expect(text);
            assert_eq!(reference.to_string(), text);
            assert_eq!(reference.to_string().parse(), Ok(reference));
        }
        let untagged: Reference = "oci://registry.example/vault".parse().expect("a reference");
        assert_eq!(untagged.to_string(), "oci://registry.example/vault:latest");
    }

    #[test]
    fn other_spellings_mean_the_same_reference() {
        let hex = "a1".repeat(32);
        let long = "a1".repeat(64);
        for (text, expected) in [
            (
                format!("oci://r.example/acme/vault:1@sha256:{hex}"),
                format!("oci://r.example/acme/vault@sha256:{hex}"),
            ),
            (
                format!(
                    "oci://r.example:5000/acme/vault:v1_2@sha256:{}",
                    hex.to_uppercase()
                ),
                format!("oci://r.example:5000/acme/vault@sha256:{hex}"),
            ),
            (
                format!("oci://r.example/acme/vault:1@sha512:{long}"),
                format!("oci://r.example/acme/vault@sha512:{long}"),
            ),
            (
                "OCI://R.Example:5000/acme/vault:Tag".to_owned(),
                "oci://r.example:5000/acme/vault:Tag".to_owned(),
            ),
            (
                "oci://LOCALHOST:5000/vault/".to_owned(),
                "oci://localhost:5000/vault:latest".to_owned(),
            ),
            (
                "oci://[FD00::1]/vault".to_owned(),
                "oci://[fd00::1]/vault:latest".to_owned(),
            ),
            (
                "oci://index.docker.io/acme/vault:1".to_owned(),
                "oci://docker.io/acme/vault:1".to_owned(),
            ),
            (
                "oci://registry-1.docker.io/library/vault:1".to_owned(),
                "oci://docker.io/library/vault:1".to_owned(),
            ),
            (
                "HTTPS://r.example/vault.wasm".to_owned(),
                "https://r.example/vault.wasm".to_owned(),
            ),
        ] {
            let reference: Reference = text.parse().expect(&text);
            assert_eq!(reference.to_string(), expected);
            assert_eq!(expected.parse(), Ok(reference));
        }
    }

    #[test]
    fn a_registry_may_be_typed_without_its_scheme_and_a_file_may_not_be_taken_for_one() {
        for text in [
            "ghcr.io/acme/vault:1",
            "localhost/vault",
            "localhost:5000/acme/vault:1",
            "127.0.0.1:5000/vault",
            "[::1]:5000/vault:1",
        ] {
            let typed = Reference::typed(text).expect(text);
            assert_eq!(Ok(typed), format!("oci://{text}").parse(), "{text}");
        }
        for text in [
            "vault.wasm",
            "acme/vault",
            "./ghcr.io/acme/vault:1",
            "../ghcr.io/acme/vault",
            "engines.d/vault.wasm",
            "C:/engines/vault.wasm",
            "/ghcr.io/vault",
            "src/lib.rs",
        ] {
            let typed = Reference::typed(text).expect(text);
            assert_eq!(typed, Reference::Path(text.into()), "{text}");
        }
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("a.example");
        std::fs::write(&file, "").expect("a file");
        let text = file.to_str().expect("text");
        assert_eq!(Reference::typed(text), Ok(Reference::Path(text.into())));
    }

    #[test]
    fn versions_have_tags_in_a_registry_and_nowhere_else() {
        let version = "1.2.3-rc.1+build".parse().expect("a version");
        for source in ["oci://r.example/a/vault:latest", "oci://r.example/a/vault"] {
            let source: Reference = source.parse().expect("a reference");
            let tags = source.of_version(&version).expect("tags");
            assert_eq!(
                tags.map(|tag| tag.to_string()),
                [
                    "oci://r.example/a/vault:1.2.3-rc.1_build",
                    "oci://r.example/a/vault:v1.2.3-rc.1_build"
                ]
            );
        }
        for source in ["https://r.example/vault.wasm", "vault.wasm"] {
            let source: Reference = source.parse().expect("a reference");
            assert_eq!(source.of_version(&version), None);
        }
    }

    #[test]
    fn what_is_no_reference_says_why() {
        for text in [
            "",
            "ftp://example.com/x",
            "oci://registry",
            "oci:///vault:1",
            "oci://registry/Vault:1",
            "oci://registry/vault:",
            "oci://registry/vault:a b",
            "oci://registry/../vault:1",
            "oci://registry/-vault:1",
            "oci://user@registry/vault:1",
            "oci://registry/vault@sha256:abc",
            "oci://registry/vault@md5:abc",
            "oci://registry/vault:1@",
            "oci://registry/vault:a b@sha256:abc",
            "oci://registry/vault@sha512:abc",
            "oci://https://registry/vault:1",
            "oci://http:/registry/vault:1",
            "oci://registry:/vault:1",
            "oci://registry:0/vault:1",
            "oci://registry:65536/vault:1",
            "oci://registry:port/vault:1",
            "oci://::1/vault:1",
            "oci://[::1/vault:1",
            "oci://::1]/vault:1",
            "oci://[::1]5000/vault:1",
            "oci://[name]/vault:1",
            "oci://registry//vault:1",
            "oci://registry/",
            "docker://registry/vault:1",
        ] {
            assert!(text.parse::<Reference>().is_err(), "{text}");
        }
        let error = "oci://me:canary@r.example/vault".parse::<Reference>();
        let text = error.expect_err("a login").to_string();
        assert!(text.contains("`oci://***@r.example/vault`"), "{text}");
    }
}
