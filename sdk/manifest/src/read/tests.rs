use super::*;

/// Returns each problem as `line:column: message`.
fn problems(text: &str) -> Vec<String> {
    let problems = toml(text).expect_err("must be refused");
    let shown = problems.list().iter().map(|problem| {
        let at = problem.position.expect("a position");
        let message = problem.message();
        // The names of all keys are no matter of these tests.
        let message = match message.split_once("expected one of") {
            Some((before, _)) => format!("{before}expected one of …"),
            None => message,
        };
        format!("{}:{}: {message}", at.line, at.column)
    });
    shown.chain(problems.rest(usize::MAX)).collect()
}

#[test]
fn all_problems_of_shape_are_found_with_their_positions() {
    let text = r#"id = "Acme"
versoin = "1.0.0"
summary = 7

[operations.detect]
preference = 300
[operations.lst]

[lacks]
restore = true

[[options]]
name = "depth"
type = "int"
operations = ["list", "lits"]
choices = ["a", { value = "b", hlep = "x" }, 3]

[[options]]

[verbs.x]
help = "x"
options = [{ name = "a" }]

[exec.look]
argv = ["ls", "{a", ""]
timeout = "long"

[endpoints.api]
select = "node"
port = { numbers = [80, 0, 70000], names = ["a_b"] }
allow = ["GET /a", "FETCH /b", "GET /c?d"]
auth = { heder = "X-K" }

[endpoints.s3]
tls-ca = { secret = "{x}" }

[resources]
allow = ["v1/Secret: read", "Secret"]
"#;
    assert_eq!(
        problems(text),
        [
            "1:1: missing field `version`",
            "1:6: `Acme` is not an engine id: write `publisher/name`, both in lower-case letters, digits and dashes",
            "2:1: unknown field `versoin`, expected one of …",
            "3:11: invalid type: integer `7`, expected a string",
            "6:14: invalid value: integer `300`, expected u8",
            "7:13: unknown variant `lst`, expected one of …",
            "10:11: invalid type: boolean `true`, expected a string",
            "12:1: missing field `help`",
            "14:8: unknown variant `int`, expected one of …",
            "15:23: unknown variant `lits`, expected one of …",
            "16:32: unknown field `hlep`, expected `value` or `help`",
            "16:46: invalid type: integer `3`, expected a text, or a table with `value` and `help`",
            "18:1: missing field `name`",
            "18:1: missing field `type`",
            "18:1: missing field `operations`",
            "18:1: missing field `help`",
            "22:12: missing field `type`",
            "22:12: missing field `help`",
            "25:15: `{a` has a brace that belongs to no placeholder; a placeholder is `{name}`, of lower-case letters, digits and dashes",
            "25:21: `` is not a valid word of a command: it is empty, too long, or has a control character",
            r#"26:11: invalid type: string "long", expected u32"#,
            "29:10: unknown variant `node`, expected one of …",
            "30:25: invalid value: integer `0`, expected a nonzero u16",
            "30:28: invalid value: integer `70000`, expected a nonzero u16",
            "30:45: port name `a_b` is neither a Kubernetes port name nor one with `*` at its end",
            "31:20: `FETCH /b` has no known method; use GET, HEAD, POST, PUT, PATCH or DELETE",
            "31:32: the path of `GET /c?d` may have only letters, digits, `-._~`, whole `{parameter}` segments, and at its end `{+parameter}`, `:verb` or a slash",
            "32:10: unknown field `heder`, expected one of …",
            "34:1: missing field `select`",
            "34:1: missing field `allow`",
            "35:21: `{x}` is not a name: use lower-case letters, digits, `-.`, `{statefulset}`, `{namespace}`, `{pod}` and `{label:KEY}`",
            "38:10: `read` in `v1/Secret: read` is not a verb: use get, list, watch, create, patch, patch-status, delete",
            "38:29: `Secret` is not a rule about objects: write `GROUP/VERSION/KIND: VERB…`, for example `kafka.oso.sh/v1alpha1/KafkaBackup: get list`",
        ]
    );
}

#[test]
#[expect(clippy::too_many_lines, reason = "every rule stands in one list")]
fn all_broken_rules_are_found_with_their_positions() {
    let text = r#"id = "acme/vault"
version = "1.0.0"
summary = "a\nb"

[operations.list]
files = true
saves = true
menu = { depth = "far" }
[operations.finish]
[operations.act]

[lacks]
list = "no"

[[options]]
name = "namespace"
type = "integer"
operations = ["list"]
default = "x"
help = ""

[[options]]
name = "namespace"
type = "boolean"
operations = ["act"]
required = true
help = "x"

[[columns]]
value = "Region"

[exec.Look]
argv = ["{program}"]
container = "A"
timeout = 0

[endpoints.api]
select = "pod"
allow = []
auth = { header = "Cookie", scheme = "Basic", use = "admin" }
headers = ["Accept", "X-A", "x-a", "Host"]
tls-ca = { secret = "x", key = "a b" }
tls-client = true

[endpoints.store]
select = "s3"
port = { flag = "wait", numbers = [80] }
ready = "pod"
replicas = true
tls = "yes"
allow = ["GET /", "PUT /{bucket}/{+key}"]

[credentials.other]
kind = "token"
help = "x"

[resources]
allow = ["v1/Pod: get", "v1/Pod: list"]

[storage.Vaults]
kind = "s3"
auth = "none"
allow = ["put in backups", "get in {to}"]

[aws.rds]
version = "1"
allow = ["Describe*", "CreateDBSnapshot"]
"#;
    assert_eq!(
        problems(text),
        [
            "3:11: summary must be one line of at most 200 characters, without control characters",
            "5:2: the operation `detect` is required; add `[operations.detect]`",
            "6:9: `files` belongs to the operation `restore`, not to `list`",
            "7:9: `saves` belongs to the operation `create`, not to `list`",
            "8:18: the menu of operation `list` sets `--depth` to `far`, which is not a choice of `list`",
            "9:13: operation `finish` is part of `create`; add `[operations.create]`",
            "10:13: the operation `act` has no verb to carry out; add `[verbs.NAME]`, or leave it out",
            "13:8: `lacks` gives a reason for `list`, which the engine can do",
            "16:8: option `--namespace` is a flag of kubectl-broker itself; choose another name",
            "19:11: default `x` of option `--namespace` does not fit its type",
            "20:8: options.help must be one line of at most 300 characters, without control characters",
            "23:8: option `--namespace` is a flag of kubectl-broker itself; choose another name",
            "25:14: option `--namespace` names the operation `act`; put it into its verb: `[[verbs.NAME.options]]`",
            "26:12: option `--namespace` can't be required: it always has a value",
            "30:9: `Region` is not a valid name (column value): use lower-case letters, digits and dashes",
            "32:7: `Look` is not a valid name (command): use lower-case letters, digits and dashes",
            "33:9: command `Look` is invalid: the program itself can't be a placeholder",
            "34:13: command `Look` is invalid: `A` is not a valid name for a container",
            "35:11: command `Look` is invalid: `timeout` must be 1–3600 seconds",
            "37:12: endpoint `api` is invalid: it names no port; give `port.names` or `port.numbers`",
            "39:9: endpoint `api` is invalid: it allows no request; name each in `allow`",
            "40:19: endpoint `api` is invalid: `auth` can't use the header `Cookie`: it has invalid characters, has another meaning, or can turn the request into another one",
            "40:38: endpoint `api` is invalid: `auth` has both `header` and `scheme`; give one",
            r#"40:38: endpoint `api` is invalid: `auth` can't use the scheme `Basic`: use 1 to 32 letters, digits and dashes, or `auth = "basic"` or `auth = "bearer"`"#,
            "40:53: endpoint `api` is invalid: `auth` uses the credentials `admin`; declare them as `[credentials.admin]`",
            "41:12: endpoint `api` is invalid: the header `Accept` need not be named: every engine may send it",
            "41:29: endpoint `api` is invalid: the header `x-a` is listed twice",
            "41:36: endpoint `api` is invalid: no engine may send the header `Host`: it has invalid characters, belongs to the host, or can turn the allowed request into another one",
            r#"42:1: endpoint `api` is invalid: `tls-ca` needs `tls = "yes"` or `tls = "auto"`"#,
            "42:32: endpoint `api` is invalid: `a b` is not a key of a Secret: use letters, digits and `-._`",
            r#"43:14: endpoint `api` is invalid: `tls-client` needs `tls = "yes"` or `tls = "auto"`"#,
            "47:1: endpoint `store` is invalid: S3 has no port",
            "47:17: option `--wait` is a flag of kubectl-broker itself; choose another name",
            "48:9: endpoint `store` is invalid: `ready` has no meaning for S3, which is not in a pod",
            "49:12: endpoint `store` is invalid: `replicas` has no meaning for S3, which is not in a pod",
            "50:7: endpoint `store` is invalid: `tls` has no meaning for S3, which is always reached with the user's AWS configuration",
            "51:10: endpoint `store` is invalid: `GET /` is not allowed: a route of S3 begins with a bucket",
            "51:19: endpoint `store` is invalid: `PUT /{bucket}/{+key}` is not allowed: S3 is only read, with GET and HEAD",
            r#"53:14: no endpoint uses the credentials `other`; name them in `auth`, as `{ use = "other" }`"#,
            "58:25: two rules are about v1/Pod; put their verbs into one",
            "60:10: `Vaults` is not a valid name (storage): use lower-case letters, digits and dashes",
            "63:10: `[storage.Vaults]`: `put in backups` writes without credentials: `auth = \"none\"` is only for reading",
            "63:28: `[storage.Vaults]`: `get in {to}` needs an option `to`, of the engine or of a verb, whose text the user writes: without default and choices",
            "66:11: `[aws.rds]`: `1` is not a version of a query API: write a date, such as `2014-10-31`",
            "67:10: `[aws.rds]`: `Describe*` is not the name of an action, such as `DescribeDBSnapshots`",
        ]
    );
}

#[test]
fn text_that_is_no_toml_is_told_before_anything_else() {
    assert_eq!(
        problems("id = \nversion = \"1\nx = 1\nx = 2\n"),
        [
            "1:6: string values must be quoted, expected literal string",
            "2:13: invalid basic string, expected `\"`",
            "4:1: duplicate key",
        ]
    );
}

#[test]
fn one_problem_is_reported_as_itself_and_more_as_a_list() {
    let good = "id = \"acme/vault\"\nversion = \"1.0.0\"\nsummary = \"x\"\n[operations.detect]\n";
    assert!(Manifest::from_toml(good).is_ok());
    let reported = |text: &str| Manifest::from_toml(text).expect_err("refused").to_string();
    assert_eq!(
        reported(&good.replace("1.0.0", "1")),
        "the manifest is not valid TOML: TOML parse error at line 2, column 11\n  |\n2 | version = \"1\"\n  |           ^^^\n`1` is not a version; write `MAJOR.MINOR.PATCH`, such as `1.0.0`: unexpected end of input while parsing major version number"
    );
    assert_eq!(
        reported(&good.replace("detect", "list")),
        "the operation `detect` is required; add `[operations.detect]`"
    );
    assert_eq!(
        reported(&good.replace("acme", "A").replace("summary", "sumary")),
        "the manifest has 3 problems:\n- line 1, column 1: missing field `summary`\n- line 1, column 6: `A/vault` is not an engine id: write `publisher/name`, both in lower-case letters, digits and dashes\n- line 3, column 1: unknown field `sumary`, expected one of `id`, `version`, `summary`, `homepage`, `operations`, `lacks`, `options`, `verbs`, `columns`, `exec`, `endpoints`, `credentials`, `storage`, `aws`, `resources`"
    );
}

/// Returns a manifest of almost the maximum length with one entry again and again.
fn long(before: &str, entry: impl Fn(usize) -> String) -> String {
    let mut text = format!(
        "id = \"acme/vault\"\nversion = \"1.0.0\"\nsummary = \"x\"\noperations.detect = {{}}\n{before}"
    );
    for at in 0.. {
        let entry = entry(at);
        if text.len() + entry.len() > MAX_BYTES {
            break;
        }
        text.push_str(&entry);
    }
    text
}

#[test]
fn a_hostile_manifest_costs_a_bounded_number_of_tries_and_of_words() {
    let manifests = [
        // The wrong shape.
        long("", |at| format!("a{at} = 1\n")),
        long("", |_| "[[options]]\n".to_owned()),
        long("", |_| "[[a]]\n".to_owned()),
        long("columns = [", |_| "1,\n".to_owned()) + "]",
        long("", |at| format!("[endpoints.a{at}]\n")),
        long("", |_| "\u{7}".to_owned()),
        long("", |_| "=\n".to_owned()),
        long("a = \"", |_| "x".to_owned()) + "\"",
        long("x = ", |_| "[".to_owned()),
        // Broken rules.
        long("[verbs]\n", |at| format!("A{at} = {{ help = \"\" }}\n")),
        long("[endpoints]\n", |at| {
            format!("a{at} = {{ select = \"pod\", allow = [] }}\n")
        }),
        long(
            "[endpoints.a]\nselect = \"pod\"\nallow = []\nheaders = [",
            |at| format!("\"a{at}\","),
        ) + "]",
        long("[[columns]]\nvalue = \"", |_| "x".to_owned()) + "\"",
    ];
    for text in manifests {
        let problems = Manifest::diagnose(&text).expect_err("refused");
        let count = problems.list().len();
        assert!((1..=50).contains(&count), "{count}: {}", &text[..200]);
        let message = problems.into_error().brief();
        assert!(message.len() < 8000, "{}: {message}", message.len());
        let lines = message.lines().skip(1);
        assert!(lines.clone().count() <= 11, "{message}");
        assert!(
            lines.clone().all(|line| line.starts_with("- ")),
            "{message}"
        );
    }
    let long = "x".repeat(MAX_BYTES + 1);
    let refused = Manifest::from_toml(&long);
    assert!(matches!(refused, Err(ManifestError::TooLong { .. })));
}

#[test]
fn a_manifest_in_a_component_has_all_problems_in_one_message() {
    let json = br#"{"id":"acme/vault","version":"1.0.0","summary":"","operations":{"list":{"preference":0}},"columns":[{"value":"a\nerror: x"}]}"#;
    let error = Manifest::from_json(json).expect_err("refused");
    assert_eq!(
        error.brief(),
        "the manifest has 3 problems:\n- summary must be one line of at most 200 characters, without control characters\n- the operation `detect` is required; add `[operations.detect]`\n- `a\\u{a}error: x` is not a valid name (column value): use lower-case letters, digits and dashes"
    );
}
