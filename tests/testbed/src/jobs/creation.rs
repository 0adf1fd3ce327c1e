//! The pods that the Job controller makes, and the admission of the API server for them.

use serde_json::{Value, json};

use super::defaults;
use super::fields::{TRACKING, items, name, namespace, text, uid};
use crate::api::objects::Objects;
use crate::api::write::suffix;
use crate::faults::Faults;

/// The longest part of a Job's name in the names of its pods.
const NAME_LENGTH: usize = 58;
/// The folder of a service account's token in a container.
pub const SERVICE_ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// Creates a pod of a Job. Returns its name, or the reason of a refusal.
pub fn create(objects: &Objects, faults: &Faults, job: &Value) -> Result<String, String> {
    let prefix = format!("{}-", name(job));
    let prefix: String = prefix.chars().take(NAME_LENGTH).collect();
    let namespace = namespace(job);
    let account = text(job, "/spec/template/spec/serviceAccountName");
    let account = if account.is_empty() {
        "default"
    } else {
        account
    };
    let found = service_account(objects, namespace, account);
    let Some(found) = found else {
        return Err(format!(
            "pods \"{prefix}\" is forbidden: error looking up service account \
             {namespace}/{account}: serviceaccount \"{account}\" not found"
        ));
    };
    if let Some(quota) = faults.snapshot().job.quota(namespace) {
        let used = objects.store.list("pods", Some(namespace)).1.len();
        return Err(format!(
            "pods \"{prefix}\" is forbidden: exceeded quota: {quota}, requested: pods=1, \
             used: pods={used}, limited: pods={used}"
        ));
    }
    loop {
        let name = format!("{prefix}{}", suffix());
        if objects.get("pods", namespace, &name).is_none() {
            let pod = pod(job, &prefix, &name, account, &found);
            let stored = objects.put(pod).map_err(|error| error.to_string())?;
            return Ok(text(&stored, "/metadata/name").to_owned());
        }
    }
}

/// Returns a service account. A namespace always has `default`, which its controller would have made.
fn service_account(objects: &Objects, namespace: &str, name: &str) -> Option<Value> {
    let found = objects.get("serviceaccounts", namespace, name);
    if found.is_some() || name != "default" {
        return found;
    }
    let made = objects.put(json!({
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": name, "namespace": namespace},
    }));
    made.ok()
}

fn pod(job: &Value, prefix: &str, name: &str, account: &str, service_account: &Value) -> Value {
    let template = &job["spec"]["template"];
    let mut spec = template["spec"].clone();
    defaults::pod(&mut spec);
    spec["serviceAccountName"] = json!(account);
    spec["serviceAccount"] = json!(account);
    for (field, value) in [
        ("enableServiceLinks", json!(true)),
        ("priority", json!(0)),
        ("preemptionPolicy", json!("PreemptLowerPriority")),
        ("tolerations", tolerations(&spec["tolerations"])),
    ] {
        if field == "tolerations" || spec[field].is_null() {
            spec[field] = value;
        }
    }
    let mounts = spec["automountServiceAccountToken"].as_bool();
    let mounts = mounts.or(service_account["automountServiceAccountToken"].as_bool());
    if mounts.unwrap_or(true) {
        mount_token(&mut spec, name);
    }
    let mut metadata = json!({
        "name": name,
        "generateName": prefix,
        "namespace": job["metadata"]["namespace"],
        "labels": template["metadata"]["labels"],
        "finalizers": [TRACKING],
        "ownerReferences": [{
            "apiVersion": "batch/v1",
            "kind": "Job",
            "name": job["metadata"]["name"],
            "uid": uid(job),
            "controller": true,
            "blockOwnerDeletion": true,
        }],
    });
    if template["metadata"]["annotations"].is_object() {
        metadata["annotations"] = template["metadata"]["annotations"].clone();
    }
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "spec": spec,
        "status": {"phase": "Pending", "qosClass": "BestEffort"},
    })
}

/// Adds the tolerations that every pod gets: five minutes on a node that is away.
fn tolerations(own: &Value) -> Value {
    let mut list = own.as_array().cloned().unwrap_or_default();
    for key in [
        "node.kubernetes.io/not-ready",
        "node.kubernetes.io/unreachable",
    ] {
        if !list.iter().any(|toleration| toleration["key"] == key) {
            list.push(json!({
                "key": key,
                "operator": "Exists",
                "effect": "NoExecute",
                "tolerationSeconds": 300,
            }));
        }
    }
    json!(list)
}

/// Mounts the token of the service account, as its admission plugin does.
fn mount_token(spec: &mut Value, pod: &str) {
    let volume = format!(
        "kube-api-access-{}",
        pod.rsplit('-').next().unwrap_or_default()
    );
    for container in spec["containers"].as_array_mut().into_iter().flatten() {
        let mounted = items(container, "/volumeMounts")
            .iter()
            .any(|mount| mount["mountPath"] == SERVICE_ACCOUNT);
        if mounted {
            continue;
        }
        if !container["volumeMounts"].is_array() {
            container["volumeMounts"] = json!([]);
        }
        if let Some(mounts) = container["volumeMounts"].as_array_mut() {
            mounts.push(json!({"name": volume, "readOnly": true, "mountPath": SERVICE_ACCOUNT}));
        }
    }
    if !spec["volumes"].is_array() {
        spec["volumes"] = json!([]);
    }
    if let Some(volumes) = spec["volumes"].as_array_mut() {
        volumes.push(json!({"name": volume, "projected": {"defaultMode": 420, "sources": [
            {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
            {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
            {"downwardAPI": {"items": [
                {"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}},
            ]}},
        ]}}));
    }
}
