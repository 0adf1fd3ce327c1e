//! Engines that are not bundled, in the pods of Jobs.

use std::sync::Arc;

use jiff::SignedDuration;
use serde_json::{Value, json};
use testbed::scripted::reply;

use super::plant::{BACKUPS, NAMESPACE, Plant, condition, of_kind, phase};
use crate::support::{Certificates, Component, Registry, Served, Store, accepting, programs};

/// A plant with the backend of engine `acme/depot`.
fn plant() -> Plant {
    let served = Arc::<Served>::default();
    served.set("new", &[("one", Some("one.txt"), None)]);
    served.answer("/files/one", reply(200, "", b"one"));
    let mut plant = Plant::without_operator(served.builder(), &[]);
    plant.add_operator();
    plant.add_store();
    plant
}

/// Creates a Backup, and returns it after its end.
fn ended(plant: &Plant, name: &str, engine: &Value, job: &Value) -> Value {
    let spec = json!({"engine": engine, "store": {"name": "nightly"}, "job": job});
    plant.add(&of_kind("Backup", name, &spec));
    plant.until_stepping(SignedDuration::from_secs(5), BACKUPS, name, |it| {
        matches!(phase(it), "Succeeded" | "Failed" | "Lost")
    })
}

#[test]
fn an_engine_comes_from_a_registry_by_digest_with_the_accepted_capabilities() {
    let plant = plant();
    let (store, certificates) = (Store::new(), Certificates::new());
    let digest = store.engine("0.1.0", Component::depot().bytes());
    let registry = Registry::over(store.folder.path(), &certificates.registry());
    let ca = certificates.folder.path().join("ca.pem");
    let ca = std::fs::read_to_string(ca).expect("a certificate");
    plant.put(json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "ca", "namespace": NAMESPACE},
        "data": {"ca.pem": ca},
    }));
    let job = json!({
        "volumes": [{"name": "ca", "configMap": {"name": "ca"}}],
        "volumeMounts": [{"name": "ca", "mountPath": "/etc/ca"}],
        "env": [
            {"name": "SSL_CERT_FILE", "value": "/etc/ca/ca.pem"},
            // The pods of other tests share these.
            {"name": "XDG_DATA_HOME", "value": "/tmp/data"},
            {"name": "XDG_CONFIG_HOME", "value": "/tmp/configuration"},
        ],
    });
    let refused = plant.run(&format!("plugin install {}", programs().depot.display()));
    let accepted = accepting(&refused);
    let accepted = accepted.split(' ').next_back().expect("a digest");
    let accepted = format!("sha256:{}", accepted.trim_start_matches("sha256:"));
    let engine = |accepted: &str| {
        json!({
            "name": "acme/depot",
            "image": format!("oci://{}/acme/vault@sha256:{digest}", registry.host()),
            "acceptCapabilities": accepted,
        })
    };
    let backup = ended(&plant, "good", &engine(&accepted), &job);
    assert_eq!(phase(&backup), "Succeeded", "{backup:#}");
    assert_eq!(backup["status"]["copy"]["bytes"], 3, "{backup:#}");

    let other = format!("sha256:{}", "0".repeat(64));
    let backup = ended(&plant, "other", &engine(&other), &job);
    assert_eq!(phase(&backup), "Failed", "{backup:#}");
    assert_eq!(condition(&backup, "Failed"), "True");
    assert_eq!(backup["status"]["run"]["failure"]["exitCode"], 2);
}

#[test]
fn an_engine_by_tag_or_without_consent_is_refused_by_the_schema() {
    let plant = Plant::without_operator(testbed::Testbed::builder(), &[]);
    let digest = "0".repeat(64);
    let accepted = format!("sha256:{digest}");
    for engine in [
        json!({"name": "acme/depot", "image": "oci://a.example/b:1", "acceptCapabilities": accepted}),
        json!({"name": "acme/depot", "image": format!("oci://a.example/b@sha256:{digest}")}),
        json!({"name": "acme/depot", "acceptCapabilities": accepted}),
    ] {
        let refused = plant.create(&of_kind("Backup", "once", &json!({"engine": engine})));
        assert!(refused.is_err(), "{engine}");
    }
}
