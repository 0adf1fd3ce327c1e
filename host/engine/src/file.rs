use std::borrow::Cow;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use broker_manifest::{Manifest, Operation};
use host_base::files;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::guest::{INTERFACE, INTERFACES, provided};
use super::sections::Sections;
use super::{EngineError, Grants, loads};

/// The maximum size of a component that is read from a file, in bytes. An installed component is also checked
/// by its digest.
const MAX_COMPONENT: u64 = 256 << 20;

const PACKAGE: &str = "kubectl-broker:engine/";
const OPERATIONS: &str = "operations";

/// The interfaces that a component may import only if its manifest asks for what they give.
const ASKED: &[&str] = &["artifacts", "aws", "exec", "http", "resources", "storage"];

/// The packages of WASI 0.2 that are linked. They give access to nothing.
const WASI: &[&str] = &["cli", "clocks", "filesystem", "io", "random", "sockets"];

/// An engine's component, and every fact about it that is known without running it.
#[derive(Clone, Debug)]
pub struct EngineFile {
    content: Content,
    outline: Arc<Outline>,
    /// The accepted grants. If it is `None`, everything that the manifest asks for is granted.
    grants: Option<Grants>,
    bundled: bool,
    /// Operations for which the user made this engine the default.
    default_for: BTreeSet<Operation>,
}

/// The declarations of a component: enough for the command line, for lists and for consent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Outline {
    /// The version of the engine interface that the component is built for.
    pub interface: String,
    /// Names of the interfaces that the component imports, with their versions.
    pub imports: BTreeSet<String>,
    /// The manifest of the engine.
    pub manifest: Manifest,
}

/// Where the bytes of a component are.
#[derive(Clone, Debug)]
enum Content {
    Here {
        bytes: Cow<'static, [u8]>,
        /// SHA-256 digest of the bytes, computed on first use.
        digest: OnceLock<[u8; 32]>,
    },
    /// A file that is read only when native code must be compiled. It must then have this digest.
    File { path: PathBuf, digest: [u8; 32] },
}

impl EngineFile {
    /// Reads a component's manifest, imports and exports. It neither compiles nor runs anything.
    ///
    /// `name` says in errors where the bytes came from.
    ///
    /// # Errors
    /// When the bytes are no component, have no single valid manifest, or are built for another interface.
    /// Also when the component imports an interface that the host does not provide or the manifest does not
    /// ask for.
    pub fn read(name: &str, bytes: impl Into<Cow<'static, [u8]>>) -> Result<Self, EngineError> {
        let bytes = bytes.into();
        let sections = Sections::read(name, &bytes)?;
        // The build is checked first: without the right one, the manifest matters little.
        check_wasi(name, &sections.imports)?;
        sections.check_synchronous(name)?;
        let manifest = sections.manifest(name)?;
        let outline = Outline {
            interface: interface(name, &sections.exports)?.to_owned(),
            imports: sections.imports,
            manifest,
        };
        outline.check_interface(name)?;
        outline.check_imports()?;
        Ok(Self {
            content: Content::Here {
                bytes,
                digest: OnceLock::new(),
            },
            outline: Arc::new(outline),
            grants: None,
            bundled: false,
            default_for: BTreeSet::new(),
        })
    }

    /// Returns an engine whose declarations were read before and whose bytes are in a file. The file is read
    /// only when it is needed; it must then have this digest.
    ///
    /// # Errors
    /// When this host can't run what the [`Outline`] declares. A different version of the host may have read
    /// it.
    pub fn stored(
        outline: Outline,
        digest: [u8; 32],
        path: PathBuf,
        grants: Grants,
    ) -> Result<Self, EngineError> {
        outline.check_interface(&outline.name())?;
        outline.check_imports()?;
        Ok(Self {
            content: Content::File { path, digest },
            outline: Arc::new(outline),
            grants: Some(grants),
            bundled: false,
            default_for: BTreeSet::new(),
        })
    }

    /// Returns the manifest of the engine.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.outline.manifest
    }

    /// Returns the declarations of the component.
    #[must_use]
    pub fn outline(&self) -> &Outline {
        &self.outline
    }

    /// Returns the capabilities of the engine.
    #[must_use]
    pub fn grants(&self) -> Grants {
        let all = || Grants::all_of(self.manifest());
        self.grants.clone().unwrap_or_else(all)
    }

    /// Returns true if the engine ships in this program.
    #[must_use]
    pub fn is_bundled(&self) -> bool {
        self.bundled
    }

    /// Returns the name that people see. The name of an installed engine includes its publisher.
    #[must_use]
    pub fn shown_name(&self) -> String {
        let id = &self.manifest().id;
        if self.bundled {
            id.name().to_owned()
        } else {
            id.to_string()
        }
    }

    /// Sets the operations for which the user made this engine the default.
    #[must_use]
    pub fn with_default_for(mut self, operations: BTreeSet<Operation>) -> Self {
        self.default_for = operations;
        self
    }

    /// Returns the operations for which `auto` chooses this engine although it is not bundled.
    #[must_use]
    pub fn default_for(&self) -> &BTreeSet<Operation> {
        &self.default_for
    }

    /// Returns the bytes of the component.
    ///
    /// # Errors
    /// When the file can't be read, or does not have its digest any more.
    pub fn bytes(&self) -> Result<Cow<'_, [u8]>, EngineError> {
        let (path, expected) = match &self.content {
            Content::Here { bytes, .. } => return Ok(Cow::Borrowed(bytes)),
            Content::File { path, digest } => (path, *digest),
        };
        loads::count();
        let bytes =
            files::read_plain(path, MAX_COMPONENT).map_err(|source| EngineError::Unreadable {
                engine: self.name(),
                path: path.clone(),
                source,
            })?;
        let digest: [u8; 32] = Sha256::digest(&bytes).into();
        if digest != expected {
            return Err(EngineError::Changed {
                engine: self.name(),
                path: path.clone(),
            });
        }
        Ok(Cow::Owned(bytes))
    }

    /// Returns the SHA-256 digest of the component.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        match &self.content {
            Content::Here { bytes, digest } => *digest.get_or_init(|| Sha256::digest(bytes).into()),
            Content::File { digest, .. } => *digest,
        }
    }

    /// Marks the engine as bundled and sets its digest, which was computed when this program was built.
    pub(super) fn bundled(mut self, digest: [u8; 32]) -> Self {
        if let Content::Here { digest: known, .. } = &mut self.content {
            *known = OnceLock::from(digest);
        }
        self.bundled = true;
        self
    }

    /// Returns whether the engine is built for an older version of the interface than the current one.
    #[must_use]
    pub fn is_of_older_interface(&self) -> bool {
        self.outline.interface != INTERFACE
    }

    /// Returns the name of the engine for error messages: the word "engine" and its id.
    #[must_use]
    pub fn name(&self) -> String {
        self.outline.name()
    }
}

impl Outline {
    /// Returns the declarations of a component that uses everything in its manifest.
    #[must_use]
    pub fn of(manifest: Manifest) -> Self {
        let asked = ASKED.iter();
        let asked = asked.filter(|interface| not_asked(&manifest, interface).is_none());
        Self {
            interface: INTERFACE.to_owned(),
            imports: asked
                .map(|interface| format!("{PACKAGE}{interface}@{INTERFACE}"))
                .collect(),
            manifest,
        }
    }

    fn name(&self) -> String {
        format!("engine {}", self.manifest.id)
    }

    /// Returns true if the component imports this interface of the engine package, such as `http`.
    #[must_use]
    pub fn imports(&self, interface: &str) -> bool {
        let mut ours = self.imports.iter().filter_map(|import| ours(import));
        ours.any(|(name, _)| name == interface)
    }

    /// Checks that the host provides the interface version of the component, and that its imports and its
    /// manifest are of that version.
    fn check_interface(&self, name: &str) -> Result<(), EngineError> {
        let imported = self.imports.iter().filter_map(|import| ours(import));
        let mut versions =
            std::iter::once(self.interface.as_str()).chain(imported.map(|(_, version)| version));
        let other = versions
            .clone()
            .find(|version| !INTERFACES.contains(version));
        // A component of two versions would reach what its own version does not have.
        let other = other.or_else(|| versions.find(|version| *version != self.interface));
        if let Some(version) = other {
            return Err(EngineError::OtherInterface {
                engine: name.to_owned(),
                built_for: version.to_owned(),
            });
        }
        self.check_manifest(name)
    }

    /// Checks that the manifest asks only for what the engine's version of the interface has.
    ///
    /// # Errors
    /// When the manifest has a part of a newer version, or one that its version does not have any more.
    pub fn check_manifest(&self, name: &str) -> Result<(), EngineError> {
        if self.interface == INTERFACE
            && let Some(what) = self.manifest.until_0_1()
        {
            return Err(EngineError::OlderManifest {
                engine: name.to_owned(),
                built_for: self.interface.clone(),
                what,
            });
        }
        if self.interface != INTERFACE
            && let Some(what) = self.manifest.since_0_2()
        {
            return Err(EngineError::NewerManifest {
                engine: name.to_owned(),
                built_for: self.interface.clone(),
                what,
                since: INTERFACE,
            });
        }
        Ok(())
    }

    fn check_imports(&self) -> Result<(), EngineError> {
        let mut imports = self.imports.iter();
        imports.try_for_each(|import| self.check_import(import))?;
        let verbs = &mut self.manifest.verbs.values();
        let must_save = self.manifest.saves() || verbs.any(|verb| verb.saves);
        if must_save && !self.imports("artifacts") {
            return Err(EngineError::CantSave {
                engine: self.name(),
            });
        }
        Ok(())
    }

    fn check_import(&self, import: &str) -> Result<(), EngineError> {
        if let Some((interface, _)) = ours(import) {
            if provided(&self.interface).contains(&interface) {
                return self.check_asked(interface, import);
            }
        } else if is_wasi(import) {
            return Ok(());
        }
        Err(EngineError::UnknownImport {
            engine: self.name(),
            import: import.to_owned(),
        })
    }

    /// Checks that the manifest asks for the capability that an imported interface gives.
    fn check_asked(&self, interface: &str, import: &str) -> Result<(), EngineError> {
        match not_asked(&self.manifest, interface) {
            None => Ok(()),
            Some(missing) => Err(EngineError::NotAsked {
                engine: self.name(),
                import: import.to_owned(),
                missing,
            }),
        }
    }
}

/// Returns the missing part of a manifest that does not ask for the capability of an interface.
fn not_asked(manifest: &Manifest, interface: &str) -> Option<&'static str> {
    let moves_files = manifest.saves_files() || manifest.can(Operation::Restore);
    match interface {
        "http" if manifest.endpoints.is_empty() => Some("it names no endpoint"),
        "resources" if manifest.resources.is_none() => Some("it names no kind of objects"),
        "exec" if manifest.exec.is_empty() => Some("it names no command"),
        "storage" if manifest.storage.is_empty() => Some("it names no store"),
        "aws" if manifest.aws.is_empty() => Some("it names no service of AWS"),
        "artifacts" if !moves_files => Some(
            "it names no operation that moves files (`create` or a verb with `saves`, `download`, `restore`)",
        ),
        _ => None,
    }
}

/// Returns interface and version of an import of the engine package.
///
/// `kubectl-broker:engine/http@0.1.0` gives `("http", "0.1.0")`.
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

/// Refuses other versions of WASI by name.
fn check_wasi(name: &str, imports: &BTreeSet<String>) -> Result<(), EngineError> {
    let mut imports = imports.iter();
    let is_other = |import: &&String| {
        let version = import
            .strip_prefix("wasi:")
            .and_then(|rest| rest.rsplit_once('@'));
        version.is_some_and(|(_, version)| !version.starts_with("0.2."))
    };
    match imports.find(is_other) {
        None => Ok(()),
        Some(import) => Err(EngineError::OtherWasi {
            engine: name.to_owned(),
            import: import.clone(),
        }),
    }
}

/// Returns the version of the engine interface that a component exports.
fn interface<'a>(name: &str, exports: &'a BTreeSet<String>) -> Result<&'a str, EngineError> {
    let mut ours = exports.iter().filter_map(|export| ours(export));
    let exported = ours.find(|(interface, _)| *interface == OPERATIONS);
    let (_, version) = exported.ok_or_else(|| EngineError::NoInterface {
        engine: name.to_owned(),
    })?;
    Ok(version)
}

#[cfg(test)]
mod tests {
    use super::super::Catalogue;
    use super::*;

    #[test]
    fn the_bundled_engines_can_be_read_and_are_what_they_say() {
        let names: Vec<_> = Catalogue::bundled(host_bundled::ENGINES)
            .expect("the bundled engines are valid")
            .iter()
            .map(|file| file.manifest().id.to_string())
            .collect();
        let expected = [
            "aws",
            "backuprequest",
            "hivemq",
            "kafka",
            "operator",
            "sidecar",
            "strategy",
        ];
        let expected = expected.map(|name| format!("kubectl-broker/{name}"));
        assert_eq!(names, expected);
    }

    #[test]
    fn the_digests_of_the_build_are_those_of_the_files() {
        for file in Catalogue::bundled(host_bundled::ENGINES)
            .expect("bundled")
            .iter()
        {
            let digest: [u8; 32] = Sha256::digest(file.bytes().expect("bytes")).into();
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
    fn components_in_components_are_followed_only_so_far() {
        let mut bytes = super::super::testing::component_of(&[]);
        for _ in 0..200 {
            bytes = super::super::testing::component_around(&bytes);
        }
        let error = EngineFile::read("x.wasm", bytes).expect_err("too deep");
        assert_eq!(
            error.to_string(),
            "x.wasm is not a WebAssembly component: it is nested more than 100 deep"
        );
    }

    #[test]
    fn every_truncation_of_a_real_engine_is_refused() {
        let bytes = Catalogue::bundled(host_bundled::ENGINES).expect("bundled")[0].clone();
        let bytes = bytes.bytes().expect("bytes").into_owned();
        for length in (0..bytes.len()).step_by(4099) {
            EngineFile::read("x.wasm", bytes[..length].to_vec()).expect_err("truncated");
        }
    }

    #[test]
    fn what_the_manifest_does_not_ask_for_is_refused_and_so_is_what_nobody_knows() {
        let bundled = Catalogue::bundled(host_bundled::ENGINES).expect("bundled");
        let sidecar = bundled
            .iter()
            .find(|file| file.manifest().id.name() == "sidecar")
            .expect("an engine without commands or objects");
        let import = |name: &str| {
            sidecar
                .outline
                .check_import(&format!("{PACKAGE}{name}@{INTERFACE}"))
        };
        assert!(import("http").is_ok());
        assert!(matches!(
            import("resources"),
            Err(EngineError::NotAsked {
                missing: "it names no kind of objects",
                ..
            })
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

    fn with_create(saves: bool, imports: &[&str]) -> Result<(), EngineError> {
        let text = format!(
            "id = \"acme/vault\"\nversion = \"1.0.0\"\nsummary = \"x\"\n[operations.detect]\n[operations.create]\nsaves = {saves}\n"
        );
        let imports = imports.iter();
        let outline = Outline {
            interface: INTERFACE.to_owned(),
            imports: imports
                .map(|name| format!("{PACKAGE}{name}@{INTERFACE}"))
                .collect(),
            manifest: Manifest::from_toml(&text).expect("a valid manifest"),
        };
        outline.check_imports()
    }

    #[test]
    fn an_engine_saves_what_it_creates_exactly_if_its_manifest_says_so() {
        assert!(with_create(true, &["artifacts"]).is_ok());
        assert!(with_create(false, &[]).is_ok());
        assert!(matches!(
            with_create(true, &[]),
            Err(EngineError::CantSave { .. })
        ));
        assert!(matches!(
            with_create(false, &["artifacts"]),
            Err(EngineError::NotAsked { .. })
        ));
    }

    #[test]
    fn keys_about_several_files_need_interface_0_2() {
        for keys in [
            "[operations.download]\nmany-files = true\n",
            "[operations.act]\n[verbs.logs]\nhelp = \"x\"\nsaves = true\n",
        ] {
            let text = format!(
                "id = \"acme/vault\"\nversion = \"1.0.0\"\nsummary = \"x\"\n[operations.detect]\n{keys}"
            );
            let read = |interface: &str| {
                let outline = Outline {
                    interface: interface.to_owned(),
                    imports: BTreeSet::from([format!("{PACKAGE}artifacts@{interface}")]),
                    manifest: Manifest::from_toml(&text).expect("a valid manifest"),
                };
                outline
                    .check_interface("vault")
                    .and_then(|()| outline.check_imports())
            };
            assert!(read(INTERFACE).is_ok(), "{keys}");
            assert!(
                matches!(read("0.1.0"), Err(EngineError::NewerManifest { .. })),
                "{keys}"
            );
        }
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
