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
      hint: Check that the folder is there, and that you may write to it
    Manifest, exit 2
      engine.toml can't be used: {source}
      hint: Nothing was written. Mend the manifest and pack again
    CoreModule, exit 2
      a.wasm is a core module, and an engine is a component
      hint: Build it for `wasm32-wasip2`, or make a component of it with `wasm-tools component embed wit --world engine core.wasm -o embedded.wasm` and `wasm-tools component new embedded.wasm -o engine.wasm`
    HasManifest, exit 11
      a.wasm has another manifest already
      hint: Nothing was written. `--replace` puts the new manifest in the place of the old one
    CaseFile, exit 2
      a.toml is no file of cases: it has no case
      hint: Nothing was run. docs/cases.md says what a file of cases has
    Case, exit 2
      a.toml, case "lists": it has no operation
      hint: as CaseFile
    NoCaseFile, exit 10
      no file in cases ends with `.toml`
      hint: Name the files, or a folder that has some
    NoCase, exit 10
      none of the 3 cases has "lists" or "creates" in its name
      hint: Without `--case` all are run; `-o name` shows their names
    BadName, exit 2
      "A B" can't be the name of an engine
      hint: It is `name` or `publisher/name`: each at most 35 lower-case letters, digits and dashes, beginning with a letter and ending with no dash
    TwoPublishers, exit 2
      acme/small names a publisher, and `--publisher other` another
      hint: Name one of them
    Reserved, exit 11
      acme/hivemq can't be used: its name `hivemq` is reserved
      hint: Nobody could install it by that name. Choose a publisher and a name of your own
    NotEmpty, exit 11
      small is there already, and not empty
      hint: Nothing was written. Choose another name, or move the folder away
    Worker, exit 1
      a worker of this process ended unexpectedly: it panicked
    Engine, exit 14
      engine acme/small imports `kubectl-broker:engine/commands`, but its manifest does not ask for it: no command
      hint: Let the manifest ask for what the component imports, or build the component without it
    "#);
}
