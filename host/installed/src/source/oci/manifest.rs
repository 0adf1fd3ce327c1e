//! Parses the documents of a registry, limited to the used fields.
//!
//! <https://github.com/opencontainers/image-spec/blob/v1.1.0/manifest.md>

use std::collections::BTreeMap;
use std::path::Path;

use host_base::Sha256;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// The accepted media types of a manifest, in the order of preference.
pub(super) const ACCEPT: &str = "application/vnd.oci.image.manifest.v1+json, \
     application/vnd.docker.distribution.manifest.v2+json, \
     application/vnd.oci.image.index.v1+json, \
     application/vnd.docker.distribution.manifest.list.v2+json";

/// Media types of layers that are components: of the CNCF's guidance for WebAssembly artifacts (which `wkg`
/// follows), of `wasm-to-oci`, and of the Bytecode Alliance's registries.
const WASM: [&str; 4] = [
    "application/wasm",
    "application/vnd.wasm.content.layer.v1+wasm",
    "application/vnd.module.wasm.content.layer.v1+wasm",
    "application/vnd.bytecodealliance.wasm.component.layer.v0+wasm",
];

/// The media type that `oras push REF FILE` gives a file by default.
const UNTYPED: &str = "application/vnd.oci.image.layer.v1.tar";
const TITLE: &str = "org.opencontainers.image.title";

/// A reference to another document. The fields for fetching it are required. The others only describe it, and
/// count as missing if they are null or of another type.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Descriptor {
    #[serde(default, deserialize_with = "or_nothing")]
    pub(super) media_type: String,
    pub(super) digest: String,
    pub(super) size: u64,
    #[serde(default, deserialize_with = "or_nothing")]
    pub(super) artifact_type: Option<String>,
    #[serde(default, deserialize_with = "or_nothing")]
    annotations: BTreeMap<String, Value>,
    #[serde(default, deserialize_with = "or_nothing")]
    platform: RawPlatform,
}

#[derive(Debug, Default, Deserialize)]
struct RawPlatform {
    #[serde(default, deserialize_with = "or_nothing")]
    os: String,
    #[serde(default, deserialize_with = "or_nothing")]
    architecture: String,
}

/// The platform of an image, in lower case; empty if it is not stated.
pub(super) struct Platform {
    pub(super) os: String,
    pub(super) architecture: String,
}

fn or_nothing<'de, D, T>(from: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned + Default,
{
    let value = Value::deserialize(from)?;
    Ok(serde_json::from_value(value).unwrap_or_default())
}

impl Descriptor {
    /// Returns the SHA-256 digest; none for another algorithm.
    pub(super) fn sha256(&self) -> Option<Sha256> {
        self.digest.strip_prefix("sha256:")?.parse().ok()
    }

    pub(super) fn annotation(&self, name: &str) -> Option<&str> {
        self.annotations.get(name)?.as_str()
    }

    pub(super) fn platform(&self) -> Platform {
        Platform {
            os: self.platform.os.to_ascii_lowercase(),
            architecture: self.platform.architecture.to_ascii_lowercase(),
        }
    }

    fn is_wasm(&self) -> bool {
        WASM.contains(&self.media_type.as_str())
    }

    fn is_wasm_by_name(&self) -> bool {
        self.media_type == UNTYPED
            && self
                .annotation(TITLE)
                .and_then(|title| Path::new(title).extension())
                .is_some_and(|extension| extension == "wasm")
    }
}

/// Distinguishes null from a missing field.
fn or_null<'de, D, T>(from: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(from).map(Some)
}

/// The two kinds of manifests.
#[derive(Debug)]
pub(super) enum Document {
    Image(Image),
    Index(Vec<Descriptor>),
}

#[derive(Debug)]
pub(super) struct Image {
    pub(super) layers: Vec<Descriptor>,
    /// The image that it was made for, as a signature is for an image.
    pub(super) subject: Option<Descriptor>,
}

#[derive(Deserialize)]
#[expect(
    clippy::option_option,
    reason = "an empty list is written as null, and a missing one is none"
)]
struct Raw {
    layers: Option<Vec<Descriptor>>,
    /// Null is an empty list, as programs in Go write it.
    #[serde(default, deserialize_with = "or_null")]
    manifests: Option<Option<Vec<Value>>>,
    #[serde(default, deserialize_with = "or_nothing")]
    subject: Option<Descriptor>,
}

/// Parses a manifest and finds its kind by its content, because a digest does not cover the media type.
///
/// # Errors
/// When it is neither kind, or both (CVE-2021-41190).
pub(super) fn parse(bytes: &[u8]) -> Result<Document, String> {
    let raw: Raw = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    match (raw.layers, raw.manifests) {
        (Some(layers), None | Some(None)) => Ok(Document::Image(Image {
            layers,
            subject: raw.subject,
        })),
        // An unreadable entry must not hide the others.
        (None, Some(manifests)) => Ok(Document::Index(
            manifests
                .unwrap_or_default()
                .into_iter()
                .filter_map(|entry| serde_json::from_value(entry).ok())
                .collect(),
        )),
        (Some(_), Some(Some(_))) => Err("it is an image and an index at once".to_owned()),
        (None, None) => Err("it is neither an image nor an index".to_owned()),
    }
}

/// The layer that is the component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layer {
    pub(crate) digest: Sha256,
    /// Size in bytes.
    pub(crate) size: u64,
}

/// Finds the one layer of an image manifest that is a component.
///
/// # Errors
/// When there is none, or more than one.
pub(crate) fn wasm_layer(manifest: &[u8]) -> Result<Layer, String> {
    let Document::Image(image) = parse(manifest)? else {
        return Err("it is an index".to_owned());
    };
    let mut found: Vec<_> = image.layers.iter().filter(|it| it.is_wasm()).collect();
    if found.is_empty() {
        found = image
            .layers
            .iter()
            .filter(|it| it.is_wasm_by_name())
            .collect();
    }
    match found.as_slice() {
        [layer] => Ok(Layer {
            digest: layer
                .sha256()
                .ok_or("its layer is not named by a SHA-256 digest")?,
            size: layer.size,
        }),
        [] => Err(format!(
            "it has no layer of WebAssembly, but {}",
            match image.layers.as_slice() {
                [] => "none at all".to_owned(),
                layers => layers
                    .iter()
                    .map(|layer| layer.media_type.as_str())
                    .collect::<Vec<_>>()
                    .join(", "),
            }
        )),
        several => Err(format!("it has {} layers of WebAssembly", several.len())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layers(layers: &[(&str, Option<&str>)]) -> Vec<u8> {
        let layers: Vec<_> = layers
            .iter()
            .map(|(kind, title)| {
                serde_json::json!({
                    "mediaType": kind,
                    "digest": format!("sha256:{}", "ab".repeat(32)),
                    "size": 8,
                    "annotations": title.map(|title| serde_json::json!({ TITLE: title })),
                })
            })
            .collect();
        serde_json::json!({ "schemaVersion": 2, "layers": layers })
            .to_string()
            .into_bytes()
    }

    #[test]
    fn what_the_usual_tools_push_is_found() {
        for kind in WASM {
            let manifest = layers(&[
                ("application/vnd.oci.image.config.v1+json", None),
                (kind, None),
            ]);
            assert_eq!(wasm_layer(&manifest).unwrap().size, 8, "{kind}");
        }
        let untyped = layers(&[(UNTYPED, Some("README.md")), (UNTYPED, Some("vault.wasm"))]);
        assert!(wasm_layer(&untyped).is_ok());
        let both = layers(&[(UNTYPED, Some("other.wasm")), ("application/wasm", None)]);
        assert!(wasm_layer(&both).is_ok(), "a type says more than a name");
    }

    #[test]
    fn anything_but_one_component_is_refused() {
        let reason = |manifest: &[u8]| wasm_layer(manifest).unwrap_err();
        assert_eq!(
            reason(&layers(&[])),
            "it has no layer of WebAssembly, but none at all"
        );
        assert_eq!(
            reason(&layers(&[(UNTYPED, Some("x.tar")), ("image/png", None)])),
            "it has no layer of WebAssembly, but application/vnd.oci.image.layer.v1.tar, image/png"
        );
        assert_eq!(
            reason(&layers(&[("application/wasm", None), (WASM[1], None)])),
            "it has 2 layers of WebAssembly"
        );
        assert_eq!(reason(br#"{"manifests":[]}"#), "it is an index");
        assert_eq!(
            reason(br#"{"manifests":[],"layers":[]}"#),
            "it is an image and an index at once"
        );
        assert_eq!(reason(b"{}"), "it is neither an image nor an index");
    }

    #[test]
    fn a_layer_must_be_named_by_a_sha256() {
        let text = String::from_utf8(layers(&[("application/wasm", None)])).unwrap();
        for other in ["sha512:abcd", "sha256:abcd", "sha256:../../x"] {
            let digest = format!("sha256:{}", "ab".repeat(32));
            let manifest = text.replace(&digest, other);
            assert!(wasm_layer(manifest.as_bytes()).is_err(), "{other}");
        }
    }
}
