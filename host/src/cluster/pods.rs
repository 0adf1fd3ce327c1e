//! What a pod's record says: whose it is, whether it is ready and why not, which ports it declares.

use k8s_openapi::api::core::v1::{Container, ContainerStatus, Pod};

/// A TCP port that a container of a pod declares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DeclaredPort {
    pub name: Option<String>,
    pub number: u16,
    pub container: String,
}

pub(super) fn name(pod: &Pod) -> &str {
    pod.metadata.name.as_deref().unwrap_or_default()
}

/// 3 for `broker-3` of the `StatefulSet` `broker`: Kubernetes' contract for the names of its pods.
pub(super) fn ordinal(pod: &str, statefulset: &str) -> Option<u32> {
    let digits = pod.strip_prefix(statefulset)?.strip_prefix('-')?;
    let plain = digits == "0" || !digits.starts_with('0');
    (plain && digits.bytes().all(|b| b.is_ascii_digit()))
        .then(|| digits.parse().ok())
        .flatten()
}

/// Whether the pod's controller is the `StatefulSet`. A name alone proves nothing.
pub(super) fn is_owned(pod: &Pod, statefulset: &str) -> bool {
    pod.metadata.owner_references.iter().flatten().any(|owner| {
        owner.controller == Some(true)
            && owner.kind == "StatefulSet"
            && owner.api_version.starts_with("apps/")
            && owner.name == statefulset
    })
}

pub(super) fn is_deleting(pod: &Pod) -> bool {
    pod.metadata.deletion_timestamp.is_some()
}

pub(super) fn is_ready(pod: &Pod) -> bool {
    !is_deleting(pod)
        && pod
            .status
            .iter()
            .flat_map(|status| status.conditions.iter().flatten())
            .any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

/// Containers, and those init containers that keep running beside them ("native sidecars").
fn lasting_containers(pod: &Pod) -> impl Iterator<Item = &Container> {
    pod.spec.iter().flat_map(|spec| {
        let sidecars = spec
            .init_containers
            .iter()
            .flatten()
            .filter(|container| container.restart_policy.as_deref() == Some("Always"));
        spec.containers.iter().chain(sidecars)
    })
}

/// The container that kubectl takes where none is named: the one that an annotation names, else the
/// first.
pub(super) fn default_container(pod: &Pod) -> &str {
    let containers = || pod.spec.iter().flat_map(|spec| &spec.containers);
    let annotated = pod
        .metadata
        .annotations
        .as_ref()
        .and_then(|all| all.get("kubectl.kubernetes.io/default-container"))
        .filter(|name| containers().any(|container| container.name == **name));
    match annotated {
        Some(name) => name,
        None => containers().next().map_or("", |first| &first.name),
    }
}

fn statuses(pod: &Pod) -> impl Iterator<Item = &ContainerStatus> {
    pod.status.iter().flat_map(|status| {
        let of_init = status.init_container_statuses.iter().flatten();
        status.container_statuses.iter().flatten().chain(of_init)
    })
}

fn is_running(status: &ContainerStatus) -> bool {
    status
        .state
        .as_ref()
        .is_some_and(|state| state.running.is_some())
}

/// In the order of the pod's record. Other protocols can't be forwarded.
pub(super) fn declared_ports(pod: &Pod) -> Vec<DeclaredPort> {
    lasting_containers(pod)
        .flat_map(|container| {
            container
                .ports
                .iter()
                .flatten()
                .filter(|port| {
                    port.protocol
                        .as_deref()
                        .is_none_or(|protocol| protocol == "TCP")
                })
                .filter_map(|port| {
                    Some(DeclaredPort {
                        name: port.name.clone(),
                        number: u16::try_from(port.container_port)
                            .ok()
                            .filter(|n| *n != 0)?,
                        container: container.name.clone(),
                    })
                })
        })
        .collect()
}

/// Whether at least one container runs: enough for a pod that the user chose.
pub(super) fn has_running_container(pod: &Pod) -> bool {
    statuses(pod).any(is_running)
}

/// What is wrong with one container; `None` when it is running and ready, or nothing is known.
pub(super) fn container_problem(pod: &Pod, container: &str) -> Option<ContainerProblem> {
    let status = statuses(pod).find(|status| status.name == container)?;
    if is_running(status) {
        (!status.ready).then_some(ContainerProblem::NotReady)
    } else {
        Some(ContainerProblem::NotRunning(
            stopped_because(status).unwrap_or_else(|| "it has not started".to_owned()),
        ))
    }
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum ContainerProblem {
    NotRunning(String),
    NotReady,
}

/// Why a container is not running, in the words of the kubelet.
fn stopped_because(status: &ContainerStatus) -> Option<String> {
    let state = status.state.as_ref()?;
    let words = |reason: Option<&String>, message: Option<&String>| {
        let reason = reason.map_or("stopped", String::as_str);
        match message
            .map(|message| message.trim())
            .filter(|message| !message.is_empty())
        {
            Some(message) => format!("{reason} ({message})"),
            None => reason.to_owned(),
        }
    };
    if let Some(waiting) = &state.waiting {
        Some(words(waiting.reason.as_ref(), waiting.message.as_ref()))
    } else {
        let terminated = state.terminated.as_ref()?;
        let reason = words(terminated.reason.as_ref(), terminated.message.as_ref());
        Some(format!("{reason}, exit code {}", terminated.exit_code))
    }
}

/// Why a pod is not ready: the first thing that explains it.
pub(super) fn why_not_ready(pod: &Pod) -> String {
    if is_deleting(pod) {
        return "it is being deleted".to_owned();
    }
    let status = pod.status.as_ref();
    let phase = status
        .and_then(|status| status.phase.as_deref())
        .unwrap_or("Unknown");
    let condition = |kind: &str| {
        status
            .iter()
            .flat_map(|status| status.conditions.iter().flatten())
            .find(|condition| condition.type_ == kind && condition.status != "True")
    };
    if let Some(condition) = condition("PodScheduled") {
        let reason = condition.reason.as_deref().unwrap_or("not scheduled");
        return match &condition.message {
            Some(message) => format!("{phase}, {reason}: {message}"),
            None => format!("{phase}, {reason}"),
        };
    }
    let stopped = statuses(pod)
        // An init container that is done is no reason.
        .filter(|status| !status.ready && !is_running(status))
        .find_map(|status| {
            Some(format!(
                "container {}: {}",
                status.name,
                stopped_because(status)?
            ))
        });
    if let Some(reason) = stopped {
        return format!("{phase}, {reason}");
    }
    if let Some(reason) = status.and_then(|status| status.reason.as_deref()) {
        return format!("{phase}, {reason}");
    }
    let unready = statuses(pod).find(|status| is_running(status) && !status.ready);
    match unready {
        Some(status) => format!("{phase}, container {} is not ready", status.name),
        None => phase.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(status: &serde_json::Value) -> Pod {
        serde_json::from_value(json!({
            "metadata": {"name": "broker-0"},
            "spec": {
                "containers": [
                    {"name": "hivemq", "ports": [
                        {"name": "mqtt", "containerPort": 1883},
                        {"name": "cluster", "containerPort": 7000, "protocol": "UDP"}
                    ]}
                ],
                "initContainers": [
                    {"name": "backup", "restartPolicy": "Always", "ports": [{"containerPort": 8085}]},
                    {"name": "prepare", "ports": [{"containerPort": 99}]}
                ]
            },
            "status": status
        }))
        .unwrap()
    }

    #[test]
    fn ports_of_sidecars_count_and_those_of_init_containers_and_udp_do_not() {
        let numbers: Vec<u16> = declared_ports(&pod(&json!({})))
            .iter()
            .map(|port| port.number)
            .collect();
        assert_eq!(numbers, [1883, 8085]);
    }

    #[test]
    fn the_default_container_is_the_annotated_one_if_it_is_there_and_else_the_first() {
        let mut pod = pod(&json!({}));
        assert_eq!(default_container(&pod), "hivemq");
        for (named, taken) in [("other", "other"), ("gone", "hivemq"), ("backup", "hivemq")] {
            let key = "kubectl.kubernetes.io/default-container".to_owned();
            let other = serde_json::from_value(json!({"name": "other"})).unwrap();
            pod.metadata.annotations = Some([(key, named.to_owned())].into());
            pod.spec.as_mut().unwrap().containers.truncate(1);
            pod.spec.as_mut().unwrap().containers.push(other);
            assert_eq!(default_container(&pod), taken, "{named}");
        }
    }

    #[test]
    fn the_ordinal_is_read_from_the_name_of_that_statefulset_only() {
        assert_eq!(ordinal("broker-12", "broker"), Some(12));
        for other in [
            "broker-1-0",
            "broker",
            "broker-",
            "broker-a",
            "brokers-0",
            "broker-01",
        ] {
            assert_eq!(ordinal(other, "broker"), None, "{other}");
        }
    }

    #[test]
    fn the_reason_is_that_of_the_kubelet_or_the_scheduler() {
        let crashing = json!({"phase": "Running", "containerStatuses": [
            {"name": "hivemq", "ready": false, "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 5m0s"}},
             "image": "i", "imageID": "i", "restartCount": 7}
        ]});
        assert_eq!(
            why_not_ready(&pod(&crashing)),
            "Running, container hivemq: CrashLoopBackOff (back-off 5m0s)"
        );
        let unscheduled = json!({"phase": "Pending", "conditions": [
            {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes are available"}
        ]});
        assert_eq!(
            why_not_ready(&pod(&unscheduled)),
            "Pending, Unschedulable: 0/3 nodes are available"
        );
        let unready = json!({"phase": "Running", "containerStatuses": [
            {"name": "hivemq", "ready": false, "state": {"running": {}}, "image": "i", "imageID": "i", "restartCount": 0}
        ]});
        assert_eq!(
            why_not_ready(&pod(&unready)),
            "Running, container hivemq is not ready"
        );
    }
}
