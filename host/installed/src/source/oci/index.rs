//! Selects an image of an index.
//!
//! <https://github.com/opencontainers/image-spec/blob/v1.1.0/image-index.md>

use super::manifest::{Descriptor, Platform};

/// The annotations with which buildx marks an entry about another entry.
///
/// <https://docs.docker.com/build/metadata/attestations/attestation-storage/>
const REFERENCE: [&str; 2] = ["vnd.docker.reference.type", "vnd.docker.reference.digest"];

/// Parts of media types that describe an image: attestations, signatures, bills of materials.
const ABOUT: [&str; 8] = [
    "in-toto",
    "dev.cosign",
    "dev.sigstore",
    "cncf.notary",
    "dsse",
    "spdx",
    "cyclonedx",
    "sarif",
];

/// The platforms of WebAssembly images: `wasi/wasm`, `wasip1/wasm`, `wasip2/wasm`, and others that name an
/// architecture alone.
const WASM: [&str; 3] = ["wasm", "wasm32", "wasm64"];

/// The platform of a component: preview 2 is the first version with components.
const COMPONENT: &str = "wasip2";

/// Returns the entries that may be the engine, in order. Entries about other images and duplicates are left
/// out. If some entries are for WebAssembly, only those are returned.
pub(super) fn images(entries: Vec<Descriptor>) -> Vec<Descriptor> {
    let mut images: Vec<Descriptor> = Vec::new();
    for entry in entries {
        let is_new = images.iter().all(|known| known.digest != entry.digest);
        if is_new && !is_about_another(&entry) {
            images.push(entry);
        }
    }
    // Tools that don't know a platform write `unknown` as well, so such an entry may be the only one.
    let images = preferred(images, |platform| {
        platform.os != "unknown" || platform.architecture != "unknown"
    });
    let images = preferred(images, |platform| {
        WASM.contains(&platform.architecture.as_str()) || platform.os.starts_with("wasi")
    });
    preferred(images, |platform| platform.os == COMPONENT)
}

fn is_about_another(entry: &Descriptor) -> bool {
    let types = [
        Some(entry.media_type.as_str()),
        entry.artifact_type.as_deref(),
    ];
    let is_about = |kind: &str| ABOUT.iter().any(|part| kind.contains(part));
    REFERENCE
        .iter()
        .any(|name| entry.annotation(name).is_some())
        || types.into_iter().flatten().any(is_about)
}

/// Returns the matching images, or all if none match.
fn preferred(images: Vec<Descriptor>, fits: impl Fn(&Platform) -> bool) -> Vec<Descriptor> {
    if !images.iter().any(|image| fits(&image.platform())) {
        return images;
    }
    let fitting = images.into_iter();
    fitting.filter(|image| fits(&image.platform())).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::manifest::{Document, parse};
    use super::*;

    /// Returns an entry whose digest repeats `byte`.
    fn entry(byte: u8, more: &Value) -> Value {
        let mut entry = json!({
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "digest": format!("sha256:{}", format!("{byte:02x}").repeat(32)),
            "size": 7,
        });
        for (name, value) in more.as_object().unwrap() {
            entry[name] = value.clone();
        }
        entry
    }

    fn platform(os: &str, architecture: &str) -> Value {
        json!({ "platform": { "os": os, "architecture": architecture } })
    }

    /// Returns the first bytes of the digests of the possible images.
    fn meant(entries: &[Value]) -> Vec<String> {
        let document = json!({ "schemaVersion": 2, "manifests": entries }).to_string();
        let Document::Index(entries) = parse(document.as_bytes()).unwrap() else {
            panic!("an index")
        };
        let digests = images(entries).into_iter().map(|image| image.digest);
        digests.map(|digest| digest[7..9].to_owned()).collect()
    }

    #[test]
    fn what_is_about_an_image_does_not_count() {
        let attested = json!({
            "platform": { "os": "unknown", "architecture": "unknown" },
            "annotations": { "vnd.docker.reference.type": "attestation-manifest" },
        });
        for about in [
            attested,
            platform("unknown", "unknown"),
            platform("Unknown", "Unknown"),
            json!({ "annotations": { "vnd.docker.reference.digest": "sha256:x" }, "platform": null }),
            json!({ "artifactType": "application/vnd.in-toto+json" }),
            json!({ "artifactType": "application/vnd.dev.sigstore.bundle.v0.3+json", "platform": {} }),
            json!({ "artifactType": "application/spdx+json" }),
            json!({ "mediaType": "application/vnd.in-toto+json" }),
        ] {
            for image in [
                platform("wasip2", "wasm"),
                platform("linux", "amd64"),
                json!({}),
            ] {
                let entries = [entry(2, &about), entry(1, &image), entry(3, &about)];
                assert_eq!(meant(&entries), ["01"], "{about} beside {image}");
            }
        }
    }

    #[test]
    fn an_image_of_which_no_platform_is_known_may_be_the_only_one() {
        for unknown in [
            platform("unknown", "unknown"),
            platform("", ""),
            json!({ "platform": null, "annotations": null, "artifactType": null }),
            json!({ "platform": { "os": null, "architecture": null } }),
            json!({ "platform": "none", "annotations": { "a": null } }),
            json!({ "mediaType": null }),
        ] {
            assert_eq!(meant(&[entry(1, &unknown)]), ["01"], "{unknown}");
        }
    }

    #[test]
    fn an_entry_that_can_not_be_read_hides_no_other() {
        let entries = [json!(null), json!({ "digest": 7 }), entry(1, &json!({}))];
        assert_eq!(meant(&entries), ["01"]);
        assert_eq!(meant(&[entry(1, &json!({})), entry(1, &json!({}))]), ["01"]);
        let none = parse(br#"{"schemaVersion":2,"manifests":null}"#);
        assert!(matches!(none, Ok(Document::Index(none)) if none.is_empty()));
        let image = parse(br#"{"layers":[],"manifests":null}"#);
        assert!(matches!(image, Ok(Document::Image(_))));
    }

    #[test]
    fn webassembly_goes_before_machines_and_components_before_modules() {
        let linux = entry(9, &platform("linux", "arm64"));
        for (os, architecture) in [("wasi", "wasm"), ("wasip1", "wasm"), ("js", "wasm32")] {
            let wasm = entry(1, &platform(os, architecture));
            assert_eq!(meant(&[linux.clone(), wasm]), ["01"], "{os}/{architecture}");
        }
        let old = entry(2, &platform("wasip1", "wasm"));
        let new = entry(1, &platform("wasip2", "wasm"));
        assert_eq!(meant(&[linux.clone(), old.clone(), new]), ["01"]);
        let other = entry(3, &platform("wasi", "wasm"));
        assert_eq!(meant(&[linux, old, other]), ["02", "03"]);
    }
}
