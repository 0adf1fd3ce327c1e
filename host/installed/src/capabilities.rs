use std::collections::BTreeSet;
use std::fmt;

use broker_manifest::{
    Auth, Command, Endpoint, LoginForm, Manifest, ObjectKind, Operation, OptionKind, ResourceRule,
    ResourceVerb, Scope, Select, Store, StoreKind, StorePlace, StoreRule, StoreVerb, Tls,
};
use host_engine::{Grants, Outline};

/// The exact set of an engine's capabilities beyond computing: the imports of its component, limited to what
/// its manifest asks for.
///
/// Each capability has a canonical text in the lockfile. The text says what is reachable, not how the engine
/// names it: two endpoints to the same port are one place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Capabilities(BTreeSet<Capability>);

/// One capability. Its text is canonical: two capabilities have the same text only if they are equal.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Capability {
    /// The engine sends one kind of request to one place.
    Http { place: Place, route: String },
    /// The engine adds one header of its own to requests to a place.
    Header { place: Place, name: String },
    /// The host adds credentials to requests to a place.
    Credentials {
        place: Place,
        kind: Login,
        /// The name of credentials of `[credentials.NAME]`.
        name: Option<String>,
        /// Whether they are sent with TLS only, unless the user says otherwise.
        with_tls: bool,
    },
    /// The host identifies the user to a place with a client certificate that the user names.
    ClientCertificate { place: Place },
    /// The host reads a Secret to verify the certificate of a place.
    Authority {
        place: Place,
        secret: String,
        key: String,
    },
    /// The host accepts a certificate of this name from a place.
    ServerName { place: Place, name: String },
    /// The engine runs one command, in the pod's default container if none is named.
    Exec {
        container: Option<String>,
        words: Vec<String>,
    },
    /// The engine uses one verb on Kubernetes objects of one kind.
    Objects {
        kind: ObjectKind,
        /// Place of the objects.
        scope: Scope,
        verb: ResourceVerb,
    },
    /// The engine uses one verb on objects of a store outside the cluster.
    Stored {
        kind: StoreKind,
        place: StorePlace,
        verb: StoreVerb,
        /// Whether the host adds the user's credentials to the requests.
        signed: bool,
    },
    /// The engine calls one action of one of Amazon's services.
    Action { service: String, action: String },
    /// The engine saves data of a backend to the file that the user names.
    SaveFiles,
    /// The engine sends a file that the user names to its backend.
    SendFiles,
    /// The engine reads a text file that the user names.
    ReadFiles,
}

/// The credentials that the host adds to a request.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Login {
    /// HTTP basic authentication.
    Basic,
    /// A bearer token.
    Bearer,
    /// A signature with the user's AWS credentials.
    Aws,
    /// A token in a header of this name.
    Header(String),
    /// A token in the header `authorization`, after this scheme.
    Scheme(String),
}

/// The destination of requests. Ports are names and numbers, in the order in which they are tried.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// Ports of the pods of the target.
    Pods { ports: Vec<String> },
    /// Ports of a Service in front of the pods.
    Service { ports: Vec<String> },
    /// Object storage outside the cluster.
    S3,
}

impl Capabilities {
    /// Returns the capabilities of a component.
    #[must_use]
    pub fn of(outline: &Outline) -> Self {
        let manifest = &outline.manifest;
        let mut found = BTreeSet::new();
        if outline.imports("http") || outline.imports("artifacts") {
            for endpoint in manifest.endpoints.values() {
                found.extend(credentials(manifest, endpoint));
                found.extend(certificates(endpoint));
                found.extend(endpoint.headers.iter().map(|name| header(endpoint, name)));
                found.extend(endpoint.allow.iter().map(|route| Capability::Http {
                    place: Place::of(endpoint),
                    route: route.to_string(),
                }));
            }
        }
        if outline.imports("exec") {
            found.extend(manifest.exec.values().map(command));
        }
        if outline.imports("resources") {
            let rules = manifest.resources.iter().flat_map(|it| &it.allow);
            found.extend(rules.flat_map(objects));
        }
        if outline.imports("storage") {
            let stores = manifest.storage.values();
            found.extend(
                stores.flat_map(|store| store.allow.iter().flat_map(|rule| stored(store, rule))),
            );
        }
        if outline.imports("aws") {
            found.extend(manifest.aws.iter().flat_map(|(service, actions)| {
                actions.allow.iter().map(|name| action(service, name))
            }));
        }
        if outline.imports("artifacts") && manifest.saves_files() {
            found.insert(Capability::SaveFiles);
        }
        // Files are sent by `artifacts` in interface 0.1, and by `http` since 0.2.
        let restore = manifest.operations.get(&Operation::Restore);
        let has_files = restore.is_some_and(|ability| ability.files);
        if has_files && (outline.imports("artifacts") || outline.imports("http")) {
            found.insert(Capability::SendFiles);
        }
        let options = manifest.options.iter().map(|option| option.kind);
        let of_verbs = manifest.verbs.values().flat_map(|verb| &verb.options);
        let mut kinds = options.chain(of_verbs.map(|option| option.kind));
        if kinds.any(|kind| kind == OptionKind::File) {
            found.insert(Capability::ReadFiles);
        }
        Self(found)
    }

    /// Returns the canonical texts in their order.
    #[must_use]
    pub fn texts(&self) -> BTreeSet<String> {
        self.0.iter().map(Capability::to_string).collect()
    }

    /// Returns the capabilities that are not in `consented`.
    #[must_use]
    pub fn beyond(&self, consented: &BTreeSet<String>) -> Self {
        let new = |capability: &&Capability| !consented.contains(&capability.to_string());
        Self(self.0.iter().filter(new).cloned().collect())
    }

    /// Returns true if there are no capabilities.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the grants: what the manifest asks for and the user has consented to.
    #[must_use]
    pub fn grants(manifest: &Manifest, consented: &BTreeSet<String>) -> Grants {
        let has = |capability: Capability| consented.contains(&capability.to_string());
        let mut allowed = manifest.clone();
        for endpoint in allowed.endpoints.values_mut() {
            let place = Place::of(endpoint);
            if !credentials(manifest, endpoint).is_none_or(has) {
                endpoint.auth = Auth::None;
            }
            let without = certificates(endpoint).filter(|it| !has(it.clone()));
            for refused in without.collect::<Vec<_>>() {
                match refused {
                    Capability::ClientCertificate { .. } => endpoint.tls_client = false,
                    Capability::ServerName { .. } => endpoint.tls_name = None,
                    _ => endpoint.tls_ca = None,
                }
            }
            let headers = endpoint.headers.clone().into_iter();
            endpoint.headers = headers.filter(|name| has(header(endpoint, name))).collect();
            endpoint.allow.retain(|route| {
                has(Capability::Http {
                    place: place.clone(),
                    route: route.to_string(),
                })
            });
        }
        allowed
            .endpoints
            .retain(|_, endpoint| !endpoint.allow.is_empty());
        allowed.exec.retain(|_, run| has(command(run)));
        if let Some(resources) = &mut allowed.resources {
            let rules = resources.allow.iter();
            let rules = rules.filter_map(|rule| rule.only(|verb| has(object(rule, verb))));
            resources.allow = rules.collect();
        }
        for store in allowed.storage.values_mut() {
            let rules = store.allow.iter();
            let rules =
                rules.filter_map(|rule| rule.only(|verb| has(stored_by(store, rule, verb))));
            store.allow = rules.collect();
        }
        for (service, actions) in &mut allowed.aws {
            actions.allow.retain(|name| has(action(service, name)));
        }
        Grants::all_of(&allowed)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Capability> {
        self.0.iter()
    }
}

fn credentials(manifest: &Manifest, endpoint: &Endpoint) -> Option<Capability> {
    let kind = match &endpoint.auth {
        Auth::None => return None,
        Auth::Aws => Login::Aws,
        auth => match auth.login(&manifest.credentials)?.form {
            LoginForm::Basic => Login::Basic,
            LoginForm::Scheme("Bearer") => Login::Bearer,
            LoginForm::Scheme(scheme) => Login::Scheme(scheme.to_owned()),
            LoginForm::Header(name) => Login::Header(name.to_ascii_lowercase()),
        },
    };
    Some(Capability::Credentials {
        place: Place::of(endpoint),
        kind,
        name: endpoint.auth.credentials().map(str::to_owned),
        with_tls: endpoint.tls != Tls::No,
    })
}

/// Returns the capabilities about the certificates of an endpoint.
fn certificates(endpoint: &Endpoint) -> impl Iterator<Item = Capability> + use<> {
    let place = || Place::of(endpoint);
    let authority = endpoint.tls_ca.as_ref().map(|ca| Capability::Authority {
        place: place(),
        secret: ca.secret.to_string(),
        key: ca.key.clone(),
    });
    let name = endpoint.tls_name.as_ref();
    let name = name.map(|name| Capability::ServerName {
        place: place(),
        name: name.to_string(),
    });
    let client = endpoint
        .tls_client
        .then(|| Capability::ClientCertificate { place: place() });
    [authority, name, client].into_iter().flatten()
}

fn header(endpoint: &Endpoint, name: &str) -> Capability {
    Capability::Header {
        place: Place::of(endpoint),
        name: name.to_ascii_lowercase(),
    }
}

fn objects(rule: &ResourceRule) -> impl Iterator<Item = Capability> {
    rule.verbs().iter().map(|verb| object(rule, *verb))
}

fn object(rule: &ResourceRule, verb: ResourceVerb) -> Capability {
    Capability::Objects {
        kind: rule.kind().clone(),
        scope: rule.scope().clone(),
        verb,
    }
}

fn stored(store: &Store, rule: &StoreRule) -> impl Iterator<Item = Capability> {
    rule.verbs()
        .iter()
        .map(|verb| stored_by(store, rule, *verb))
}

fn stored_by(store: &Store, rule: &StoreRule, verb: StoreVerb) -> Capability {
    Capability::Stored {
        kind: store.kind,
        place: rule.place().clone(),
        verb,
        signed: store.is_signed(),
    }
}

fn action(service: &str, action: &str) -> Capability {
    Capability::Action {
        service: service.to_owned(),
        action: action.to_owned(),
    }
}

fn command(command: &Command) -> Capability {
    Capability::Exec {
        container: command.container.clone(),
        words: command.argv.iter().map(ToString::to_string).collect(),
    }
}

impl Place {
    fn of(endpoint: &Endpoint) -> Self {
        let ports = || {
            let ports = endpoint.port.iter();
            let names = ports.clone().flat_map(|port| &port.names);
            let numbers = ports.flat_map(|port| &port.numbers);
            let names = names.map(ToString::to_string);
            names.chain(numbers.map(ToString::to_string)).collect()
        };
        match endpoint.select {
            Select::Pod => Self::Pods { ports: ports() },
            Select::Service => Self::Service { ports: ports() },
            Select::S3 => Self::S3,
        }
    }

    pub(super) fn words(&self) -> String {
        match self {
            Self::Pods { ports } => format!(
                "port {} of the pods of the StatefulSet you name",
                ports.join(" or ")
            ),
            Self::Service { ports } => format!(
                "port {} of a Service in front of the StatefulSet you name",
                ports.join(" or ")
            ),
            Self::S3 => "S3, outside the cluster".to_owned(),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pods { ports } => write!(f, "pod:{}", ports.join(",")),
            Self::Service { ports } => write!(f, "service:{}", ports.join(",")),
            Self::S3 => f.write_str("s3"),
        }
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http { place, route } => write!(f, "http {place} {route}"),
            Self::Header { place, name } => write!(f, "header {place} {name}"),
            Self::Credentials {
                place,
                kind,
                name,
                with_tls,
            } => {
                write!(f, "credentials {place} ")?;
                match kind {
                    Login::Basic => f.write_str("basic")?,
                    Login::Bearer => f.write_str("bearer")?,
                    Login::Aws => f.write_str("aws")?,
                    Login::Header(name) => write!(f, "header {name}")?,
                    Login::Scheme(scheme) => write!(f, "scheme {scheme}")?,
                }
                if let Some(name) = name {
                    write!(f, " use {name}")?;
                }
                // Without TLS is the older text, so that an update to it asks the user.
                f.write_str(if *with_tls { " with tls" } else { "" })
            }
            Self::ClientCertificate { place } => write!(f, "client-certificate {place}"),
            Self::Authority { place, secret, key } => {
                write!(f, "authority {place} {secret} {key}")
            }
            Self::ServerName { place, name } => write!(f, "server-name {place} {name}"),
            Self::Exec { container, words } => {
                // The name `-` is not valid for a container.
                let container = container.as_deref().unwrap_or("-");
                write!(f, "exec {container}: {}", quoted(words))
            }
            Self::Objects { kind, scope, verb } => write!(f, "objects {kind} {verb}{scope}"),
            Self::Stored {
                kind,
                place,
                verb,
                signed,
            } => {
                let auth = if *signed {
                    kind.own_auth().name()
                } else {
                    "public"
                };
                write!(f, "storage {} {auth} {verb} in {place}", kind.name())
            }
            Self::Action { service, action } => write!(f, "aws {service}:{action}"),
            Self::SaveFiles => f.write_str("save files"),
            Self::SendFiles => f.write_str("send files"),
            Self::ReadFiles => f.write_str("read files"),
        }
    }
}

/// Joins words with spaces. A word is quoted as in JSON if it could be read as several words, or as fewer
/// characters than it has.
pub(super) fn quoted(words: &[String]) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,{}".contains(c);
    let shown = words.iter().map(|word| {
        if word.chars().all(is_plain) {
            word.clone()
        } else {
            serde_json::Value::from(word.as_str()).to_string()
        }
    });
    shown.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests;
