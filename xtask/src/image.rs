//! Writes images of containers as OCI archives, without a daemon and without other tools.
//!
//! The archive depends on the programs alone, so that anyone can make the same one again.
//! <https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md>

mod elf;
mod tar;

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

use elf::Architecture;
use tar::Entry;

use crate::{Result, shell};

const USAGE: &str = "\
cargo xtask image [--certificates FILE] NAME ARCHIVE PROGRAM…

  NAME       kubectl-broker, broker-operator or broker-agent
  ARCHIVE    file to write, such as target/broker-operator.tar
  PROGRAM    static program; several for an image of several processors

  --certificates FILE    certificates that connections to stores trust, as PEM;
                         kubectl-broker needs them";

/// The number of the user. Kubernetes can tell that it is not root, and the image needs no file of users.
const USER: u32 = 65_532;
/// The place at which programs look for certificates.
const CERTIFICATES: &str = "etc/ssl/certs/ca-certificates.crt";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
/// A layer without compression: its bytes don't depend on the version of a program that compresses.
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

/// An image. `deploy/Containerfile` has the same three.
struct Image {
    name: &'static str,
    needs_certificates: bool,
    /// More of the configuration, as JSON.
    settings: &'static str,
    /// Folders, each with its mode and owner.
    folders: &'static [(&'static str, u32, u32)],
}

const IMAGES: [Image; 3] = [
    Image {
        name: "kubectl-broker",
        needs_certificates: true,
        settings: r#","Env":["HOME=/var/lib/kubectl-broker"],"WorkingDir":"/var/lib/kubectl-broker""#,
        folders: &[
            ("tmp", 0o1777, 0),
            ("var", 0o755, 0),
            ("var/lib", 0o755, 0),
            ("var/lib/kubectl-broker", 0o700, USER),
        ],
    },
    Image {
        name: "broker-operator",
        needs_certificates: false,
        settings: r#","ExposedPorts":{"8080/tcp":{}}"#,
        folders: &[],
    },
    Image {
        name: "broker-agent",
        needs_certificates: false,
        settings: r#","Cmd":["--config","/etc/sidecar/config.yaml"],"ExposedPorts":{"8000/tcp":{}}"#,
        folders: &[],
    },
];

/// Writes the archive that the arguments ask for.
pub(crate) fn run(arguments: impl Iterator<Item = String>) -> Result {
    let mut words: Vec<String> = arguments.collect();
    let certificates = match words.iter().position(|word| word == "--certificates") {
        Some(at) if at + 1 < words.len() => {
            let path = words.remove(at + 1);
            words.remove(at);
            Some(read(&path)?)
        }
        Some(_) => return Err(USAGE.to_owned()),
        None => None,
    };
    let [name, archive, programs @ ..] = &words[..] else {
        return Err(USAGE.to_owned());
    };
    let image = IMAGES.iter().find(|image| image.name == name);
    let Some(image) = image.filter(|_| !programs.is_empty()) else {
        return Err(USAGE.to_owned());
    };
    if image.needs_certificates && certificates.is_none() {
        return Err(format!(
            "the image {name} can't reach stores without certificates: pass --certificates /etc/ssl/certs/ca-certificates.crt"
        ));
    }
    let mut read_programs = Vec::new();
    for path in programs {
        let program = read(path)?;
        let architecture = elf::architecture(&program).map_err(|e| format!("{path} {e}"))?;
        if read_programs.iter().any(|(it, _)| *it == architecture) {
            let processor = architecture.name();
            return Err(format!("{path} is the second program for {processor}"));
        }
        read_programs.push((architecture, program));
    }
    let (bytes, digest) = image.archive(read_programs, certificates.as_deref())?;
    fs::write(archive, bytes).map_err(|e| format!("{archive}: {e}"))?;
    shell::say(&format!("{archive}: {} sha256:{digest}", image.tag()));
    Ok(())
}

fn read(path: &str) -> Result<Vec<u8>> {
    fs::read(path).map_err(|e| format!("{path}: {e}"))
}

/// The blobs of an archive by their digests.
#[derive(Default)]
struct Blobs(BTreeMap<String, Vec<u8>>);

impl Blobs {
    /// Adds a blob, and returns its descriptor without the closing brace.
    fn add(&mut self, media_type: &str, content: Vec<u8>) -> Result<(String, String)> {
        let digest = digest(&content)?;
        let size = content.len();
        self.0.insert(digest.clone(), content);
        let descriptor =
            format!(r#"{{"mediaType":"{media_type}","digest":"sha256:{digest}","size":{size}"#);
        Ok((descriptor, digest))
    }
}

impl Image {
    fn tag(&self) -> String {
        format!("kubectl-broker/{}:{}", self.name, env!("CARGO_PKG_VERSION"))
    }

    /// Returns the archive, and the digest by which registries know the image.
    fn archive(
        &self,
        programs: Vec<(Architecture, Vec<u8>)>,
        certificates: Option<&[u8]>,
    ) -> Result<(Vec<u8>, String)> {
        let mut blobs = Blobs::default();
        let mut manifests = Vec::new();
        for (architecture, program) in programs {
            manifests.push(self.manifest(&mut blobs, architecture, program, certificates)?);
        }
        // A layout names one thing by one tag, so several manifests need an index of their own.
        let (descriptor, digest) = match manifests.pop() {
            Some(only) if manifests.is_empty() => only,
            last => {
                let all = manifests.into_iter().chain(last);
                let all: Vec<_> = all.map(|(descriptor, _)| descriptor + "}").collect();
                let index = format!(
                    r#"{{"schemaVersion":2,"mediaType":"{INDEX}","manifests":[{}]}}"#,
                    all.join(",")
                );
                blobs.add(INDEX, index.into_bytes())?
            }
        };
        let index = format!(
            r#"{{"schemaVersion":2,"mediaType":"{INDEX}","manifests":[{descriptor},"annotations":{{"io.containerd.image.name":"{}","org.opencontainers.image.ref.name":"{}"}}}}]}}"#,
            self.tag(),
            env!("CARGO_PKG_VERSION")
        );
        let mut entries = vec![
            Entry::folder("blobs", 0o755, 0),
            Entry::folder("blobs/sha256", 0o755, 0),
            Entry::file("index.json", 0o644, index.into_bytes()),
            Entry::file(
                "oci-layout",
                0o644,
                br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec(),
            ),
        ];
        for (digest, content) in blobs.0 {
            entries.push(Entry::file(
                &format!("blobs/sha256/{digest}"),
                0o644,
                content,
            ));
        }
        Ok((tar::archive(entries)?, digest))
    }

    /// Adds the image for one processor, and returns its descriptor without the closing brace.
    fn manifest(
        &self,
        blobs: &mut Blobs,
        architecture: Architecture,
        program: Vec<u8>,
        certificates: Option<&[u8]>,
    ) -> Result<(String, String)> {
        let mut entries = vec![Entry::file(self.name, 0o755, program)];
        let folders = self.folders.iter();
        entries.extend(folders.map(|(path, mode, owner)| Entry::folder(path, *mode, *owner)));
        if let Some(certificates) = certificates {
            entries
                .extend(["etc", "etc/ssl", "etc/ssl/certs"].map(|it| Entry::folder(it, 0o755, 0)));
            entries.push(Entry::file(CERTIFICATES, 0o644, certificates.to_vec()));
        }
        let (layer, layer_digest) = blobs.add(LAYER, tar::archive(entries)?)?;
        let processor = architecture.name();
        let config = format!(
            r#"{{"architecture":"{processor}","os":"linux","config":{{"User":"{USER}:{USER}","Entrypoint":["/{}"]{}}},"rootfs":{{"type":"layers","diff_ids":["sha256:{layer_digest}"]}}}}"#,
            self.name, self.settings
        );
        let (config, _) = blobs.add(CONFIG, config.into_bytes())?;
        let manifest = format!(
            r#"{{"schemaVersion":2,"mediaType":"{MANIFEST}","config":{config}}},"layers":[{layer}}}]}}"#
        );
        let (descriptor, digest) = blobs.add(MANIFEST, manifest.into_bytes())?;
        let platform = format!(r#","platform":{{"architecture":"{processor}","os":"linux"}}"#);
        Ok((descriptor + &platform, digest))
    }
}

/// Returns the SHA-256 digest in hexadecimal. This crate has no dependencies, so a program of the system computes it.
fn digest(content: &[u8]) -> Result<String> {
    let failed = |e: std::io::Error| format!("sha256sum (Debian: coreutils): {e}");
    let mut child = Command::new("sha256sum")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(content).map_err(failed)?;
    }
    let output = child.wait_with_output().map_err(failed)?;
    let text = String::from_utf8_lossy(&output.stdout);
    match text.split_whitespace().next() {
        Some(digest) if output.status.success() && digest.len() == 64 => Ok(digest.to_owned()),
        _ => Err(format!("sha256sum failed ({})", output.status)),
    }
}

#[cfg(test)]
mod tests {
    use super::elf::tests::program;
    use super::*;

    fn two() -> Vec<(Architecture, Vec<u8>)> {
        vec![
            (Architecture::Amd64, program(62, 1)),
            (Architecture::Arm64, program(183, 1)),
        ]
    }

    #[test]
    fn the_same_programs_make_the_same_archive() {
        for image in &IMAGES {
            let first = image.archive(two(), Some(b"PEM")).expect("an archive");
            let second = image.archive(two(), Some(b"PEM")).expect("an archive");
            assert!(first == second, "{}", image.name);
            let other = image.archive(two(), Some(b"other")).expect("an archive");
            assert!(first.1 != other.1, "{}", image.name);
        }
    }

    #[test]
    fn each_descriptor_names_a_blob_of_the_archive() {
        for programs in [two(), two().split_off(1)] {
            let (bytes, digest) = IMAGES[0].archive(programs, None).expect("an archive");
            let text = String::from_utf8_lossy(&bytes);
            assert!(text.contains(&format!("blobs/sha256/{digest}")));
            let named = text.split("\"sha256:").skip(1);
            let named: Vec<_> = named.filter_map(|it| it.get(..64)).collect();
            assert!(named.len() >= 4, "{named:?}");
            for digest in named {
                assert!(text.contains(&format!("blobs/sha256/{digest}")), "{digest}");
            }
        }
    }

    #[test]
    fn the_digest_is_that_of_the_standard() {
        // From the examples of FIPS 180-2.
        assert_eq!(
            digest(b"abc").as_deref(),
            Ok("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        );
    }

    #[test]
    fn the_containerfile_has_the_same_images() {
        let path = shell::root().expect("a root").join("deploy/Containerfile");
        let text = fs::read_to_string(path).expect("a file");
        for image in &IMAGES {
            let stage = format!("FROM scratch AS {}\n", image.name);
            let (_, stage) = text.split_once(&stage).expect(image.name);
            let stage = stage.split("\nFROM ").next().unwrap_or_default();
            assert!(stage.contains(&format!("USER {USER}:{USER}\n")));
            assert!(stage.contains(&format!("ENTRYPOINT [\"/{}\"]\n", image.name)));
            assert_eq!(stage.contains(CERTIFICATES), image.needs_certificates);
        }
    }
}
