//! All that is said of engines that could not be installed, found, or changed.

use host_base::{Report, ReportKind};
use insta::assert_snapshot;
use serde::ser::Error as _;
use testbed::messages;

use super::*;

fn text(text: &str) -> String {
    text.to_owned()
}

fn texts<const N: usize>(texts: [&str; N]) -> Vec<String> {
    texts.map(str::to_owned).to_vec()
}

fn denied() -> io::Error {
    io::ErrorKind::PermissionDenied.into()
}

fn id(id: &str) -> EngineId {
    id.parse().expect("an id")
}

fn key_error() -> KeyError {
    KeyError::Io {
        path: "/keys".into(),
        source: denied(),
    }
}

/// In the words of a bundled engine, which are none of ours.
fn reported(message: &str) -> PluginError {
    PluginError::Engine(Box::new(EngineError::Reported {
        engine: text("engine kubectl-broker/hivemq"),
        is_bundled: true,
        report: Report::new(ReportKind::Integrity, message),
    }))
}

fn not_accepted(is_more: bool) -> PluginError {
    PluginError::NotAccepted {
        id: text("acme/small"),
        is_more,
        wants: texts(["[writes] delete backups", "list backups"]),
        remarks: texts(["[note] it is not signed", "It is large."]),
        digest: Sha256::digest(b""),
        is_other_given: is_more,
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "all errors stand in one table")]
fn what_is_said_of_installing_engines() {
    let errors = [
        PluginError::Reference(BadReference {
            given: text("ftp://a"),
            reason: "the scheme `ftp` is not known",
        }),
        PluginError::NoSource {
            reference: text("s3://a/b"),
        },
        PluginError::Read {
            path: "a.wasm".into(),
            source: denied(),
        },
        PluginError::Read {
            path: "a.wasm".into(),
            source: io::ErrorKind::NotFound.into(),
        },
        PluginError::OtherDigest {
            what: text("a.wasm"),
            is: Sha256::digest(b"a"),
            expected: Sha256::digest(b""),
        },
        PluginError::OtherEngine {
            what: text("a.wasm"),
            is: text("acme/large"),
            expected: text("acme/small"),
        },
        PluginError::OtherVersion {
            what: text("registry.example/a:2"),
            is: text("1.0.0"),
            expected: text("2.0.0"),
        },
        PluginError::OneVersion {
            what: text("a.wasm"),
        },
        PluginError::Older {
            what: text("registry.example/a"),
            id: text("acme/small"),
            is: text("1.0.0"),
            installed: text("2.0.0"),
        },
        PluginError::BundledId {
            id: id("kubectl-broker/hivemq"),
        },
        PluginError::Untrusted {
            id: id("acme/small"),
            version: semver::Version::new(1, 0, 0),
            source: Box::new(key_error()),
        },
        PluginError::Bundle {
            path: "a.bundle".into(),
            problem: "it is cut short",
        },
        PluginError::WholeBundle {
            path: "a.bundle".into(),
            engines: texts(["acme/small", "acme/large"]),
        },
        PluginError::NotInBundle {
            path: "a.bundle".into(),
            id: id("acme/small"),
        },
        PluginError::NoSignature {
            id: id("acme/small"),
        },
        PluginError::LargeBundle { limit: 1000 },
        PluginError::Written {
            path: "a.bundle".into(),
            source: denied(),
        },
        PluginError::Written {
            path: "a.bundle".into(),
            source: io::ErrorKind::AlreadyExists.into(),
        },
        PluginError::KeyNotKept {
            id: id("acme/small"),
            source: Box::new(key_error()),
        },
        PluginError::Reserved {
            id: id("acme/hivemq"),
            reserved: Reserved {
                what: "name",
                given: text("hivemq"),
                like: text("hivemq"),
            },
        },
        PluginError::NotItsOperation {
            id: id("acme/small"),
            operation: Operation::Restore,
            able: vec![Operation::List, Operation::Create],
        },
        PluginError::Defaults {
            id: id("acme/small"),
            path: "plugins.lock".into(),
            line: 7,
        },
        PluginError::NotAccepted {
            id: text("acme/small"),
            is_more: false,
            wants: Vec::new(),
            remarks: Vec::new(),
            digest: Sha256::digest(b""),
            is_other_given: false,
        },
        not_accepted(false),
        not_accepted(true),
        PluginError::Declined {
            id: id("acme/small"),
        },
        PluginError::NotInstalled {
            name: text("x"),
            known: texts(["acme/small"]),
        },
        PluginError::NotInstalled {
            name: text("x"),
            known: Vec::new(),
        },
        PluginError::Ambiguous {
            name: text("x"),
            ids: texts(["a/x", "b/x"]),
        },
        PluginError::Bundled {
            id: id("kubectl-broker/hivemq"),
        },
        PluginError::NoPrevious {
            id: id("acme/small"),
        },
        PluginError::Raced {
            id: id("acme/small"),
        },
        PluginError::Lockfile(LockfileError {
            path: "plugins.lock".into(),
            line: 7,
            problem: text("version 9 is not known"),
        }),
        PluginError::Consent {
            id: id("acme/small"),
            path: "plugins.lock".into(),
            line: 7,
        },
        PluginError::Damaged {
            id: id("acme/small"),
            path: "a.wasm".into(),
            problem: "is gone",
        },
        PluginError::Several {
            problems: vec![reported("the disk is full"), reported("the disk is gone")],
        },
        PluginError::Several {
            problems: vec![not_accepted(false), not_accepted(true)],
        },
        PluginError::Folder(PrivateFolderError::Owner {
            path: "plugins".into(),
        }),
        PluginError::Form(toml::ser::Error::custom("no table")),
        PluginError::Outline(serde_json::Error::custom("no map")),
        PluginError::NoHome,
        PluginError::Worker {
            reason: text("it panicked"),
        },
    ];
    let table = messages!(
        PluginError {
            Reference,
            NoSource,
            Read,
            OtherDigest,
            OtherEngine,
            OtherVersion,
            OneVersion,
            Older,
            BundledId,
            Untrusted,
            Bundle,
            WholeBundle,
            NotInBundle,
            NoSignature,
            LargeBundle,
            Written,
            KeyNotKept,
            Reserved,
            NotItsOperation,
            Defaults,
            NotAccepted,
            Declined,
            NotInstalled,
            Ambiguous,
            Bundled,
            NoPrevious,
            Raced,
            Lockfile,
            Consent,
            Damaged,
            Several,
            Folder,
            Form,
            Outline,
            NoHome,
            Worker,
        } passes on { Source, Engine, Key },
        errors
    );
    assert_snapshot!(table, @"
    Reference, exit 2
      invalid engine reference `ftp://a`: the scheme `ftp` is not known
      hint: Give a file, `https://…` or `oci://HOST/REPOSITORY:TAG`
    NoSource, exit 2
      this version of kubectl-broker can't fetch s3://a/b
      hint: Download the file by other means, then install the file
    Read, exit 1
      a.wasm can't be read: {source}
      hint: Check the path, and whether you may read it
    Read, exit 10
      a.wasm can't be read: {source}
      hint: the same
    OtherDigest, exit 13
      a.wasm is not the expected file: its SHA-256 digest is ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb, not e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
      hint: Nothing was changed. Download the file again, and compare its digest with the one that the publisher names
    OtherEngine, exit 14
      a.wasm is engine acme/large, not acme/small
      hint: Nothing was changed. Ask the publisher; `kubectl broker plugin install` installs it as a second engine
    OtherVersion, exit 14
      registry.example/a:2 is version 1.0.0, not 2.0.0
      hint: Nothing was changed. The publisher has moved that tag to another version: ask the publisher
    OneVersion, exit 2
      the source of the engine, a.wasm, has a single version
      hint: Download the file of that version, and install it with `kubectl broker plugin install`; only registries keep several versions
    Older, exit 11
      registry.example/a is version 1.0.0 of acme/small, older than the installed 2.0.0
      hint: Nothing was changed. `kubectl broker plugin update NAME --version VERSION` installs an older version from a registry, `plugin install` any version, and `plugin rollback` the previous one
    BundledId, exit 11
      kubectl-broker/hivemq is bundled with kubectl-broker, and no other file can replace it
      hint: Ask the engine's author for another name
    Untrusted, exit 1
      acme/small 1.0.0 is refused: {source}
    Bundle, exit 13
      a.bundle is not a valid bundle: it is cut short
      hint: Nothing was changed. Copy the file again and compare its SHA-256, or create it again with `kubectl broker plugin bundle`
    WholeBundle, exit 2
      a.bundle is a bundle of several engines: acme/small, acme/large
      hint: `kubectl broker plugin install` installs all of them, and with `--name PUBLISHER/NAME` only one
    NotInBundle, exit 10
      the bundle a.bundle does not contain acme/small
      hint: `kubectl broker plugin bundle` creates a bundle of the engines that you name
    NoSignature, exit 10
      the signature of acme/small is not stored on this machine
      hint: Install the engine again with `kubectl broker plugin install`, then bundle it; `kubectl broker plugin list` shows the source of acme/small
    LargeBundle, exit 2
      these engines are too large for one bundle, which may have at most 1000 bytes
      hint: Create several bundles
    Written, exit 1
      can't write a.bundle: {source}
      hint: Give another name, or a folder that you may write to
    Written, exit 11
      can't write a.bundle: {source}
      hint: the same
    KeyNotKept, exit 1
      acme/small is installed, but the key that signed it could not be stored: {source}
      hint: Trust the key with `kubectl broker plugin key add acme FILE`
    Reserved, exit 11
      acme/hivemq is refused: its name `hivemq` is reserved
      hint: Ask the engine's author for another name; if the engine is installed, remove it with `kubectl broker plugin remove acme/hivemq`
    NotItsOperation, exit 2
      engine acme/small can't `restore`
      hint: The engine can be the default for: list, create
    Defaults, exit 13
      plugins.lock, line 7: the consent for acme/small is for other capabilities or defaults
      hint: Undo the change of that file, or remove the engine's defaults with `kubectl broker plugin default acme/small --remove`
    NotAccepted, exit 2
      acme/small asks for no capabilities, but is not accepted yet
      hint: To accept, pass `--accept-capabilities sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855`; it accepts this set and no other. On a terminal you are asked
    NotAccepted, exit 2
      acme/small asks for capabilities that are not accepted yet:
      ! [writes] delete backups
      - list backups
      ! [note] it is not signed
      It is large.
      hint: the same
    NotAccepted, exit 2
      acme/small also asks for capabilities that are not accepted yet:
      ! [writes] delete backups
      - list backups
      ! [note] it is not signed
      It is large.
      The command line accepts a different set.
      hint: the same
    Declined, exit 2
      nothing was changed: the capabilities of acme/small were not accepted
      hint: `kubectl broker plugin inspect` shows what an engine may do without installing it
    NotInstalled, exit 10
      no engine `x` is installed
      hint: Installed engines: acme/small
    NotInstalled, exit 10
      no engine `x` is installed
      hint: `kubectl broker plugin install` installs one
    Ambiguous, exit 2
      engine `x` is ambiguous: a/x, b/x
      hint: Give the full name, `PUBLISHER/NAME`
    Bundled, exit 2
      kubectl-broker/hivemq is bundled with kubectl-broker, and changes only with it
      hint: Update kubectl-broker
    NoPrevious, exit 10
      acme/small has no earlier version to roll back to
      hint: A version is stored when another replaces it; `kubectl broker plugin install` installs any version
    Raced, exit 11
      another process has changed acme/small at the same time
      hint: Check `kubectl broker plugin list`, and try again
    Lockfile, exit 2
      plugins.lock, line 7: version 9 is not known
      hint: Undo the change, or move the file away and install the engines again with `kubectl broker plugin install`
    Consent, exit 13
      plugins.lock, line 7: the accepted capabilities of acme/small are not those that the engine asks for
      hint: Undo the change of that line, install the engine again with `kubectl broker plugin install`, or remove it with `kubectl broker plugin remove acme/small`
    Damaged, exit 13
      the stored file a.wasm of acme/small is gone
      hint: Install the engine again with `kubectl broker plugin install`, or remove it with `kubectl broker plugin remove acme/small`
    Several, exit 13
      the disk is full; the disk is gone
    Several, exit 2
      acme/small asks for capabilities that are not accepted yet:
      ! [writes] delete backups
      - list backups
      ! [note] it is not signed
      It is large.
      acme/small also asks for capabilities that are not accepted yet:
      ! [writes] delete backups
      - list backups
      ! [note] it is not signed
      It is large.
      The command line accepts a different set.
      hint: To accept, pass `--accept-capabilities sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 --accept-capabilities sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855`; it accepts these sets and no other. On a terminal you are asked
    Folder, exit 1
      engines can't be stored: {source}
      hint: Correct that folder, or set XDG_DATA_HOME to a writable folder of your own
    Form, exit 1
      the lockfile can't be written: {source}
    Outline, exit 1
      the manifest of an engine can't be written: {source}
    NoHome, exit 1
      there is no home folder to keep engines in
      hint: as Folder
    Worker, exit 1
      a worker of this process ended unexpectedly: it panicked
    ");
}
