use std::collections::BTreeMap;

use comfy_table::Cell;
use host_base::{Failure, text};
use host_cluster::Claim;
use host_driver::{DiscoveredTarget, Discovery, ServingEngine};
use schemars::JsonSchema;
use serde::Serialize;

use super::MAX_NAME;
use crate::ui::document::Document;
use crate::ui::fields::ENGINE;
use crate::ui::schema::Body;
use crate::ui::table::{cell, optional, table};

/// The targets that engines can serve. Printed by `discover`. If something could not be looked at, the exit code is 3.
#[derive(Serialize, JsonSchema)]
pub struct TargetListBody<'a> {
    scope: SearchScope<'a>,
    /// Whether everything could be looked at. Warnings on stderr say what could not.
    complete: bool,
    /// The targets, by namespace and name.
    items: Vec<ListedTarget<'a>>,
    /// Number of StatefulSets that no engine can serve.
    others: usize,
}

/// Where targets were looked for.
#[derive(Serialize, JsonSchema)]
struct SearchScope<'a> {
    /// Namespace. Null for all namespaces.
    namespace: Option<&'a str>,
}

/// A target, or what may be one.
#[derive(Serialize, JsonSchema)]
struct ListedTarget<'a> {
    /// Namespace of the target.
    namespace: &'a str,
    /// Name of the StatefulSet. Null for a namespace with Kubernetes objects that an engine works with.
    statefulset: Option<&'a str>,
    /// The pods of the StatefulSet. Null without a StatefulSet.
    pods: Option<Pods>,
    /// The engines that can serve the target. If there is none, `problem` says why that is unknown.
    engines: Vec<ListedEngine<'a>>,
    /// Reason why it is unknown whether a further engine can serve the target. Null if it is known of all engines.
    problem: Option<&'a str>,
    /// The volumes that the pods claim. Null if they are unknown, or without a StatefulSet.
    volumes: Option<Vec<Volume<'a>>>,
}

/// Numbers of pods.
#[derive(Serialize, JsonSchema)]
struct Pods {
    /// Number of ready pods.
    ready: usize,
    /// Desired number of pods.
    wanted: usize,
}

/// An engine that can serve the target.
#[derive(Serialize, JsonSchema)]
struct ListedEngine<'a> {
    /// Id of the engine, as `publisher/name`.
    #[schemars(regex(pattern = ENGINE))]
    engine: &'a str,
    /// The backend, in the words of the engine. The engine can serve a backend that asks for credentials, too.
    detail: &'a str,
}

/// A volume that a pod claims.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Volume<'a> {
    /// Name of the PersistentVolumeClaim.
    claim: &'a str,
    /// Name of the pod.
    pod: &'a str,
    /// Requested size as Kubernetes writes it, such as `10Gi`. Null if the claim does not exist.
    requested: Option<&'a str>,
    /// Size of the volume, in the same form. Null if there is no volume yet.
    capacity: Option<&'a str>,
    /// Phase of the claim: `Bound`, `Pending`, `Lost`. Null if the claim does not exist.
    phase: Option<&'a str>,
    /// Storage class. Null if the claim names none.
    storage_class: Option<&'a str>,
}

impl<'a> From<&'a DiscoveredTarget> for ListedTarget<'a> {
    fn from(target: &'a DiscoveredTarget) -> Self {
        let volumes = target.volumes.as_ref();
        Self {
            namespace: &target.namespace,
            statefulset: target.statefulset.as_deref(),
            pods: target.pods.map(|(ready, wanted)| Pods { ready, wanted }),
            engines: target.engines.iter().map(ListedEngine::from).collect(),
            problem: target.problem.as_deref(),
            volumes: volumes.map(|volumes| volumes.iter().map(Volume::from).collect()),
        }
    }
}

impl<'a> From<&'a ServingEngine> for ListedEngine<'a> {
    fn from(engine: &'a ServingEngine) -> Self {
        Self {
            engine: &engine.id,
            detail: &engine.detail,
        }
    }
}

impl<'a> From<&'a Claim> for Volume<'a> {
    fn from(claim: &'a Claim) -> Self {
        Self {
            claim: &claim.name,
            pod: &claim.pod,
            requested: claim.requested.as_deref(),
            capacity: claim.capacity.as_deref(),
            phase: claim.phase.as_deref(),
            storage_class: claim.storage_class.as_deref(),
        }
    }
}

/// Longest detail, in characters. It is longer than other cells because it ends the line.
const MAX_DETAIL: usize = 400;
/// The phase of a claim with a volume.
const BOUND: &str = "Bound";
/// The words for a claim that a pod names, and that does not exist.
const MISSING: &str = "missing";

/// Returns the volumes in one cell: how many there are of each size, and the phase unless it is the usual one.
fn summary_of(target: &DiscoveredTarget) -> Cell {
    let Some(volumes) = &target.volumes else {
        return cell(target.statefulset.as_ref().map_or("", |_| "unknown"));
    };
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    for volume in volumes {
        let size = volume.requested.as_deref().unwrap_or("?");
        let kind = match volume.phase.as_deref().unwrap_or(MISSING) {
            BOUND => size.to_owned(),
            phase => format!("{size} ({phase})"),
        };
        *kinds.entry(kind).or_default() += 1;
    }
    let kinds = kinds.into_iter().map(|(kind, count)| match count {
        1 => kind,
        _ => format!("{count} × {kind}"),
    });
    cell(&kinds.collect::<Vec<_>>().join(", "))
}

fn ready(target: &DiscoveredTarget) -> Cell {
    let ready = target
        .pods
        .map(|(ready, wanted)| format!("{ready}/{wanted}"));
    optional(ready.as_deref())
}

/// Returns what the engines say about the target, or why that is unknown.
fn detail(target: &DiscoveredTarget) -> String {
    let said = target.engines.iter();
    let said = said.map(|it| format!("{}: {}", it.called, it.detail));
    let said: Vec<_> = said.chain(target.problem.clone()).collect();
    said.join("; ")
}

/// Returns one row for each volume.
fn volumes(targets: &[DiscoveredTarget]) -> Vec<Vec<Cell>> {
    let rows = targets.iter().flat_map(|target| {
        let volumes = target.volumes.iter().flatten();
        volumes.map(|volume| {
            vec![
                cell(&target.namespace),
                cell(&volume.pod),
                cell(&volume.name),
                optional(volume.requested.as_deref()),
                optional(volume.capacity.as_deref()),
                cell(volume.phase.as_deref().unwrap_or(MISSING)),
                optional(volume.storage_class.as_deref()),
            ]
        })
    });
    rows.collect()
}

impl Document for Discovery {
    /// Lists the targets. `wide` adds what the engines say, and a table of the volumes.
    fn table(&self, wide: bool) -> String {
        let mut headers = vec!["NAMESPACE", "STATEFULSET", "READY", "ENGINES", "VOLUMES"];
        if wide {
            headers.push("DETAIL");
        }
        let headers: Vec<_> = headers.into_iter().map(str::to_owned).collect();
        let rows = self.targets.iter().map(|target| {
            let engines = target.engines.iter().map(|it| it.called.as_str());
            let engines: Vec<_> = engines.collect();
            let engines = if engines.is_empty() {
                "unknown".to_owned()
            } else {
                engines.join(",")
            };
            let mut row = vec![
                cell(&target.namespace),
                optional(target.statefulset.as_deref()),
                ready(target),
                cell(&engines),
                summary_of(target),
            ];
            if wide {
                let detail = detail(target);
                row.push(Cell::new(text::printable(&detail, MAX_DETAIL)));
            }
            row
        });
        let mut shown = table(&headers, rows.collect());
        let volumes = volumes(&self.targets);
        if wide && !volumes.is_empty() {
            let headers = [
                "NAMESPACE",
                "POD",
                "CLAIM",
                "REQUESTED",
                "CAPACITY",
                "PHASE",
                "CLASS",
            ];
            shown.push('\n');
            shown.push_str(&table(&headers.map(str::to_owned), volumes));
        }
        shown
    }

    fn names(&self) -> String {
        let names = self.targets.iter().map(|target| {
            let namespace = text::printable(&target.namespace, MAX_NAME);
            match &target.statefulset {
                Some(name) => format!("{namespace}/{}\n", text::printable(name, MAX_NAME)),
                None => format!("{namespace}\n"),
            }
        });
        names.collect()
    }

    fn body(&self) -> Body<'_> {
        Body::TargetList(TargetListBody {
            scope: SearchScope {
                namespace: self.namespace.as_deref(),
            },
            complete: self.is_complete,
            items: self.targets.iter().map(ListedTarget::from).collect(),
            others: self.others,
        })
    }

    fn summary(&self) -> Option<String> {
        let place = match &self.namespace {
            Some(namespace) => format!("namespace {}", text::printable(namespace, MAX_NAME)),
            None => "all namespaces".to_owned(),
        };
        let found = match self.targets.len() {
            0 => format!("No target was found in {place}"),
            1 => format!("1 target in {place}"),
            count => format!("{count} targets in {place}"),
        };
        Some(match self.others {
            0 => found,
            1 => format!("{found}; no engine can serve 1 other StatefulSet"),
            others => format!("{found}; no engine can serve {others} other StatefulSets"),
        })
    }

    fn failure(&self) -> Option<Failure> {
        Discovery::failure(self)
    }
}
