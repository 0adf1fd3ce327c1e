//! The object stores and the services of AWS in a case: objects that exist, and writes and actions in their order.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use broker_manifest::{Manifest, StoreVerb};
use bytes::Bytes;
use host_base::{Report, ReportKind, Sha256};
use host_engine::{Condition, GrantedAction, SelectedKeys, StoredObject, StoredPage};
use percent_encoding::percent_decode_str;

use super::author::{fault, to_json};
use super::exchange::bytes;
use super::file::{ActionEntry, CaseEntry, Fault, ObjectFault, StoredEntry, WriteEntry};
use super::show::shortened;
use crate::stage::{Beyond, Ending, Found, Reply};

/// The bucket and the key of an object.
type At = (String, String);

/// The object stores and services of one case.
#[derive(Default)]
pub(super) struct Outside(Mutex<State>);

#[derive(Default)]
struct State {
    objects: BTreeMap<At, Bytes>,
    /// Objects that can't be read. An empty key stands for listing the bucket.
    refused: BTreeMap<At, Report>,
    writes: VecDeque<Write>,
    actions: VecDeque<Action>,
    problems: Vec<String>,
}

struct Write {
    number: usize,
    /// The change as [`Beyond::shown`] shows it.
    shown: String,
    body: Option<Bytes>,
    fault: Option<Report>,
}

struct Action {
    number: usize,
    shown: String,
    parameters: BTreeMap<String, String>,
    region: Option<String>,
    result: Result<String, Report>,
}

impl Outside {
    /// Converts the entries of a case.
    ///
    /// # Errors
    /// When the manifest names no store or action that an entry is about.
    pub(super) fn of(entry: &CaseEntry, manifest: &Manifest) -> Result<Self, String> {
        let mut state = State::default();
        if manifest.storage.is_empty() && !(entry.stored.is_empty() && entry.write.is_empty()) {
            return Err("the manifest has no `[storage.NAME]`".to_owned());
        }
        for (at, entry) in entry.stored.iter().enumerate() {
            let here = |problem: String| format!("stored {}: {problem}", at + 1);
            state.store(entry).map_err(here)?;
        }
        for (at, entry) in entry.write.iter().enumerate() {
            let here = |problem: String| format!("write {}: {problem}", at + 1);
            state.writes.push_back(write(at + 1, entry).map_err(here)?);
        }
        for (at, entry) in entry.action.iter().enumerate() {
            let here = |problem: String| format!("action {}: {problem}", at + 1);
            let action = action(at + 1, entry, manifest).map_err(here)?;
            state.actions.push_back(action);
        }
        Ok(Self(Mutex::new(state)))
    }

    /// Returns the differences between the engine's behavior and the script.
    pub(super) fn problems(&self) -> Vec<String> {
        self.state().problems.clone()
    }

    /// Returns the entries that the engine did not reach.
    pub(super) fn left(&self) -> Vec<String> {
        let state = self.state();
        let writes = state.writes.iter();
        let writes = writes.map(|it| format!("write {} was never made: {}", it.number, it.shown));
        let actions = state.actions.iter();
        let actions =
            actions.map(|it| format!("action {} was never called: {}", it.number, it.shown));
        writes.chain(actions).collect()
    }

    /// Opens the object that a request asks for: `/BUCKET/KEY`.
    pub(super) fn open(&self, path: &str) -> Reply {
        let (bucket, key) = path[1..].split_once('/').unwrap_or_default();
        let key = percent_decode_str(key).decode_utf8_lossy().into_owned();
        match self.state().read(&(bucket.to_owned(), key)) {
            Err(report) => Reply::Fault(report),
            Ok(body) => Reply::Answer {
                status: 200,
                headers: Vec::new(),
                body,
                ending: Ending::Whole,
            },
        }
    }

    pub(super) fn asked(&self, asked: Beyond) -> Result<Found, Report> {
        let mut state = self.state();
        let shown = asked.shown();
        match asked {
            Beyond::Head(at) => {
                let at = (at.bucket, at.key);
                let body = state.read(&at)?;
                Ok(Found::Object(facts(&at.1, &body)))
            }
            Beyond::List(selected) => state.list(&selected).map(Found::Page),
            Beyond::Put(put) => {
                state.write(&shown, Some(&put.body))?;
                let at = (put.at.bucket, put.at.key);
                let old = state.objects.get(&at).map(|body| facts(&at.1, body).etag);
                let fits = match &put.condition {
                    Condition::None => true,
                    Condition::Absent => old.is_none(),
                    Condition::Unchanged(etag) => old.flatten().as_ref() == Some(etag),
                };
                if !fits {
                    return Err(refusal(ObjectFault::Conflict));
                }
                let object = facts(&at.1, &put.body);
                state.objects.insert(at, put.body);
                Ok(Found::Object(object))
            }
            Beyond::Copy(copy) => {
                state.write(&shown, None)?;
                let body = state.read(&(copy.source.bucket, copy.source.key))?;
                let object = facts(&copy.target.key, &body);
                if copy.etag.is_some() && copy.etag != object.etag {
                    return Err(refusal(ObjectFault::Conflict));
                }
                state
                    .objects
                    .insert((copy.target.bucket, copy.target.key), body);
                Ok(Found::Object(object))
            }
            Beyond::Delete(at) => {
                state.write(&shown, None)?;
                state.objects.remove(&(at.bucket, at.key));
                Ok(Found::Done)
            }
            Beyond::Call(action) => state.call(&shown, action).map(Found::Xml),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn store(&mut self, entry: &StoredEntry) -> Result<(), String> {
        let at = (entry.bucket.clone(), entry.key.clone().unwrap_or_default());
        let body = content(
            entry.json.as_ref(),
            entry.text.as_ref(),
            entry.base64.as_ref(),
        )?;
        let old = match (entry.fault, body) {
            (Some(fault), None) => self.refused.insert(at, refusal(fault)).is_some(),
            (None, Some(body)) if entry.key.is_some() => self.objects.insert(at, body).is_some(),
            _ => {
                let problem =
                    "it has a `key` with one of `json`, `text` and `base64`, or a `fault`";
                return Err(problem.to_owned());
            }
        };
        if old {
            return Err("another entry is about the same object".to_owned());
        }
        Ok(())
    }

    fn read(&self, at: &At) -> Result<Bytes, Report> {
        if let Some(report) = self.refused.get(at) {
            return Err(report.clone());
        }
        let body = self.objects.get(at).cloned();
        body.ok_or_else(|| refusal(ObjectFault::Missing))
    }

    fn list(&self, selected: &SelectedKeys) -> Result<StoredPage, Report> {
        if let Some(report) = self.refused.get(&(selected.bucket.clone(), String::new())) {
            return Err(report.clone());
        }
        let mut page = StoredPage::default();
        let objects = self.objects.iter();
        let inside = objects.filter(|((bucket, key), _)| {
            bucket == &selected.bucket && key.starts_with(&selected.prefix)
        });
        for ((_, key), body) in inside {
            let rest = &key[selected.prefix.len()..];
            match rest.find('/').filter(|_| selected.folders) {
                Some(end) => {
                    let folder = key[..=selected.prefix.len() + end].to_owned();
                    if page.folders.last() != Some(&folder) {
                        page.folders.push(folder);
                    }
                }
                None => page.objects.push(StoredObject {
                    sha256: None,
                    ..facts(key, body)
                }),
            }
        }
        Ok(page)
    }

    /// Takes the next write of the script, if it is this one.
    fn write(&mut self, shown: &str, body: Option<&Bytes>) -> Result<(), Report> {
        let difference = match self.writes.front() {
            None => Some("no further write is scripted".to_owned()),
            Some(next) if next.shown != shown => {
                Some(format!("write {} is another: {}", next.number, next.shown))
            }
            Some(next) if next.body.is_some() && next.body.as_ref() != body => {
                let expected = next.body.clone().unwrap_or_default();
                let expected = shortened(&String::from_utf8_lossy(&expected));
                Some(format!(
                    "write {} is another: its body is {expected:?}",
                    next.number
                ))
            }
            Some(_) => None,
        };
        let next = match difference {
            Some(difference) => {
                let problem = format!("it writes what is not scripted; {difference}\n{shown}");
                self.problems.push(problem);
                None
            }
            None => self.writes.pop_front(),
        };
        let next = next.ok_or_else(super::script::unscripted)?;
        next.fault.map_or(Ok(()), Err)
    }

    fn call(&mut self, shown: &str, is: GrantedAction) -> Result<String, Report> {
        let parameters: BTreeMap<_, _> = is.parameters.into_iter().collect();
        let difference = match self.actions.front() {
            None => Some("no further action is scripted".to_owned()),
            Some(next) if next.shown != shown => {
                Some(format!("action {} is another: {}", next.number, next.shown))
            }
            Some(next) if next.parameters != parameters => Some(format!(
                "action {} is another: its parameters are {:?}",
                next.number, next.parameters
            )),
            Some(next) if next.region != is.region => Some(format!(
                "action {} is another: its region is {:?}",
                next.number, next.region
            )),
            Some(_) => None,
        };
        if let Some(difference) = difference {
            let problem =
                format!("it calls what is not scripted; {difference}\n{shown} {parameters:?}");
            self.problems.push(problem);
            return Err(super::script::unscripted());
        }
        let next = self.actions.pop_front();
        next.map_or_else(|| Err(super::script::unscripted()), |next| next.result)
    }
}

fn write(number: usize, entry: &WriteEntry) -> Result<Write, String> {
    let problem = || "it is not of the form `VERB BUCKET/KEY`, with put, copy or delete".to_owned();
    let (verb, at) = entry.write.split_once(' ').ok_or_else(problem)?;
    let verb = StoreVerb::ALL.into_iter().find(|it| it.name() == verb);
    let verb = verb.filter(|verb| verb.writes()).ok_or_else(problem)?;
    at.split_once('/').ok_or_else(problem)?;
    let body = content(
        entry.json.as_ref(),
        entry.text.as_ref(),
        entry.base64.as_ref(),
    )?;
    let shown = match (&entry.source, verb) {
        (Some(source), StoreVerb::Copy) => format!("{} from {source}", entry.write),
        (None, StoreVerb::Copy) => return Err("a copy needs a `source`".to_owned()),
        (Some(_), _) => return Err("only a copy has a `source`".to_owned()),
        (None, _) => entry.write.clone(),
    };
    if body.is_some() && verb != StoreVerb::Put {
        return Err(format!("`{verb}` has no body"));
    }
    Ok(Write {
        number,
        shown,
        body,
        fault: entry.fault.map(refusal),
    })
}

fn action(number: usize, entry: &ActionEntry, manifest: &Manifest) -> Result<Action, String> {
    let shown = entry.action.clone();
    let known = shown.split_once(':').and_then(|(service, action)| {
        let service = manifest.aws.get(service)?;
        service.allow.iter().find(|name| *name == action)
    });
    if known.is_none() {
        return Err(format!("the manifest does not allow the action `{shown}`"));
    }
    let result = match (&entry.xml, entry.fault) {
        (Some(xml), None) => Ok(xml.clone()),
        (None, Some(fault)) => Err(refusal(fault)),
        _ => return Err("it has either `xml` or a `fault`".to_owned()),
    };
    Ok(Action {
        number,
        shown,
        parameters: entry.parameters.clone(),
        region: entry.region.clone(),
        result,
    })
}

fn content(
    json: Option<&toml::Value>,
    text: Option<&String>,
    base64: Option<&String>,
) -> Result<Option<Bytes>, String> {
    match (json, text, base64) {
        (None, None, None) => Ok(None),
        (Some(json), None, None) => Ok(Some(to_json(json).to_string().into())),
        (None, text, base64) => {
            let bytes = bytes(text.map(String::as_str), base64.map(String::as_str))?;
            Ok(Some(bytes.into()))
        }
        _ => Err("there is one of `json`, `text` and `base64`".to_owned()),
    }
}

/// Returns the facts about an object. Its entity tag follows from its bytes.
fn facts(key: &str, body: &Bytes) -> StoredObject {
    let digest = Sha256::digest(body).to_string();
    StoredObject {
        key: key.to_owned(),
        size: body.len() as u64,
        modified: None,
        etag: Some(format!("\"{}\"", &digest[..32])),
        sha256: Some(digest),
    }
}

fn refusal(what: ObjectFault) -> Report {
    let (kind, message) = match what {
        ObjectFault::Closed => return fault(Fault::Closed),
        ObjectFault::TimedOut => return fault(Fault::TimedOut),
        ObjectFault::Cancelled => return fault(Fault::Cancelled),
        ObjectFault::Forbidden => (ReportKind::Forbidden, "403: AccessDenied"),
        ObjectFault::Missing => (ReportKind::NotFound, "404: it is not there"),
        ObjectFault::Conflict => (ReportKind::Conflict, "it exists, or has changed"),
        ObjectFault::Invalid => (ReportKind::InvalidArgument, "400: a parameter is not valid"),
    };
    Report::new(kind, message)
}
