//! A BackupStore in S3, with credentials from a Secret.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::Method;
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::plant::{
    BACKUPS, NAMESPACE, Operator, Plant, SCHEDULES, STORES, condition, of_kind, phase, reason,
};
use crate::support::{AccessKey, Certificates, Cloud, Faulty, S3, Then, When};

/// The run of 11:00. Each test begins at 10:30.
const FIRST: &str = "hourly-29540820";

/// Puts a key into the Secret of the stores.
fn put_key(plant: &Plant, key: &AccessKey) {
    let encoded = |text: &str| BASE64_STANDARD.encode(text);
    plant.put(json!({
        "apiVersion": "v1", "kind": "Secret",
        "metadata": {"name": "s3-key", "namespace": NAMESPACE},
        "data": {
            "AWS_ACCESS_KEY_ID": encoded(&key.id),
            "AWS_SECRET_ACCESS_KEY": encoded(&key.secret),
        },
    }));
}

fn store(cloud: &dyn Cloud) -> Value {
    let spec = json!({
        "url": cloud.url(),
        "endpoint": format!("http://{}", cloud.address()),
        "region": "us-east-1",
        "credentials": {"name": "s3-key"},
    });
    of_kind("BackupStore", "nightly", &spec)
}

/// Returns a cluster with the operator, and a store in the cloud that has been tested.
fn plant(cloud: &dyn Cloud, key: &AccessKey) -> Plant {
    let plant = Plant::start();
    put_key(&plant, key);
    plant.add(&store(cloud));
    plant.until_object(STORES, "nightly", |it| condition(it, "Ready") == "True");
    plant
}

/// Adds a Backup without further attempts, and returns it after its end.
fn ended(plant: &Plant, name: &str) -> Value {
    let spec = json!({"engine": {"name": "hivemq"}, "store": {"name": "nightly"}, "retries": 0});
    plant.add(&of_kind("Backup", name, &spec));
    plant.until_stepping(SignedDuration::from_secs(5), BACKUPS, name, |it| {
        matches!(phase(it), "Succeeded" | "Failed" | "Lost")
    })
}

fn failure<'a>(object: &'a Value, field: &str) -> &'a str {
    let failure = &object["status"]["run"]["failure"];
    failure[field].as_str().unwrap_or_default()
}

/// Asserts that nothing that people may look at has a key.
fn assert_no_keys(plant: &Plant, keys: &[&AccessKey]) {
    let objects = plant.bed().objects();
    let seen = [BACKUPS, STORES, SCHEDULES, "events", "jobs.batch", "pods"]
        .map(|resource| json!(objects.list(resource, None)).to_string());
    let logs = plant.operators.iter().map(Operator::log);
    for text in seen.into_iter().chain(logs) {
        for key in keys {
            assert!(!text.contains(&key.secret), "{text}");
            assert!(!text.contains(&key.id), "{text}");
        }
    }
}

#[test]
fn a_schedule_fires_and_its_copy_is_in_s3() {
    let s3 = S3::with_bucket("scheduled");
    s3.close();
    let plant = plant(&s3, s3.key());
    let spec = json!({
        "engine": {"name": "hivemq"},
        "schedule": "0 * * * *",
        "store": {"name": "nightly"},
        "verify": "Deep",
    });
    plant.add(&of_kind("BackupSchedule", "hourly", &spec));
    plant.until_object(SCHEDULES, "hourly", |it| {
        !condition(it, "Scheduled").is_empty()
    });
    plant.advance(SignedDuration::from_mins(30));
    let backup = plant.until_ended(BACKUPS, FIRST);
    assert_eq!(phase(&backup), "Succeeded", "{backup:#}");
    let copy = &backup["status"]["copy"];
    assert!(copy["verifiedAt"].is_string(), "{backup:#}");

    // A person sees the same copy, and the bucket has its bytes.
    let person = s3.known_to(plant.program());
    let listed = person.run(&format!("store ls {} -o json", s3.url()));
    assert_eq!(listed.code, 0, "{}", listed.shown());
    let item = &listed.json()["items"][0];
    assert_eq!(item["reference"], copy["reference"]);
    assert_eq!(item["state"], "verified");
    let data = s3.list("copies/v1/data/");
    let [(_, length)] = &data[..] else {
        panic!("one object, not {data:?}")
    };
    assert_eq!(json!(length), copy["bytes"]);
    let store = plant.until_stepping(SignedDuration::from_hours(12), STORES, "nightly", |it| {
        it["status"]["copies"] == 1
    });
    assert_eq!(store["status"]["bytes"], copy["bytes"]);
    assert_no_keys(&plant, &[s3.key()]);
}

/// MinIO, with a full disk, and Ceph, with a quota that is used up.
#[test]
fn a_full_bucket_fails_the_run_and_leaves_no_half_copy() {
    for (status, code) in [(507, "XMinioStorageFull"), (403, "QuotaExceeded")] {
        let s3 = S3::with_bucket("full");
        s3.close();
        let faulty = Faulty::before(&s3);
        let plant = plant(&faulty, s3.key());
        let first = ended(&plant, "first");
        assert_eq!(phase(&first), "Succeeded", "{first:#}");
        let before = s3.list("");

        faulty.rule(When::method(Method::PUT), Then::Refused(status, code));
        let backup = ended(&plant, "second");
        assert_eq!(phase(&backup), "Failed", "{backup:#}");
        assert_eq!(condition(&backup, "Failed"), "True");
        assert_eq!(failure(&backup, "code"), "Failed", "{backup:#}");
        for part in [s3.url().as_str(), code] {
            let message = failure(&backup, "message");
            assert!(message.contains(part), "{part}: {message}");
        }
        let hint = failure(&backup, "hint");
        assert!(hint.contains("Free space"), "{hint}");
        plant.until_event("second", "Failed");
        assert_eq!(s3.list(""), before);
        assert_eq!(s3.uploads(), []);
        assert_no_keys(&plant, &[s3.key()]);

        faulty.heal();
        let backup = ended(&plant, "third");
        assert_eq!(phase(&backup), "Succeeded", "{backup:#}");
    }
}

#[test]
fn a_key_that_s3_refuses_is_said_without_the_key() {
    let s3 = S3::with_bucket("refused");
    let stranger = s3.user("stranger", &[]);
    s3.close();
    let forged = AccessKey {
        id: s3.key().id.clone(),
        secret: "a-secret-of-another-key".to_owned(),
    };
    let unknown = AccessKey {
        id: "AKIAUNKNOWNUNKNOWN00".to_owned(),
        secret: stranger.secret.clone(),
    };
    let plant = plant(&s3, s3.key());
    for (name, key) in [
        ("forged", &forged),
        ("unknown", &unknown),
        ("stranger", &stranger),
    ] {
        put_key(&plant, key);
        let backup = ended(&plant, name);
        assert_eq!(phase(&backup), "Failed", "{backup:#}");
        assert_eq!(failure(&backup, "code"), "NotAllowed", "{backup:#}");
        assert_eq!(condition(&backup, "Failed"), "True");
        assert!(
            failure(&backup, "message").contains(&s3.url()),
            "{backup:#}"
        );
        plant.until_event(name, "Failed");
    }
    plant.modify(STORES, "nightly", |it| {
        it["spec"]["checkInterval"] = json!("2h");
    });
    let store = plant.until_stepping(SignedDuration::from_secs(5), STORES, "nightly", |it| {
        condition(it, "Ready") == "False"
    });
    assert_eq!(reason(&store, "Ready"), "NotAllowed", "{store:#}");
    plant.until_event("nightly", "NotAllowed");
    assert_no_keys(&plant, &[s3.key(), &forged, &unknown, &stranger]);
}

#[test]
fn a_store_with_a_private_authority_is_reached_with_its_ca_bundle() {
    let s3 = S3::with_bucket("private");
    s3.close();
    let certificates = Certificates::new();
    let front = certificates.before(s3.address());
    let plant = Plant::start();
    put_key(&plant, s3.key());
    let mut strange = store(&s3);
    strange["spec"]["endpoint"] = json!(format!("https://{}", front.address));
    plant.add(&strange);
    let refused = plant.until_stepping(SignedDuration::from_secs(5), STORES, "nightly", |it| {
        condition(it, "Ready") == "False"
    });
    let hint = refused["status"]["failure"]["hint"].as_str();
    assert!(
        hint.is_some_and(|it| it.contains("caBundle")),
        "{refused:#}"
    );

    let pem = std::fs::read_to_string(certificates.folder.path().join("ca.pem"));
    let pem = pem.expect("a certificate");
    plant.modify(STORES, "nightly", |it| it["spec"]["caBundle"] = json!(pem));
    plant.until_stepping(SignedDuration::from_secs(5), STORES, "nightly", |it| {
        condition(it, "Ready") == "True"
    });
    let backup = ended(&plant, "once");
    assert_eq!(phase(&backup), "Succeeded", "{backup:#}");
    assert_eq!(s3.list("copies/v1/data/").len(), 1);

    // A person uses the settings of the same object, with credentials of their own.
    let person = s3.known_to(plant.program());
    let listed = person.run("store ls backupstore/nightly -n messaging -o json");
    assert_eq!(listed.code, 0, "{}", listed.shown());
    assert_eq!(listed.json()["items"].as_array().map(Vec::len), Some(1));
}
