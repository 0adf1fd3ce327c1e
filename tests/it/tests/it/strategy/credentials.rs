//! The bearer token of the sidecar.

use insta::assert_snapshot;
use serde_json::json;
use testbed::Testbed;

use super::App;
use crate::support::Bed;
#[test]
fn the_token_is_asked_for_and_told_from_a_wrong_one() {
    let app = App::start();
    let command = "backup create --engine strategy --statefulset app";
    assert_snapshot!(app.stranger().run(command).shown(), @"
    stderr:
    error: GET /backup/capabilities answered 401: Missing Bearer token
    hint: The sidecar needs the token of its configuration (`secrets.api_token`): put it into $BROKER_TOKEN, or name a Secret that has it as `token` with `--credentials-secret`
    exit 12
    ");
    let wrong = app.stranger().env("BROKER_TOKEN", "wrong");
    assert_snapshot!(wrong.run(command).message(), @"
    NotAllowed: GET /backup/capabilities answered 401: Invalid authorization token
    hint: $BROKER_TOKEN `--credentials-secret` `secrets.api_token` `token`
    exit 12
    ");
    assert_eq!(app.exports(), 0);
}

#[test]
fn the_token_may_come_from_a_secret() {
    let secret = json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "strategy-token", "namespace": "apps"},
        // The testbed gets the same token below.
        "data": {"token": "Y2FuYXJ5LXRva2Vu"},
    });
    let builder = Testbed::builder()
        .namespace("apps")
        .with(move |world| world.put([secret]))
        .fault("strategy-auth=canary-token".parse().expect("a fault"));
    let app = App {
        bed: Bed::of(builder),
        folder: tempfile::tempdir().expect("a folder"),
    };
    let run = app.stranger().run(
        "backup create --engine strategy --statefulset app --credentials-secret strategy-token --verbose",
    );
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(!run.stderr.contains("canary"), "{}", run.stderr);
    assert_eq!(app.exports(), 1);
}
