//! Engines of strangers side by side: their options and verbs have the same names and other meanings.

use insta::assert_snapshot;

use crate::support::{Bed, Component, Invocation, Machine, Run, programs};

/// The manifest of the hostile engine, which all of these engines are made of.
const HOSTILE: &str = include_str!("../../../hostile/engine.toml");

/// Options and verbs of `acme/one`.
const ONE: &str = r#"
[[options]]
name = "kind"
type = "text"
choices = ["Snapshot", { value = "barmanObjectStore", help = "In object storage" }]
operations = ["list"]
help = "Kind of backups"

[[options]]
name = "shape"
type = "text"
choices = ["Round", { value = "halfOpen", help = "Open on one side" }, "a b", "$(reboot)"]
default = "Round"
operations = ["list"]
help = "Shape of backups"

[[options]]
name = "scope"
type = "boolean"
operations = ["list"]
help = "Show the scope"

[[options]]
name = "depth"
type = "integer"
default = "1"
operations = ["list"]
help = "Depth of the list"

[verbs.plan]
help = "Plan a backup"

[[verbs.plan.options]]
name = "what"
type = "text"
positional = true
help = "What to plan"
"#;

/// Options and verbs of `zeta/two`.
const TWO: &str = r#"
[[options]]
name = "shape"
type = "boolean"
operations = ["list"]
help = "Show the shape"

[[options]]
name = "depth"
type = "integer"
default = "2"
operations = ["list"]
help = "Depth of the list"

[[options]]
name = "one-port"
type = "text"
operations = ["list"]
help = "The only port to list"

[[options]]
name = "claim"
type = "text"
required = true
operations = ["create"]
help = "Claim to back up"

[verbs.plan]
help = "Make a plan"

[[verbs.plan.options]]
name = "what"
type = "text"
required = true
help = "What is in the plan"

[[verbs.plan.options]]
name = "of"
type = "text"
help = "Owner of the plan"

[verbs.validate]
help = "Validate a backup"

[[verbs.validate.options]]
name = "what"
type = "text"
required = true
help = "Plan to validate"
"#;

/// Returns the hostile engine under another id, with more options and verbs.
fn engine(id: &str, more: &str, port: &str) -> Component {
    let manifest = HOSTILE
        .replace("acme/hostile", id)
        .replace("[verbs.say]", &format!("{more}\n[verbs.say]"))
        .replace("{ numbers = [8085] }", port);
    Component::hostile().with_manifest(&manifest)
}

/// Returns a machine on which both strangers are installed.
fn machine() -> Machine {
    let machine = Machine::new();
    let port = "{ flag = \"one-port\", numbers = [8085] }";
    machine.put("one.wasm", &engine("acme/one", ONE, port));
    machine.put("two.wasm", &engine("zeta/two", TWO, "{ numbers = [8085] }"));
    for name in ["one", "two"] {
        let run = machine.accepting(&format!("plugin install {name}.wasm"));
        assert_eq!(run.code, 0, "{}", run.stderr);
    }
    machine
}

fn in_cluster(machine: &Machine, bed: &Bed) -> Invocation {
    Invocation::new(&programs().kubectl_broker, &machine.folders)
        .in_folder(machine.folder.path())
        .kubeconfig(bed.kubeconfig())
}

/// Returns the candidates for the last word, without their descriptions.
fn candidates(machine: &Machine, line: &str, word: &str) -> Vec<String> {
    let words = line.split_whitespace().chain([word]);
    let words: Vec<_> = ["__complete", "--"].into_iter().chain(words).collect();
    let run = machine.program().run_with(&words);
    let lines = run.stdout.lines().filter(|line| !line.starts_with(':'));
    let values = lines.map(|line| line.split('\t').next().unwrap_or_default().to_owned());
    values.collect()
}

/// Returns the part of a help that begins with this line, up to the next heading.
fn part(run: &Run, heading: &str) -> String {
    assert_eq!(run.code, 0, "{}", run.stderr);
    let mut lines = run.stdout.lines().skip_while(|line| *line != heading);
    let first = lines.next().into_iter();
    let rest = lines.take_while(|line| line.is_empty() || line.starts_with(' '));
    let part: Vec<_> = first.chain(rest).map(str::trim_end).collect();
    part.join("\n").trim_end().to_owned()
}

#[test]
fn each_engine_has_its_own_options_where_it_is_named() {
    let (machine, bed) = (machine(), Bed::start());
    let program = in_cluster(&machine, &bed);
    let echo = |line: &str| {
        let run = program.run(&format!("backup {line} -o json"));
        assert_eq!(run.code, 0, "{}", run.stderr);
        run.ids().join(" ")
    };
    assert_snapshot!(echo("list -e acme/one --misbehave echo --shape halfOpen --kind Snapshot"), @"limit=None misbehave=text echo loudly=boolean false kind=text Snapshot shape=text halfOpen scope=boolean false depth=integer 1");
    assert_snapshot!(echo("--engine=acme/one list --misbehave echo --scope"), @"limit=None misbehave=text echo loudly=boolean false shape=text Round scope=boolean true depth=integer 1");
    assert_snapshot!(echo("list --shape --misbehave echo -ezeta/two --one-port x"), @"limit=None misbehave=text echo loudly=boolean false shape=boolean true depth=integer 2 one-port=text x");
    assert_snapshot!(echo("--one-port 8085 -e one list --misbehave echo"), @"limit=None misbehave=text echo loudly=boolean false shape=text Round scope=boolean false depth=integer 1");
    let wrong = program.run("backup list -e acme/one --shape round");
    assert_snapshot!(wrong.stderr, @r#"
    error: invalid value 'round' for '--shape <SHAPE>'
      [possible values: Round, halfOpen, "a b", $(reboot)]

      tip: a similar value exists: 'Round'

    For more information, try '--help'.
    "#);
    assert_eq!(wrong.code, 2);
}

#[test]
fn without_an_engine_nobody_changes_what_a_bundled_engine_means() {
    let (machine, bed) = (machine(), Bed::start());
    let program = in_cluster(&machine, &bed);
    let local = program.run("backup list --scope local -o json");
    assert_eq!(local.code, 0, "{}", local.stderr);
    assert_eq!(local.json()["scope"]["engine"], "kubectl-broker/sidecar");
    // The choices of kafka count.
    assert_eq!(program.run("backup list --kind Snapshot").code, 2);
    assert_snapshot!(program.run("backup list --kind restore").reason(), @"
    Usage: `kind` `list` kubectl-broker/sidecar
    hint: `kubectl broker backup list --engine kafka --kind restore`
    exit 2
    ");
    let purge = program.run("backup purge --help");
    assert!(
        purge.stdout.contains("(engine sidecar)"),
        "{}",
        purge.stdout
    );
    let validate = program.run("backup validate --help");
    assert_snapshot!(validate.stdout.lines().take(3).collect::<Vec<_>>().join("\n"), @"
    Validate a backup against its topics and wait for the result (engine kafka)

    Usage: kubectl broker backup validate [OPTIONS] <NAME>
    ");
    assert_snapshot!(part(&validate, "The same verb of further engines:"), @"
    The same verb of further engines:
      kubectl broker backup validate --engine zeta/two --help
    ");
}

#[test]
fn a_name_that_strangers_dispute_needs_an_engine() {
    let (machine, bed) = (machine(), Bed::start());
    let program = in_cluster(&machine, &bed);
    assert_snapshot!(program.run("backup list --shape Round").reason(), @"
    Usage: `list` `shape`: acme/one, zeta/two
    hint: `kubectl broker backup list --engine acme/one --shape Round` `kubectl broker backup list --engine zeta/two --shape Round`
    exit 2
    ");
    assert_snapshot!(program.run("backup list --shape").reason(), @"
    Usage: `list` `shape`: acme/one, zeta/two
    hint: `kubectl broker backup list --engine acme/one --shape` `kubectl broker backup list --engine zeta/two --shape`
    exit 2
    ");
    assert_snapshot!(program.run("backup list --one-port 8085").reason(), @"
    Usage: `list` `one-port`: acme/one, zeta/two
    hint: `kubectl broker backup list --engine acme/one --one-port 8085` `kubectl broker backup list --engine zeta/two --one-port 8085`
    exit 2
    ");
    assert_snapshot!(program.run("backup plan nothing").reason(), @"
    Usage: `plan`: acme/one, zeta/two
    hint: `kubectl broker backup plan --engine acme/one` `kubectl broker backup plan --engine zeta/two`
    exit 2
    ");
    assert_snapshot!(program.run("backup plan --of x --what nothing --yes").reason(), @"
    Usage: `plan`: acme/one, zeta/two
    hint: `kubectl broker backup plan --engine acme/one` `kubectl broker backup plan --engine zeta/two`
    exit 2
    ");
    let json = program.run("backup list --shape -o json");
    assert_eq!(json.error()["code"], "Usage");
    // They agree about this one, apart from the default.
    assert_snapshot!(program.run("backup list --depth 3").reason(), @"
    Usage: `depth` `list` kubectl-broker/sidecar
    hint: `kubectl broker backup list --engine acme/one --depth 3` `kubectl broker backup list --engine zeta/two --depth 3`
    exit 2
    ");
    assert_eq!(bed.requests().count("*", ""), 0);
}

#[test]
fn an_option_of_another_engine_is_refused_by_every_operation() {
    let (machine, bed) = (machine(), Bed::start());
    let program = in_cluster(&machine, &bed);
    for (line, option, able) in [
        (
            "list -e hivemq --scope local",
            "scope",
            "--engine sidecar --scope local`",
        ),
        (
            "list -e kafka --misbehave x",
            "misbehave",
            "--engine acme/one --misbehave x`",
        ),
        (
            "list -e kafka --api-port 1",
            "api-port",
            "--engine hivemq --api-port 1`",
        ),
        (
            "--api-port 1 list -e kafka",
            "api-port",
            "--engine hivemq --api-port 1`",
        ),
        (
            "status -e kafka --id a --sidecar-port 2",
            "sidecar-port",
            "--engine sidecar",
        ),
        (
            "download -e hivemq --id a --sidecar-port 2",
            "sidecar-port",
            "--engine sidecar",
        ),
        (
            "create -e hivemq --topics a",
            "topics",
            "--engine kafka --topics a`",
        ),
        (
            "restore -e hivemq --id a --yes --topics a",
            "topics",
            "--engine kafka --topics a`",
        ),
        (
            "restore --source local --id a --yes --topics a",
            "topics",
            "--engine kafka",
        ),
        (
            "delete -e kafka --id a --yes --sidecar-port 2",
            "sidecar-port",
            "--engine sidecar",
        ),
        (
            "test -e kafka --api-port 2",
            "api-port",
            "`kubectl broker backup test --engine hivemq",
        ),
        ("create --claim x", "claim", "--engine zeta/two --claim x`"),
        (
            "metrics -e sidecar --api-port 1",
            "api-port",
            "backup metrics --engine hivemq",
        ),
        (
            "plan nothing -e acme/one --of x",
            "of",
            "`kubectl broker backup plan --engine zeta/two`",
        ),
    ] {
        let run = program.run(&format!("backup {line}"));
        assert_eq!(run.code, 2, "{line}: {}", run.stderr);
        assert!(
            run.stderr.contains(&format!("no option `{option}`")),
            "{line}: {}",
            run.stderr
        );
        assert!(run.stderr.contains(able), "{line}: {}", run.stderr);
    }
    assert_snapshot!(program.run("backup purge x --force -e acme/one").reason(), @"
    Usage: `purge` acme/one
    hint: `kubectl broker backup purge --engine sidecar`
    exit 2
    ");
    assert_eq!(bed.requests().count("*", ""), 0);
}

#[test]
fn a_verb_of_one_name_is_that_of_the_engine_that_is_named() {
    let (machine, bed) = (machine(), Bed::start());
    let program = in_cluster(&machine, &bed);
    for line in [
        "plan nothing -e acme/one",
        "-e zeta/two plan --what nothing --of me",
        "validate --what nothing --engine two",
    ] {
        let run = program.run(&format!("backup {line}"));
        assert_eq!(run.code, 0, "{line}: {}", run.stderr);
    }
    for line in [
        "plan nothing -e zeta/two",
        "plan --what nothing -e acme/one",
        "validate --what nothing",
        "validate a b --engine two",
    ] {
        let run = program.run(&format!("backup {line}"));
        assert_eq!(run.code, 2, "{line}: {}", run.stderr);
    }
}

#[test]
fn a_required_option_is_asked_for_before_any_request() {
    let (machine, bed) = (machine(), Bed::start());
    let program = in_cluster(&machine, &bed);
    let named = program.run("backup create -e zeta/two");
    assert_snapshot!(named.stderr, @"
    error: the following required arguments were not provided:
      --claim <CLAIM>

    Usage: kubectl broker backup create --claim <CLAIM> --engine <NAME>

    For more information, try '--help'.
    ");
    assert_eq!(named.code, 2);
    let only = machine.run("plugin default zeta/two --operations create");
    assert_eq!(only.code, 0, "{}", only.stderr);
    assert_snapshot!(program.run("backup create").reason(), @"
    Usage: `claim` `create` zeta/two
    hint: `kubectl broker backup create --engine zeta/two --claim CLAIM`
    exit 2
    ");
}

#[test]
fn a_default_engine_never_gets_an_option_that_was_read_for_another() {
    let (machine, bed) = (machine(), Bed::start());
    let program = in_cluster(&machine, &bed);
    let list = machine.run("plugin default acme/one --operations list");
    assert_eq!(list.code, 0, "{}", list.stderr);
    // Among strangers the default decides.
    let round = program.run("backup list --shape Round --misbehave echo -o json");
    assert_snapshot!(round.ids().join(" "), @"limit=None misbehave=text echo loudly=boolean false shape=text Round scope=boolean false depth=integer 1");
    assert_snapshot!(program.run("backup list --scope local").message(), @"
    Usage: option `scope` for `list` means something else to the chosen engine acme/one than to engine sidecar
    hint: `kubectl broker backup list --engine acme/one --scope local` `kubectl broker backup list --engine sidecar --scope local`
    exit 2
    ");
    assert_snapshot!(program.run("backup list --kind restore").message(), @"
    Usage: option `kind` for `list` means something else to the chosen engine acme/one than to engine kafka
    hint: `kubectl broker backup list --engine acme/one --kind restore` `kubectl broker backup list --engine kafka --kind restore`
    exit 2
    ");
}

#[test]
fn the_help_of_each_engine_has_its_own_meaning() {
    let machine = machine();
    let one = machine.run("backup list -e acme/one --help");
    let two = machine.run("backup list --help -e zeta/two");
    assert_snapshot!(part(&one, "Options of engine acme/one:"), @"
    Options of engine acme/one:
          --misbehave <MISBEHAVE>
              What to do wrong

              [default: not-at-all]

          --amount <AMOUNT>
              How much of it

          --loudly
              Whether to say so

          --kind <KIND>
              Kind of backups

              Possible values:
              - Snapshot
              - barmanObjectStore: In object storage

          --shape <SHAPE>
              Shape of backups

              Possible values:
              - Round
              - halfOpen:  Open on one side
              - a b
              - $(reboot)

              [default: Round]

          --scope
              Show the scope

          --depth <DEPTH>
              Depth of the list

              [default: 1]

          --one-port <PORT>
              Port of the backend inside the pod
    ");
    assert_snapshot!(part(&two, "Options of engine zeta/two:"), @"
    Options of engine zeta/two:
          --misbehave <MISBEHAVE>  What to do wrong [default: not-at-all]
          --amount <AMOUNT>        How much of it
          --loudly                 Whether to say so
          --shape                  Show the shape
          --depth <DEPTH>          Depth of the list [default: 2]
          --one-port <ONE-PORT>    The only port to list
    ");
    assert_snapshot!(part(&machine.run("backup list -h"), "Options of further engines:"), @"
    Options of further engines:
      kubectl broker backup list --engine aws --help
      kubectl broker backup list --engine backuprequest --help
      kubectl broker backup list --engine hivemq --help
      kubectl broker backup list --engine kafka --help
      kubectl broker backup list --engine operator --help
      kubectl broker backup list --engine sidecar --help
      kubectl broker backup list --engine acme/one --help
      kubectl broker backup list --engine zeta/two --help
    ");
    assert_snapshot!(machine.run("backup plan --help").stdout.lines().take(1).collect::<String>(), @"Several engines have this verb with different options (engines acme/one, zeta/two)");
    assert_snapshot!(part(&machine.run("backup plan --help"), "The verb of each engine:"), @"
    The verb of each engine:
      kubectl broker backup plan --engine acme/one --help
      kubectl broker backup plan --engine zeta/two --help
    ");
    assert_snapshot!(machine.run("backup plan -e zeta/two --help").stdout.lines().take(3).collect::<Vec<_>>().join("\n"), @"
    Make a plan (engine zeta/two)

    Usage: kubectl broker backup plan [OPTIONS] --what <WHAT>
    ");
    let verbs = part(&machine.run("backup --help"), "Commands:");
    let verbs: Vec<_> = verbs
        .lines()
        .filter(|line| line.contains("engines acme/"))
        .collect();
    assert_snapshot!(verbs.join("\n"), @"
    plan             Several engines have this verb with different options (engines acme/one,
    say              Say something (engines acme/one, zeta/two)
    ");
}

#[test]
fn completion_offers_what_the_engine_of_the_line_takes() {
    let machine = machine();
    let shapes = candidates(&machine, "backup list -e acme/one --shape", "");
    // A choice that a shell would carry out is not offered.
    assert_eq!(shapes, ["Round", "halfOpen"]);
    assert_eq!(candidates(&machine, "backup list --kind", "S"), [""; 0]);
    assert_eq!(
        candidates(&machine, "backup list --kind", "re"),
        ["restore"]
    );
    let flags = |line: &str| candidates(&machine, line, "--");
    let (one, two) = (
        flags("backup list -e acme/one"),
        flags("backup list -e zeta/two"),
    );
    assert!(one.contains(&"--scope".to_owned()), "{one:?}");
    assert!(!two.contains(&"--scope".to_owned()), "{two:?}");
    assert!(flags("backup plan -e zeta/two").contains(&"--of".to_owned()));
    assert!(!flags("backup plan -e acme/one").contains(&"--of".to_owned()));
    assert_eq!(candidates(&machine, "backup -e acme/one", "pur"), [""; 0]);
    assert_eq!(candidates(&machine, "backup", "pl"), ["plan"]);
}

#[test]
fn a_demand_for_credentials_that_an_engine_does_not_explain_is_explained() {
    let bed = Bed::with(&["sidecar-auth=testbed-token"]);
    let folder = tempfile::tempdir().expect("a folder");
    let demanded = |auth: &str| {
        let port = format!("{{ numbers = [8085] }}\nauth = \"{auth}\"");
        let path = engine("acme/hostile", "", &port).save(&folder, "hostile.wasm");
        let program = bed.hostile().only_engines([path]);
        program.run("backup list --engine hostile --misbehave unexplained")
    };
    assert_snapshot!(demanded("bearer").outcome(), @"
    NotAllowed: /v1/backup/list-remote 401 GET acme/hostile «unauthorized»
    hint: $BROKER_TOKEN `--credentials-secret` `token`
    exit 12
    ");
    assert_snapshot!(demanded("basic").outcome(), @"
    NotAllowed: /v1/backup/list-remote 401 GET acme/hostile «unauthorized»
    hint: $BROKER_PASSWORD `--credentials-secret` `--password-file` `--password-stdin` `--username`
    exit 12
    ");
    assert_snapshot!(demanded("none").outcome(), @"
    NotAllowed: /v1/backup/list-remote 401 GET acme/hostile «unauthorized»
    hint:
    exit 12
    ");
}
