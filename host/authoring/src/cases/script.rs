//! The script of an author's case: exchanges and commands in their order, and Kubernetes objects.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use broker_manifest::Manifest;
use host_base::{Report, ReportKind};
use host_engine::{
    Ended, Form, FormPart, FormValue, GrantedCommand, GrantedObjects, Outgoing, SelectedObjects,
    Sent, WatchedObjects,
};
use serde_json::Value;

use super::namespace::Namespace;
use super::outside::Outside;
use super::show::{self, shortened};
use crate::stage::{Asked, Beyond, Found, Reply, Script};

/// The expected requests and commands, and the differences so far.
pub(super) struct Exchanges {
    manifest: Manifest,
    pods: Vec<String>,
    namespace: Arc<Namespace>,
    outside: Outside,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    exchanges: VecDeque<Exchange>,
    commands: VecDeque<Command>,
    problems: Vec<String>,
}

/// One request and its response.
pub(super) struct Exchange {
    /// Number of the entry in its file, counted from 1.
    pub(super) number: usize,
    /// The request as `METHOD /path/{parameter}`, for messages.
    pub(super) request: String,
    pub(super) endpoint: String,
    /// The pod that the engine chooses.
    pub(super) pod: Option<String>,
    pub(super) method: &'static str,
    /// The path with its parameters filled in and encoded.
    pub(super) path: String,
    pub(super) query: BTreeMap<String, String>,
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: Body,
    pub(super) answer: Reply,
}

/// The body of a request.
pub(super) enum Body {
    Nothing,
    Json(Value),
    Bytes(Vec<u8>),
    File(String),
    Form(Vec<Part>),
}

/// One part of a form: its name, and its text or the name of a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Part {
    Text(String, String),
    File(String, String),
}

/// One command and its result.
pub(super) struct Command {
    pub(super) number: usize,
    pub(super) name: String,
    pub(super) pod: String,
    pub(super) argv: Vec<String>,
    pub(super) outcome: Result<Ended, Report>,
}

impl Exchanges {
    pub(super) fn new(
        manifest: &Manifest,
        pods: Vec<String>,
        exchanges: Vec<Exchange>,
        commands: Vec<Command>,
        namespace: Namespace,
        outside: Outside,
    ) -> Self {
        Self {
            manifest: manifest.clone(),
            pods,
            namespace: Arc::new(namespace),
            outside,
            state: Mutex::new(State {
                exchanges: exchanges.into(),
                commands: commands.into(),
                problems: Vec::new(),
            }),
        }
    }

    /// Returns the differences between the engine's behavior and the script.
    pub(super) fn problems(&self) -> Vec<String> {
        let mut problems = self.state().problems.clone();
        problems.extend(self.namespace.problems());
        problems.extend(self.outside.problems());
        problems
    }

    /// Returns the entries of the script that the engine did not reach.
    pub(super) fn left(&self) -> Vec<String> {
        let state = self.state();
        let exchanges = state.exchanges.iter().map(|exchange| {
            let Exchange {
                number, request, ..
            } = exchange;
            format!("exchange {number} was never made: {request}")
        });
        let commands = state.commands.iter().map(|command| {
            let Command { number, name, .. } = command;
            format!("command {number} was never run: {name}")
        });
        let objects = self.namespace.left();
        let outside = self.outside.left();
        let here = exchanges.chain(commands).chain(objects);
        here.chain(outside).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Script for Exchanges {
    fn request(&self, request: &Outgoing) -> Reply {
        if !self.manifest.endpoints.contains_key(&request.endpoint) {
            return self.outside.open(request.request.uri().path());
        }
        let mut state = self.state();
        let difference = match state.exchanges.front() {
            None => Some("no further exchange is scripted".to_owned()),
            Some(next) => next
                .difference(request)
                .map(|what| format!("exchange {} is another: {what}", next.number)),
        };
        if let Some(difference) = difference {
            let shown = show::request(&self.manifest, request);
            state.problems.push(format!(
                "it asks for what is not scripted; {difference}\n{shown}"
            ));
            return Reply::Fault(unscripted());
        }
        match state.exchanges.pop_front() {
            Some(exchange) => exchange.answer,
            None => Reply::Fault(unscripted()),
        }
    }

    fn pods(&self) -> Result<Vec<String>, Report> {
        Ok(self.pods.clone())
    }

    fn command(&self, pod: &str, command: &GrantedCommand) -> Result<Ended, Report> {
        let mut state = self.state();
        let difference = match state.commands.front() {
            None => Some("no further command is scripted".to_owned()),
            Some(next) if next.pod != pod || next.argv != command.argv => Some(format!(
                "command {} is another: {} in pod {}",
                next.number,
                next.argv.join(" "),
                next.pod
            )),
            Some(_) => None,
        };
        if let Some(difference) = difference {
            let shown = show::command(&self.manifest, pod, command);
            state.problems.push(format!(
                "it runs what is not scripted; {difference}\n{shown}"
            ));
            return Err(unscripted());
        }
        let next = state.commands.pop_front();
        next.map_or_else(|| Err(unscripted()), |command| command.outcome)
    }

    fn objects(&self, of: &GrantedObjects, asked: Asked) -> Result<Vec<Value>, Report> {
        self.namespace.asked(of, asked)
    }

    fn watch(
        &self,
        of: &GrantedObjects,
        selected: SelectedObjects,
    ) -> Result<Box<dyn WatchedObjects>, Report> {
        self.namespace.watch(of, &selected)
    }

    fn outside(&self, asked: Beyond) -> Result<Found, Report> {
        self.outside.asked(asked)
    }
}

pub(super) fn unscripted() -> Report {
    Report::new(ReportKind::Failed, "the case has no answer to that")
}

impl Exchange {
    /// Returns the first difference between a request and this one.
    fn difference(&self, request: &Outgoing) -> Option<String> {
        let is = &request.request;
        if request.endpoint != self.endpoint {
            return Some(format!("endpoint {}", self.endpoint));
        }
        if request.pod != self.pod {
            return Some(match &self.pod {
                Some(pod) => format!("it goes to pod {pod}"),
                None => "it goes to no pod by name".to_owned(),
            });
        }
        if is.method().as_str() != self.method || is.uri().path() != self.path {
            return Some(format!("{} {}", self.method, self.path));
        }
        let query: Vec<_> = self.query.clone().into_iter().collect();
        if show::query(request) != query {
            return Some(format!("its query is {query:?}"));
        }
        for (name, value) in &self.headers {
            let mut values = is.headers().get_all(name).iter();
            if !values.any(|is| is.as_bytes() == value.as_bytes()) {
                return Some(format!("it has the header `{name}: {value}`"));
            }
        }
        self.body.difference(is.body())
    }
}

impl Body {
    fn difference(&self, is: &Sent) -> Option<String> {
        match (self, is) {
            (Self::Nothing, Sent::Bytes(bytes)) if bytes.is_empty() => None,
            (Self::Json(expected), Sent::Bytes(bytes))
                if serde_json::from_slice::<Value>(bytes).ok().as_ref() == Some(expected) =>
            {
                None
            }
            (Self::Bytes(expected), Sent::Bytes(bytes)) if bytes == expected => None,
            (Self::File(name), Sent::Artifact(file)) if file.name == *name => None,
            (Self::Form(expected), Sent::Form(form)) if Part::all(form) == *expected => None,
            (Self::Nothing, _) => Some("it has no body".to_owned()),
            (Self::Json(json), _) => Some(format!("its body is {}", shortened(&json.to_string()))),
            (Self::Bytes(bytes), _) => Some(format!(
                "its body is {:?}",
                shortened(&String::from_utf8_lossy(bytes))
            )),
            (Self::File(name), _) => Some(format!("its body is the file {name:?}")),
            (Self::Form(parts), _) => Some(format!("its body is the form {}", show::form(parts))),
        }
    }
}

impl Part {
    /// Returns the parts of a form that an engine sends.
    pub(super) fn all(form: &Form) -> Vec<Self> {
        let parts = form.parts().iter();
        let parts = parts.map(|FormPart { name, value }| match value {
            FormValue::Text(text) => Self::Text(name.clone(), text.clone()),
            FormValue::File(file) => Self::File(name.clone(), file.name.clone()),
        });
        parts.collect()
    }
}
