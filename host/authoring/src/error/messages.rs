//! All that is said by the tools for authors of engines.

use insta::assert_snapshot;
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

#[test]
#[expect(clippy::too_many_lines, reason = "all errors stand in one table")]
fn what_is_said_to_authors_of_engines() {
    let errors = [
        AuthoringError::Read {
            path: "a.wasm".into(),
            source: denied(),
        },
        AuthoringError::Write {
            path: "a.wasm".into(),
            source: denied(),
        },
        AuthoringError::Manifest {
            path: "engine.toml".into(),
            source: ManifestError::NoDetect,
        },
        AuthoringError::CoreModule {
            path: "a.wasm".into(),
        },
        AuthoringError::HasManifest {
            path: "a.wasm".into(),
        },
        AuthoringError::CaseFile {
            path: "a.toml".into(),
            reason: text("it has no case"),
        },
        AuthoringError::Case {
            path: "a.toml".into(),
            case: text("lists"),
            problem: text("it has no operation"),
        },
        AuthoringError::NoCaseFile {
            folder: "cases".into(),
        },
        AuthoringError::NoCase {
            only: texts(["lists", "creates"]),
            known: 3,
        },
        AuthoringError::BadName { name: text("A B") },
        AuthoringError::TwoPublishers {
            name: text("acme/small"),
            publisher: text("other"),
        },
        AuthoringError::Reserved {
            id: id("acme/hivemq"),
            reserved: Reserved {
                what: "name",
                given: text("hivemq"),
                like: text("hivemq"),
            },
        },
        AuthoringError::NotEmpty {
            folder: "small".into(),
        },
        AuthoringError::Worker {
            reason: text("it panicked"),
        },
        AuthoringError::Engine(Box::new(EngineError::NotAsked {
            engine: text("engine acme/small"),
            import: text("kubectl-broker:engine/commands"),
            missing: "no command",
        })),
    ];
    let table = messages!(
        AuthoringError {
            Read,
            Write,
            Manifest,
            CoreModule,
            HasManifest,
            CaseFile,
            Case,
            NoCaseFile,
            NoCase,
            BadName,
            TwoPublishers,
            Reserved,
            NotEmpty,
            Worker,
            Engine,
        },
        errors
    );
    assert_snapshot!(table, @r#"
    Read, exit 1
      a.wasm can't be read: {source}
      hint: Check the path, and whether you may read it
    Write, exit 1
      a.wasm can't be written: {source}
      hint: Check that the folder exists, and that you may write to it
    Manifest, exit 2
      engine.toml can't be used: {source}
      hint: Nothing was written. Correct the manifest: `kubectl broker plugin check engine.toml` shows each problem with its line
    CoreModule, exit 2
      a.wasm is a core module, but an engine must be a component
      hint: Build it for `wasm32-wasip2`, or turn it into a component with `wasm-tools component embed wit --world engine core.wasm -o embedded.wasm` and `wasm-tools component new embedded.wasm -o engine.wasm`
    HasManifest, exit 11
      a.wasm already has a different manifest
      hint: Nothing was written. `--replace` replaces the manifest
    CaseFile, exit 2
      a.toml is not a valid file of cases: it has no case
      hint: Nothing was run. docs/cases.md describes the format
    Case, exit 2
      a.toml, case "lists": it has no operation
      hint: as CaseFile
    NoCaseFile, exit 10
      no file in cases ends with `.toml`
      hint: Name files of cases, or a folder that contains some
    NoCase, exit 10
      none of the 3 cases has "lists" or "creates" in its name
      hint: Without `--case`, all cases run; `-o name` lists their names
    BadName, exit 2
      "A B" can't be the name of an engine
      hint: Use `name` or `publisher/name`, each of at most 35 lower-case letters, digits and dashes. Each begins with a letter, and does not end with a dash
    TwoPublishers, exit 2
      acme/small and `--publisher other` name different publishers
      hint: Name only one publisher
    Reserved, exit 11
      acme/hivemq can't be used: its name `hivemq` is reserved
      hint: Choose a publisher and a name of your own: an engine with a reserved name can't be installed
    NotEmpty, exit 11
      small exists already and is not empty
      hint: Nothing was written. Choose another name, or move the folder away
    Worker, exit 1
      a worker of this process ended unexpectedly: it panicked
    Engine, exit 14
      engine acme/small imports `kubectl-broker:engine/commands`, but its manifest does not ask for it: no command
      hint: Let the manifest ask for this interface, or build the component without it
    "#);
}
