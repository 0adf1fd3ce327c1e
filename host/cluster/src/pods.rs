//! Interprets a pod's record: its owner, whether it is ready and why not, and its declared ports.

use k8s_openapi::api::core::v1::{Container, ContainerStatus, Pod, PodCondition};

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

/// Returns the ordinal of a pod: 3 for `broker-3` of the `StatefulSet` `broker`. Kubernetes guarantees this
/// form of names.
pub(super) fn ordinal(pod: &str, statefulset: &str) -> Option<u32> {
    let digits = pod.strip_prefix(statefulset)?.strip_prefix('-')?;
    let plain = digits == "0" || !digits.starts_with('0');
    (plain && digits.bytes().all(|b| b.is_ascii_digit()))
        .then(|| digits.parse().ok())
        .flatten()
}

/// Returns true if the `StatefulSet` controls the pod. A name alone proves nothing.
pub(super) fn is_owned(pod: &Pod, statefulset: &str) -> bool {
    owner(pod) == Some(statefulset)
}

/// Returns the name of the `StatefulSet` that controls the pod.
pub(super) fn owner(pod: &Pod) -> Option<&str> {
    let mut owners = pod.metadata.owner_references.iter().flatten();
    let owner = owners.find(|owner| {
        owner.controller == Some(true)
            && owner.kind == "StatefulSet"
            && owner.api_version.starts_with("apps/")
    })?;
    Some(&owner.name)
}

pub(super) fn is_deleting(pod: &Pod) -> bool {
    pod.metadata.deletion_timestamp.is_some()
}

pub(super) fn is_ready(pod: &Pod) -> bool {
    !is_deleting(pod) && has_condition(pod, "Ready")
}

/// Returns the containers, and the init containers that keep running beside them ("native sidecars").
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

/// Returns the container that kubectl uses if none is named: the one in an annotation, or else the first.
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
    let status = pod.status.iter();
    let containers = status.flat_map(|status| status.container_statuses.iter().flatten());
    containers.chain(init_containers(pod))
}

fn init_containers(pod: &Pod) -> impl Iterator<Item = &ContainerStatus> {
    let status = pod.status.iter();
    status.flat_map(|status| status.init_container_statuses.iter().flatten())
}

fn is_running(status: &ContainerStatus) -> bool {
    status
        .state
        .as_ref()
        .is_some_and(|state| state.running.is_some())
}

/// Returns the TCP ports in the order of the pod's record. Other protocols can't be forwarded.
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

/// Returns true if at least one container runs that serves the pod for its whole life. Init containers that
/// only prepare the pod don't count.
pub(super) fn has_running_container(pod: &Pod) -> bool {
    let running =
        |name: &str| statuses(pod).any(|status| status.name == name && is_running(status));
    lasting_containers(pod).any(|container| running(&container.name))
}

/// Returns the problem of a container; `None` if it runs and is ready, or if nothing is known.
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

/// Returns why a container is not running, in the words of the kubelet.
fn stopped_because(status: &ContainerStatus) -> Option<String> {
    let state = status.state.as_ref()?;
    let words = |reason: Option<&str>, message: Option<&str>| {
        in_words(reason.or(Some("stopped")), message).unwrap_or_default()
    };
    if let Some(waiting) = &state.waiting {
        Some(words(waiting.reason.as_deref(), waiting.message.as_deref()))
    } else {
        let terminated = state.terminated.as_ref()?;
        let reason = words(terminated.reason.as_deref(), terminated.message.as_deref());
        Some(format!("{reason}, exit code {}", terminated.exit_code))
    }
}

/// Returns the pod's condition of this kind if it is not met.
fn unmet<'a>(pod: &'a Pod, kind: &str) -> Option<&'a PodCondition> {
    let conditions = pod
        .status
        .iter()
        .flat_map(|s| s.conditions.iter().flatten());
    let mut unmet = conditions.filter(|condition| condition.status != "True");
    unmet.find(|condition| condition.type_ == kind)
}

fn has_condition(pod: &Pod, kind: &str) -> bool {
    let mut conditions = pod
        .status
        .iter()
        .flat_map(|s| s.conditions.iter().flatten());
    conditions.any(|condition| condition.type_ == kind && condition.status == "True")
}

/// Returns true if the pod's record may be outdated because its node is gone.
///
/// The node controller then sets only `Ready` to `False`. `ContainersReady` and the containers keep their
/// values (`MarkPodsNotReady` in pkg/controller/util/node). When it gives the pod up, it adds `NodeLost`.
pub(super) fn is_forsaken(pod: &Pod) -> bool {
    let status = pod.status.as_ref();
    let is_lost = status.and_then(|s| s.reason.as_deref()) == Some("NodeLost");
    let is_unknown = status.and_then(|s| s.phase.as_deref()) == Some("Unknown");
    let only_ready_is_unmet = has_condition(pod, "ContainersReady")
        && unmet(pod, "Ready").is_some_and(|ready| ready.reason.as_deref() != Some(GATES));
    is_lost || is_unknown || only_ready_is_unmet
}

/// The reason of a `Ready` condition that waits for a readiness gate and not for a container.
const GATES: &str = "ReadinessGatesNotReady";

/// Returns true if a container accepts requests, whatever the other containers of its pod do.
pub(super) fn is_container_ready(pod: &Pod, container: &str) -> bool {
    let status = statuses(pod).find(|status| status.name == container);
    !is_deleting(pod)
        && !is_forsaken(pod)
        && status.is_some_and(|status| status.ready && is_running(status))
}

/// Returns the container that declares a port.
pub(super) fn container_of(pod: &Pod, port: u16) -> Option<String> {
    let mut declared = declared_ports(pod).into_iter();
    Some(declared.find(|declared| declared.number == port)?.container)
}

/// Returns the node that runs the pod.
pub(super) fn node(pod: &Pod) -> Option<&str> {
    let spec = pod.spec.as_ref()?;
    spec.node_name.as_deref().filter(|node| !node.is_empty())
}

/// Joins a reason and a message in the words of the component that set them.
pub(super) fn in_words(reason: Option<&str>, message: Option<&str>) -> Option<String> {
    let set = |text: Option<&str>| {
        text.map(str::trim)
            .filter(|text| !text.is_empty())
            .map(str::to_owned)
    };
    match (set(reason), set(message)) {
        (Some(reason), Some(message)) => Some(format!("{reason} ({message})")),
        (reason, message) => reason.or(message),
    }
}

/// Returns the deepest known cause why a pod is not ready.
pub(super) fn why_not_ready(pod: &Pod) -> String {
    let status = pod.status.as_ref();
    let given_up = status.and_then(|s| in_words(s.reason.as_deref(), s.message.as_deref()));
    if is_deleting(pod) {
        return match given_up {
            Some(why) => format!("it is being deleted, {why}"),
            None => "it is being deleted".to_owned(),
        };
    }
    let phase = status
        .and_then(|status| status.phase.as_deref())
        .unwrap_or("Unknown");
    if let Some(condition) = unmet(pod, "PodScheduled") {
        let reason = condition.reason.as_deref().unwrap_or("not scheduled");
        return match &condition.message {
            Some(message) => format!("{phase}, {reason}: {message}"),
            None => format!("{phase}, {reason}"),
        };
    }
    let why = given_up
        .or_else(|| stopped_containers(pod))
        .or_else(|| unready_containers(pod))
        .unwrap_or_else(|| without_a_container(pod));
    format!("{phase}, {why}")
}

/// Returns the stopped containers with their reasons. Those that only wait for an init container come last.
fn stopped_containers(pod: &Pod) -> Option<String> {
    let stopped = statuses(pod).filter(|status| !status.ready && !is_running(status));
    let (waiting, broken): (Vec<_>, Vec<_>) = stopped
        .filter_map(|status| Some((status, stopped_because(status)?)))
        .partition(|(_, why)| why == "PodInitializing");
    let initializing = init_containers(pod).filter(|status| is_running(status) && !status.ready);
    let initializing = initializing.map(|status| format!("init container {} runs", status.name));
    let words: Vec<_> = broken
        .iter()
        .map(|(status, why)| format!("container {}: {why}", status.name))
        .chain(initializing.filter(|_| !waiting.is_empty()))
        .collect();
    let waiting = waiting
        .first()
        .map(|(status, why)| format!("container {}: {why}", status.name));
    if words.is_empty() {
        waiting
    } else {
        Some(words.join(", "))
    }
}

fn unready_containers(pod: &Pod) -> Option<String> {
    let unready = statuses(pod).filter(|status| is_running(status) && !status.ready);
    let words: Vec<_> = unready
        .map(|status| match status.started {
            Some(false) => format!("container {} is still starting", status.name),
            _ => format!("container {} is not ready", status.name),
        })
        .collect();
    (!words.is_empty()).then(|| words.join(", "))
}

/// Returns why a pod is not ready although its containers are, or although they are unknown.
fn without_a_container(pod: &Pod) -> String {
    let Some(ready) = unmet(pod, "Ready") else {
        return "no reason is given".to_owned();
    };
    match in_words(ready.reason.as_deref(), ready.message.as_deref()) {
        Some(why) => format!("condition Ready is {}: {why}", ready.status),
        None if is_forsaken(pod) => format!(
            "condition Ready is {}, although its containers are reported as ready: its node may have stopped reporting",
            ready.status
        ),
        None => format!("condition Ready is {}", ready.status),
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
    fn a_pod_in_which_only_an_init_container_runs_has_no_running_container() {
        let running = |name: &str| {
            json!({"name": name, "ready": false, "state": {"running": {}}, "image": "i",
                   "imageID": "i", "restartCount": 0})
        };
        let with = |kind: &str, name: &str| pod(&json!({ kind: [running(name)] }));
        assert!(!has_running_container(&with(
            "initContainerStatuses",
            "setup"
        )));
        // This one is a sidecar.
        assert!(has_running_container(&with(
            "initContainerStatuses",
            "backup"
        )));
        assert!(has_running_container(&with("containerStatuses", "hivemq")));
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

    /// Returns the status of a container.
    fn container(name: &str, ready: bool, state: &serde_json::Value) -> serde_json::Value {
        json!({"name": name, "ready": ready, "state": state, "image": "i", "imageID": "i", "restartCount": 0})
    }

    /// Returns a pod whose kubelet reported that everything is well.
    fn well(ready: &serde_json::Value) -> serde_json::Value {
        let running = json!({"running": {}});
        json!({"phase": "Running",
               "conditions": [ready, {"type": "ContainersReady", "status": "True"}],
               "containerStatuses": [container("hivemq", true, &running)]})
    }

    #[test]
    fn a_pod_whose_node_is_gone_says_so_though_its_containers_look_well() {
        let marked = pod(&well(&json!({"type": "Ready", "status": "False"})));
        assert!(is_forsaken(&marked));
        assert!(!is_container_ready(&marked, "hivemq"));
        assert_eq!(
            why_not_ready(&marked),
            "Running, condition Ready is False, although its containers are reported as ready: its node may have stopped reporting"
        );
        let mut lost = well(&json!({"type": "Ready", "status": "False"}));
        lost["reason"] = json!("NodeLost");
        lost["message"] = json!("Node node-0 which was running pod broker-0 is unresponsive");
        let mut lost = pod(&lost);
        let why = "NodeLost (Node node-0 which was running pod broker-0 is unresponsive)";
        assert_eq!(why_not_ready(&lost), format!("Running, {why}"));
        let now = jiff::Timestamp::UNIX_EPOCH;
        lost.metadata.deletion_timestamp =
            Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(now));
        assert_eq!(why_not_ready(&lost), format!("it is being deleted, {why}"));
    }

    #[test]
    fn the_ready_condition_speaks_where_no_container_does() {
        let gate = json!({"type": "Ready", "status": "False", "reason": "ReadinessGatesNotReady",
                          "message": "corresponding condition of pod readiness gate \"lb\" does not exist."});
        let gated = pod(&well(&gate));
        assert!(!is_forsaken(&gated));
        assert!(is_container_ready(&gated, "hivemq"));
        assert_eq!(
            why_not_ready(&gated),
            "Running, condition Ready is False: ReadinessGatesNotReady \
             (corresponding condition of pod readiness gate \"lb\" does not exist.)"
        );
        let unknown = json!({"phase": "Running", "conditions": [
            {"type": "Ready", "status": "Unknown", "reason": "NodeStatusUnknown"}
        ]});
        assert_eq!(
            why_not_ready(&pod(&unknown)),
            "Running, condition Ready is Unknown: NodeStatusUnknown"
        );
        let bare = pod(&json!({"phase": "Pending"}));
        assert_eq!(why_not_ready(&bare), "Pending, no reason is given");
    }

    #[test]
    fn each_container_that_stopped_is_named_and_those_that_wait_for_it_are_not() {
        let waiting = |reason: &str| json!({"waiting": {"reason": reason}});
        let pulling = json!({"phase": "Pending",
            "containerStatuses": [container("hivemq", false, &waiting("PodInitializing"))],
            "initContainerStatuses": [container("prepare", false, &waiting("ImagePullBackOff"))]});
        assert_eq!(
            why_not_ready(&pod(&pulling)),
            "Pending, container prepare: ImagePullBackOff"
        );
        let preparing = json!({"phase": "Pending",
            "containerStatuses": [container("hivemq", false, &waiting("PodInitializing"))],
            "initContainerStatuses": [container("prepare", false, &json!({"running": {}}))]});
        assert_eq!(
            why_not_ready(&pod(&preparing)),
            "Pending, init container prepare runs"
        );
        let mut starting = container("hivemq", false, &json!({"running": {}}));
        starting["started"] = json!(false);
        let both = json!({"phase": "Running",
            "containerStatuses": [starting, container("agent", false, &json!({"running": {}}))]});
        assert_eq!(
            why_not_ready(&pod(&both)),
            "Running, container hivemq is still starting, container agent is not ready"
        );
    }

    #[test]
    fn a_container_is_ready_by_itself_whatever_stands_beside_it() {
        let running = json!({"running": {}});
        let status = json!({"phase": "Running",
            "conditions": [{"type": "Ready", "status": "False", "reason": "ContainersNotReady"},
                           {"type": "ContainersReady", "status": "False"}],
            "containerStatuses": [container("hivemq", false, &running)],
            "initContainerStatuses": [container("backup", true, &running)]});
        let pod = pod(&status);
        assert!(!is_container_ready(&pod, "hivemq"));
        assert!(is_container_ready(&pod, "backup"));
        assert!(!is_container_ready(&pod, "prepare"));
        assert_eq!(container_of(&pod, 8085).as_deref(), Some("backup"));
        assert_eq!(container_of(&pod, 99), None);
    }
}
