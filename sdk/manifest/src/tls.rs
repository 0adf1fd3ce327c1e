use std::fmt;

use serde::{Deserialize, Serialize};

/// Whether the host speaks TLS with the server of an endpoint, inside the port-forward.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Tls {
    /// Plain HTTP.
    #[default]
    No,
    /// TLS if the cluster declares it or the server speaks it. Without TLS no credentials are sent.
    Auto,
    /// TLS.
    Yes,
}

/// The key of a Secret in the namespace of the target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SecretKey {
    /// The name of the Secret.
    pub secret: NamePattern,
    /// The key in the Secret.
    #[serde(default = "ca_key")]
    pub key: String,
}

fn ca_key() -> String {
    SecretKey::CA.to_owned()
}

impl SecretKey {
    /// The usual key of the certificate of an authority.
    pub const CA: &str = "ca.crt";

    /// Returns whether a text is a valid key of a Secret.
    #[must_use]
    pub fn is_key(text: &str) -> bool {
        (1..=253).contains(&text.len())
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
    }
}

/// A name with parameters, such as `{statefulset}-http-certs-public`.
///
/// The parameters are `{statefulset}`, `{namespace}`, `{pod}` and `{label:KEY}`, a label of the pod.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(try_from = "String", into = "String")]
pub struct NamePattern(String);

/// The values for the parameters of a [`NamePattern`].
#[derive(Clone, Copy, Debug)]
pub struct NameFacts<'a> {
    /// The name of the StatefulSet.
    pub statefulset: &'a str,
    /// The namespace.
    pub namespace: &'a str,
    /// The name of the pod.
    pub pod: &'a str,
}

/// An error in a [`NamePattern`], or a value that it lacks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// The text is not a pattern.
    #[error(
        "`{text}` is not a name: use lower-case letters, digits, `-.`, `{{statefulset}}`, `{{namespace}}`, `{{pod}}` and `{{label:KEY}}`"
    )]
    Form {
        /// The text.
        text: String,
    },
    /// The pod has no such label.
    #[error("the pod has no label {key}")]
    NoLabel {
        /// The key of the label.
        key: String,
    },
}

/// A piece of a pattern.
enum Piece<'a> {
    Text(&'a str),
    Parameter(&'a str),
}

impl NamePattern {
    /// Returns whether the pattern has a label of the pod in it.
    #[must_use]
    pub fn needs_labels(&self) -> bool {
        self.0.contains("{label:")
    }

    /// Returns the name. `label` returns the value of a label of the pod.
    ///
    /// # Errors
    /// Fails if the pod lacks a label of the pattern.
    pub fn fill<'a>(
        &self,
        facts: NameFacts<'_>,
        label: impl Fn(&str) -> Option<&'a str>,
    ) -> Result<String, NameError> {
        let mut name = String::new();
        for piece in pieces(&self.0).unwrap_or_default() {
            name.push_str(match piece {
                Piece::Text(text) => text,
                Piece::Parameter("statefulset") => facts.statefulset,
                Piece::Parameter("namespace") => facts.namespace,
                Piece::Parameter("pod") => facts.pod,
                Piece::Parameter(parameter) => {
                    let key = parameter.strip_prefix("label:").unwrap_or(parameter);
                    label(key).ok_or_else(|| NameError::NoLabel { key: key.into() })?
                }
            });
        }
        Ok(name)
    }
}

/// Takes a pattern apart. Returns none if it is invalid.
fn pieces(text: &str) -> Option<Vec<Piece<'_>>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let (parameter, after) = after.split_once('}')?;
        pieces.push(Piece::Text(before));
        pieces.push(Piece::Parameter(parameter));
        rest = after;
    }
    pieces.push(Piece::Text(rest));
    let fits = pieces.iter().all(|piece| match piece {
        Piece::Text(text) => text.bytes().all(is_of_name),
        Piece::Parameter("statefulset" | "namespace" | "pod") => true,
        Piece::Parameter(parameter) => parameter.strip_prefix("label:").is_some_and(is_label),
    });
    (fits && (1..=400).contains(&text.len())).then_some(pieces)
}

fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte)
}

fn is_label(key: &str) -> bool {
    !key.is_empty()
        && key
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-._/".contains(&byte))
}

impl fmt::Display for NamePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for NamePattern {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if pieces(&text).is_some() {
            Ok(Self(text))
        } else {
            Err(NameError::Form { text })
        }
    }
}

impl From<NamePattern> for String {
    fn from(pattern: NamePattern) -> Self {
        pattern.0
    }
}

/// The flags with which the user sets TLS of an endpoint, without their dashes.
///
/// They begin with the endpoint's port flag without its `-port`: `--api-port` gives `--api-ca`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TlsFlags {
    stem: String,
    has_client: bool,
}

impl TlsFlags {
    pub(crate) fn of(port_flag: &str, has_client: bool) -> Self {
        let stem = port_flag.strip_suffix("-port").unwrap_or(port_flag);
        Self {
            stem: stem.to_owned(),
            has_client,
        }
    }

    /// Returns the flag that turns TLS on or off.
    #[must_use]
    pub fn mode(&self) -> String {
        format!("{}-tls", self.stem)
    }

    /// Returns the flag for the trusted certificates.
    #[must_use]
    pub fn ca(&self) -> String {
        format!("{}-ca", self.stem)
    }

    /// Returns the flag for the name to verify.
    #[must_use]
    pub fn server_name(&self) -> String {
        format!("{}-server-name", self.stem)
    }

    /// Returns the flag that turns the verification off.
    #[must_use]
    pub fn insecure(&self) -> String {
        format!("{}-insecure-skip-tls-verify", self.stem)
    }

    /// Returns the flag for the client certificate, if the endpoint may have one.
    #[must_use]
    pub fn client_cert(&self) -> Option<String> {
        self.has_client
            .then(|| format!("{}-client-cert", self.stem))
    }

    /// Returns all flags.
    #[must_use]
    pub fn all(&self) -> Vec<String> {
        let always = [self.mode(), self.ca(), self.server_name(), self.insecure()];
        always.into_iter().chain(self.client_cert()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> Result<NamePattern, NameError> {
        text.to_owned().try_into()
    }

    #[test]
    fn a_name_is_filled_with_facts_about_the_target() {
        let facts = NameFacts {
            statefulset: "es",
            namespace: "logs",
            pod: "es-0",
        };
        let fill = |text: &str| {
            let label = |key: &str| (key == "acme.io/cluster").then_some("main");
            pattern(text).expect("a pattern").fill(facts, label)
        };
        assert_eq!(fill("plain.x").as_deref(), Ok("plain.x"));
        assert_eq!(
            fill("{pod}.{statefulset}.{namespace}.svc").as_deref(),
            Ok("es-0.es.logs.svc")
        );
        assert_eq!(
            fill("{label:acme.io/cluster}-certs").as_deref(),
            Ok("main-certs")
        );
        let missing = NameError::NoLabel {
            key: "acme.io/other".to_owned(),
        };
        assert_eq!(fill("{label:acme.io/other}"), Err(missing));
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for text in [
            "",
            "A",
            "a b",
            "a/b",
            "*.svc",
            "{x}",
            "{label:}",
            "{label:a b}",
            "{pod",
            "pod}",
            "a\n",
        ] {
            assert!(pattern(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn flags_are_named_after_the_flag_of_the_port() {
        let all = TlsFlags::of("api-port", true).all();
        assert_eq!(
            all.join(" "),
            "api-tls api-ca api-server-name api-insecure-skip-tls-verify api-client-cert"
        );
        let all = TlsFlags::of("management", false).all();
        assert_eq!(all.len(), 4);
        assert!(all.iter().all(|flag| flag.starts_with("management-")));
    }
}
