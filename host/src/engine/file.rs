use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::OnceLock;

use broker_manifest::{Manifest, Operation, SECTION};
use sha2::{Digest, Sha256};
use wasmparser::{Chunk, Parser, Payload};

use super::EngineError;

/// The version of the engine interface that this host provides.
pub const INTERFACE: &str = "0.1.0";

const PACKAGE: &str = "kubectl-broker:engine/";
const OPERATIONS: &str = "operations";

/// Interfaces of ours that the host provides.
const PROVIDED: &[&str] = &[
    "types",
    "http",
    "artifacts",
    "exec",
    "log",
    "progress",
    "clock",
];
/// Interfaces of ours that stand in the WIT and that the host does not provide yet.
const ANNOUNCED: &[&str] = &["resources"];
/// The packages of WASI 0.2 that are linked, with nothing in them.
const WASI: &[&str] = &["cli", "clocks", "filesystem", "io", "random", "sockets"];

/// An engine's component, and all that can be known of it without running it.
#[derive(Clone, Debug)]
pub struct EngineFile {
    bytes: Cow<'static, [u8]>,
    manifest: Manifest,
    imports: BTreeSet<String>,
    digest: OnceLock<[u8; 32]>,
}

impl EngineFile {
    /// Reads a component's manifest, imports and exports. Nothing of it is compiled or run.
    ///
    /// `name` is for errors: where the bytes came from.
    ///
    /// # Errors
    /// When it is no component, has no single valid manifest, is built for another interface,
    /// or imports what the host does not provide or its manifest does not ask for.
    pub fn read(name: &str, bytes: impl Into<Cow<'static, [u8]>>) -> Result<Self, EngineError> {
        let bytes = bytes.into();
        let outline = Outline::read(name, &bytes)?;
        let file = Self {
            manifest: outline.manifest(name)?,
            imports: outline.imports,
            digest: OnceLock::new(),
            bytes,
        };
        check_interface(name, &outline.exports, &file.imports)?;
        for import in &file.imports {
            file.check_import(import)?;
        }
        Ok(file)
    }

    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The SHA-256 of the file.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        *self
            .digest
            .get_or_init(|| Sha256::digest(&self.bytes).into())
    }

    /// Sets the digest that was computed when this binary was built.
    pub(super) fn with_digest(mut self, digest: [u8; 32]) -> Self {
        self.digest = OnceLock::from(digest);
        self
    }

    /// Names of the interfaces that it imports, with their versions.
    pub fn imports(&self) -> impl Iterator<Item = &str> {
        self.imports.iter().map(String::as_str)
    }

    /// Says which file is meant in errors: its own id, once it is known.
    #[must_use]
    pub fn name(&self) -> String {
        format!("engine {}", self.manifest.id)
    }

    fn check_import(&self, import: &str) -> Result<(), EngineError> {
        let engine = || self.name();
        let import_name = || import.to_owned();
        if let Some((interface, _)) = ours(import) {
            if PROVIDED.contains(&interface) {
                return self.check_asked(interface, import);
            }
            if ANNOUNCED.contains(&interface) {
                return Err(EngineError::NotProvided {
                    engine: engine(),
                    import: import_name(),
                });
            }
        } else if is_wasi(import) {
            return Ok(());
        }
        Err(EngineError::UnknownImport {
            engine: engine(),
            import: import_name(),
        })
    }

    /// An interface is linked only when the manifest asks for what it gives.
    fn check_asked(&self, interface: &str, import: &str) -> Result<(), EngineError> {
        let moves_files = [Operation::Create, Operation::Download, Operation::Restore];
        let missing = match interface {
            "http" if self.manifest.endpoints.is_empty() => "it names no endpoint",
            "exec" if self.manifest.exec.is_empty() => "it names no command",
            "artifacts" if !moves_files.iter().any(|op| self.manifest.can(*op)) => {
                "it names no operation that moves files (`create`, `download`, `restore`)"
            }
            _ => return Ok(()),
        };
        Err(EngineError::NotAsked {
            engine: self.name(),
            import: import.to_owned(),
            missing,
        })
    }
}

/// `("http", "0.1.0")` for `kubectl-broker:engine/http@0.1.0`.
fn ours(name: &str) -> Option<(&str, &str)> {
    name.strip_prefix(PACKAGE)?.split_once('@')
}

fn is_wasi(import: &str) -> bool {
    import
        .strip_prefix("wasi:")
        .and_then(|rest| rest.split_once('/'))
        .and_then(|(package, rest)| Some((package, rest.split_once('@')?.1)))
        .is_some_and(|(package, version)| WASI.contains(&package) && version.starts_with("0.2."))
}

/// Before 1.0 each minor version is an interface of its own.
fn check_interface(
    name: &str,
    exports: &BTreeSet<String>,
    imports: &BTreeSet<String>,
) -> Result<(), EngineError> {
    let exported = exports
        .iter()
        .filter_map(|export| ours(export))
        .find(|(interface, _)| *interface == OPERATIONS);
    let Some((_, version)) = exported else {
        return Err(EngineError::NoInterface {
            engine: name.to_owned(),
        });
    };
    let imported = imports
        .iter()
        .filter_map(|import| ours(import))
        .map(|(_, version)| version);
    match std::iter::once(version)
        .chain(imported)
        .find(|version| !compatible(version))
    {
        Some(version) => Err(EngineError::OtherInterface {
            engine: name.to_owned(),
            built_for: version.to_owned(),
        }),
        None => Ok(()),
    }
}

fn compatible(version: &str) -> bool {
    version == INTERFACE
}

/// The parts of a component that say what it is.
#[derive(Default)]
struct Outline {
    manifests: Vec<Vec<u8>>,
    imports: BTreeSet<String>,
    exports: BTreeSet<String>,
}

impl Outline {
    fn read(name: &str, bytes: &[u8]) -> Result<Self, EngineError> {
        Self::walk(bytes).map_err(|reason| EngineError::NotAComponent {
            engine: name.to_owned(),
            reason,
        })
    }

    fn walk(bytes: &[u8]) -> Result<Self, String> {
        if !Parser::is_component(bytes) {
            return Err(if Parser::is_core_wasm(bytes) {
                "it is a core module".to_owned()
            } else {
                "it does not begin as one".to_owned()
            });
        }
        let mut outline = Self::default();
        // The manifest that the SDK writes stands in the core module inside the component, the one
        // that a packer adds at its end: both count. Imports and exports are those of the outermost.
        let mut outer = Vec::new();
        let mut parser = Parser::new(0);
        let mut rest = bytes;
        loop {
            let (consumed, payload) = match parser.parse(rest, true).map_err(|e| e.to_string())? {
                Chunk::Parsed { consumed, payload } => (consumed, payload),
                Chunk::NeedMoreData(_) => return Err("it ends too early".to_owned()),
            };
            rest = rest.get(consumed..).unwrap_or_default();
            match payload {
                Payload::ModuleSection { parser: inner, .. }
                | Payload::ComponentSection { parser: inner, .. } => {
                    outer.push(std::mem::replace(&mut parser, inner));
                }
                // Most of the file, and nothing in it matters here.
                Payload::CodeSectionStart { size, .. } => {
                    parser.skip_section();
                    let size = usize::try_from(size).unwrap_or(usize::MAX);
                    rest = rest
                        .get(size..)
                        .ok_or_else(|| "it ends in its code".to_owned())?;
                }
                Payload::End(_) => match outer.pop() {
                    Some(parent) => parser = parent,
                    None => return Ok(outline),
                },
                payload => outline.note(payload, outer.is_empty())?,
            }
        }
    }

    fn note(&mut self, payload: Payload<'_>, outermost: bool) -> Result<(), String> {
        match payload {
            Payload::CustomSection(section) if section.name() == SECTION => {
                self.manifests.push(section.data().to_vec());
            }
            Payload::ComponentImportSection(section) if outermost => {
                for import in section {
                    let import = import.map_err(|e| e.to_string())?;
                    self.imports.insert(import.name.name.to_owned());
                }
            }
            Payload::ComponentExportSection(section) if outermost => {
                for export in section {
                    let export = export.map_err(|e| e.to_string())?;
                    self.exports.insert(export.name.name.to_owned());
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn manifest(&self, name: &str) -> Result<Manifest, EngineError> {
        match self.manifests.as_slice() {
            [] => Err(EngineError::NoManifest {
                engine: name.to_owned(),
            }),
            [json] => Manifest::from_json(json).map_err(|source| EngineError::Manifest {
                engine: name.to_owned(),
                source,
            }),
            many => Err(EngineError::ManyManifests {
                engine: name.to_owned(),
                count: many.len(),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Catalogue;
    use super::*;

    #[test]
    fn the_bundled_engines_can_be_read_and_are_what_they_say() {
        let names: Vec<_> = Catalogue::bundled()
            .expect("the bundled engines are valid")
            .iter()
            .map(|file| file.manifest().id.to_string())
            .collect();
        assert_eq!(names, ["kubectl-broker/hivemq", "kubectl-broker/sidecar"]);
    }

    #[test]
    fn the_digests_of_the_build_are_those_of_the_files() {
        for file in Catalogue::bundled().expect("bundled").iter() {
            let digest: [u8; 32] = Sha256::digest(file.bytes()).into();
            assert_eq!(file.digest(), digest);
        }
    }

    #[test]
    fn what_is_no_component_is_refused() {
        for bytes in [&b""[..], b"hello", b"\0asm\x01\0\0\0"] {
            let error = EngineFile::read("x.wasm", bytes.to_vec()).expect_err("no component");
            assert!(
                matches!(error, EngineError::NotAComponent { .. }),
                "{error}"
            );
        }
    }

    #[test]
    fn every_truncation_of_a_real_engine_is_refused() {
        let bytes = Catalogue::bundled().expect("bundled")[0].bytes().to_vec();
        for length in (0..bytes.len()).step_by(4099) {
            EngineFile::read("x.wasm", bytes[..length].to_vec()).expect_err("truncated");
        }
    }

    #[test]
    fn what_is_announced_only_is_refused_and_so_is_what_the_manifest_does_not_ask_for() {
        let bundled = Catalogue::bundled().expect("bundled");
        let sidecar = bundled
            .iter()
            .find(|file| file.manifest().exec.is_empty())
            .expect("an engine without commands");
        let import = |name: &str| sidecar.check_import(&format!("{PACKAGE}{name}@{INTERFACE}"));
        assert!(import("http").is_ok());
        assert!(matches!(
            import("resources"),
            Err(EngineError::NotProvided { .. })
        ));
        assert!(matches!(
            import("exec"),
            Err(EngineError::NotAsked {
                missing: "it names no command",
                ..
            })
        ));
        assert!(matches!(
            import("shell"),
            Err(EngineError::UnknownImport { .. })
        ));
    }

    #[test]
    fn wasi_is_known_by_package_and_version() {
        assert!(is_wasi("wasi:io/streams@0.2.6"));
        assert!(is_wasi("wasi:sockets/tcp@0.2.0"));
        assert!(!is_wasi("wasi:http/outgoing-handler@0.2.6"));
        assert!(!is_wasi("wasi:io/streams@0.3.0"));
        assert!(!is_wasi("wasi:io/streams"));
    }
}
