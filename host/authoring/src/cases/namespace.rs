//! The Kubernetes objects of an author's case: the existing ones, the engine's changes in their order, and
//! the changes by others while it watches.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use broker_manifest::{ObjectKind, ResourceVerb};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use host_base::{Report, ReportKind};
use host_engine::{
    GrantedObjects, ObjectChange, Place, SelectedObjects, WatchedObjects, stay_within,
};
use json_patch::merge;
use serde_json::Value;

use super::labels::Labels;
use super::script::unscripted;
use super::show::{self, shortened};
use crate::stage::{Asked, NAMESPACE};

/// The entries of a case about objects.
#[derive(Default)]
pub(super) struct Objects {
    pub(super) present: BTreeMap<(ObjectKind, String), Value>,
    /// Reads that fail, and their errors.
    pub(super) refused: BTreeMap<(ResourceVerb, ObjectKind), Report>,
    pub(super) changes: VecDeque<Change>,
    pub(super) events: VecDeque<Event>,
}

/// One change that an engine makes, and its result.
pub(super) struct Change {
    /// Number of the entry in its file, counted from 1.
    pub(super) number: usize,
    pub(super) verb: ResourceVerb,
    pub(super) kind: ObjectKind,
    /// Name of an existing object.
    pub(super) name: Option<String>,
    /// The object or the patch, without the fields that the host adds; null for `delete`.
    pub(super) sent: Value,
    /// True if nothing is stored.
    pub(super) dry_run: bool,
    /// The fields that the cluster adds to the object, or an error.
    pub(super) outcome: Result<Value, Report>,
}

/// A change that the engine did not make.
#[derive(Clone)]
pub(super) struct Event {
    pub(super) number: usize,
    pub(super) change: ObjectChange,
    pub(super) kind: ObjectKind,
    pub(super) name: String,
    pub(super) object: Value,
}

/// The current objects.
pub(super) struct Namespace(Mutex<State>);

#[derive(Default)]
struct State {
    objects: Objects,
    /// All changes so far, by the engine and by others.
    happened: Vec<(ObjectKind, ObjectChange, Value)>,
    created: usize,
    problems: Vec<String>,
}

/// Returns the namespace of granted objects, if they are in one.
fn name_of(place: &Place) -> Option<&str> {
    match place {
        Place::Command => Some(NAMESPACE),
        Place::Namespace(name) => Some(name),
        Place::Cluster => None,
    }
}

fn namespace_of(object: &Value) -> Option<&str> {
    object.pointer("/metadata/namespace")?.as_str()
}

/// The selected objects of a list or a watch.
struct Filter {
    namespace: Option<String>,
    labels: Labels,
    /// Paths of fields as JSON pointers, with their values.
    fields: Vec<(String, String)>,
}

impl Filter {
    fn fits(&self, object: &Value) -> bool {
        let mut fields = self.fields.iter();
        namespace_of(object) == self.namespace.as_deref()
            && self.labels.fit(object)
            && fields.all(|(path, value)| object.pointer(path).is_some_and(|it| *it == **value))
    }
}

/// Reads a field selector.
fn fields(text: &str) -> Result<Vec<(String, String)>, String> {
    let terms = text.split(',').filter(|term| !term.is_empty());
    let terms = terms.map(|term| match term.split_once('=') {
        Some((path, value)) if !path.ends_with('!') => Ok((
            format!("/{}", path.replace('.', "/")),
            value.trim_start_matches('=').to_owned(),
        )),
        _ => Err(format!(
            "it selects by {text:?}: a case knows fields as `a.b=c`, with commas between them"
        )),
    });
    terms.collect()
}

/// Returns an object without the fields that the host adds if an engine leaves them out.
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

    /// Returns the differences between the engine's changes and the script.
    pub(super) fn problems(&self) -> Vec<String> {
        self.state().problems.clone()
    }

    /// Returns the parts of the script that did not happen.
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
                Ok(vec![state.find(of, &name)?.clone()])
            }
            Asked::List(selected) => {
                state.check(ResourceVerb::List, &of.kind)?;
                let filter = state.filter(of, &selected)?;
                let mut found = state.all(&of.kind, &filter);
                let limit = selected.limit.and_then(|limit| usize::try_from(limit).ok());
                found.truncate(limit.unwrap_or(usize::MAX));
                Ok(found)
            }
            Asked::Create {
                mut object,
                dry_run,
            } => {
                stay_within(name_of(&of.place), &mut object)?;
                let sent = bare(&object);
                let added = state.next(ResourceVerb::Create, of, None, &sent, dry_run)?;
                state.create(of, object, &added, dry_run)
            }
            Asked::Patch {
                name,
                patch,
                status,
                dry_run,
            } => {
                let verb = if status {
                    ResourceVerb::PatchStatus
                } else {
                    ResourceVerb::Patch
                };
                let added = state.next(verb, of, Some(&name), &patch, dry_run)?;
                let mut object = state.find(of, &name)?.clone();
                merge(&mut object, &patch);
                merge(&mut object, &added);
                if !dry_run {
                    state.happen(&of.kind, &name, ObjectChange::Modified, object.clone());
                }
                Ok(vec![object])
            }
            Asked::Delete { name, dry_run } => {
                let verb = ResourceVerb::Delete;
                state.next(verb, of, Some(&name), &Value::Null, dry_run)?;
                let object = state.find(of, &name)?.clone();
                if !dry_run {
                    state.happen(&of.kind, &name, ObjectChange::Deleted, object);
                }
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
        let filter = state.filter(of, selected)?;
        Ok(Box::new(Watched {
            namespace: Arc::clone(self),
            kind: of.kind.clone(),
            first: state.all(&of.kind, &filter).into(),
            filter,
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

    fn find(&self, of: &GrantedObjects, name: &str) -> Result<&Value, Report> {
        let kind = &of.kind;
        let found = self.objects.present.get(&(kind.clone(), name.to_owned()));
        let is_there = |object: &&Value| namespace_of(object) == name_of(&of.place);
        found.filter(is_there).ok_or_else(|| {
            Report::new(ReportKind::NotFound, format!("there is no {kind} `{name}`"))
        })
    }

    /// Returns the matching objects in the order of their names.
    fn all(&self, kind: &ObjectKind, filter: &Filter) -> Vec<Value> {
        let present = self.objects.present.iter();
        let found = present.filter(|((of, _), object)| of == kind && filter.fits(object));
        found.map(|(_, object)| object.clone()).collect()
    }

    fn filter(
        &mut self,
        of: &GrantedObjects,
        selected: &SelectedObjects,
    ) -> Result<Filter, Report> {
        let labels = selected.labels.as_deref().unwrap_or_default();
        let labels = labels.parse();
        let fields = fields(selected.fields.as_deref().unwrap_or_default());
        let filter = labels.and_then(|labels| {
            Ok(Filter {
                namespace: name_of(&of.place).map(str::to_owned),
                labels,
                fields: fields?,
            })
        });
        filter.map_err(|problem| {
            self.problems.push(problem);
            unscripted()
        })
    }

    /// Returns what the cluster adds to an object, if this is the next change in the script.
    fn next(
        &mut self,
        verb: ResourceVerb,
        of: &GrantedObjects,
        name: Option<&str>,
        sent: &Value,
        dry_run: bool,
    ) -> Result<Value, Report> {
        let kind = &of.kind;
        let difference = match self.objects.changes.front() {
            None => Some("no further change is scripted".to_owned()),
            Some(next) => next
                .difference(verb, kind, name, sent, dry_run)
                .map(|what| format!("change {} is another: {what}", next.number)),
        };
        if let Some(difference) = difference {
            let shown = show::change(verb, kind, name, sent, dry_run);
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
        of: &GrantedObjects,
        mut object: Value,
        added: &Value,
        dry_run: bool,
    ) -> Result<Vec<Value>, Report> {
        let kind = &of.kind;
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
        if self.find(of, &name).is_ok() {
            let message = format!("there is a {kind} `{name}` already");
            return Err(Report::new(ReportKind::Conflict, message));
        }
        if !dry_run {
            self.happen(kind, &name, ObjectChange::Added, object.clone());
        }
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

    /// Applies the next event in the script for objects of this kind.
    fn go_on(&mut self, kind: &ObjectKind) {
        let mut events = self.objects.events.iter();
        let next = events.position(|event| event.kind == *kind);
        if let Some(event) = next.and_then(|at| self.objects.events.remove(at)) {
            self.happen(kind, &event.name, event.change, event.object);
        }
    }
}

impl Change {
    /// Returns the first difference between a change and this one.
    fn difference(
        &self,
        verb: ResourceVerb,
        kind: &ObjectKind,
        name: Option<&str>,
        sent: &Value,
        dry_run: bool,
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
        if dry_run != self.dry_run {
            let is = if self.dry_run { "is" } else { "is not" };
            return Some(format!("it {is} a dry run"));
        }
        let is_it = *sent == self.sent;
        (!is_it).then(|| format!("it sends {}", shortened(&self.sent.to_string())))
    }
}

/// A watch that reports all known events and does not wait.
struct Watched {
    namespace: Arc<Namespace>,
    kind: ObjectKind,
    filter: Filter,
    /// The objects that existed when it began.
    first: VecDeque<Value>,
    /// The number of changes that it has read.
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
            if *kind == self.kind && self.filter.fits(object) {
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
