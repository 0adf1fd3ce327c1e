//! The store of installed engines. Every change is atomic, and files that were changed by hand are never
//! trusted.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::process::Child;

use host_base::Sha256;
use insta::assert_snapshot;

use crate::support::{Component, Invocation, Machine, Run, accepting, programs};

const STEPS: [&str; 13] = [
    "plugin-fetched",
    "plugin-checked",
    "plugin-consented",
    "plugin-tried",
    "plugin-locked",
    "plugin-blob-staged",
    "plugin-blob-written",
    "plugin-outline-written",
    "plugin-signatures-written",
    "plugin-lock-staged",
    "plugin-switched",
    "plugin-synced",
    "plugin-collected",
];

fn next() -> Component {
    Component::small().replace("\"version\":\"0.1.0\"", "\"version\":\"0.2.0\"")
}

/// Returns the version in use, after a check that it works.
fn usable(machine: &Machine) -> String {
    let run = machine.run("plugin verify -o json");
    let document = run.json();
    let items = document["items"].as_array().expect("items");
    assert_eq!(items.len(), 1, "{document:#}");
    let listed = machine.run("backup list --engine small -o json");
    assert_eq!(listed.ids(), ["one"]);
    items[0]["version"].as_str().expect("a version").to_owned()
}

#[test]
fn killed_at_any_step_an_update_has_happened_or_it_has_not() {
    for (at, step) in STEPS.iter().enumerate() {
        let machine = Machine::with_small();
        machine.put("small.wasm", &next());
        let killed = machine
            .program()
            .env("KUBECTL_BROKER_FAIL_POINT", *step)
            .run("plugin update small");
        assert_eq!(killed.code, 128 + 6, "{step}: {}", killed.stderr);
        let switched = at
            >= STEPS
                .iter()
                .position(|s| *s == "plugin-switched")
                .expect("a step");
        let expected = if switched { "0.2.0" } else { "0.1.0" };
        assert_eq!(usable(&machine), expected, "{step}");

        let again = machine.run("plugin update small");
        assert_eq!(again.code, 0, "{step}: {}", again.stderr);
        assert_eq!(usable(&machine), "0.2.0");
        // The store contains both versions, and no leftovers.
        let files: Vec<_> = machine.content().into_keys().collect();
        assert_eq!(files.len(), 6, "{step}: {files:?}");
    }
}

#[test]
fn killed_at_any_step_a_first_installation_can_be_begun_again() {
    for step in [
        "plugin-blob-staged",
        "plugin-outline-written",
        "plugin-lock-staged",
    ] {
        let machine = Machine::new();
        machine.put("small.wasm", &Component::small());
        let flag = accepting(&machine.run("plugin install small.wasm"));
        let killed = machine
            .program()
            .env("KUBECTL_BROKER_FAIL_POINT", step)
            .run(&format!("plugin install small.wasm {flag}"));
        assert_eq!(killed.code, 128 + 6, "{step}: {}", killed.stderr);
        assert!(third_party(&machine.run("plugin list -o name")).is_empty());
        assert_eq!(machine.accepting("plugin install small.wasm").code, 0);
        assert_eq!(usable(&machine), "0.1.0");
        assert_eq!(machine.content().len(), 4, "{step}");
    }
}

/// A limit on the size of files ends a write in its middle, like a full disk.
#[test]
fn a_disk_that_is_full_leaves_the_store_as_it_was() {
    let machine = Machine::with_small();
    let before = machine.content();
    let file = machine.put("small.wasm", &next());
    let flag = accepting(&machine.run("plugin install small.wasm"));
    let script = "trap '' XFSZ; ulimit -f 20; exec \"$0\" \"$@\"";
    let program = programs().kubectl_broker.to_string_lossy();
    let run = Invocation::new(std::path::Path::new("/bin/sh"), &machine.folders).run_with(&[
        "-c",
        script,
        &program,
        "plugin",
        "install",
        &file.to_string_lossy(),
        "--accept-capabilities",
        flag.split(' ').next_back().expect("a digest"),
    ]);
    let digest = Sha256::digest(next().bytes()).to_string();
    assert_snapshot!(run.reason().replace(&digest, "DIGEST"), @"
    Failed: can't use $XDG_DATA_HOME/kubectl-broker/plugins/blobs/sha256-DIGEST.wasm: File too large (os error 27)
    hint: XDG_DATA_HOME
    exit 1
    ");
    assert_eq!(machine.content(), before);
    assert_eq!(usable(&machine), "0.1.0");
}

#[test]
fn stopped_while_it_waits_nothing_has_changed() {
    let machine = Machine::with_small();
    let lock = File::open(machine.folders.plugins().join(".lock")).expect("the lock");
    lock.lock().expect("locked");
    let mut child = machine.program().spawn("plugin remove small");
    let mut stderr = BufReader::new(child.stderr.take().expect("stderr"));
    stderr.read_line(&mut String::new()).expect("a note");
    let id = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(id, rustix::process::Signal::INT).expect("a signal");
    assert_eq!(child.wait().expect("an end").code(), Some(130));
    drop(lock);
    assert_eq!(usable(&machine), "0.1.0");
}

#[test]
fn two_installations_at_once_are_both_there_afterwards() {
    let machine = Machine::new();
    machine.put("small.wasm", &Component::small());
    machine.put(
        "other.wasm",
        &Component::small().replace("\"acme/small\"", "\"acme/other\""),
    );
    let program = machine.program();
    let install = |file: &&str| {
        let flag = accepting(&machine.run(&format!("plugin install {file}")));
        format!("plugin install {file} {flag}")
    };
    // The error of a denied command names the flag, before anything is installed.
    let files = ["small.wasm", "other.wasm", "small.wasm"];
    let commands: Vec<_> = files.iter().map(install).collect();
    let children: Vec<Child> = commands
        .iter()
        .map(|command| program.spawn(command))
        .collect();
    for child in children {
        let output = child.wait_with_output().expect("an end");
        let run = program.ended(&output);
        assert_eq!(run.code, 0, "{}", run.stderr);
    }
    assert_eq!(
        machine.run("plugin verify -o name").stdout,
        "acme/other\nacme/small\n"
    );
    assert_eq!(machine.content().len(), 6);
}

#[test]
fn a_change_waits_for_the_one_that_goes_on() {
    let machine = Machine::with_small();
    let lock = File::open(machine.folders.plugins().join(".lock")).expect("the lock");
    lock.lock().expect("locked");
    let mut child = machine.program().spawn("plugin remove small");
    let mut stderr = BufReader::new(child.stderr.take().expect("stderr"));
    let mut note = String::new();
    stderr.read_line(&mut note).expect("a note");
    assert_snapshot!(note, @"Another process is changing the engines; waiting for it");
    assert!(machine.lockfile().exists());
    let before = machine.content();
    assert_eq!(before.len(), 4);
    drop(lock);
    assert!(child.wait().expect("an end").success());
    assert_eq!(machine.content().len(), 2);
}

#[test]
fn two_updates_of_one_engine_at_once_do_not_undo_each_other() {
    let machine = Machine::with_small();
    let lock = File::open(machine.folders.plugins().join(".lock")).expect("the lock");
    lock.lock().expect("locked");
    machine.put("next.wasm", &next());
    let flag = accepting(&machine.run("plugin install next.wasm"));
    let install = format!("plugin install next.wasm {flag}");
    let mut child = machine.program().spawn(&install);
    let mut stderr = BufReader::new(child.stderr.take().expect("stderr"));
    stderr.read_line(&mut String::new()).expect("a note");
    // The edit simulates another process that holds the lock: it removes the engine.
    let text = fs::read_to_string(machine.lockfile()).expect("a lockfile");
    let at = text.find("\n[[plugin]]").expect("an engine");
    fs::write(machine.lockfile(), &text[..at]).expect("written");
    drop(lock);
    assert_eq!(child.wait().expect("an end").code(), Some(11));
    let mut message = String::new();
    stderr.read_line(&mut message).expect("a message");
    assert_snapshot!(message, @"error: another process has changed acme/small at the same time");
}

/// Returns the names in a list, without those of bundled engines.
fn third_party(list: &Run) -> Vec<&str> {
    assert_eq!(list.code, 0, "{}", list.stderr);
    let names = list.stdout.lines();
    names
        .filter(|name| !name.starts_with("kubectl-broker/"))
        .collect()
}

/// Returns the warning of a command. The help and the list of engines must still work.
fn after_edit(machine: &Machine) -> String {
    let used = machine.run("backup list --engine small");
    assert_eq!(used.code, 2, "{}", used.stderr);
    let warning = used.message();
    let warning = warning.lines().find(|line| line.starts_with("warning"));
    let help = machine.run("--help");
    assert_eq!(help.code, 0);
    assert!(help.stdout.contains("Usage: "));
    let engines = machine.run("engines -o name");
    assert!(engines.stdout.contains("kubectl-broker/hivemq\n"));
    assert!(third_party(&engines).is_empty(), "{}", engines.stdout);
    warning.expect("a warning").to_owned()
}

#[test]
fn a_lockfile_that_was_edited_is_refused_with_its_line() {
    let machine = Machine::with_small();
    let text = fs::read_to_string(machine.lockfile()).expect("a lockfile");
    let digest = Sha256::digest(Component::small().bytes()).to_string();
    let mut shown = String::new();
    for (from, to) in [
        ("size = ", "siez = "),
        ("sha256:", "sha999:"),
        (digest.as_str(), &"0".repeat(64)),
        (
            "capabilities = []",
            "capabilities = [\"http pod:80 GET /\"]",
        ),
        ("version = \"0.1.0\"", "version = \"0.1.1\""),
        ("id = \"acme/small\"", "id = \"acme/other\""),
        ("[[plugin]]", "[[plugin]"),
        ("version = 2\n", "version = 3\n"),
        ("size = ", "size = 1"),
    ] {
        fs::write(machine.lockfile(), text.replacen(from, to, 1)).expect("written");
        let warning = after_edit(&machine)
            .replace(&digest, "DIGEST")
            .replace(&"0".repeat(64), "ZEROES");
        shown += &format!("{warning}\n");
        let before = machine.content();
        assert_ne!(machine.run("plugin verify").code, 0, "{to}");
        assert_eq!(machine.content(), before);
    }
    let twice = format!("{text}\n{}", &text[text.find("[[").expect("an engine")..]);
    fs::write(machine.lockfile(), twice).expect("written");
    shown += &after_edit(&machine);
    assert_snapshot!(shown, @"
    warning: the installed engines are left out: $XDG_DATA_HOME/kubectl-broker/plugins/broker-plugins.lock, line 9: unknown field `siez`, expected one of `id`, `version`, `source`, `pinned`, `digest`, `size`, `signature`, `capabilities`, `installed`, `defaults`, `consent`, `previous`. `kubectl broker plugin doctor` shows details
    warning: the installed engines are left out: $XDG_DATA_HOME/kubectl-broker/plugins/broker-plugins.lock, line 8: `sha999:DIGEST` is not a digest: write `sha256:` and 64 hexadecimal digits. `kubectl broker plugin doctor` shows details
    warning: an installed engine is left out: the stored file $XDG_DATA_HOME/kubectl-broker/plugins/outlines/sha256-ZEROES.json of acme/small is missing. `kubectl broker plugin doctor` shows details
    warning: an installed engine is left out: $XDG_DATA_HOME/kubectl-broker/plugins/broker-plugins.lock, line 11: the accepted capabilities of acme/small are not those that the engine asks for. `kubectl broker plugin doctor` shows details
    warning: an installed engine is left out: the stored file $XDG_DATA_HOME/kubectl-broker/plugins/outlines/sha256-DIGEST.json of acme/small belongs to another engine or version than the lockfile says. `kubectl broker plugin doctor` shows details
    warning: an installed engine is left out: the stored file $XDG_DATA_HOME/kubectl-broker/plugins/outlines/sha256-DIGEST.json of acme/other belongs to another engine or version than the lockfile says. `kubectl broker plugin doctor` shows details
    warning: the installed engines are left out: $XDG_DATA_HOME/kubectl-broker/plugins/broker-plugins.lock, line 4: unclosed array table, expected `]`. `kubectl broker plugin doctor` shows details
    warning: the installed engines are left out: $XDG_DATA_HOME/kubectl-broker/plugins/broker-plugins.lock, line 2: version 3 is unknown; this kubectl-broker writes version 2. `kubectl broker plugin doctor` shows details
    warning: an installed engine is left out: the stored file $XDG_DATA_HOME/kubectl-broker/plugins/blobs/sha256-DIGEST.wasm of acme/small has a different length than the installed file. `kubectl broker plugin doctor` shows details
    warning: the installed engines are left out: $XDG_DATA_HOME/kubectl-broker/plugins/broker-plugins.lock, line 16: acme/small is listed twice. `kubectl broker plugin doctor` shows details
    ");
}

#[test]
fn installing_again_mends_what_was_edited() {
    let machine = Machine::with_small();
    let text = fs::read_to_string(machine.lockfile()).expect("a lockfile");
    let edited = text.replace("capabilities = []", "capabilities = [\"save files\"]");
    fs::write(machine.lockfile(), edited).expect("written");
    assert_snapshot!(machine.run("plugin doctor").outcome(), @"
    stdout:
    NAME   VERSION   STATE   SIGNATURE   DEFAULT-FOR   COMPILED
    acme/small   0.1.0   broken   unsigned   -   -

    acme/small: $XDG_DATA_HOME/kubectl-broker/plugins/broker-plugins.lock, line 11: the accepted capabilities of acme/small are not those that the engine asks for
      Undo the change of that line, install the engine again with `kubectl broker plugin install`, or remove it with `kubectl broker plugin remove acme/small`
    exit 0
    ");
    assert_eq!(machine.accepting("plugin install small.wasm").code, 0);
    assert_eq!(usable(&machine), "0.1.0");
    fs::remove_file(machine.stored("outlines")).expect("removed");
    assert_eq!(machine.run("plugin verify small").code, 13);
    let removed = machine.run("plugin remove small");
    assert_eq!(removed.code, 0, "{}", removed.stderr);
    assert_eq!(machine.run("plugin verify").code, 0);
}

#[test]
fn an_outline_that_was_edited_is_not_believed() {
    let machine = Machine::with_small();
    let outline = machine.stored("outlines");
    let text = fs::read_to_string(&outline).expect("an outline");
    let digest = Sha256::digest(Component::small().bytes()).to_string();
    for (from, to) in [
        (digest.as_str(), &*"1".repeat(64)),
        ("\"acme/small\"", "\"acme/other\""),
        ("\"interface\": \"0.2.0\"", "\"interface\": \"0.1.0\""),
        ("{", "["),
    ] {
        fs::write(&outline, text.replacen(from, to, 1)).expect("written");
        after_edit(&machine);
        assert_ne!(machine.run("plugin verify").code, 0, "{to}");
    }
    // The file is valid, but differs from its component.
    let more = text.replacen("Lists one backup", "Lists two backups", 1);
    fs::write(&outline, more).expect("written");
    let run = machine.run("plugin verify");
    assert_eq!(run.code, 13);
    assert!(
        run.stderr.contains("differs from its component"),
        "{}",
        run.stderr
    );
}

#[test]
fn a_component_that_was_changed_is_never_compiled() {
    let machine = Machine::with_small();
    let blob = machine.stored("blobs");
    let mut bytes = fs::read(&blob).expect("a component");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&blob, bytes).expect("written");
    assert_eq!(machine.run("plugin verify").code, 13);
    // With a separate cache the engine has no native code yet.
    let program = machine
        .program()
        .env("XDG_CACHE_HOME", machine.folder.path().join("cold"));
    let run = program.run("backup list --engine small");
    assert_eq!(run.code, 13);
    assert!(
        run.stderr.contains("has changed since the installation"),
        "{}",
        run.stderr
    );
    let shown = machine.run("plugin doctor -o json").json();
    assert_eq!(shown["items"][0]["state"], "broken");
}

#[test]
fn native_code_that_was_changed_is_compiled_again_and_never_run() {
    let machine = Machine::new();
    machine.put("small.wasm", &Component::small());
    let cache = machine.folder.path().join("own-cache");
    let program = machine.program().env("XDG_CACHE_HOME", &cache);
    let flag = accepting(&program.run("plugin install small.wasm"));
    let installed = program.run(&format!("plugin install small.wasm {flag}"));
    assert_eq!(installed.code, 0, "{}", installed.stderr);
    let compiled = || {
        let run = program.run("backup list --engine small -o json -v");
        assert_eq!(run.ids(), ["one"]);
        let line = run
            .stderr
            .lines()
            .find(|line| line.contains("compiled by this process"))
            .expect("a count");
        line.contains("1 engines compiled")
    };
    // The engine was compiled when it was installed.
    assert!(!compiled());
    let folder = cache.join("kubectl-broker/native");
    let mut files = fs::read_dir(folder).expect("the folder of native code");
    let native = files.next().expect("native code").expect("a file").path();
    let mut bytes = fs::read(&native).expect("native code");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&native, bytes).expect("written");
    let verified = program.run("plugin verify -o json").json();
    assert_eq!(verified["items"][0]["compiled"], false);
    assert!(compiled());
    assert!(!compiled());
}

/// Returns a machine with fifty engines, of which only the first has a component. A command that opens the
/// others would fail.
fn fifty() -> Machine {
    let machine = Machine::with_small();
    let digest = Sha256::digest(Component::small().bytes()).to_string();
    let lockfile = fs::read_to_string(machine.lockfile()).expect("a lockfile");
    let outline = fs::read_to_string(machine.stored("outlines")).expect("an outline");
    // Version 1 of the lockfile has no digest of the consent, which would differ per engine.
    let is_consent = |line: &&str| line.starts_with("consent = ");
    let lines = lockfile.lines().filter(|line| !is_consent(line));
    let lockfile = lines
        .collect::<Vec<_>>()
        .join("\n")
        .replace("version = 2\n", "version = 1\n");
    let entry = &lockfile[lockfile.find("[[plugin]]").expect("an engine")..];
    let (blobs, outlines) = (
        machine.folders.plugins().join("blobs"),
        machine.folders.plugins().join("outlines"),
    );
    let mut all = lockfile.clone();
    for number in 10..59 {
        let id = format!("acme/sma{number}");
        let other = format!("{number}").repeat(32);
        let renamed = |text: &str| text.replace("acme/small", &id).replace(&digest, &other);
        all += &format!("\n{}", renamed(&entry.replace("/small.wasm", "/sma.wasm")));
        let size = Component::small().bytes().len();
        private(&blobs.join(format!("sha256-{other}.wasm")), &vec![0; size]);
        private(
            &outlines.join(format!("sha256-{other}.json")),
            renamed(&outline).as_bytes(),
        );
    }
    fs::write(machine.lockfile(), all).expect("written");
    machine
}

fn private(path: &std::path::Path, bytes: &[u8]) {
    use std::os::unix::fs::PermissionsExt as _;

    fs::write(path, bytes).expect("written");
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("private");
}

/// Runs a command, and returns the number of components that it opened.
fn counted(machine: &Machine, arguments: &str) -> (Run, usize) {
    let count = machine.folder.path().join("count");
    let run = Invocation::new(&programs().with_engines, &machine.folders)
        .unreachable_cluster()
        .env("COUNT_COMPONENTS", &count)
        .run(arguments);
    let count = fs::read_to_string(count).expect("a count");
    (run, count.parse().expect("a number"))
}

#[test]
fn with_fifty_engines_help_completion_and_lists_open_no_component() {
    let machine = fifty();
    for arguments in [
        "--help",
        "backup --help",
        "backup list --help --engine small",
        "completion bash",
        "plugin list",
        "plugin inspect small",
        "version",
    ] {
        let (run, count) = counted(&machine, arguments);
        assert_eq!((run.code, count), (0, 0), "{arguments}: {}", run.stderr);
        assert_eq!(run.stderr, "", "{arguments}");
    }
    let (run, _) = counted(&machine, "plugin list -o name");
    assert_eq!(third_party(&run).len(), 50);
    let (run, count) = counted(&machine, "backup list --engine small -o json");
    assert_eq!((run.ids(), count), (vec!["one".to_owned()], 1));
    let (run, _) = counted(&machine, "plugin verify");
    assert_eq!(run.code, 13);
}
