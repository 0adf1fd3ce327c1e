//! `plugin test` of an engine that works with Kubernetes objects.

use insta::assert_snapshot;

use super::{shown, write};
use crate::support::{Component, Machine, Run, workspace};

fn machine() -> Machine {
    let machine = Machine::new();
    machine.put("objects.wasm", &Component::objects());
    machine
}

fn test(machine: &Machine, arguments: &str) -> Run {
    let program = machine.program().data_although_failed();
    program.run(&format!("plugin test objects.wasm {arguments}"))
}

#[test]
fn objects_are_read_changed_and_watched_as_a_case_says() {
    let cases = workspace().join("tests/hostile/objects/cases");
    let run = test(
        &machine(),
        &format!("--cases {} --case objects/", cases.display()),
    );
    assert_snapshot!(shown(&run), @"
    stdout:
    CASE   OPERATION   OUTCOME   MESSAGE
    objects/only what is labelled is a backup   list   passed   -
    objects/a list without the right to it   list   passed   -
    objects/a cluster without the kind   detect   passed   -
    objects/a backup is begun with an object   create   passed   -
    objects/an object that the cluster does not take   create   passed   -
    objects/what is kept is not deleted   delete   passed   -
    objects/unless the user insists   delete   passed   -
    objects/somebody else was faster   act   passed   -
    objects/a watch until a backup is done   act   passed   -
    objects/a watch in which nothing more happens   act   passed   -
    objects/a kind that the manifest does not name   act   passed   -
    note: 11
    exit 0
    ");
}

#[test]
fn of_every_situation_an_engine_with_objects_hears() {
    let run = test(&machine(), "--case built-in");
    assert_snapshot!(shown(&run), @r#"
    stdout:
    CASE   OPERATION   OUTCOME   MESSAGE
    built-in/detect/*   detect   passed   in 10 situations
    built-in/list/*   list   passed   in 10 situations
    built-in/status/*   status   passed   in 10 situations
    built-in/create/*   create   passed   in 10 situations
    built-in/download/*   download   passed   in 10 situations
    built-in/verify/*   verify   passed   in 10 situations
    built-in/delete/*   delete   passed   in 10 situations
    built-in/act-archive/*   act   passed   in 10 situations
    built-in/act-clear/*   act   passed   in 10 situations
    built-in/act-follow/*   act   passed   in 10 situations
    built-in/act-keep/*   act   passed   in 10 situations
    built-in/act-peek/*   act   failed   in 10 situations: it asks for what its manifest does not allow: the manifest does not allow `get` of objects v1/Secret
    built-in/act-reach/*   act   passed   in 10 situations
    built-in/act-snapshots/*   act   passed   in 10 situations
    built-in/act-sweep/*   act   passed   in 10 situations

    built-in/act-peek/* (closed, 401, 403, 404, 500-html, 200-html, 200-empty, endless, cut, cancelled):
    - it asks for what its manifest does not allow: the manifest does not allow `get` of objects v1/Secret
    note: 150 140 10
    exit 1
    "#);
}

const UNSCRIPTED: &str = r#"
[[case]]
name = "nothing is scripted"
operation = "create"
expect = { result = { id = "x" } }

[[case]]
name = "another change"
operation = "delete"
id = "a"
force = true
expect = { result = { done = true } }

[[case.object]]
apiVersion = "acme.example/v1"
kind = "Vault"
metadata = { name = "a" }
spec = { keep = true }

[[case.change]]
change = "delete acme.example/v1/Vault"
name = "a"

[[case]]
name = "a change that is never made, and an event that nobody waits for"
operation = "list"
expect = { result = [] }

[[case.change]]
change = "delete acme.example/v1/Vault"
name = "a"

[[case.event]]
change = "added"
object = { apiVersion = "acme.example/v1", kind = "Vault", metadata = { name = "b" } }
"#;

#[test]
fn changes_that_are_not_scripted_are_shown_and_what_is_not_used_is_named() {
    let machine = machine();
    write(&machine, "own.toml", UNSCRIPTED);
    let run = test(&machine, "--cases own.toml --case own/");
    assert_snapshot!(shown(&run), @r#"
    stdout:
    CASE   OPERATION   OUTCOME   MESSAGE
    own/nothing is scripted   create   failed   it makes a change that is not scripted; no further change is scripted
    own/another change   delete   failed   it makes a change that is not scripted; change 1 is another: delete acme.example/v1/Vault `a`
    own/a change that is never made, and an event that nobody waits for   list   failed   change 1 was never made: delete acme.example/v1/Vault

    own/nothing is scripted:
    - it makes a change that is not scripted; no further change is scripted
        [[case.change]]
        change = "create acme.example/v1/Vault"
        object = { metadata = { generateName = "backup-", labels = { kind = "backup" } }, spec = { keep = false } }

    own/another change:
    - it makes a change that is not scripted; change 1 is another: delete acme.example/v1/Vault `a`
        [[case.change]]
        change = "patch acme.example/v1/Vault"
        name = "a"
        patch = '{"spec":{"keep":null}}'
    - change 1 was never made: delete acme.example/v1/Vault

    own/a change that is never made, and an event that nobody waits for:
    - change 1 was never made: delete acme.example/v1/Vault
    - event 1 was never looked at: acme.example/v1/Vault `b`
    note: 3 0 3
    exit 1
    "#);
}

#[test]
fn what_the_manifest_does_not_allow_can_not_be_scripted() {
    let machine = machine();
    let mut all = String::new();
    for entry in [
        r#"refused = { "list v1/Secret" = "forbidden" }"#,
        r#"refused = { "create acme.example/v1/Vault" = "forbidden" }"#,
        r#"refused = { "acme.example/v1/Vault" = "forbidden" }"#,
        "[[case.object]]\nkind = \"Vault\"",
        "[[case.object]]\napiVersion = \"v1\"\nkind = \"Secret\"\nmetadata = { name = \"a\" }",
        "[[case.object]]\napiVersion = \"acme.example/v1\"\nkind = \"Vault\"\nmetadata = { name = \"a\", namespace = \"other\" }",
        "[[case.change]]\nchange = \"patch-status acme.example/v1/Vault\"\nname = \"a\"\npatch = {}",
        "[[case.change]]\nchange = \"list acme.example/v1/Vault\"",
        "[[case.change]]\nchange = \"delete acme.example/v1/Vault\"",
        "[[case.change]]\nchange = \"create acme.example/v1/Vault\"\nobject = { kind = \"Secret\" }",
        "[[case.change]]\nchange = \"create acme.example/v1/Vault\"\nobject = \"[]\"",
        "[[case.change]]\nchange = \"create acme.example/v1/Vault\"\nobject = {}\nanswer = {}\nfault = \"closed\"",
        "[[case.event]]\nchange = \"added\"\nobject = {}",
    ] {
        let text = format!(
            "[[case]]\nname = \"it\"\noperation = \"list\"\nexpect = {{ result = [] }}\n{entry}\n"
        );
        write(&machine, "own.toml", &text);
        let run = test(&machine, "--cases own.toml");
        assert_eq!(run.code, 2, "{entry}");
        let problem = run.stderr.lines().next().unwrap_or_default();
        all += &format!("{problem}\n");
    }
    assert_snapshot!(all, @r#"
    error: own.toml, case "it": refused "list v1/Secret": the manifest names no objects v1/Secret
    error: own.toml, case "it": refused "create acme.example/v1/Vault": a change is refused by its own `fault`
    error: own.toml, case "it": refused "acme.example/v1/Vault": "acme.example/v1/Vault" is not of the form `VERB GROUP/VERSION/KIND`
    error: own.toml, case "it": object 1: it needs `apiVersion`, `kind` and `metadata.name`
    error: own.toml, case "it": object 1: the manifest names no objects v1/Secret
    error: own.toml, case "it": object 1: the object is for namespace "other", but only default is granted
    error: own.toml, case "it": change 1: the manifest does not allow `patch-status` of objects acme.example/v1/Vault
    error: own.toml, case "it": change 1: `list` changes nothing; it needs no script, and `refused` can refuse it
    error: own.toml, case "it": change 1: `delete` has a `name` alone
    error: own.toml, case "it": change 1: the object is not of the kind acme.example/v1/Vault
    error: own.toml, case "it": change 1: "[]" is not an object
    error: own.toml, case "it": change 1: it has an `answer` or a `fault`
    error: own.toml, case "it": event 1: it needs `apiVersion`, `kind` and `metadata.name`
    "#);
}
