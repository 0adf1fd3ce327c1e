//! The columns of built-in types, from `pkg/printers/internalversion` of Kubernetes 1.32.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::cells::{age, items, joined, label_map, number, pod_status, text};
use super::resources::{BuiltInColumn, Columns};

const fn column(name: &'static str, kind: &'static str, priority: u8) -> BuiltInColumn {
    BuiltInColumn {
        name,
        kind,
        format: "",
        priority,
    }
}

const NAME: BuiltInColumn = BuiltInColumn {
    format: "name",
    ..column("Name", "string", 0)
};
const AGE: BuiltInColumn = column("Age", "string", 0);

fn name(object: &Value) -> Value {
    object["metadata"]["name"].clone()
}

fn created(object: &Value, now: Timestamp) -> Value {
    json!(age(&object["metadata"]["creationTimestamp"], now))
}

/// Returns the columns of types that have no others.
pub fn plain() -> Columns {
    const DEFINITIONS: &[BuiltInColumn] = &[NAME, AGE];
    Columns::BuiltIn(DEFINITIONS, |object, now| {
        vec![name(object), created(object, now)]
    })
}

pub fn namespaces() -> Columns {
    const DEFINITIONS: &[BuiltInColumn] = &[NAME, column("Status", "string", 0), AGE];
    Columns::BuiltIn(DEFINITIONS, |object, now| {
        let phase = text(object, "/status/phase", "");
        vec![name(object), json!(phase), created(object, now)]
    })
}

pub fn pods() -> Columns {
    const DEFINITIONS: &[BuiltInColumn] = &[
        NAME,
        column("Ready", "string", 0),
        column("Status", "string", 0),
        column("Restarts", "string", 0),
        AGE,
        column("IP", "string", 1),
        column("Node", "string", 1),
        column("Nominated Node", "string", 1),
        column("Readiness Gates", "string", 1),
    ];
    Columns::BuiltIn(DEFINITIONS, |pod, now| {
        let statuses = items(pod, "/status/containerStatuses");
        let ready = statuses.iter().filter(|s| s["ready"] == true).count();
        let total = items(pod, "/spec/containers").len();
        vec![
            name(pod),
            json!(format!("{ready}/{total}")),
            json!(pod_status(pod)),
            json!(restarts(statuses, now)),
            created(pod, now),
            json!(text(pod, "/status/podIP", "<none>")),
            json!(text(pod, "/spec/nodeName", "<none>")),
            json!(text(pod, "/status/nominatedNodeName", "<none>")),
            json!("<none>"),
        ]
    })
}

fn restarts(statuses: &[Value], now: Timestamp) -> String {
    let count: i64 = statuses.iter().map(|s| number(s, "/restartCount")).sum();
    let finished = |status: &Value| {
        let time = status.pointer("/lastState/terminated/finishedAt")?;
        time.as_str().map(str::to_owned)
    };
    match statuses.iter().filter_map(finished).max() {
        Some(last) if count > 0 => format!("{count} ({} ago)", age(&json!(last), now)),
        _ => count.to_string(),
    }
}

pub fn services() -> Columns {
    const DEFINITIONS: &[BuiltInColumn] = &[
        NAME,
        column("Type", "string", 0),
        column("Cluster-IP", "string", 0),
        column("External-IP", "string", 0),
        column("Port(s)", "string", 0),
        AGE,
        column("Selector", "string", 1),
    ];
    Columns::BuiltIn(DEFINITIONS, |service, now| {
        let ports: Vec<String> = items(service, "/spec/ports")
            .iter()
            .map(|port| {
                let node_port = text(port, "/nodePort", "");
                let separator = if node_port.is_empty() { "" } else { ":" };
                let protocol = text(port, "/protocol", "TCP");
                format!("{}{separator}{node_port}/{protocol}", number(port, "/port"))
            })
            .collect();
        let ports = if ports.is_empty() {
            "<none>".to_owned()
        } else {
            ports.join(",")
        };
        vec![
            name(service),
            json!(text(service, "/spec/type", "ClusterIP")),
            json!(text(service, "/spec/clusterIP", "<none>")),
            json!(external_ip(service)),
            json!(ports),
            created(service, now),
            json!(label_map(&service["spec"]["selector"])),
        ]
    })
}

fn external_ip(service: &Value) -> String {
    if service["spec"]["type"] == "LoadBalancer" {
        let ingress = items(service, "/status/loadBalancer/ingress");
        return joined(ingress, "ip", "<pending>");
    }
    "<none>".to_owned()
}

pub fn secrets() -> Columns {
    const DEFINITIONS: &[BuiltInColumn] = &[
        NAME,
        column("Type", "string", 0),
        column("Data", "string", 0),
        AGE,
    ];
    Columns::BuiltIn(DEFINITIONS, |secret, now| {
        let kind = text(secret, "/type", "Opaque");
        let data = secret["data"].as_object().map_or(0, serde_json::Map::len);
        vec![name(secret), json!(kind), json!(data), created(secret, now)]
    })
}

pub fn config_maps() -> Columns {
    const DEFINITIONS: &[BuiltInColumn] = &[NAME, column("Data", "string", 0), AGE];
    Columns::BuiltIn(DEFINITIONS, |map, now| {
        let data = map["data"].as_object().map_or(0, serde_json::Map::len);
        vec![name(map), json!(data), created(map, now)]
    })
}

pub fn events() -> Columns {
    const DEFINITIONS: &[BuiltInColumn] = &[
        column("Last Seen", "string", 0),
        column("Type", "string", 0),
        column("Reason", "string", 0),
        column("Object", "string", 0),
        column("Subobject", "string", 1),
        column("Source", "string", 1),
        column("Message", "string", 0),
        column("First Seen", "string", 1),
        column("Count", "string", 1),
        BuiltInColumn {
            priority: 1,
            ..NAME
        },
    ];
    Columns::BuiltIn(DEFINITIONS, |event, now| {
        let kind = text(event, "/involvedObject/kind", "").to_lowercase();
        vec![
            json!(age(&event["lastTimestamp"], now)),
            json!(text(event, "/type", "")),
            json!(text(event, "/reason", "")),
            json!(format!(
                "{kind}/{}",
                text(event, "/involvedObject/name", "")
            )),
            json!(text(event, "/involvedObject/fieldPath", "")),
            json!(text(event, "/source/component", "")),
            json!(text(event, "/message", "").trim()),
            json!(age(&event["firstTimestamp"], now)),
            json!(number(event, "/count").max(1)),
            name(event),
        ]
    })
}

pub fn nodes() -> Columns {
    const DEFINITIONS: &[BuiltInColumn] = &[
        NAME,
        column("Status", "string", 0),
        column("Roles", "string", 0),
        AGE,
        column("Version", "string", 0),
        column("Internal-IP", "string", 1),
        column("OS-Image", "string", 1),
        column("Container-Runtime", "string", 1),
    ];
    Columns::BuiltIn(DEFINITIONS, |node, now| {
        let ready = items(node, "/status/conditions")
            .iter()
            .any(|c| c["type"] == "Ready" && c["status"] == "True");
        vec![
            name(node),
            json!(if ready { "Ready" } else { "NotReady" }),
            json!("<none>"),
            created(node, now),
            json!(text(node, "/status/nodeInfo/kubeletVersion", "<unknown>")),
            json!(text(node, "/status/addresses/0/address", "<none>")),
            json!(text(node, "/status/nodeInfo/osImage", "<unknown>")),
            json!(text(
                node,
                "/status/nodeInfo/containerRuntimeVersion",
                "<unknown>"
            )),
        ]
    })
}

pub fn service_accounts() -> Columns {
    const DEFINITIONS: &[BuiltInColumn] = &[NAME, column("Secrets", "string", 0), AGE];
    Columns::BuiltIn(DEFINITIONS, |account, now| {
        let secrets = items(account, "/secrets").len();
        vec![name(account), json!(secrets), created(account, now)]
    })
}

pub fn stateful_sets() -> Columns {
    const DEFINITIONS: &[BuiltInColumn] = &[
        NAME,
        column("Ready", "string", 0),
        AGE,
        column("Containers", "string", 1),
        column("Images", "string", 1),
    ];
    Columns::BuiltIn(DEFINITIONS, |set, now| {
        let containers = items(set, "/spec/template/spec/containers");
        let ready = number(set, "/status/readyReplicas");
        vec![
            name(set),
            json!(format!("{ready}/{}", number(set, "/spec/replicas"))),
            created(set, now),
            json!(joined(containers, "name", "")),
            json!(joined(containers, "image", "")),
        ]
    })
}

pub fn endpoint_slices() -> Columns {
    const DEFINITIONS: &[BuiltInColumn] = &[
        NAME,
        column("AddressType", "string", 0),
        column("Ports", "string", 0),
        column("Endpoints", "string", 0),
        AGE,
    ];
    Columns::BuiltIn(DEFINITIONS, |slice, now| {
        let addresses: Vec<&str> = items(slice, "/endpoints")
            .iter()
            .flat_map(|endpoint| items(endpoint, "/addresses"))
            .filter_map(Value::as_str)
            .collect();
        let shown = addresses
            .iter()
            .take(3)
            .copied()
            .collect::<Vec<_>>()
            .join(",");
        let endpoints = match addresses.len() {
            0 => "<unset>".to_owned(),
            1..=3 => shown,
            total => format!("{shown} + {} more...", total - 3),
        };
        vec![
            name(slice),
            json!(text(slice, "/addressType", "")),
            json!(joined(items(slice, "/ports"), "port", "<unset>")),
            json!(endpoints),
            created(slice, now),
        ]
    })
}

pub fn leases() -> Columns {
    const DEFINITIONS: &[BuiltInColumn] = &[NAME, column("Holder", "string", 0), AGE];
    Columns::BuiltIn(DEFINITIONS, |lease, now| {
        let holder = text(lease, "/spec/holderIdentity", "");
        vec![name(lease), json!(holder), created(lease, now)]
    })
}

pub fn volume_claims() -> Columns {
    const DEFINITIONS: &[BuiltInColumn] = &[
        NAME,
        column("Status", "string", 0),
        column("Volume", "string", 0),
        column("Capacity", "string", 0),
        column("Access Modes", "string", 0),
        column("StorageClass", "string", 0),
        column("VolumeAttributesClass", "string", 0),
        AGE,
        column("VolumeMode", "string", 1),
    ];
    Columns::BuiltIn(DEFINITIONS, |claim, now| {
        let short = |mode: &Value| match mode.as_str() {
            Some("ReadWriteOnce") => "RWO",
            Some("ReadWriteMany") => "RWX",
            Some("ReadOnlyMany") => "ROX",
            _ => "RWOP",
        };
        let modes = items(claim, "/status/accessModes").iter().map(short);
        vec![
            name(claim),
            json!(text(claim, "/status/phase", "")),
            json!(text(claim, "/spec/volumeName", "")),
            json!(text(claim, "/status/capacity/storage", "")),
            json!(modes.collect::<Vec<_>>().join(",")),
            json!(text(claim, "/spec/storageClassName", "")),
            json!(text(claim, "/spec/volumeAttributesClassName", "<unset>")),
            created(claim, now),
            json!(text(claim, "/spec/volumeMode", "<unset>")),
        ]
    })
}

pub fn jobs() -> Columns {
    const DEFINITIONS: &[BuiltInColumn] = &[
        NAME,
        column("Status", "string", 0),
        column("Completions", "string", 0),
        column("Duration", "string", 0),
        AGE,
        column("Containers", "string", 1),
        column("Images", "string", 1),
        column("Selector", "string", 1),
    ];
    Columns::BuiltIn(DEFINITIONS, |job, now| {
        let succeeded = number(job, "/status/succeeded");
        let completions = match job.pointer("/spec/completions").and_then(Value::as_i64) {
            Some(completions) => format!("{succeeded}/{completions}"),
            None => format!("{succeeded}/1"),
        };
        let containers = items(job, "/spec/template/spec/containers");
        vec![
            name(job),
            json!(job_status(job)),
            json!(completions),
            json!(duration(job, now)),
            created(job, now),
            json!(joined(containers, "name", "")),
            json!(joined(containers, "image", "")),
            json!(label_map(&job["spec"]["selector"]["matchLabels"])),
        ]
    })
}

fn job_status(job: &Value) -> &'static str {
    let conditions = items(job, "/status/conditions");
    let is = |kind: &str| {
        let mut conditions = conditions.iter();
        conditions.any(|condition| condition["type"] == kind && condition["status"] == "True")
    };
    if is("Complete") {
        "Complete"
    } else if is("Failed") {
        "Failed"
    } else if !job["metadata"]["deletionTimestamp"].is_null() {
        "Terminating"
    } else if is("Suspended") {
        "Suspended"
    } else if is("FailureTarget") {
        "FailureTarget"
    } else if is("SuccessCriteriaMet") {
        "SuccessCriteriaMet"
    } else {
        "Running"
    }
}

fn duration(job: &Value, now: Timestamp) -> String {
    let start = &job["status"]["startTime"];
    if start.is_null() {
        return String::new();
    }
    let end = job["status"]["completionTime"].as_str();
    age(start, end.and_then(|end| end.parse().ok()).unwrap_or(now))
}

pub fn deployments() -> Columns {
    const DEFINITIONS: &[BuiltInColumn] = &[
        NAME,
        column("Ready", "string", 0),
        column("Up-to-date", "string", 0),
        column("Available", "string", 0),
        AGE,
        column("Containers", "string", 1),
        column("Images", "string", 1),
        column("Selector", "string", 1),
    ];
    Columns::BuiltIn(DEFINITIONS, |deployment, now| {
        let containers = items(deployment, "/spec/template/spec/containers");
        let ready = number(deployment, "/status/readyReplicas");
        let wanted = number(deployment, "/spec/replicas");
        vec![
            name(deployment),
            json!(format!("{ready}/{wanted}")),
            json!(number(deployment, "/status/updatedReplicas")),
            json!(number(deployment, "/status/availableReplicas")),
            created(deployment, now),
            json!(joined(containers, "name", "")),
            json!(joined(containers, "image", "")),
            json!(label_map(&deployment["spec"]["selector"]["matchLabels"])),
        ]
    })
}

pub fn roles() -> Columns {
    const DEFINITIONS: &[BuiltInColumn] = &[NAME, column("Created At", "date", 0)];
    Columns::BuiltIn(DEFINITIONS, |role, _| {
        vec![name(role), role["metadata"]["creationTimestamp"].clone()]
    })
}

pub fn role_bindings() -> Columns {
    const DEFINITIONS: &[BuiltInColumn] = &[NAME, column("Role", "string", 0), AGE];
    Columns::BuiltIn(DEFINITIONS, |binding, now| {
        let role = &binding["roleRef"];
        vec![
            name(binding),
            json!(format!(
                "{}/{}",
                text(role, "/kind", ""),
                text(role, "/name", "")
            )),
            created(binding, now),
        ]
    })
}
