//! Looks for targets that engines can serve, in one namespace or in all.
//!
//! An engine with pods is asked about each `StatefulSet`, in the same way as `auto` asks it. The user has chosen none of
//! these targets, so the engines only read there, without credentials ([`Session::survey`]). An engine that works with
//! objects is asked about the namespaces that have some.

mod answer;
mod gaps;

use std::collections::BTreeMap;

use answer::Answer;
use broker_manifest::{ObjectKind, ResourceRule, ResourceVerb, Scope};
use futures_util::future::join_all;
use futures_util::{StreamExt, stream};
use gaps::{Gap, Gaps};
use host_cluster::{Cluster, ClusterError, ConnectOptions, FoundSet, Target};
use host_engine::{EngineFile, Loaded};

use super::choose::{EngineChoice, call_name, named};
use super::network::Endpoints;
use super::outside::Clouds;
use super::session::{note_credentials_left_out, note_namespace};
use super::{Host, OpsError, Session};
use crate::results::{DiscoveredTarget, Discovery, ServingEngine};

/// The number of targets that are asked at the same time, and of namespaces whose volumes are read.
const CONCURRENT: usize = 8;

/// Where to look, and for which engines.
#[derive(Clone, Debug, Default)]
pub struct DiscoverRequest {
    /// How to reach the cluster.
    pub connect: ConnectOptions,
    /// The engine whose targets are looked for. [`EngineChoice::Auto`] means every engine.
    pub engine: EngineChoice,
    /// Whether to look in all namespaces.
    pub all_namespaces: bool,
}

/// Finds the targets that engines can serve. The front end is warned of everything that could not be looked at.
///
/// # Errors
/// When the engine does not exist, when `StatefulSet`s may not be listed, or when the namespace does not exist.
pub async fn discover(host: &Host, request: DiscoverRequest) -> Result<Discovery, OpsError> {
    let engines: Vec<_> = match &request.engine {
        EngineChoice::Auto => host.engines().iter().collect(),
        EngineChoice::Named(name) => vec![named(host.engines(), name)?],
    };
    let cluster = Cluster::connect(&request.connect).await?;
    host.runtime()?;
    let reporter = &**host.reporter();
    note_credentials_left_out(&cluster, reporter);
    let (namespace, area) = if request.all_namespaces {
        (None, cluster.in_all_namespaces())
    } else {
        note_namespace(&cluster, reporter);
        (Some(cluster.namespace().to_owned()), cluster.clone())
    };
    let survey = Survey {
        host,
        area,
        clouds: Clouds::default(),
        gaps: Gaps::default(),
    };
    let found = Box::pin(survey.run(namespace, &engines)).await;
    let requests = cluster.request_count();
    tracing::debug!("{requests} requests to {}", cluster.server());
    found
}

struct Survey<'a> {
    host: &'a Host,
    /// The cluster, with the namespace to look in, or for all of them.
    area: Cluster,
    clouds: Clouds,
    gaps: Gaps,
}

/// An engine that can be asked.
struct Ready<'a> {
    file: &'a EngineFile,
    loaded: Loaded,
}

/// A place that may be a target: a `StatefulSet`, or a namespace with objects.
struct Place<'a> {
    namespace: String,
    set: Option<FoundSet>,
    /// The engines to ask.
    engines: Vec<&'a Ready<'a>>,
}

impl Survey<'_> {
    async fn run(
        mut self,
        namespace: Option<String>,
        engines: &[&EngineFile],
    ) -> Result<Discovery, OpsError> {
        let has_pods = |file: &EngineFile| file.manifest().has_target();
        let sets = if engines.iter().any(|file| has_pods(file)) {
            let listed = self.area.stateful_sets().await?;
            if !listed.is_whole {
                self.gaps.add(Gap::Sets, None);
            }
            listed.found
        } else {
            Vec::new()
        };
        let of_objects = self.objects(engines).await;
        let engines = self.load(engines).await;
        let of_pods: Vec<_> = engines.iter().filter(|it| has_pods(it.file)).collect();
        let sets = sets.into_iter().map(|set| Place {
            namespace: set.namespace.clone(),
            set: Some(set),
            engines: of_pods.clone(),
        });
        let namespaces = of_objects.into_iter().map(|(namespace, files)| {
            let is_there = |it: &&Ready<'_>| files.iter().any(|file| std::ptr::eq(*file, it.file));
            Place {
                namespace,
                set: None,
                engines: engines.iter().filter(is_there).collect(),
            }
        });
        let asked = sets.chain(namespaces).map(|place| self.ask_all(place));
        let asked: Vec<_> = stream::iter(asked).buffered(CONCURRENT).collect().await;
        let mut targets = Vec::new();
        let mut others = 0;
        for (place, answers) in asked {
            let is_set = place.set.is_some();
            match self.target(place, answers) {
                Some(target) => targets.push(target),
                None => others += usize::from(is_set),
            }
        }
        self.add_volumes(&mut targets).await;
        targets.sort_by(|a, b| (&a.namespace, &a.statefulset).cmp(&(&b.namespace, &b.statefulset)));
        self.gaps.tell(&**self.host.reporter());
        Ok(Discovery {
            namespace,
            targets,
            others,
            is_complete: self.gaps.is_empty(),
        })
    }

    /// Returns the engines without pods whose objects a namespace has, by namespace.
    async fn objects<'a>(
        &mut self,
        engines: &[&'a EngineFile],
    ) -> BTreeMap<String, Vec<&'a EngineFile>> {
        let without_pods = engines.iter().filter(|file| !file.manifest().has_target());
        let kinds = without_pods.flat_map(|file| kinds(file).map(|kind| (*file, kind)));
        let lists = kinds.map(|(file, kind)| {
            let area = &self.area;
            async move { (file, area.namespaces_with(kind).await) }
        });
        let lists: Vec<_> = stream::iter(lists).buffered(CONCURRENT).collect().await;
        let mut found: BTreeMap<String, Vec<&EngineFile>> = BTreeMap::new();
        for (file, listed) in lists {
            let gap = || Gap::Engine(file.name());
            match listed {
                Ok(listed) => {
                    if !listed.is_whole {
                        self.gaps.add(gap(), None);
                    }
                    for namespace in listed.found {
                        found.entry(namespace).or_default().push(file);
                    }
                }
                // The operator of the engine is not installed.
                Err(ClusterError::NoSuchKind { .. } | ClusterError::OtherScope { .. }) => {}
                Err(error) => self.gaps.add(gap(), Some(&error)),
            }
        }
        found
    }

    async fn load<'a>(&mut self, engines: &[&'a EngineFile]) -> Vec<Ready<'a>> {
        let loads = engines.iter().map(|file| self.host.load(file));
        let mut ready = Vec::new();
        for (file, loaded) in engines.iter().zip(join_all(loads).await) {
            match loaded {
                Ok(loaded) => ready.push(Ready { file, loaded }),
                Err(error) => self.gaps.add(Gap::Engine(file.name()), Some(&error)),
            }
        }
        ready
    }

    /// Asks all engines of a place at the same time.
    async fn ask_all<'a>(&self, place: Place<'a>) -> (Place<'a>, Vec<Answer>) {
        let set = place.set.as_ref().map_or("", |set| &set.name);
        let asked = place.engines.iter();
        let asked = asked.map(|engine| Box::pin(self.ask(engine, &place.namespace, set)));
        let answers = join_all(asked).await;
        (place, answers)
    }

    async fn ask(&self, engine: &Ready<'_>, namespace: &str, set: &str) -> Answer {
        let target = Target {
            statefulset: set.to_owned(),
            pod: None,
        };
        let detected = async {
            let cluster = self.area.in_namespace(namespace)?;
            let session = Session::survey(self.host, cluster, target, self.clouds.clone());
            let network = Endpoints::find(session.route(engine.file)).await?;
            let asked = session.ask_over(engine.file, &engine.loaded, network).await;
            asked?.answer
        };
        Answer::of(detected.await)
    }

    /// Returns the target, if the place is or may be one.
    fn target(&mut self, place: Place<'_>, answers: Vec<Answer>) -> Option<DiscoveredTarget> {
        let mut engines = Vec::new();
        let mut problem = None;
        let mut refusal = None;
        for (engine, answer) in place.engines.iter().zip(answers) {
            let id = &engine.file.manifest().id;
            let called = call_name(self.host.engines(), id);
            match answer {
                Answer::Serves(detail) => engines.push(ServingEngine {
                    id: id.to_string(),
                    called,
                    detail,
                }),
                Answer::Absent => {}
                Answer::Unknown(reason) => {
                    problem.get_or_insert(format!("{called}: {reason}"));
                }
                Answer::NotAsked(error) => {
                    let reason = answer::reason(&error);
                    problem.get_or_insert(format!("{called}: {reason}"));
                    refusal.get_or_insert(error);
                }
                Answer::Fault(error) => {
                    self.gaps.add(Gap::Engine(engine.file.name()), Some(&error));
                }
            }
        }
        if let Some(error) = refusal {
            self.gaps.add(Gap::Targets, Some(&error));
        }
        if engines.is_empty() && problem.is_none() {
            return None;
        }
        Some(DiscoveredTarget {
            namespace: place.namespace,
            engines,
            problem,
            pods: place.set.as_ref().map(|set| (set.ready, set.wanted)),
            statefulset: place.set.map(|set| set.name),
            volumes: None,
        })
    }

    /// Adds the volumes of those targets that are `StatefulSet`s.
    async fn add_volumes(&mut self, targets: &mut [DiscoveredTarget]) {
        let mut of_namespaces: BTreeMap<String, Vec<&mut DiscoveredTarget>> = BTreeMap::new();
        for target in targets.iter_mut().filter(|it| it.statefulset.is_some()) {
            let of_namespace = of_namespaces.entry(target.namespace.clone());
            of_namespace.or_default().push(target);
        }
        let read = of_namespaces.into_iter().map(|(namespace, targets)| {
            let cluster = self.area.in_namespace(&namespace);
            async { (targets, Box::pin(async { cluster?.claims().await }).await) }
        });
        let read: Vec<_> = stream::iter(read).buffered(CONCURRENT).collect().await;
        for (targets, claims) in read {
            let mut claims = match claims {
                Ok(claims) => claims,
                Err(error) => {
                    self.gaps.add(Gap::Volumes, Some(&error));
                    continue;
                }
            };
            if !claims.is_whole {
                self.gaps.add(Gap::Volumes, None);
            }
            for target in targets {
                let name = target.statefulset.as_deref().unwrap_or_default();
                target.volumes = Some(claims.found.remove(name).unwrap_or_default());
            }
        }
    }
}

/// Returns the kinds that tell which namespaces an engine can serve.
fn kinds(file: &EngineFile) -> impl Iterator<Item = &ObjectKind> {
    let rules = file.manifest().resources.iter().flat_map(|it| &it.allow);
    let rules = rules
        .filter(|it| *it.scope() == Scope::Command && it.verbs().contains(&ResourceVerb::List));
    rules.map(ResourceRule::kind)
}
