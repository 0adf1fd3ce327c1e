//! Finds the pods and ports of a manifest's endpoint, with as few requests as possible.
//!
//! Ready pods are preferred to pods in which only the endpoint's own container is ready.

use std::collections::BTreeSet;

use broker_manifest::{Port, Ready, Select};
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::discovery::v1::EndpointSlice;

use super::error::show;
use super::pods::ContainerProblem;
use super::request::{ENDPOINT_SLICES, PODS, STATEFUL_SETS, check_name};
use super::security::{TlsSpec, declares_tls};
use super::slices::{self, Served};
use super::{Cluster, ClusterError, pods};

/// The StatefulSet that a command is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Name of the StatefulSet.
    pub statefulset: String,
    /// A pod that the user chose; then no other pod is used.
    pub pod: Option<String>,
}

/// An endpoint of an engine's manifest, with the user's settings for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointSpec {
    /// The manifest's name for the endpoint, for messages.
    pub name: String,
    /// How the server of the endpoint is found.
    pub select: Select,
    /// The part of a pod that must be ready, unless the user chose the pod.
    pub ready: Ready,
    /// Names and numbers of the port, in the order in which they are tried.
    pub port: Port,
    /// The value of the manifest's port flag.
    pub explicit_port: Option<u16>,
    /// How TLS is spoken with the endpoint. None means plain HTTP.
    pub tls: Option<TlsSpec>,
}

/// A pod and port where the backend may listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Name of the pod.
    pub pod: String,
    /// Port number.
    pub port: u16,
    /// The reason why the port is a candidate.
    pub origin: Origin,
    /// True if the cluster says that the port speaks HTTPS.
    pub declares_tls: bool,
}

/// The reason why a port is a candidate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The user gave the port number.
    Flag,
    /// A Service of this name sends its clients there.
    Service(String),
    /// A container of this name declares it.
    Container(String),
    /// The manifest names it, and the pod does not declare it. A port-forward reaches it all the same;
    /// `HiveMQ`'s chart leaves the REST port undeclared (`exposed: false`).
    Undeclared,
}

#[derive(Debug)]
pub(super) struct Resolution {
    /// The candidates in the order in which to try them, grouped by pod. The list is never empty.
    pub candidates: Vec<Candidate>,
    /// Notes for the user about unexpected facts.
    pub notes: Vec<String>,
}

impl Cluster {
    /// Finds the candidates. It takes 1 request for [`Select::Pod`] or a port flag, and 2 concurrent ones for
    /// [`Select::Service`]. If pod 0 does not exist or is not ready, it takes 2 more concurrent ones.
    pub(super) async fn resolve(
        &self,
        target: &Target,
        spec: &EndpointSpec,
    ) -> Result<Resolution, ClusterError> {
        check_name("StatefulSet", &target.statefulset)?;
        if let Some(pod) = &target.pod {
            check_name("pod", pod)?;
        }
        let mut notes = Vec::new();
        // A Service is not needed if the port is already known.
        let by_service = spec.select == Select::Service && spec.explicit_port.is_none();
        let first = target
            .pod
            .clone()
            .unwrap_or_else(|| format!("{}-0", target.statefulset));
        let (pod, slices) = if by_service {
            let (pod, slices) = tokio::join!(
                self.get::<Pod>(&PODS, &first),
                self.list::<EndpointSlice>(&ENDPOINT_SLICES)
            );
            (pod, tolerate(slices, &mut notes)?)
        } else {
            (self.get::<Pod>(&PODS, &first).await, Vec::new())
        };
        if target.pod.is_some() {
            let Some(pod) = pod? else {
                return Err(self.no_pod(&first).await);
            };
            return self.chosen_pod(&pod, target, spec, &slices, notes);
        }
        let accepted = match &pod {
            Ok(Some(pod)) => pods::is_owned(pod, &target.statefulset) && pods::is_ready(pod),
            _ => false,
        };
        let mut served = slices::served(&slices, &target.statefulset, &spec.port, None);
        if pod.is_ok() && !accepted {
            // The pod's own record is newer than the slices.
            served.retain(|served| served.pod != first);
        }
        if !served.is_empty() {
            let preferred = accepted.then_some(first.as_str());
            return Ok(Resolution {
                candidates: from_slices(served, preferred),
                notes,
            });
        }
        match pod? {
            Some(pod) if accepted => Ok(Resolution {
                candidates: ports_of(&pod, spec)?,
                notes,
            }),
            pod => {
                let nothing = BTreeSet::new();
                let search = self.ready_pods(target, spec, &slices, &nothing).await;
                let mut found = match (search, pod) {
                    // The first pod is used if the user may not list the others.
                    (Err(error @ ClusterError::Forbidden { .. }), Some(pod))
                        if pods::is_owned(&pod, &target.statefulset) =>
                    {
                        partly_ready(&pod, spec, &slices).ok_or(error)?
                    }
                    (search, _) => search?,
                };
                notes.append(&mut found.notes);
                Ok(Resolution { notes, ..found })
            }
        }
    }

    /// Returns the ready pods of the `StatefulSet` except `skipped`, with 2 concurrent requests. After them
    /// come the pods in which the container of the endpoint is ready.
    pub(super) async fn ready_pods(
        &self,
        target: &Target,
        spec: &EndpointSpec,
        slices: &[EndpointSlice],
        skipped: &BTreeSet<String>,
    ) -> Result<Resolution, ClusterError> {
        let (record, listed) = tokio::join!(
            self.get::<StatefulSet>(&STATEFUL_SETS, &target.statefulset),
            self.list::<Pod>(&PODS)
        );
        let mut owned = listed?;
        owned.retain(|pod| pods::is_owned(pod, &target.statefulset));
        owned.sort_by_key(|pod| pods::ordinal(pods::name(pod), &target.statefulset));
        let left = owned
            .iter()
            .filter(|pod| !skipped.contains(pods::name(pod)));
        let (ready, unready): (Vec<&Pod>, Vec<&Pod>) = left.partition(|pod| pods::is_ready(pod));
        let mut candidates = Vec::new();
        for pod in &ready {
            candidates.extend(ports_of(pod, spec)?);
        }
        let mut notes = Vec::new();
        for pod in unready {
            if let Some(mut partly) = partly_ready(pod, spec, slices) {
                if candidates.is_empty() {
                    notes.append(&mut partly.notes);
                }
                candidates.append(&mut partly.candidates);
            }
        }
        let Some(best) = candidates.first().map(|candidate| candidate.pod.clone()) else {
            return Err(self.no_ready_pod(&target.statefulset, record, &owned).await);
        };
        let passed_over = owned
            .iter()
            .take_while(|pod| pods::name(pod) != best)
            .filter(|pod| !pods::is_ready(pod))
            .map(|pod| {
                let (pod, why) = (pods::name(pod), pods::why_not_ready(pod));
                let best = show(&best);
                format!(
                    "pod {} is not ready ({}); using {best}",
                    show(pod),
                    show(&why)
                )
            });
        Ok(Resolution {
            notes: passed_over.chain(notes).collect(),
            candidates,
        })
    }

    /// Checks a pod that the user chose. It need not be ready, but one of its containers must run.
    fn chosen_pod(
        &self,
        pod: &Pod,
        target: &Target,
        spec: &EndpointSpec,
        slices: &[EndpointSlice],
        mut notes: Vec<String>,
    ) -> Result<Resolution, ClusterError> {
        let name = pods::name(pod);
        let unusable = |reason: String| ClusterError::PodNotUsable {
            pod: name.to_owned(),
            namespace: self.namespace().to_owned(),
            reason,
        };
        if !pods::has_running_container(pod) {
            return Err(unusable(pods::why_not_ready(pod)));
        }
        if !pods::is_owned(pod, &target.statefulset) {
            notes.push(format!(
                "pod {name} is not part of StatefulSet {}",
                target.statefulset
            ));
        }
        let served = slices::served(slices, &target.statefulset, &spec.port, Some(name));
        let candidates = if served.is_empty() {
            ports_of(pod, spec)?
        } else {
            from_slices(served, Some(name))
        };
        let owner = candidates
            .first()
            .and_then(|first| pods::container_of(pod, first.port));
        let problem = owner.and_then(|container| {
            let problem = pods::container_problem(pod, &container)?;
            Some((container, problem))
        });
        match problem {
            Some((container, ContainerProblem::NotRunning(why))) => {
                return Err(unusable(format!(
                    "its container {container} does not run: {why}"
                )));
            }
            Some((container, ContainerProblem::NotReady)) => {
                notes.push(format!(
                    "container {} of pod {name} is not ready",
                    show(&container)
                ));
            }
            None if !pods::is_ready(pod) => {
                notes.push(format!(
                    "pod {name} is not ready ({})",
                    show(&pods::why_not_ready(pod))
                ));
            }
            None => {}
        }
        Ok(Resolution { candidates, notes })
    }
}

/// Returns the ports of a pod that is not ready but whose own containers are, if the endpoint needs only
/// those.
///
/// A slice lists such a pod as not ready, because slices contain only the state of whole pods.
fn partly_ready(pod: &Pod, spec: &EndpointSpec, slices: &[EndpointSlice]) -> Option<Resolution> {
    if spec.ready == Ready::Pod {
        return None;
    }
    let name = pods::name(pod);
    let served = slices::served(slices, "", &spec.port, Some(name));
    let mut candidates = if served.is_empty() {
        ports_of(pod, spec).ok()?
    } else {
        from_slices(served, Some(name))
    };
    // If no container declares a port, nothing shows which container must be ready.
    let container = |candidate: &Candidate| pods::container_of(pod, candidate.port);
    candidates.retain(|candidate| {
        container(candidate).is_some_and(|container| pods::is_container_ready(pod, &container))
    });
    let used = container(candidates.first()?)?;
    let note = format!(
        "pod {} is not ready ({}), but its container {} is; using that",
        show(name),
        show(&pods::why_not_ready(pod)),
        show(&used)
    );
    Some(Resolution {
        candidates,
        notes: vec![note],
    })
}

/// Accepts missing `EndpointSlices`: without them the pods' own records are used.
fn tolerate(
    slices: Result<Vec<EndpointSlice>, ClusterError>,
    notes: &mut Vec<String>,
) -> Result<Vec<EndpointSlice>, ClusterError> {
    match slices {
        Ok(slices) => Ok(slices),
        Err(ClusterError::Forbidden { access, .. }) => {
            notes.push(format!(
                "not allowed to {access}, so the port comes from the pod. To use Services, ask for this permission: {}",
                access.rule()
            ));
            Ok(Vec::new())
        }
        Err(ClusterError::Api { status: 404, .. }) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// Groups by pod, the preferred one first, then by ordinal. Ports keep the order of the manifest.
fn from_slices(mut served: Vec<Served>, preferred: Option<&str>) -> Vec<Candidate> {
    served.sort_by_key(|served| (Some(&*served.pod) != preferred, served.ordinal));
    let mut candidates: Vec<Candidate> = Vec::new();
    for served in served {
        let known = candidates
            .iter()
            .any(|candidate| candidate.pod == served.pod && candidate.port == served.port);
        if !known {
            candidates.push(Candidate {
                pod: served.pod,
                port: served.port,
                origin: Origin::Service(served.service),
                declares_tls: served.declares_tls,
            });
        }
    }
    candidates
}

/// Returns the port of the flag. Without one, it returns the declared ports that match the manifest's names,
/// then its numbers. If none match, it returns the manifest's numbers.
fn ports_of(pod: &Pod, spec: &EndpointSpec) -> Result<Vec<Candidate>, ClusterError> {
    let declared = pods::declared_ports(pod);
    let candidate = |port: u16, origin: Origin| Candidate {
        pod: pods::name(pod).to_owned(),
        port,
        origin,
        declares_tls: (declared.iter())
            .any(|it| it.number == port && declares_tls(it.name.as_deref(), None)),
    };
    if let Some(port) = spec.explicit_port {
        return Ok(vec![candidate(port, Origin::Flag)]);
    }
    let numbers = || spec.port.numbers.iter().map(|number| number.get());
    let by_name = spec.port.names.iter().flat_map(|pattern| {
        let matches = |name: &String| pattern.matches(name);
        declared
            .iter()
            .filter(move |port| port.name.as_ref().is_some_and(matches))
    });
    let by_number =
        numbers().flat_map(|number| declared.iter().filter(move |port| port.number == number));
    let mut seen = BTreeSet::new();
    let found: Vec<Candidate> = by_name
        .chain(by_number)
        .filter(|port| seen.insert(port.number))
        .map(|port| candidate(port.number, Origin::Container(port.container.clone())))
        .collect();
    if !found.is_empty() {
        return Ok(found);
    }
    let undeclared: Vec<Candidate> = numbers()
        .map(|number| candidate(number, Origin::Undeclared))
        .collect();
    if undeclared.is_empty() {
        return Err(ClusterError::NoPort {
            endpoint: spec.name.clone(),
            pod: pods::name(pod).to_owned(),
            wanted: spec
                .port
                .names
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(", "),
            declared: declared
                .iter()
                .map(|port| match &port.name {
                    Some(name) => format!("{name}={}", port.number),
                    None => port.number.to_string(),
                })
                .collect(),
            flag: spec.port.flag.clone(),
        });
    }
    Ok(undeclared)
}

#[cfg(test)]
mod tests;
