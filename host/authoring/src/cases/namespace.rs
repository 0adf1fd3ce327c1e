//! The Kubernetes objects of an author's case: those that are there, the changes that an engine makes, each
//! in its order, and what happens besides while it watches.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use broker_manifest::{ObjectKind, ResourceVerb};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use host_base::{Report, ReportKind};
use host_engine::{GrantedObjects, ObjectChange, SelectedObjects, WatchedObjects, stay_within};
use json_patch::merge;
use serde_json::Value;

use super::labels::Labels;
use super::script::unscripted;
use super::show::{self, shortened};
use crate::stage::Asked;

/// Where the objects are that the manifest puts nowhere else.
const NAMESPACE: &str = "default";

/// What a case says of objects.
#[derive(Default)]
pub(super) struct Objects {
    pub(super) present: BTreeMap<(ObjectKind, String), Value>,
    /// What can't be read, and why.
    pub(super) refused: BTreeMap<(ResourceVerb, ObjectKind), Report>,
    pub(super) changes: VecDeque<Change>,
    pub(super) events: VecDeque<Event>,
}

/// One change that an engine makes, and what comes of it.
pub(super) struct Change {
    /// In its file, from 1.
    pub(super) number: usize,
    pub(super) verb: ResourceVerb,
    pub(super) kind: ObjectKind,
    /// Of what is there already.
    pub(super) name: Option<String>,
    /// The object or the patch, without what the host adds; null for `delete`.
    pub(super) sent: Value,
    /// What the cluster adds to the object.
    pub(super) outcome: Result<Value, Report>,
}

/// Something that happens although the engine does not do it.
#[derive(Clone)]
pub(super) struct Event {
    pub(super) number: usize,
    pub(super) change: ObjectChange,
    pub(super) kind: ObjectKind,
    pub(super) name: String,
    pub(super) object: Value,
}

/// The objects, as they are at a moment.
pub(super) struct Namespace(Mutex<State>);

#[derive(Default)]
struct State {
    objects: Objects,
    /// What has happened, whoever did it.
    happened: Vec<(ObjectKind, ObjectChange, Value)>,
    created: usize,
    problems: Vec<String>,
}

/// The namespace of objects that are granted.
pub(super) fn name_of(granted: Option<&str>) -> &str {
    granted.unwrap_or(NAMESPACE)
}

/// An object without what the host adds to it where an engine leaves it out.
pub(super) fn bare(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(fields) = object.as_object_mut() {
        fields.remove("apiVersion");
        fields.remove("kind");
        if let Some(metadata) = fields.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.remove("namespace");
            if metadata.is_empty() {
                fields.remove("metadata");
            }
        }
    }
    object
}

impl Namespace {
    pub(super) fn new(objects: Objects) -> Self {
        Self(Mutex::new(State {
            objects,
            ..State::default()
        }))
    }

    /// What the engine did otherwise than the script says.
    pub(super) fn problems(&self) -> Vec<String> {
        self.state().problems.clone()
    }

    /// What of the script did not come.
    pub(super) fn left(&self) -> Vec<String> {
        let state = self.state();
        let changes = state.objects.changes.iter().map(|change| {
            let Change {
                number, verb, kind, ..
            } = change;
            format!("change {number} was never made: {verb} {kind}")
        });
        let events = state.objects.events.iter().map(|event| {
            let Event {
                number, kind, name, ..
            } = event;
            format!("event {number} was never looked at: {kind} `{name}`")
        });
        changes.chain(events).collect()
    }

    pub(super) fn asked(&self, of: &GrantedObjects, asked: Asked) -> Result<Vec<Value>, Report> {
        let mut state = self.state();
        match asked {
            Asked::Get(name) => {
                state.check(ResourceVerb::Get, &of.kind)?;
                Ok(vec![state.find(&of.kind, &name)?.clone()])
            }
            Asked::List(selected) => {
                state.check(ResourceVerb::List, &of.kind)?;
                let labels = state.labels(&selected)?;
                let mut found = state.all(&of.kind, &labels);
                let limit = selected.limit.and_then(|limit| usize::try_from(limit).ok());
                found.truncate(limit.unwrap_or(usize::MAX));
                Ok(found)
            }
            Asked::Create(mut object) => {
                stay_within(name_of(of.namespace.as_deref()), &mut object)?;
                let added = state.next(ResourceVerb::Create, &of.kind, None, &bare(&object))?;
                state.create(&of.kind, object, &added)
            }
            Asked::Patch {
                name,
                patch,
                status,
            } => {
                let verb = if status {
                    ResourceVerb::PatchStatus
                } else {
                    ResourceVerb::Patch
                };
                let added = state.next(verb, &of.kind, Some(&name), &patch)?;
                let mut object = state.find(&of.kind, &name)?.clone();
                merge(&mut object, &patch);
                merge(&mut object, &added);
                state.happen(&of.kind, &name, ObjectChange::Modified, object.clone());
                Ok(vec![object])
            }
            Asked::Delete(name) => {
                state.next(ResourceVerb::Delete, &of.kind, Some(&name), &Value::Null)?;
                let object = state.find(&of.kind, &name)?.clone();
                state.happen(&of.kind, &name, ObjectChange::Deleted, object);
                Ok(Vec::new())
            }
        }
    }

    pub(super) fn watch(
        self: &Arc<Self>,
        of: &GrantedObjects,
        selected: &SelectedObjects,
    ) -> Result<Box<dyn WatchedObjects>, Report> {
        let mut state = self.state();
        state.check(ResourceVerb::Watch, &of.kind)?;
        let labels = state.labels(selected)?;
        Ok(Box::new(Watched {
            namespace: Arc::clone(self),
            kind: of.kind.clone(),
            first: state.all(&of.kind, &labels).into(),
            labels,
            seen: state.happened.len(),
        }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn check(&self, verb: ResourceVerb, kind: &ObjectKind) -> Result<(), Report> {
        let refused = self.objects.refused.get(&(verb, kind.clone()));
        refused.map_or(Ok(()), |report| Err(report.clone()))
    }

    fn find(&self, kind: &ObjectKind, name: &str) -> Result<&Value, Report> {
        let found = self.objects.present.get(&(kind.clone(), name.to_owned()));
        found.ok_or_else(|| {
            Report::new(ReportKind::NotFound, format!("there is no {kind} `{name}`"))
        })
    }

    /// In the order of their names.
    fn all(&self, kind: &ObjectKind, labels: &Labels) -> Vec<Value> {
        let present = self.objects.present.iter();
        let found = present.filter(|((of, _), object)| of == kind && labels.fit(object));
        found.map(|(_, object)| object.clone()).collect()
    }

    fn labels(&mut self, selected: &SelectedObjects) -> Result<Labels, Report> {
        let text = selected.labels.as_deref().unwrap_or_default();
        text.parse().map_err(|problem| {
            self.problems.push(problem);
            unscripted()
        })
    }

    /// What the cluster adds to an object, if this is the next change of the script.
    fn next(
        &mut self,
        verb: ResourceVerb,
        kind: &ObjectKind,
        name: Option<&str>,
        sent: &Value,
    ) -> Result<Value, Report> {
        let difference = match self.objects.changes.front() {
            None => Some("no further change is scripted".to_owned()),
            Some(next) => next
                .difference(verb, kind, name, sent)
                .map(|what| format!("change {} is another: {what}", next.number)),
        };
        if let Some(difference) = difference {
            let shown = show::change(verb, kind, name, sent);
            self.problems.push(format!(
                "it makes a change that is not scripted; {difference}\n{shown}"
            ));
            return Err(unscripted());
        }
        let next = self.objects.changes.pop_front();
        next.map_or_else(|| Err(unscripted()), |change| change.outcome)
    }

    fn create(
        &mut self,
        kind: &ObjectKind,
        mut object: Value,
        added: &Value,
    ) -> Result<Vec<Value>, Report> {
        self.created += 1;
        let metadata = &mut object["metadata"];
        if let (Value::Null, Some(prefix)) = (&metadata["name"], metadata["generateName"].as_str())
        {
            metadata["name"] = format!("{prefix}{:05}", self.created).into();
        }
        merge(&mut object, added);
        let name = object["metadata"]["name"].as_str().map(str::to_owned);
        let name = name.ok_or_else(|| {
            let message = format!("the {kind} has neither `name` nor `generateName`");
            Report::new(ReportKind::InvalidArgument, message)
        })?;
        if self.find(kind, &name).is_ok() {
            let message = format!("there is a {kind} `{name}` already");
            return Err(Report::new(ReportKind::Conflict, message));
        }
        self.happen(kind, &name, ObjectChange::Added, object.clone());
        Ok(vec![object])
    }

    fn happen(&mut self, kind: &ObjectKind, name: &str, change: ObjectChange, object: Value) {
        let key = (kind.clone(), name.to_owned());
        if change == ObjectChange::Deleted {
            self.objects.present.remove(&key);
        } else {
            self.objects.present.insert(key, object.clone());
        }
        self.happened.push((kind.clone(), change, object));
    }

    /// Lets the next event of the script happen to objects of this kind.
    fn go_on(&mut self, kind: &ObjectKind) {
        let mut events = self.objects.events.iter();
        let next = events.position(|event| event.kind == *kind);
        if let Some(event) = next.and_then(|at| self.objects.events.remove(at)) {
            self.happen(kind, &event.name, event.change, event.object);
        }
    }
}

impl Change {
    /// The first thing in which a change is another than this one.
    fn difference(
        &self,
        verb: ResourceVerb,
        kind: &ObjectKind,
        name: Option<&str>,
        sent: &Value,
    ) -> Option<String> {
        if (verb, kind, name) != (self.verb, &self.kind, self.name.as_deref()) {
            let of = self.name.iter().map(|name| format!(" `{name}`"));
            return Some(format!(
                "{} {}{}",
                self.verb,
                self.kind,
                of.collect::<String>()
            ));
        }
        let is_it = *sent == self.sent;
        (!is_it).then(|| format!("it sends {}", shortened(&self.sent.to_string())))
    }
}

/// A watch that tells of all that is known, and does not wait.
struct Watched {
    namespace: Arc<Namespace>,
    kind: ObjectKind,
    labels: Labels,
    /// What was there when it began.
    first: VecDeque<Value>,
    /// How much of what has happened was looked at.
    seen: usize,
}

impl Watched {
    fn step(&mut self) -> Option<(ObjectChange, Value)> {
        if let Some(object) = self.first.pop_front() {
            return Some((ObjectChange::Added, object));
        }
        let mut state = self.namespace.state();
        loop {
            if self.seen == state.happened.len() {
                state.go_on(&self.kind);
            }
            let (kind, change, object) = state.happened.get(self.seen)?;
            self.seen += 1;
            if *kind == self.kind && self.labels.fit(object) {
                return Some((*change, object.clone()));
            }
        }
    }
}

impl WatchedObjects for Watched {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<(ObjectChange, Value)>, Report>> {
        async { Ok(self.step()) }.boxed()
    }
}

#[cfg(test)]
mod tests;
