//! `plugin test`: an engine in its sandbox, against scripted backends.

use std::path::{Path, PathBuf};

use host_engine::Catalogue;
use insta::assert_snapshot;

use super::{shown, write};
use crate::support::{Component, Machine, Run, Verbatim};

/// Returns a machine with the bundled engines as files.
fn machine() -> Machine {
    let machine = Machine::new();
    for engine in Catalogue::bundled(host_bundled::ENGINES)
        .expect("the bundled engines")
        .iter()
    {
        let name = format!("{}.wasm", engine.manifest().id.name());
        machine.put(&name, &Component::of(&engine.bytes().expect("bytes")));
    }
    machine
}

/// Runs the program, which shows the results of the cases even if some fail.
fn test(machine: &Machine, arguments: &str) -> Run {
    let program = machine.program().data_although_failed();
    program.run(&format!("plugin test {arguments}"))
}

/// Returns the folder of a bundled engine's cases.
fn cases(engine: &str) -> PathBuf {
    let plugins = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins");
    plugins.join(engine).join("cases")
}

#[test]
fn the_bundled_engines_pass_every_case() {
    let machine = machine();
    let run = |engine: &str| {
        let cases = cases(engine);
        test(
            &machine,
            &format!("{engine}.wasm --cases {}", cases.display()),
        )
    };
    assert_snapshot!(shown(&run("sidecar").telling(Verbatim::All)), @"
    stdout:
    CASE   OPERATION   OUTCOME   MESSAGE
    built-in/detect/*   detect   passed   in 10 situations
    built-in/list/*   list   passed   in 10 situations
    built-in/status/*   status   passed   in 10 situations
    built-in/restore/*   restore   passed   in 10 situations
    built-in/delete/*   delete   passed   in 10 situations
    built-in/act-metrics/*   act   passed   in 10 situations
    built-in/act-purge/*   act   passed   in 10 situations
    built-in/act-upload/*   act   passed   in 10 situations
    list/objects of the remote store, the newest first   list   passed   -
    list/an empty store is an empty list, in the spelling of a Go server   list   passed   -
    list/JSON of another form is no empty list   list   passed   -
    list/the disk of the pod, with what is being uploaded and what failed   list   passed   -
    list/a time that is none is left out, and said   list   passed   -
    list/a token is missing   list   passed   -
    list/object storage can't be reached   list   passed   -
    list/an inventory that breaks off   detect   passed   -
    list/what answers   detect   passed   -
    one/what is on the disk is looked for first   status   passed   -
    one/then the remote store   status   passed   -
    one/what is nowhere   status   passed   -
    one/a restore   restore   passed   -
    one/a dry run that the sidecar took for a restore   restore   passed   -
    one/an object that is not there   restore   passed   -
    one/what is uploaded is deleted, and looked for afterwards   delete   passed   -
    one/what is not uploaded is not deleted   delete   passed   -
    one/an answer that never came leaves open whether it is deleted   delete   passed   -
    verbs/an upload with the default of its type   act   passed   -
    verbs/an upload of what is not on the disk   act   passed   -
    verbs/metrics are handed on as they are   act   passed   -
    verbs/a purge   act   passed   -
    stderr:
    102 cases: all passed
    exit 0
    ");
    assert_snapshot!(shown(&run("hivemq")), @"
    stdout:
    CASE   OPERATION   OUTCOME   MESSAGE
    built-in/detect/*   detect   passed   in 10 situations
    built-in/health/*   health   passed   in 10 situations
    built-in/list/*   list   passed   in 10 situations
    built-in/status/*   status   passed   in 10 situations
    built-in/prepare/*   prepare   passed   in 10 situations
    built-in/create/*   create   passed   in 10 situations
    built-in/finish/*   finish   passed   in 10 situations
    built-in/download/*   download   passed   in 10 situations
    built-in/restore/*   restore   passed   in 10 situations
    backups/what answers   detect   passed   -
    backups/all states, the newest first   list   passed   -
    backups/the cluster is not ready   list   passed   -
    backups/the user lacks the permission   list   passed   -
    backups/one backup   status   passed   -
    backups/a backup that HiveMQ does not know   status   passed   -
    backups/an id that would be another route is not sent   status   passed   -
    backups/a backup is begun   create   passed   -
    backups/a lost answer is no backup   create   passed   -
    files/the file of a backup   download   passed   -
    files/a file that breaks off is not saved   download   passed   -
    files/a server of another time has another route   download   passed   -
    files/a restore is begun   restore   passed   -
    files/a restore on a server of another time   restore   passed   -
    files/a dry run can't be   restore   passed   -
    health/each broker has its own report   health   passed   -
    health/an API that is off everywhere   health   passed   -
    pods/the free space where the backup will lie   prepare   passed   -
    pods/a warning where the newest backup would not fit   prepare   passed   -
    pods/without the right to run commands the free space is not told   prepare   passed   -
    pods/and with a destination no backup is begun   prepare   passed   -
    pods/a complete backup is moved on the same disk   finish   passed   -
    pods/what is there is not replaced   finish   passed   -
    note: 113
    exit 0
    ");
}

#[test]
fn the_other_bundled_engines_pass_every_case() {
    let machine = machine();
    for (engine, count) in [
        ("backuprequest", 96),
        ("kafka", 147),
        ("operator", 130),
        ("strategy", 65),
    ] {
        let cases = cases(engine);
        let run = test(
            &machine,
            &format!("{engine}.wasm --cases {}", cases.display()),
        );
        assert_eq!(run.code, 0, "{}", run.stdout);
        assert_eq!(run.stderr, format!("{count} cases: all passed\n"));
    }
}

#[test]
fn an_engine_that_says_what_it_can_not_know_fails_with_the_reason() {
    let machine = machine();
    machine.put("hostile.wasm", &Component::hostile());
    let run = test(
        &machine,
        "hostile.wasm --case detect --case status --case restore-file",
    );
    assert_snapshot!(shown(&run), @r#"
    stdout:
    CASE   OPERATION   OUTCOME   MESSAGE
    built-in/detect/*   detect   failed   in 10 situations: without asking a backend it reports {"detail":null,"product":"something \u001b[31mhostile","version":n…
    built-in/status/*   status   failed   in 10 situations: engine acme/hostile crashed during `status`: it panicked or aborted (it wrote: thread '<unnamed>' (1) …
    built-in/restore-file/*   restore   passed   in 6 situations
    built-in/restore-file/401   restore   failed   every request is answered with 401, and it reports {"backup":{"activity":"Restore","created":null,"failure":null,"fields…
    built-in/restore-file/403   restore   failed   every request is answered with 403, and it reports {"backup":{"activity":"Restore","created":null,"failure":null,"fields…
    built-in/restore-file/404   restore   failed   every request is answered with 404, and it reports {"backup":{"activity":"Restore","created":null,"failure":null,"fields…
    built-in/restore-file/500-html   restore   failed   every request is answered with 500 and an HTML page, and it reports {"backup":{"activity":"Restore","created":null,"fail…

    built-in/detect/* (closed, 401, 403, 404, 500-html, 200-html, 200-empty, endless, cut, cancelled):
    - without asking a backend it reports {"detail":null,"product":"something \u001b[31mhostile","version":null}

    built-in/status/* (closed, 401, 403, 404, 500-html, 200-html, 200-empty, endless, cut, cancelled):
    - engine acme/hostile crashed during `status`: it panicked or aborted (it wrote: thread '<unnamed>' (1) panicked at src/lib.rs:LINE: there is no status)

    built-in/restore-file/401:
    - every request is answered with 401, and it reports {"backup":{"activity":"Restore","created":null,"failure":null,"fields":{},"id":"a.backup","progress":null,"reportedState":null,"sizeBytes":8,"state":"Succeeded","warnings":[]},"details":{"sha256":"DIGEST"}}

    built-in/restore-file/403:
    - every request is answered with 403, and it reports {"backup":{"activity":"Restore","created":null,"failure":null,"fields":{},"id":"a.backup","progress":null,"reportedState":null,"sizeBytes":8,"state":"Succeeded","warnings":[]},"details":{"sha256":"DIGEST"}}

    built-in/restore-file/404:
    - every request is answered with 404, and it reports {"backup":{"activity":"Restore","created":null,"failure":null,"fields":{},"id":"a.backup","progress":null,"reportedState":null,"sizeBytes":8,"state":"Succeeded","warnings":[]},"details":{"sha256":"DIGEST"}}

    built-in/restore-file/500-html:
    - every request is answered with 500 and an HTML page, and it reports {"backup":{"activity":"Restore","created":null,"failure":null,"fields":{},"id":"a.backup","progress":null,"reportedState":null,"sizeBytes":8,"state":"Succeeded","warnings":[]},"details":{"sha256":"DIGEST"}}
    note: 30 6 24
    exit 1
    "#);
    let run = test(&machine, "hostile.wasm --case restore-file/40 -o wide");
    assert_snapshot!(shown(&run), @r#"
    stdout:
    CASE   OPERATION   OUTCOME   MESSAGE
    built-in/restore-file/401   restore   failed   every request is answered with 401, and it reports {"backup":{"activity":"Restore","created":null,"failure":null,"fields…
    built-in/restore-file/403   restore   failed   every request is answered with 403, and it reports {"backup":{"activity":"Restore","created":null,"failure":null,"fields…
    built-in/restore-file/404   restore   failed   every request is answered with 404, and it reports {"backup":{"activity":"Restore","created":null,"failure":null,"fields…

    built-in/restore-file/401:
    - every request is answered with 401, and it reports {"backup":{"activity":"Restore","created":null,"failure":null,"fields":{},"id":"a.backup","progress":null,"reportedState":null,"sizeBytes":8,"state":"Succeeded","warnings":[]},"details":{"sha256":"DIGEST"}}

    built-in/restore-file/403:
    - every request is answered with 403, and it reports {"backup":{"activity":"Restore","created":null,"failure":null,"fields":{},"id":"a.backup","progress":null,"reportedState":null,"sizeBytes":8,"state":"Succeeded","warnings":[]},"details":{"sha256":"DIGEST"}}

    built-in/restore-file/404:
    - every request is answered with 404, and it reports {"backup":{"activity":"Restore","created":null,"failure":null,"fields":{},"id":"a.backup","progress":null,"reportedState":null,"sizeBytes":8,"state":"Succeeded","warnings":[]},"details":{"sha256":"DIGEST"}}
    note: 3 0 3
    exit 1
    "#);
}

const MISBEHAVING: &str = r#"
[[case]]
name = "a panic"
operation = "list"
options = { misbehave = "panic" }
expect = { result = [] }

[[case]]
name = "a field that the manifest does not name"
operation = "list"
options = { misbehave = "undeclared-field" }
expect = { result = [{ id = "x" }] }

[[case]]
name = "a route that the manifest does not allow"
operation = "list"
options = { misbehave = "denied-route" }
expect = { result = [] }

[[case]]
name = "the reason that is meant"
operation = "list"
options = { misbehave = "denied-route" }
expect = { error = { kind = "denied", message = "GET /v1/admin" } }

[[case]]
name = "all memory"
operation = "list"
options = { misbehave = "allocate" }
expect = { result = [] }

[[case]]
name = "another end"
operation = "list"
options = { misbehave = "not-at-all" }
expect = { error = { kind = "failed" } }

[[case]]
name = "other words"
operation = "list"
options = { misbehave = "hostile-error" }
expect = { error = { kind = "not-found", message = "gone", hint = "sh", retryable = true } }

[[case]]
name = "another list"
operation = "list"
options = { misbehave = "echo", amount = -3 }
limit = 7
expect = { result = [{ id = "limit=Some(7) misbehave=text echo amount=integer -3 loudly=boolean true", state = "Failed" }] }

[[case]]
name = "a clock that stands still"
operation = "list"
now = 2026-05-06T08:13:17.250Z
options = { misbehave = "what-time" }
expect = { result = [{ id = "1778055197250" }] }

[[case]]
name = "silence"
operation = "list"
options = { misbehave = "bad-time" }
expect = { result = [{}], warnings = [] }
"#;

#[test]
fn an_author_sees_what_an_engine_did_instead() {
    let machine = machine();
    machine.put("hostile.wasm", &Component::hostile());
    write(&machine, "own.toml", MISBEHAVING);
    let run = test(&machine, "hostile.wasm --cases own.toml --case own/");
    assert_snapshot!(shown(&run), @r#"
    stdout:
    CASE   OPERATION   OUTCOME   MESSAGE
    own/a panic   list   failed   engine acme/hostile crashed during `list`: it panicked or aborted (it wrote: thread '<unnamed>' (1) panicked at src/lib.…
    own/a field that the manifest does not name   list   failed   engine acme/hostile returned an invalid result from `list`: a field that its manifest does not name: "secret"
    own/a route that the manifest does not allow   list   failed   it reports an error of kind `denied`: the manifest does not allow `GET /v1/admin` on endpoint `api`
    own/the reason that is meant   list   passed   -
    own/all memory   list   failed   engine acme/hostile was stopped in `list`: it requested more than 256 MiB of memory
    own/another end   list   failed   an error of kind `failed` is expected, but it reports [{"activity":"Backup","created":null,"failure":null,"fields":{},"i…
    own/other words   list   failed   its error is of kind `failed`, but `not-found` is expected: \u{1b}[1A\u{1b}[2K\u{a}backup list: all is well\u{9b}2J
    own/another list   list   failed   result[0].id is "limit=Some(7) misbehave=text echo amount=integer -3 loudly=boolean false", but "limit=Some(7) misbehave…
    own/a clock that stands still   list   passed   -
    own/silence   list   failed   its warnings are ["the creation time of \"x\" is not an RFC 3339 time, and is left out: \"yesterday \\u{1b}[2J\""], but …

    own/a panic:
    - engine acme/hostile crashed during `list`: it panicked or aborted (it wrote: thread '<unnamed>' (1) panicked at src/lib.rs:LINE: the vault \u{1b}[2J is on fire)

    own/a field that the manifest does not name:
    - engine acme/hostile returned an invalid result from `list`: a field that its manifest does not name: "secret"

    own/a route that the manifest does not allow:
    - it reports an error of kind `denied`: the manifest does not allow `GET /v1/admin` on endpoint `api`

    own/all memory:
    - engine acme/hostile was stopped in `list`: it requested more than 256 MiB of memory

    own/another end:
    - an error of kind `failed` is expected, but it reports [{"activity":"Backup","created":null,"failure":null,"fields":{},"id":"harmless","progress":null,"reportedState":null,"sizeBytes":null,"state":"Succeeded","warnings":[]}]

    own/other words:
    - its error is of kind `failed`, but `not-found` is expected: \u{1b}[1A\u{1b}[2K\u{a}backup list: all is well\u{9b}2J
    - the message of its error has no "gone": "\\u{1b}[1A\\u{1b}[2K\\u{a}backup list: all is well\\u{9b}2J"
    - its error says `retryable = false`

    own/another list:
    - result[0].id is "limit=Some(7) misbehave=text echo amount=integer -3 loudly=boolean false", but "limit=Some(7) misbehave=text echo amount=integer -3 loudly=boolean true" is expected
    - result[0].state is "Succeeded", but "Failed" is expected

    own/silence:
    - its warnings are ["the creation time of \"x\" is not an RFC 3339 time, and is left out: \"yesterday \\u{1b}[2J\""], but [] are expected
    note: 10 2 8
    exit 1
    "#);
}

const FORMS: &str = r#"
[[case]]
name = "a form"
operation = "restore"
file = { name = "a.zip", text = "x" }
options = { misbehave = "form" }
expect = { result = { backup = { id = "a.zip" } } }

[[case.exchange]]
request = "POST /v1/restore"
answer = {}

[case.exchange.body]
form = [
    { name = "mode", text = "full\r\n--" },
    { name = "upload", file = "a.zip" },
    { name = "a\"; filename=\"b\r\nX-Evil: 1", text = "größe" },
    { name = "again", file = "a.zip" },
]

[[case]]
name = "a form with another text"
operation = "restore"
file = { name = "a.zip", text = "x" }
options = { misbehave = "form" }
expect = { result = {} }

[[case.exchange]]
request = "POST /v1/restore"
body = { form = [{ name = "mode", text = "half" }] }
answer = {}
"#;

#[test]
fn the_parts_of_a_form_are_compared() {
    let machine = machine();
    machine.put("hostile.wasm", &Component::hostile());
    write(&machine, "own.toml", FORMS);
    let run = test(&machine, "hostile.wasm --cases own.toml --case own/");
    assert_snapshot!(shown(&run), @r#"
    stdout:
    CASE   OPERATION   OUTCOME   MESSAGE
    own/a form   restore   passed   -
    own/a form with another text   restore   failed   it asks for what is not scripted; exchange 1 is another: its body is the form [{ name = "mode", text = "half" }]

    own/a form with another text:
    - it asks for what is not scripted; exchange 1 is another: its body is the form [{ name = "mode", text = "half" }]
        [[case.exchange]]
        request = "POST /v1/restore"
        body = { form = [{ name = "mode", text = "full\r\n--" }, { name = "upload", file = "a.zip" }, { name = "a\"; filename=\"b\r\nX-Evil: 1", text = "größe" }, { name = "again", file = "a.zip" }] }
    - exchange 1 was never made: POST /v1/restore
    note: 2 1 1
    exit 1
    "#);
    let wrong = FORMS.replace(", text = \"half\"", "");
    write(&machine, "own.toml", &wrong);
    let run = test(&machine, "hostile.wasm --cases own.toml --case own/");
    assert_eq!(run.code, 2, "{}", run.stderr);
    let reason = "part `mode` of `form` has one of `text` and `file`";
    assert!(run.stderr.contains(reason), "{}", run.stderr);
}

const UNSCRIPTED: &str = r#"
[[case]]
name = "nothing is scripted"
operation = "act"
verb = "upload"
options = { name = "a" }
expect = { result = { done = true } }

[[case]]
name = "another body, and one exchange too many"
operation = "act"
verb = "upload"
options = { name = "a" }
expect = { result = { text = "x" } }

[[case.exchange]]
request = "POST /v1/backup/upload"
body = { json = { name = "b", type = "backup" } }
answer = { status = 202 }

[[case.exchange]]
request = "GET /metrics"
answer = { text = "" }

[[case]]
name = "an exchange that is never made"
operation = "list"
expect = { result = [] }

[[case.exchange]]
request = "GET /v1/backup/list-remote"
answer = { json = { backups = [] } }

[[case.exchange]]
request = "GET /v1/backup/list"
answer = { fault = "closed" }
"#;

#[test]
fn what_is_not_scripted_is_shown_in_full_and_what_is_not_used_is_named() {
    let machine = machine();
    write(&machine, "own.toml", UNSCRIPTED);
    let run = test(&machine, "sidecar.wasm --cases own.toml --case own/");
    assert_snapshot!(shown(&run), @r#"
    stdout:
    CASE   OPERATION   OUTCOME   MESSAGE
    own/nothing is scripted   act   failed   it asks for what is not scripted; no further exchange is scripted
    own/another body, and one exchange too many   act   failed   it asks for what is not scripted; exchange 1 is another: its body is {"name":"b","type":"backup"}
    own/an exchange that is never made   list   failed   exchange 2 was never made: GET /v1/backup/list

    own/nothing is scripted:
    - it asks for what is not scripted; no further exchange is scripted
        [[case.exchange]]
        request = "POST /v1/backup/upload"
        headers = { content-type = "application/json" }
        body = { json = { name = "a", type = "backup" } }

    own/another body, and one exchange too many:
    - it asks for what is not scripted; exchange 1 is another: its body is {"name":"b","type":"backup"}
        [[case.exchange]]
        request = "POST /v1/backup/upload"
        headers = { content-type = "application/json" }
        body = { json = { name = "a", type = "backup" } }
    - exchange 1 was never made: POST /v1/backup/upload
    - exchange 2 was never made: GET /metrics

    own/an exchange that is never made:
    - exchange 2 was never made: GET /v1/backup/list
    note: 3 0 3
    exit 1
    "#);
    let commands = r#"
[[case]]
name = "other commands"
operation = "finish"
id = "a"
options = { destination = "/mnt" }
expect = { result = {} }

[[case.command]]
name = "backup-folder"
exit-code = 1

[[case.command]]
name = "is-there"
arguments = { path = "/mnt" }
"#;
    write(&machine, "own.toml", commands);
    let run = test(&machine, "hivemq.wasm --cases own.toml --case own/");
    assert_snapshot!(shown(&run), @r#"
    stdout:
    CASE   OPERATION   OUTCOME   MESSAGE
    own/other commands   finish   failed   it runs what is not scripted; command 2 is another: test -e /mnt in pod pod-0

    own/other commands:
    - it runs what is not scripted; command 2 is another: test -e /mnt in pod pod-0
        [[case.command]]
        # It runs "test -e /opt/hivemq/backup/a"
        name = "is-there"
        pod = "pod-0"
        arguments = { path = "/opt/hivemq/backup/a" }
    - command 2 was never run: is-there
    note: 1 0 1
    exit 1
    "#);
}

#[test]
fn a_document_says_it_as_the_table_does() {
    let machine = machine();
    write(&machine, "own.toml", UNSCRIPTED);
    let run = test(
        &machine,
        "sidecar.wasm --cases own.toml --case never -o json",
    );
    assert_snapshot!(run.outcome(), @r#"
    stdout:
    {
      "apiVersion": "kubectl-broker/v1",
      "id": "kubectl-broker/sidecar",
      "items": [
        {
          "builtIn": false,
          "case": "own/an exchange that is never made",
          "operation": "list",
          "outcome": "failed",
          "problems": [
            "exchange 2 was never made: GET /v1/backup/list"
          ]
        }
      ],
      "kind": "PluginTest",
      "version": "0.1.0"
    }
    exit 1
    "#);
    let run = test(&machine, "sidecar.wasm --case 404 -o name");
    assert_snapshot!(run.outcome(), @"
    stdout:
    built-in/detect/404
    built-in/list/404
    built-in/status/404
    built-in/restore/404
    built-in/delete/404
    built-in/act-metrics/404
    built-in/act-purge/404
    built-in/act-upload/404
    exit 0
    ");
}

#[test]
fn a_file_of_cases_that_can_not_be_right_is_refused_before_anything_is_run() {
    let machine = machine();
    let with = |text: &str| {
        write(&machine, "own.toml", text);
        let run = machine.run("plugin test sidecar.wasm --cases own.toml");
        assert_eq!(run.code, 2, "{}", run.stderr);
        let problem = run.stderr.split("hint: ").next().unwrap_or_default();
        assert_ne!(problem, run.stderr, "no hint");
        problem.to_owned()
    };
    let case = |text: &str| with(&format!("[[case]]\nname = \"x\"\n{text}"));
    let list = "operation = \"list\"\nexpect = { result = [] }\n";
    let exchange = |text: &str| case(&format!("{list}[[case.exchange]]\n{text}"));
    let refused = [
        with(""),
        with("[[case]]\nnam = \"x\"\n"),
        case("operation = \"list\"\nexpect = {}\n"),
        case("operation = \"lst\"\nexpect = { result = [] }\n"),
        case("operation = \"create\"\nexpect = { result = {} }\n"),
        case("operation = \"status\"\nexpect = { result = {} }\n"),
        case(&format!("id = \"x\"\n{list}")),
        case(&format!("options = {{ scop = \"local\" }}\n{list}")),
        case(&format!("options = {{ scope = \"moon\" }}\n{list}")),
        case("operation = \"act\"\nverb = \"upload\"\nexpect = { result = {} }\n"),
        case("operation = \"list\"\nexpect = { error = { kind = \"broken\" } }\n"),
        exchange("request = \"GET /v1/admin\"\nanswer = {}\n"),
        exchange("request = \"/metrics\"\nanswer = {}\n"),
        exchange("request = \"GET /metrics\"\nendpoint = \"other\"\nanswer = {}\n"),
        exchange("request = \"GET /metrics\"\nanswer = { text = \"\", json = 1 }\n"),
        exchange("request = \"GET /metrics\"\nanswer = { status = 200, fault = \"closed\" }\n"),
        exchange("request = \"GET /metrics\"\nanswer = { text = \"abc\", cut-after = 3 }\n"),
        exchange("request = \"GET /metrics\"\nanswer = { base64 = \"*\" }\n"),
        exchange("request = \"GET /metrics\"\nbody = {}\nanswer = {}\n"),
        case(&format!("{list}[[case.command]]\nname = \"ls\"\n")),
        with(&format!(
            "[[case]]\nname = \"x\"\n{list}[[case]]\nname = \"x\"\n{list}"
        )),
    ];
    assert_snapshot!(refused.concat(), @r#"
    error: own.toml is not a valid file of cases: it has no `[[case]]`
    error: own.toml is not a valid file of cases: TOML parse error at line 2, column 1
        |
      2 | nam = "x"
        | ^^^
      unknown field `nam`, expected one of `name`, `operation`, `verb`, `id`, `limit`, `dry-run`, `force`, `prepared`, `file`, `options`, `now`, `pods`, `exchange`, `command`, `object`, `refused`, `change`, `event`, `stored`, `write`, `action`, `expect`
    error: own.toml, case "x": `expect` has either a `result` or an `error`
    error: own.toml is not a valid file of cases: TOML parse error at line 3, column 13
        |
      3 | operation = "lst"
        |             ^^^^^
      unknown variant `lst`, expected one of `detect`, `health`, `list`, `status`, `prepare`, `create`, `finish`, `download`, `verify`, `restore`, `delete`, `act`
    error: own.toml, case "x": the manifest has no operation `create`
    error: own.toml, case "x": `status` needs an `id`
    error: own.toml, case "x": `list` takes no `id`
    error: own.toml, case "x": the manifest has no option `scop` for it
    error: own.toml, case "x": option `scope` can't have this value
    error: own.toml, case "x": option `name` is missing
    error: own.toml, case "x": `broken` is not a kind of error; use one of: unsupported, invalid-argument, not-found, conflict, unauthenticated, forbidden, denied, unavailable, timed-out, cancelled, integrity, protocol, failed
    error: own.toml, case "x": exchange 1: the manifest does not allow `GET /v1/admin`
    error: own.toml, case "x": exchange 1: `/metrics` is not a route: write `METHOD /path`, as in `GET /v1/backups/{id}`
    error: own.toml, case "x": exchange 1: the manifest has no endpoint `other`
    error: own.toml, case "x": exchange 1: `answer` has one of `json`, `text` and `base64`
    error: own.toml, case "x": exchange 1: an `answer` with a `fault` has nothing else
    error: own.toml, case "x": exchange 1: `cut-after` is not less than the length of the body
    error: own.toml, case "x": exchange 1: `base64`: Invalid symbol 42, offset 0.
    error: own.toml, case "x": exchange 1: `body` has one of `json`, `text`, `base64`, `file` and `form`
    error: own.toml, case "x": command 1: the manifest has no command `ls`
    error: own.toml, case "x": another case of this file has this name
    "#);
}

#[test]
fn what_is_not_there_is_named() {
    let machine = machine();
    assert_snapshot!(shown(&machine.run("plugin test nothing.wasm")), @"
    NotFound: 2 nothing.wasm «No such file or directory»
    hint:
    exit 10
    ");
    std::fs::create_dir(machine.folder.path().join("empty")).expect("a folder");
    let run = machine.run("plugin test sidecar.wasm --cases empty");
    assert_snapshot!(shown(&run), @"
    NotFound: `.toml` empty
    hint:
    exit 10
    ");
    let run = machine.run("plugin test sidecar.wasm --cases empty/x.toml");
    assert_snapshot!(shown(&run), @"
    NotFound: 2 empty/x.toml «No such file or directory»
    hint:
    exit 10
    ");
    let run = machine.run("plugin test sidecar.wasm --case moon --case sun");
    assert_snapshot!(shown(&run), @r#"
    NotFound: "moon" "sun" 80
    hint: `--case` `-o name`
    exit 10
    "#);
}
