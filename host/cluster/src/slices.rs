//! Finds an endpoint among the `EndpointSlices` of a namespace.

use broker_manifest::Port;
use k8s_openapi::api::discovery::v1::{Endpoint, EndpointPort, EndpointSlice};

use super::pods::ordinal;
use super::security::declares_tls;

/// The label that names the Service of a slice.
const SERVICE_NAME: &str = "kubernetes.io/service-name";

/// A port of a pod that a Service sends its clients to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Served {
    pub pod: String,
    pub ordinal: u32,
    /// The port in the pod: slices contain resolved target ports.
    pub port: u16,
    pub service: String,
    /// True if the Service says that the port speaks HTTPS.
    pub declares_tls: bool,
    /// The rank in the manifest's order: names first, then numbers.
    rank: usize,
}

/// Returns the ports that the manifest names, of pods of the `StatefulSet` that get traffic, the best port
/// first.
///
/// With `only`, it returns the ports of that pod, whether or not it gets traffic.
pub(super) fn served(
    slices: &[EndpointSlice],
    statefulset: &str,
    wanted: &Port,
    only: Option<&str>,
) -> Vec<Served> {
    let mut found = Vec::new();
    for slice in slices {
        let labels = slice.metadata.labels.as_ref();
        let service = labels
            .and_then(|labels| labels.get(SERVICE_NAME))
            .cloned()
            .unwrap_or_default();
        let ports = slice.ports.iter().flatten();
        for (of_slice, (rank, port)) in ports.filter_map(|it| Some((it, rank(it, wanted)?))) {
            let declares_tls =
                declares_tls(of_slice.name.as_deref(), of_slice.app_protocol.as_deref());
            for endpoint in &slice.endpoints {
                let Some((pod, ordinal)) = pod_of(endpoint, statefulset, only) else {
                    continue;
                };
                let served = Served {
                    pod: pod.to_owned(),
                    ordinal,
                    port,
                    service: service.clone(),
                    declares_tls,
                    rank,
                };
                // IPv4 and IPv6 have separate slices.
                if !found.contains(&served) {
                    found.push(served);
                }
            }
        }
    }
    found.sort_by_key(|served| (served.rank, served.ordinal));
    found
}

fn pod_of<'a>(
    endpoint: &'a Endpoint,
    statefulset: &str,
    only: Option<&str>,
) -> Option<(&'a str, u32)> {
    let target = endpoint.target_ref.as_ref()?;
    if target.kind.as_deref() != Some("Pod") {
        return None;
    }
    let pod = target.name.as_deref()?;
    if let Some(only) = only {
        return (pod == only).then_some((pod, 0));
    }
    // If `ready` is unset, the pod is ready. A Service that publishes unready pods shows their state only in
    // `serving` (EndpointConditions, discovery.k8s.io/v1).
    let gets_traffic = endpoint.conditions.as_ref().is_none_or(|conditions| {
        conditions.ready != Some(false)
            && conditions.serving != Some(false)
            && conditions.terminating != Some(true)
    });
    gets_traffic.then_some(())?;
    Some((pod, ordinal(pod, statefulset)?))
}

fn rank(port: &EndpointPort, wanted: &Port) -> Option<(usize, u16)> {
    if port
        .protocol
        .as_deref()
        .is_some_and(|protocol| protocol != "TCP")
    {
        return None;
    }
    let number = u16::try_from(port.port?)
        .ok()
        .filter(|number| *number != 0)?;
    let by_name = port.name.as_deref().and_then(|name| {
        wanted
            .names
            .iter()
            .position(|pattern| pattern.matches(name))
    });
    let by_number = || {
        let place = wanted
            .numbers
            .iter()
            .position(|known| known.get() == number)?;
        Some(wanted.names.len() + place)
    };
    Some((by_name.or_else(by_number)?, number))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn wanted() -> Port {
        serde_json::from_value(json!({"names": ["api", "rest-*"], "numbers": [8888]})).unwrap()
    }

    fn slice(
        service: &str,
        port: &serde_json::Value,
        endpoints: &[(&str, serde_json::Value)],
    ) -> EndpointSlice {
        let endpoints: Vec<_> = endpoints
            .iter()
            .map(|(pod, conditions)| {
                json!({"addresses": ["10.0.0.1"], "conditions": conditions,
                       "targetRef": {"kind": "Pod", "name": pod}})
            })
            .collect();
        serde_json::from_value(json!({
            "metadata": {"name": service, "labels": {"kubernetes.io/service-name": service}},
            "addressType": "IPv4", "ports": [port], "endpoints": endpoints
        }))
        .unwrap()
    }

    fn pods(found: &[Served]) -> Vec<(&str, u16)> {
        found
            .iter()
            .map(|served| (&*served.pod, served.port))
            .collect()
    }

    #[test]
    fn names_go_before_numbers_in_the_order_of_the_manifest() {
        let ready = json!({});
        let slices = [
            slice(
                "numbered",
                &json!({"name": "x", "port": 8888}),
                &[("broker-0", ready.clone())],
            ),
            slice(
                "rest",
                &json!({"name": "rest-9000", "port": 9000}),
                &[("broker-0", ready.clone())],
            ),
            slice(
                "api",
                &json!({"name": "api", "port": 8081}),
                &[("broker-0", ready.clone())],
            ),
            slice(
                "mqtt",
                &json!({"name": "mqtt", "port": 1883}),
                &[("broker-0", ready)],
            ),
        ];
        let found = served(&slices, "broker", &wanted(), None);
        assert_eq!(
            pods(&found),
            [("broker-0", 8081), ("broker-0", 9000), ("broker-0", 8888)]
        );
        assert_eq!(found[0].service, "api");
    }

    #[test]
    fn only_pods_of_the_statefulset_that_get_traffic_count() {
        let endpoints = [
            ("broker-2", json!({"ready": true})),
            ("broker-1", json!({"ready": null})),
            ("broker-3", json!({"ready": false})),
            ("broker-4", json!({"ready": true, "serving": false})),
            ("broker-5", json!({"ready": true, "terminating": true})),
            ("brokers-0", json!({})),
            ("broker-1-0", json!({})),
        ];
        let slices = [slice(
            "api",
            &json!({"name": "api", "port": 8081}),
            &endpoints,
        )];
        let found = served(&slices, "broker", &wanted(), None);
        assert_eq!(pods(&found), [("broker-1", 8081), ("broker-2", 8081)]);
        let chosen = served(&slices, "broker", &wanted(), Some("broker-3"));
        assert_eq!(pods(&chosen), [("broker-3", 8081)]);
    }

    #[test]
    fn a_port_without_a_number_and_one_that_is_not_tcp_are_passed_over() {
        let ready = json!({});
        let slices = [
            slice(
                "all",
                &json!({"name": "api"}),
                &[("broker-0", ready.clone())],
            ),
            slice(
                "udp",
                &json!({"name": "api", "port": 8081, "protocol": "UDP"}),
                &[("broker-0", ready)],
            ),
        ];
        assert!(served(&slices, "broker", &wanted(), None).is_empty());
    }
}
