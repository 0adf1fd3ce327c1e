//! Backends that answer with an error, with invalid data, or incompletely.

use insta::assert_snapshot;

use crate::support::{Bed, Run};

fn sidecar(fault: &str) -> Run {
    Bed::with(&[fault]).run("backup list --engine sidecar")
}

fn hivemq(fault: &str) -> Run {
    Bed::with(&[fault]).run("backup list --engine hivemq")
}

#[test]
fn the_backend_wants_credentials() {
    assert_snapshot!(sidecar("sidecar-auth=the-token").shown(), @"
    stderr:
    error: GET /v1/backup/list-remote answered 401: unauthorized
    hint: This sidecar needs a token of its own; its operator has set one
    exit 12
    ");
    assert_snapshot!(hivemq("hivemq-auth=admin:hivemq").shown(), @"
    stderr:
    error: GET /api/v1/management/backups answered 401
    hint: HiveMQ's REST API wants a user name and password of its own: give `--username` with `--password-stdin`, or `--credentials-secret`
    exit 12
    ");
}

#[test]
fn the_backend_refuses() {
    assert_snapshot!(sidecar("sidecar-status=403").message(), @"
    NotAllowed: GET /v1/backup/list-remote answered 403: something is wrong with the service
    hint: sidecar
    exit 12
    ");
    assert_snapshot!(hivemq("hivemq-status=403").hint(), @"
    NotAllowed: /api/v1/management/backups 403 GET «Forbidden» «something is wrong with the service»
    hint: Give the user the permission HIVEMQ_MANAGEMENT_BACKUPS_GET in HiveMQ's Enterprise Security Extension
    exit 12
    ");
}

#[test]
fn an_html_page_with_status_500_is_named_and_not_shown() {
    assert_snapshot!(sidecar("sidecar-html=500").shown(), @r#"
    stderr:
    error: GET /v1/backup/list-remote answered 500: an HTML page titled "500 Internal Server Error"
    hint: Check the sidecar's log: `kubectl logs POD --container CONTAINER`
    exit 1
    "#);
    assert_snapshot!(hivemq("hivemq-html=500").outcome(), @r#"
    Failed: "500 Internal Server Error" /api/v1/management/backups 500 GET
    exit 1
    "#);
}

#[test]
fn an_html_page_with_status_200_is_no_empty_list() {
    assert_snapshot!(sidecar("sidecar-html=200").shown(), @"
    stderr:
    error: GET /v1/backup/list-remote answered an HTML page instead of JSON
    hint: Another program may be listening on that port; check which port the backend serves
    exit 1
    ");
}

#[test]
fn an_error_in_the_backends_own_form_is_told_in_its_words() {
    assert_snapshot!(sidecar("sidecar-status=500").outcome(), @"
    Failed: /v1/backup/list-remote 500 GET «something is wrong with the service»
    hint: `kubectl logs POD --container CONTAINER`
    exit 1
    ");
    assert_snapshot!(hivemq("hivemq-status=503").shown(), @"
    stderr:
    error: GET /api/v1/management/backups answered 503: The endpoint is temporarily not available: something is wrong with the service
    hint: The cluster may be starting, or its nodes run different versions; try again
    exit 1
    ");
}

#[test]
fn json_of_another_shape() {
    assert_snapshot!(sidecar("sidecar-wrong-shape").message(), @r#"
    Failed: GET /v1/backup/list-remote answered JSON that is not of the expected form (invalid type: string "none", expected a sequence at line 1 column 38)
    hint:
    exit 1
    "#);
    assert_snapshot!(hivemq("hivemq-wrong-shape").outcome(), @"
    Failed: /api/v1/management/backups 1 10 GET
    hint:
    exit 1
    ");
}

#[test]
fn what_is_not_json() {
    assert_snapshot!(sidecar("sidecar-not-json").message(), @"
    Failed: GET /v1/backup/list-remote answered something that is not JSON (EOF while parsing a string at line 1 column 23)
    hint:
    exit 1
    ");
    assert_snapshot!(hivemq("hivemq-not-json").outcome(), @"
    Failed: /api/v1/management/backups 1 23 GET
    hint:
    exit 1
    ");
}

#[test]
fn a_body_that_ends_early_is_never_a_shorter_list() {
    for percent in [0, 1, 50, 99] {
        let run = sidecar(&format!("sidecar-cut={percent}"));
        assert_eq!(run.code, 1, "{percent} %: {}", run.stderr);
    }
    assert_snapshot!(sidecar("sidecar-cut=50").outcome(), @"
    Failed: 1237 618 8085 broker-0
    hint: `kubectl logs broker-0 -n messaging --all-containers`
    exit 1
    ");
}

#[test]
fn a_port_forward_that_breaks_off_is_never_a_shorter_list() {
    for bytes in [1, 100, 300, 800] {
        let run = sidecar(&format!("tunnel-cut={bytes}"));
        assert_eq!(run.code, 1, "{bytes} bytes: {}", run.stderr);
    }
    assert_snapshot!(sidecar("tunnel-cut=400").reason(), @"
    Failed: 1237 290 8085 broker-0: the connection to the API server ended without a close message
    hint:
    exit 1
    ");
}

#[test]
fn an_answer_in_small_pieces_is_whole() {
    let bed = Bed::with(&["sidecar-drip=4000"]);
    assert_eq!(
        bed.run("backup list --engine sidecar -o json").ids().len(),
        12
    );
}

#[test]
fn the_sidecar_on_a_port_of_something_else() {
    let run = Bed::start().run("backup list --engine sidecar --sidecar-port 8081");
    assert_snapshot!(run.hint(), @r#"
    Failed: "Resource not found" "errors" "title" /v1/backup/list-remote 404 GET
    hint: Another program may be listening on that port; name the sidecar's with `--sidecar-port`
    exit 1
    "#);
}

#[test]
fn errors_are_one_json_object_where_the_output_is_json() {
    let run =
        Bed::with(&["sidecar-html=500"]).run("backup list --engine sidecar -o json -n messaging");
    assert_snapshot!(serde_json::to_string_pretty(&run.error()).unwrap(), @r#"
    {
      "apiVersion": "kubectl-broker/v1",
      "code": "Failed",
      "exitCode": 1,
      "hint": "Check the sidecar's log: `kubectl -n messaging logs POD --container CONTAINER`",
      "hintSource": null,
      "kind": "Error",
      "message": "GET /v1/backup/list-remote answered 500: an HTML page titled \"500 Internal Server Error\"",
      "source": null
    }
    "#);
    // Neither the notes on defaults nor those on other engines precede the error.
    let run = Bed::with(&["sidecar-off", "hivemq-status=500"]).run("backup list -o json");
    let message = "GET /api/v1/management/backups answered 500: Internal Server Error: something is wrong with the service";
    assert_eq!(run.error()["message"], message);
    let run = Bed::start().run("backup list --engine sidecar -o json -n empty");
    assert_snapshot!(serde_json::to_string_pretty(&run.error()).unwrap(), @r#"
    {
      "apiVersion": "kubectl-broker/v1",
      "code": "NotFound",
      "exitCode": 10,
      "hint": "Name the StatefulSet with `--statefulset`; `kubectl get statefulsets -n empty` lists all",
      "hintSource": null,
      "kind": "Error",
      "message": "there is no StatefulSet broker in namespace empty; the namespace has none",
      "source": null
    }
    "#);
}
