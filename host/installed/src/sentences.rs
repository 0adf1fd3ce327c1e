//! Describes an engine's capabilities for people: the gravest first, with marks, and nothing left out.

use std::collections::BTreeSet;
use std::fmt;

use broker_manifest::{Manifest, ObjectKind, Operation, Scope, StoreKind, StorePlace};

use super::capabilities::{Login, Place, quoted};
use super::marks::{self, Mark};
use super::{Capabilities, Capability};

/// One sentence and its dangers.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Sentence {
    marks: BTreeSet<Mark>,
    text: String,
}

impl fmt::Display for Sentence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let marks: Vec<_> = self.marks.iter().map(Mark::to_string).collect();
        if !marks.is_empty() {
            write!(f, "[{}] ", marks.join(", "))?;
        }
        f.write_str(&self.text)
    }
}

/// The subject of one sentence: capabilities with the same place and the same danger.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Subject<'a> {
    Requests(&'a Place),
    Objects(&'a ObjectKind, &'a Scope),
    Stored(StoreKind, &'a StorePlace, bool),
    Actions(&'a str),
    Other,
}

/// Returns the sentence about the operations that an engine is the default for, if there are any.
fn default_for(operations: &BTreeSet<Operation>, manifest: &Manifest) -> Option<String> {
    let text = format!(
        "be chosen by `auto`, before the bundled engines, for: {}",
        names(operations, manifest)
    );
    let marks = BTreeSet::from([Mark::Default]);
    (!operations.is_empty()).then(|| Sentence { marks, text }.to_string())
}

/// Returns the names of operations; `act` includes the verbs that it stands for.
pub(super) fn names(operations: &BTreeSet<Operation>, manifest: &Manifest) -> String {
    let names = operations.iter().map(|operation| {
        let name = operation.name();
        if *operation != Operation::Act {
            return name.to_owned();
        }
        let verbs: Vec<_> = manifest.verbs.keys().map(String::as_str).collect();
        format!("{name} ({})", verbs.join(", "))
    });
    let names: Vec<_> = names.collect();
    names.join(", ")
}

impl Capabilities {
    /// Returns one sentence for each place, kind or command. The dangerous ones come first, each with its
    /// marks in brackets before it. Nothing is left out or cut.
    #[must_use]
    pub fn sentences(&self) -> Vec<String> {
        let mut sentences: Vec<(Subject<'_>, Sentence)> = Vec::new();
        for capability in self.iter() {
            let (subject, marks, begin, more) = parts(capability);
            let same = sentences.iter_mut().find(|(known, sentence)| {
                *known == subject
                    && subject != Subject::Other
                    // Reading and writing at one place are two sentences.
                    && (sentence.marks == marks || matches!(subject, Subject::Objects(..)))
            });
            match same {
                Some((_, sentence)) => {
                    sentence.marks.extend(marks);
                    sentence.text.push_str(", ");
                    sentence.text.push_str(&more);
                }
                None => {
                    let text = format!("{begin}{more}");
                    sentences.push((subject, Sentence { marks, text }));
                }
            }
        }
        // Sentences without a mark come last.
        sentences.sort_by_key(|(_, sentence)| {
            let gravest = sentence.marks.first().copied();
            (gravest.is_none(), gravest)
        });
        let sentences = sentences.iter().map(|(_, sentence)| sentence.to_string());
        sentences.collect()
    }

    /// Returns [`Self::sentences`] of an engine that is also the default for these operations.
    #[must_use]
    pub fn sentences_with(
        &self,
        defaults: &BTreeSet<Operation>,
        manifest: &Manifest,
    ) -> Vec<String> {
        let mut sentences = self.sentences();
        if let Some(first) = default_for(defaults, manifest) {
            sentences.insert(0, first);
        }
        sentences
    }
}

/// Returns the parts of a sentence: its subject, its marks, its beginning, and the item that may be one of
/// several.
fn parts(capability: &Capability) -> (Subject<'_>, BTreeSet<Mark>, String, String) {
    let other = |marks: Option<Mark>, text: String| {
        (
            Subject::Other,
            marks.into_iter().collect(),
            text,
            String::new(),
        )
    };
    match capability {
        Capability::Http { place, route } => {
            let parsed: Result<broker_manifest::Route, _> = route.parse();
            let marks = match &parsed {
                Ok(route) if *place == Place::S3 => {
                    [marks::of_route(route), marks::of_bucket(route)]
                }
                Ok(route) => [marks::of_route(route), None],
                // The route comes from a manifest. If it can't be parsed, it is not assumed to be harmless.
                Err(_) => [Some(Mark::Writes), None],
            };
            let marks = marks.into_iter().flatten().collect();
            let begin = format!("talk to {}: ", place.words());
            (Subject::Requests(place), marks, begin, route.clone())
        }
        Capability::Header { place, name } => {
            let place = place.words();
            other(
                None,
                format!("add the header {name} to its requests to {place}"),
            )
        }
        Capability::Credentials {
            place,
            kind,
            name,
            with_tls,
        } => {
            let text = login(kind, name.as_deref(), &place.words(), *with_tls);
            other(Some(Mark::Credentials), text)
        }
        Capability::ClientCertificate { place } => {
            other(Some(Mark::Credentials), client_certificate(place))
        }
        Capability::Authority { place, secret, key } => {
            other(Some(Mark::Secrets), authority(place, secret, key))
        }
        Capability::ServerName { place, name } => {
            other(Some(Mark::Certificate), server_name(place, name))
        }
        Capability::Exec { container, words } => {
            let container = container
                .as_ref()
                .map(|name| format!("container {name} of "))
                .unwrap_or_default();
            let text = format!(
                "run in {container}a pod of the StatefulSet you name: {}",
                quoted(words)
            );
            other(marks::of_command(words), text)
        }
        Capability::Objects { kind, scope, verb } => {
            let begin = objects(kind, scope);
            let marks = marks::of_objects(kind, scope, *verb);
            let subject = Subject::Objects(kind, scope);
            (
                subject,
                marks.into_iter().collect(),
                begin,
                verb.to_string(),
            )
        }
        Capability::Stored {
            kind,
            place,
            verb,
            signed,
        } => {
            let begin = stored(*kind, place, *signed);
            let marks = marks::of_stored(place, *verb, *signed);
            let subject = Subject::Stored(*kind, place, *signed);
            (subject, marks, begin, verb.to_string())
        }
        Capability::Action { service, action } => {
            let begin = format!(
                "call actions of the AWS service {service}, with your AWS credentials, without seeing them: "
            );
            let marks = marks::of_action(action);
            (Subject::Actions(service), marks, begin, action.clone())
        }
        Capability::SaveFiles => other(
            None,
            "write received data to the file that you name".to_owned(),
        ),
        Capability::ReadFiles => other(None, "read a text file that you name".to_owned()),
        Capability::SendFiles => other(
            None,
            "send a file that you name to a server that it may talk to".to_owned(),
        ),
    }
}

/// Returns the beginning of a sentence about Kubernetes objects.
fn objects(kind: &ObjectKind, scope: &Scope) -> String {
    let place = match scope {
        Scope::Command => "in the namespace of the command".to_owned(),
        Scope::Namespace(name) => format!("in namespace {name}"),
        Scope::Any => "in any namespace".to_owned(),
        Scope::Cluster => "of the whole cluster".to_owned(),
    };
    format!("work with Kubernetes objects {kind} {place}: ")
}

/// Returns the beginning of a sentence about objects of a store.
fn stored(kind: StoreKind, place: &StorePlace, signed: bool) -> String {
    let place = match place {
        StorePlace::Any => "in any bucket".to_owned(),
        StorePlace::Bucket { bucket, prefix } => format!("in bucket {bucket}{}", below(prefix)),
        StorePlace::Option { option, prefix } => {
            let below = below(prefix);
            format!("in the bucket that you name with `--{option}`{below}")
        }
    };
    let with = match kind {
        _ if !signed => "without credentials",
        StoreKind::S3 => "with your AWS credentials, without seeing them",
        StoreKind::Gcs => "with your Google credentials, without seeing them",
    };
    format!(
        "work with objects of {}, outside the cluster, {place}, {with}: ",
        kind.words()
    )
}

fn below(prefix: &str) -> String {
    if prefix.is_empty() {
        return String::new();
    }
    format!(", keys that begin with {}", quoted(&[prefix.to_owned()]))
}

/// Returns the sentence about credentials that the host adds.
fn login(kind: &Login, name: Option<&str>, place: &str, with_tls: bool) -> String {
    let token = match name {
        Some(name) => format!("your token `{name}`"),
        None => "your token".to_owned(),
    };
    let tls = if with_tls { " with TLS" } else { "" };
    let added = format!("added to its requests to {place}{tls}");
    match kind {
        Login::Aws => format!(
            "have its requests to {place} signed with your AWS credentials, without seeing them"
        ),
        Login::Basic => {
            let of = name.map(|name| format!(" of `{name}`")).unwrap_or_default();
            format!("have your user name and password{of} {added}, without seeing them")
        }
        Login::Bearer => format!("have {token} {added}, without seeing it"),
        Login::Header(name) => format!("have {token} {added} as header {name}, without seeing it"),
        Login::Scheme(scheme) => {
            format!("have {token} {added} with the scheme {scheme}, without seeing it")
        }
    }
}

fn client_certificate(place: &Place) -> String {
    let place = place.words();
    format!("have your client certificate shown to {place}, without seeing it, if you name one")
}

fn authority(place: &Place, secret: &str, key: &str) -> String {
    let place = place.words();
    format!("have the key {key} of Secret {secret} read to verify {place}, without seeing it")
}

fn server_name(place: &Place, name: &str) -> String {
    format!(
        "have the certificate of {name} accepted from {}",
        place.words()
    )
}
