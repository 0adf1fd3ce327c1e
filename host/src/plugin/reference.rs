use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// Where an engine can be got. Its text reads back as the same reference.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Reference {
    /// A file of this machine.
    Path(PathBuf),
    /// An address with the scheme `https`, or `http` on loopback.
    Url(String),
    /// An artifact of an OCI registry.
    Oci {
        /// Host, with a port where it needs one.
        registry: String,
        repository: String,
        version: OciVersion,
    },
}

/// Which artifact of a repository.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum OciVersion {
    Tag(String),
    /// SHA-256 of its image manifest in hexadecimal.
    Digest(String),
}

/// A text that is no reference.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is nothing that an engine can be installed from: {reason}")]
pub struct BadReference {
    pub given: String,
    pub reason: &'static str,
}

impl Reference {
    /// Where another version may be: behind the tags that versions have, without a `v` and with it. Only a
    /// registry has more than one.
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
        // No tag can have a `+`; helm writes it like this, too.
        let tag = version.to_string().replace('+', "_");
        let tagged = |tag: String| Self::Oci {
            registry: registry.clone(),
            repository: repository.clone(),
            version: OciVersion::Tag(tag),
        };
        Some([tagged(tag.clone()), tagged(format!("v{tag}"))])
    }
}

impl FromStr for Reference {
    type Err = BadReference;

    /// A path that begins like another form is written with `./` before it.
    fn from_str(text: &str) -> Result<Self, BadReference> {
        let bad = |reason| BadReference {
            given: text.to_owned(),
            reason,
        };
        if text.is_empty() {
            return Err(bad("it is empty"));
        }
        if let Some(rest) = text.strip_prefix("oci://") {
            return oci(rest).map_err(bad);
        }
        if text.starts_with("https://") || text.starts_with("http://") {
            return Ok(Self::Url(text.to_owned()));
        }
        if text.contains("://") {
            return Err(bad("only https:// and oci:// are known"));
        }
        Ok(Self::Path(text.into()))
    }
}

/// The rules of the distribution specification: lower-case repositories, tags of at most 128 characters.
fn oci(text: &str) -> Result<Reference, &'static str> {
    let (registry, rest) = text
        .split_once('/')
        .ok_or("a registry and a repository are needed: oci://HOST/REPOSITORY:TAG")?;
    let is_host = |c: char| c.is_ascii_alphanumeric() || ".-:[]".contains(c);
    if registry.is_empty() || !registry.chars().all(is_host) {
        return Err("the registry is no host");
    }
    let (repository, version) = if let Some((repository, digest)) = rest.split_once('@') {
        let digest = digest
            .strip_prefix("sha256:")
            .filter(|hex| hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit()))
            .ok_or("after the @ comes sha256: and 64 hexadecimal digits")?;
        (repository, OciVersion::Digest(digest.to_ascii_lowercase()))
    } else {
        match rest.rsplit_once(':') {
            Some((repository, tag)) if is_tag(tag) => (repository, OciVersion::Tag(tag.to_owned())),
            Some(_) => return Err("the tag has characters that no tag can have"),
            None => (rest, OciVersion::Tag("latest".to_owned())),
        }
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
        registry: registry.to_owned(),
        repository: repository.to_owned(),
        version,
    })
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
        ] {
            assert!(text.parse::<Reference>().is_err(), "{text}");
        }
    }
}
