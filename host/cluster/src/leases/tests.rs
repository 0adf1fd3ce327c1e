use host_base::{Failure, Problem};
use serde_json::json;

use super::*;
use crate::testing::{Script, Step, status, step};

const NOON: &str = "Sat, 06 Sep 2025 12:00:00 GMT";
const NAME: &str = "broker-restore-broker";
const POST: &str = "POST leases";
const GET: &str = "GET broker-restore-broker";
const PUT: &str = "PUT broker-restore-broker";
const DELETE: &str = "DELETE broker-restore-broker";

fn lease(holder: &str, spec: &Value) -> Value {
    let mut lease = json!({
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": NAME, "uid": "u1", "resourceVersion": "7",
                     "creationTimestamp": "2025-09-06T11:59:30Z"},
        "spec": {"holderIdentity": holder, "leaseDurationSeconds": 60},
    });
    for (field, value) in spec.as_object().unwrap() {
        lease["spec"][field] = value.clone();
    }
    lease
}

fn taken() -> Step {
    let message = "leases.coordination.k8s.io \"broker-restore-broker\" already exists";
    step(POST, 409, status(409, message))
}

fn got(holder: &str) -> Step {
    step(PUT, 200, lease(holder, &json!({})))
}

async fn acquire(script: &Script) -> Result<HeldLease, ClusterError> {
    let minute = Duration::from_mins(1);
    match script.cluster.acquire_lease(NAME, "me", minute).await? {
        Acquired::Held(held) => Ok(held),
        Acquired::NotAllowed(error) => Err(error),
    }
}

#[test]
fn a_lease_is_named_after_its_target_whatever_the_length() {
    assert_eq!(lease_name("restore", "broker"), NAME);
    let long = lease_name("restore", &"x".repeat(253));
    assert!(long.len() <= 253 && crate::request::is_name(&long));
    assert_ne!(long, lease_name("restore", &"y".repeat(253)));
}

#[tokio::test]
async fn a_free_lock_takes_one_request_and_giving_it_back_another() {
    let script = Script::run(
        NOON,
        vec![
            step(POST, 201, lease("me", &json!({}))),
            step(DELETE, 200, status(200, "")),
        ],
    );
    let mut held = acquire(&script).await.unwrap();
    assert_eq!(held.name(), NAME);
    held.release().await.unwrap();
    assert_eq!(script.cluster.request_count(), 2);
    let bodies = script.bodies();
    assert_eq!(
        bodies[0]["spec"],
        json!({"holderIdentity": "me", "leaseDurationSeconds": 60}),
        "the server's clock gives it its time"
    );
    assert_eq!(
        bodies[1]["preconditions"],
        json!({"resourceVersion": "7", "uid": "u1"})
    );
}

#[tokio::test]
async fn who_comes_second_is_told_who_was_first_and_since_when() {
    let first = lease("eve@host\u{1b}", &json!({}));
    let script = Script::run(NOON, vec![taken(), step(GET, 200, first)]);
    let error = acquire(&script).await.unwrap_err();
    assert!(error.to_string().starts_with("eve@host\\u{1b} "), "{error}");
    let ClusterError::LeaseHeld { since, until, .. } = &error else {
        panic!("{error}")
    };
    assert_eq!(since.to_string(), "2025-09-06T11:59:30Z");
    assert_eq!(until.to_string(), "2025-09-06T12:00:30Z");
    assert_eq!(error.failure(), Failure::Conflict);
    assert_eq!(script.cluster.request_count(), 2);
}

#[tokio::test]
async fn an_expired_lock_is_taken_over_in_the_revision_that_was_seen() {
    let renewed = json!({"renewTime": "2025-09-06T11:58:59.000000Z", "leaseTransitions": 2});
    let steps = vec![taken(), step(GET, 200, lease("eve", &renewed)), got("me")];
    let script = Script::run(NOON, steps);
    acquire(&script).await.unwrap();
    let sent = &script.bodies()[2];
    assert_eq!(sent["metadata"]["resourceVersion"], "7");
    assert_eq!(sent["spec"]["holderIdentity"], "me");
    assert_eq!(sent["spec"]["leaseTransitions"], 3);
    let now = "2025-09-06T12:00:00.000000Z";
    assert_eq!(
        sent["spec"]["renewTime"], now,
        "the server's clock, not ours"
    );
    assert_eq!(sent["spec"]["acquireTime"], now);
}

#[tokio::test]
async fn a_lock_without_a_holder_is_free() {
    let fresh = lease("", &json!({"renewTime": "2025-09-06T11:59:59.000000Z"}));
    let script = Script::run(NOON, vec![taken(), step(GET, 200, fresh), got("me")]);
    acquire(&script).await.unwrap();
}

#[tokio::test]
async fn of_two_who_take_over_the_slower_one_is_told_the_faster_one() {
    let expired = lease("old", &json!({"renewTime": "2025-09-06T11:00:00.000000Z"}));
    let steps = vec![
        taken(),
        step(GET, 200, expired),
        step(PUT, 409, status(409, "the object has been modified")),
        taken(),
        step(GET, 200, lease("faster", &json!({}))),
    ];
    let script = Script::run(NOON, steps);
    let error = acquire(&script).await.unwrap_err();
    assert!(
        matches!(&error, ClusterError::LeaseHeld { holder, .. } if holder == "faster"),
        "{error}"
    );
}

#[tokio::test]
async fn a_lock_that_is_released_in_between_is_taken() {
    let steps = vec![
        taken(),
        step(GET, 404, status(404, "not found")),
        step(POST, 201, lease("me", &json!({}))),
    ];
    let script = Script::run(NOON, steps);
    acquire(&script).await.unwrap();
}

#[tokio::test]
async fn without_the_right_the_caller_learns_which_one_is_missing() {
    let forbidden = status(403, "leases is forbidden");
    let script = Script::run(NOON, vec![step(POST, 403, forbidden)]);
    let minute = Duration::from_mins(1);
    let acquired = script.cluster.acquire_lease(NAME, "me", minute).await;
    let Ok(Acquired::NotAllowed(error)) = acquired else {
        panic!("{acquired:?}")
    };
    let hint = error.advice().unwrap();
    assert!(
        hint.contains("--verb=get,create,update,delete --resource=leases.coordination.k8s.io`"),
        "{hint}"
    );
}

#[tokio::test]
async fn a_lock_that_somebody_labelled_is_still_ours_and_one_that_was_taken_is_not() {
    let conflict = || step(PUT, 409, status(409, "the object has been modified"));
    let mut labelled = lease("me", &json!({}));
    labelled["metadata"]["resourceVersion"] = json!("8");
    let steps = vec![
        step(POST, 201, lease("me", &json!({}))),
        conflict(),
        step(GET, 200, labelled),
        got("me"),
        conflict(),
        step(GET, 200, lease("thief", &json!({}))),
    ];
    let script = Script::run(NOON, steps);
    let mut held = acquire(&script).await.unwrap();
    held.renew().await.unwrap();
    held.renew().await.unwrap();
    assert_eq!(script.bodies()[3]["metadata"]["resourceVersion"], "8");
    let error = held.renew().await.unwrap_err();
    assert!(
        matches!(&error, ClusterError::LeaseLost { holder: Some(holder), .. } if holder == "thief"),
        "{error}"
    );
    assert_eq!(error.failure(), Failure::Conflict);
}

#[tokio::test]
async fn what_others_have_is_not_released() {
    let steps = vec![
        step(POST, 201, lease("me", &json!({}))),
        step(DELETE, 409, status(409, "Precondition failed")),
        step(GET, 200, lease("thief", &json!({}))),
    ];
    let script = Script::run(NOON, steps);
    let mut held = acquire(&script).await.unwrap();
    held.release().await.unwrap();
    assert_eq!(script.cluster.request_count(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_lock_is_renewed_while_the_work_goes_on() {
    let steps = vec![
        step(POST, 201, lease("me", &json!({}))),
        got("me"),
        step(PUT, 500, status(500, "etcdserver: leader changed")),
        got("me"),
    ];
    let script = Script::run(NOON, steps);
    let mut held = acquire(&script).await.unwrap();
    let work = tokio::time::sleep(Duration::from_secs(70));
    held.keep_while(work, |_| unreachable!()).await.unwrap();
    assert_eq!(script.cluster.request_count(), 4);
    let renewed = script.bodies()[1]["spec"]["renewTime"].clone();
    let renewed: Timestamp = renewed.as_str().unwrap().parse().unwrap();
    let noon = rfc2822::parse(NOON).unwrap().timestamp();
    let off = renewed.duration_since(noon).abs();
    assert!(
        off < SignedDuration::from_mins(5),
        "not in the server's time"
    );
}

#[tokio::test(start_paused = true)]
async fn work_stops_when_the_lock_can_no_longer_be_renewed() {
    let steps = vec![step(POST, 201, lease("me", &json!({})))];
    let script = Script::run(NOON, steps);
    let mut held = acquire(&script).await.unwrap();
    let error = held
        .keep_while(std::future::pending::<()>(), |_| unreachable!())
        .await;
    assert!(matches!(
        error,
        Err(ClusterError::LeaseLost { holder: None, .. })
    ));
}

#[tokio::test(start_paused = true)]
async fn where_a_lock_may_not_be_renewed_that_is_told_and_the_work_goes_on() {
    let steps = vec![
        step(POST, 201, lease("me", &json!({}))),
        step(PUT, 403, status(403, "leases is forbidden")),
    ];
    let script = Script::run(NOON, steps);
    let mut held = acquire(&script).await.unwrap();
    let told = std::cell::Cell::new(0);
    let work = async {
        tokio::time::sleep(Duration::from_mins(5)).await;
        "done"
    };
    let done = held
        .keep_while(work, |error| {
            assert!(matches!(error, ClusterError::Forbidden { .. }), "{error}");
            told.set(told.get() + 1);
        })
        .await;
    assert_eq!((done.unwrap(), told.get()), ("done", 1));
}

#[tokio::test]
async fn a_lock_that_may_not_be_looked_at_is_not_taken_for_free() {
    let forbidden = status(403, "leases is forbidden");
    let script = Script::run(NOON, vec![taken(), step(GET, 403, forbidden)]);
    let error = acquire(&script).await.unwrap_err();
    assert!(matches!(error, ClusterError::LeaseUnseen { .. }), "{error}");
    assert_eq!(error.failure(), Failure::Conflict);
    let hint = error.advice().unwrap();
    assert!(
        hint.contains("--resource=leases.coordination.k8s.io`"),
        "{hint}"
    );
    assert!(
        hint.contains("`kubectl delete lease broker-restore-broker -n mqtt`"),
        "{hint}"
    );
}

#[tokio::test]
async fn a_new_lock_says_until_when_it_holds() {
    let script = Script::run(NOON, vec![step(POST, 201, lease("me", &json!({})))]);
    let held = acquire(&script).await.unwrap();
    assert_eq!(held.until().to_string(), "2025-09-06T12:00:30Z");
}

#[tokio::test]
async fn the_api_servers_name_for_this_user_is_asked_for_once_and_done_without() {
    const REVIEW: &str = "POST selfsubjectreviews";
    let user = json!({"status": {"userInfo": {"username": "oidc:ann"}}});
    let forbidden = status(403, "selfsubjectreviews is forbidden");
    let unknown = status(404, "the server could not find the requested resource");
    for (answer, name) in [
        (step(REVIEW, 201, user), Some("oidc:ann")),
        (step(REVIEW, 201, json!({"status": {}})), None),
        (step(REVIEW, 403, forbidden), None),
        (step(REVIEW, 404, unknown), None),
    ] {
        let script = Script::run(NOON, vec![answer]);
        assert_eq!(script.cluster.api_user().await.as_deref(), name);
        assert_eq!(script.cluster.request_count(), 1);
    }
}
