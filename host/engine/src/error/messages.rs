//! The messages about engines that can't be loaded, and about calls that fail.

use insta::assert_snapshot;
use testbed::messages;

use super::*;

fn text(text: &str) -> String {
    text.to_owned()
}

fn denied() -> io::Error {
    io::ErrorKind::PermissionDenied.into()
}

fn reported(kind: ReportKind, is_bundled: bool) -> EngineError {
    EngineError::Reported {
        engine: text("engine acme/small"),
        is_bundled,
        report: Report::new(kind, "the disk is full").with_hint("Make room"),
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "all errors stand in one table")]
fn what_is_said_of_engines_that_fail() {
    let errors = [
        EngineError::NotAComponent {
            engine: text("engine acme/small"),
            reason: text("bad magic number"),
        },
        EngineError::NoManifest {
            engine: text("engine acme/small"),
        },
        EngineError::ManyManifests {
            engine: text("engine acme/small"),
            count: 2,
        },
        EngineError::Manifest {
            engine: text("engine acme/small"),
            source: ManifestError::NoDetect,
        },
        EngineError::OtherInterface {
            engine: text("engine acme/small"),
            built_for: text("99.0.0"),
        },
        EngineError::OtherInterface {
            engine: text("engine acme/small"),
            built_for: text("0.0.1"),
        },
        EngineError::OtherWasi {
            engine: text("engine acme/small"),
            import: text("wasi:cli/environment@0.3.0"),
        },
        EngineError::Async {
            engine: text("engine acme/small"),
            function: "task.cancel",
        },
        EngineError::NewerManifest {
            engine: text("engine acme/small"),
            built_for: text("0.1.0"),
            what: text("the operation `health`"),
            since: "0.2.0",
        },
        EngineError::OlderManifest {
            engine: text("engine acme/small"),
            built_for: text("0.2.0"),
            what: text("`select = \"s3\"` of endpoint `s`: use a table `[storage.s]`"),
        },
        EngineError::NoInterface {
            engine: text("engine acme/small"),
        },
        EngineError::UnknownImport {
            engine: text("engine acme/small"),
            import: text("wasi:http/types"),
        },
        EngineError::NotAsked {
            engine: text("engine acme/small"),
            import: text("kubectl-broker:engine/commands"),
            missing: "no command",
        },
        EngineError::CantSave {
            engine: text("engine acme/small"),
        },
        EngineError::Unreadable {
            engine: text("engine acme/small"),
            path: "/engines/a.wasm".into(),
            source: denied(),
        },
        EngineError::Changed {
            engine: text("engine acme/small"),
            path: "/engines/a.wasm".into(),
        },
        EngineError::Compile {
            engine: text("engine acme/small"),
            reason: text("invalid opcode"),
        },
        EngineError::TooLarge {
            engine: text("engine acme/small"),
            what: text("it has more than 200000 functions"),
        },
        EngineError::TooCostly {
            engine: text("engine acme/small"),
            what: text("more than 60 s"),
        },
        EngineError::Compiler {
            reason: text("no more processes"),
        },
        EngineError::Start {
            engine: text("engine acme/small"),
            reason: text("no such import"),
        },
        EngineError::Hung {
            engine: text("engine acme/small"),
            what: "it is not ready after",
            seconds: 1,
        },
        EngineError::StartsTooLarge {
            engine: text("engine acme/small"),
            mebibytes: 256,
        },
        EngineError::Sandbox {
            reason: text("no more memory"),
        },
        EngineError::Trapped {
            engine: text("engine acme/small"),
            operation: Operation::List,
            cause: text("it ended its own process"),
            output: String::new(),
        },
        EngineError::Trapped {
            engine: text("engine acme/small"),
            operation: Operation::List,
            cause: text("it panicked or aborted"),
            output: text("thread panicked"),
        },
        EngineError::OverTime {
            engine: text("engine acme/small"),
            operation: Operation::List,
            seconds: 10,
        },
        EngineError::OverMemory {
            engine: text("engine acme/small"),
            operation: Operation::List,
            mebibytes: 256,
        },
        EngineError::Excess {
            engine: text("engine acme/small"),
            operation: Operation::List,
            what: text("it sent more than 64 MiB"),
        },
        EngineError::Deadline {
            engine: text("engine acme/small"),
            operation: Operation::List,
            seconds: 30,
        },
        EngineError::BadResult {
            engine: text("engine acme/small"),
            operation: Operation::List,
            what: text("a backup id of 0 bytes"),
        },
        reported(ReportKind::Failed, true),
        reported(ReportKind::Failed, false),
        reported(ReportKind::Denied, true),
        reported(ReportKind::Denied, false),
    ];
    let table = messages!(
        EngineError {
            NotAComponent,
            NoManifest,
            ManyManifests,
            Manifest,
            OtherInterface,
            OtherWasi,
            Async,
            NewerManifest,
            OlderManifest,
            NoInterface,
            UnknownImport,
            NotAsked,
            CantSave,
            Unreadable,
            Changed,
            Compile,
            TooLarge,
            TooCostly,
            Compiler,
            Start,
            Hung,
            StartsTooLarge,
            Sandbox,
            Trapped,
            OverTime,
            OverMemory,
            Excess,
            Deadline,
            BadResult,
            Reported,
        },
        errors
    );
    assert_snapshot!(table, @r#"
    NotAComponent, exit 14
      engine acme/small is not a WebAssembly component: bad magic number
      hint: Build it for `wasm32-wasip2`, or turn a core module into a component with `wasm-tools component new`
    NoManifest, exit 14
      engine acme/small has no manifest, so its capabilities are unknown
      hint: The engine's author adds one with `kubectl broker plugin pack`, or in Rust with the SDK's macro `engine!`
    ManyManifests, exit 14
      engine acme/small has 2 manifests; it must have one
      hint: The engine's author replaces them by one with `kubectl broker plugin pack --replace`
    Manifest, exit 14
      the manifest of engine acme/small is invalid: {source}
      hint: Report this to the engine's author, or use another version of the engine
    OtherInterface, exit 14
      engine acme/small is built for version 99.0.0 of the engine interface; this kubectl-broker has 0.1.0 and 0.2.0
      hint: Update kubectl-broker, or use an older version of the engine
    OtherInterface, exit 14
      engine acme/small is built for version 0.0.1 of the engine interface; this kubectl-broker has 0.1.0 and 0.2.0
      hint: Use a newer version of the engine, built with the current SDK
    OtherWasi, exit 14
      engine acme/small imports `wasi:cli/environment@0.3.0`; this kubectl-broker has WASI 0.2
      hint: Build it for WASI 0.2; in Rust, with the target `wasm32-wasip2`
    Async, exit 14
      engine acme/small uses `task.cancel` of the component model, which is asynchronous; an engine is not
      hint: Build it without async functions; with jco, use `--backend-qjs-disable-async`
    NewerManifest, exit 14
      the manifest of engine acme/small asks for the operation `health`, which needs interface 0.2.0; the engine is built for 0.1.0
      hint: Build the engine with the current SDK, or remove this part of its manifest
    OlderManifest, exit 14
      the manifest of engine acme/small uses what interface 0.2.0 does not have any more: `select = "s3"` of endpoint `s`: use a table `[storage.s]`
      hint: Use what has replaced it, and build the engine again with the current SDK
    NoInterface, exit 14
      engine acme/small does not export the engine interface `kubectl-broker:engine/operations`
      hint: This component is not an engine: check the path or the reference
    UnknownImport, exit 14
      engine acme/small imports `wasi:http/types`, which no version of kubectl-broker provides
      hint: This engine can't run: an engine may import only `kubectl-broker:engine`, and WASI 0.2 without `wasi:http`
    NotAsked, exit 14
      engine acme/small imports `kubectl-broker:engine/commands`, but its manifest does not ask for it: no command
      hint: as Manifest
    CantSave, exit 14
      the manifest of engine acme/small says `saves`, but the component does not import `artifacts`
      hint: as Manifest
    Unreadable, exit 1
      engine acme/small can't be read from /engines/a.wasm: {source}
      hint: Install the engine again with `kubectl broker plugin install`, or remove it with `kubectl broker plugin remove`
    Changed, exit 13
      the file of engine acme/small has changed since the installation: /engines/a.wasm
      hint: as Unreadable
    Compile, exit 14
      engine acme/small can't be compiled: invalid opcode
      hint: The file may be damaged: download it again and check its digest
    TooLarge, exit 14
      engine acme/small is too large to be compiled: it has more than 200000 functions
      hint: Use another version of the engine, or report this to its author: no engine needs that much
    TooCostly, exit 14
      engine acme/small can't be compiled: compilation takes more than 60 s
      hint: as TooLarge
    Compiler, exit 1
      the compiler of engines can't be used: no more processes
      hint: Check that the system lets the process start another one (`ulimit -u`)
    Start, exit 14
      engine acme/small can't be started: no such import
      hint: as Compile
    Hung, exit 14
      engine acme/small hangs while it starts: it is not ready after 1 s
      hint: Report this to the engine's author: the engine is at fault, not your cluster. `kubectl broker engines` shows the other engines
    StartsTooLarge, exit 14
      engine acme/small was stopped while it started: it requested more than 256 MiB of memory
      hint: as Hung
    Sandbox, exit 1
      the sandbox can't be set up: no more memory
      hint: Check that the system lets the process reserve memory (`ulimit -v`)
    Trapped, exit 14
      engine acme/small crashed during `list`: it ended its own process
      hint: as Hung
    Trapped, exit 14
      engine acme/small crashed during `list`: it panicked or aborted (it wrote: thread panicked)
      hint: as Hung
    OverTime, exit 14
      engine acme/small was stopped in `list`: it computed for more than 10 s
      hint: as Hung
    OverMemory, exit 14
      engine acme/small was stopped in `list`: it requested more than 256 MiB of memory
      hint: Report this to the engine's author; if the engine needs more memory, allow more with `--engine-memory`
    Excess, exit 14
      engine acme/small was stopped in `list`: it sent more than 64 MiB
      hint: as Hung
    Deadline, exit 124
      engine acme/small did not finish `list` within 30 s
      hint: The backend or the cluster may be slow: try again, or allow more time with `--engine-timeout`
    BadResult, exit 14
      engine acme/small returned an invalid result from `list`: a backup id of 0 bytes
      hint: as Hung
    Reported, exit 1
      the disk is full
      hint: Make room
    Reported, exit 1
      engine acme/small says: the disk is full
      hint: the same
    Reported, exit 14
      engine acme/small requested a capability that it was not granted: the disk is full
      hint: as Hung
    Reported, exit 14
      engine acme/small requested a capability that it was not granted, and says: the disk is full
      hint: as Hung
    "#);
}
