//! TLS with a backend: whom to trust, which names to verify, and when to do without.
//!
//! With `auto`, TLS is used if the cluster declares it, by a port's name or `appProtocol`. Otherwise the server
//! is asked: a handshake is tried, and plain HTTP follows only if the server answers it with plain HTTP.
//! Somebody who forges that answer gets no credentials: without TLS none are sent.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use broker_manifest::{NameFacts, NamePattern, SecretKey, Tls, TlsFlags};
use host_base::files;
use host_web::{Anchors, ClientCertificate, Peer, Trust};
use k8s_openapi::api::core::v1::Pod;

use super::request::PODS;
use super::resolve::{Candidate, Origin};
use super::tls_failure::{TlsFailure, TlsTrouble};
use super::{Cluster, ClusterError, PodPort, Target};

/// The maximum size of a file with certificates, in bytes.
const MAX_CERTIFICATES: u64 = 16 << 20;

/// The keys of a Secret of the type `kubernetes.io/tls`.
const CERTIFICATE: &str = "tls.crt";
const PRIVATE_KEY: &str = "tls.key";

/// How TLS is spoken with an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsSpec {
    /// Whether TLS is used, after the user's choice.
    pub mode: Tls,
    /// The trusted authorities.
    pub authorities: Authorities,
    /// The names to verify.
    pub names: ServerNames,
    /// The client certificate and its key.
    pub client: Option<PemSource>,
    /// True if the user wants any certificate to be accepted.
    pub accepts_anything: bool,
    /// The flags of these settings, for hints.
    pub flags: TlsFlags,
}

/// The authorities whose certificates are accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Authorities {
    /// Those of this system.
    System,
    /// Those in a key of a Secret or in a file.
    Pem(PemSource),
    /// Those in a Secret that the manifest names.
    OfManifest(SecretKey),
}

/// The names of which a certificate must have one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerNames {
    /// The names of the Service and of the pod, with their namespace.
    ///
    /// Names without a namespace are not accepted: an authority that signs for several namespaces may have
    /// given them to somebody else.
    OfTarget,
    /// A name that the manifest gives.
    Pattern(NamePattern),
    /// A name that the user gives.
    Given(String),
}

/// Where certificates in PEM are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PemSource {
    /// A Secret in the namespace. Without a key, it is that for the purpose.
    Secret {
        /// Name of the Secret.
        name: String,
        /// Key in the Secret.
        key: Option<String>,
    },
    /// A file.
    File(PathBuf),
}

impl fmt::Display for PemSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Secret { name, key: None } => write!(f, "Secret {name}"),
            Self::Secret {
                name,
                key: Some(key),
            } => write!(f, "Secret {name} ({key})"),
            Self::File(path) => write!(f, "file {}", path.display()),
        }
    }
}

/// The known facts about TLS with the pods of one endpoint.
#[derive(Default)]
pub(super) struct Security {
    /// Prepared connections, by the place that they lead to.
    peers: Mutex<BTreeMap<Place, Arc<Known>>>,
    /// True once a server has spoken TLS. From then on all must.
    is_expected: AtomicBool,
    /// Ports of which it is known that they speak plain HTTP.
    plain: Mutex<Vec<(String, u16)>>,
}

/// The name of a pod, and of the Service that leads to it.
type Place = (String, Option<String>);

/// A prepared connection, and the words for its trusted authorities.
pub(super) struct Known {
    pub peer: Peer,
    pub trusted: String,
    pub names: Vec<String>,
}

/// The next step for a new connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Plain,
    Tls,
    /// TLS, or plain HTTP if the server speaks that.
    Try,
}

impl Security {
    /// Decides how to connect to a place.
    pub fn step(&self, spec: Option<&TlsSpec>, to: &Candidate) -> Step {
        match spec.map_or(Tls::No, |spec| spec.mode) {
            Tls::No => Step::Plain,
            Tls::Yes => Step::Tls,
            Tls::Auto if to.declares_tls || self.is_expected() => Step::Tls,
            Tls::Auto => {
                let plain = self.plain.lock().unwrap_or_else(PoisonError::into_inner);
                if plain.contains(&(to.pod.clone(), to.port)) {
                    Step::Plain
                } else {
                    Step::Try
                }
            }
        }
    }

    /// Returns true if a server has spoken TLS.
    pub fn is_expected(&self) -> bool {
        self.is_expected.load(Ordering::Relaxed)
    }

    /// Remembers that a server has spoken TLS.
    pub fn note_tls(&self) {
        self.is_expected.store(true, Ordering::Relaxed);
    }

    /// Remembers that a server speaks plain HTTP.
    pub fn note_plain(&self, to: &Candidate) {
        let mut plain = self.plain.lock().unwrap_or_else(PoisonError::into_inner);
        plain.push((to.pod.clone(), to.port));
    }

    /// Returns how the server at a place is recognized. Secrets and the pod are read once.
    pub async fn peer(
        &self,
        cluster: &Cluster,
        target: &Target,
        spec: &TlsSpec,
        to: &Candidate,
    ) -> Result<Arc<Known>, ClusterError> {
        let service = match &to.origin {
            Origin::Service(name) => Some(name.clone()),
            _ => None,
        };
        let key = (to.pod.clone(), service);
        let known = |peers: &BTreeMap<Place, _>| peers.get(&key).map(Arc::clone);
        let peers = || self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(peer) = known(&peers()) {
            return Ok(peer);
        }
        let made = Arc::new(Box::pin(cluster.known(target, spec, to)).await?);
        peers().insert(key.clone(), Arc::clone(&made));
        Ok(made)
    }
}

impl Cluster {
    async fn known(
        &self,
        target: &Target,
        spec: &TlsSpec,
        to: &Candidate,
    ) -> Result<Known, ClusterError> {
        let facts = NameFacts {
            statefulset: &target.statefulset,
            namespace: self.namespace(),
            pod: &to.pod,
        };
        let at = self.at(to);
        let pod = if spec.needs_pod() {
            let pod = self.get::<Pod>(&PODS, &to.pod).await?;
            pod.ok_or_else(|| ClusterError::PodGone {
                pod: to.pod.clone(),
                namespace: self.namespace().to_owned(),
            })?
        } else {
            Pod::default()
        };
        let fill = |pattern: &NamePattern, flag: String| {
            let labels = pod.metadata.labels.as_ref();
            let filled = pattern.fill(facts, |key| Some(&**labels?.get(key)?));
            filled.map_err(|error| unusable(&at, pattern.to_string(), error.to_string(), flag))
        };
        let names = match &spec.names {
            ServerNames::Given(name) => vec![name.clone()],
            ServerNames::Pattern(pattern) => vec![fill(pattern, spec.flags.server_name())?],
            ServerNames::OfTarget => names_of(target, self.namespace(), to, &pod),
        };
        let source = match &spec.authorities {
            _ if spec.accepts_anything => None,
            Authorities::System => None,
            Authorities::Pem(source) => Some(source.clone()),
            Authorities::OfManifest(ca) => Some(PemSource::Secret {
                name: fill(&ca.secret, spec.flags.ca())?,
                key: Some(ca.key.clone()),
            }),
        };
        let trust = match &source {
            _ if spec.accepts_anything => Trust::Anything,
            None => Trust::System,
            Some(source) => {
                let pem = self
                    .pem(&at, source, SecretKey::CA, spec.flags.ca())
                    .await?;
                let anchors = Anchors::from_pem(&pem);
                Trust::Only(anchors.map_err(|reason| {
                    unusable(&at, source.to_string(), reason.to_owned(), spec.flags.ca())
                })?)
            }
        };
        let client = match &spec.client {
            None => None,
            Some(source) => Some(Arc::new(self.client_certificate(&at, spec, source).await?)),
        };
        let peer = Peer::new(trust, &names, client);
        let flag = spec.flags.server_name();
        let peer = peer.map_err(|reason| unusable(&at, "the name".to_owned(), reason, flag))?;
        Ok(Known {
            peer,
            trusted: match source {
                Some(source) => source.to_string(),
                None => "an authority that this system trusts".to_owned(),
            },
            names,
        })
    }

    async fn client_certificate(
        &self,
        at: &PodPort,
        spec: &TlsSpec,
        source: &PemSource,
    ) -> Result<ClientCertificate, ClusterError> {
        let flag = || spec.flags.client_cert().unwrap_or_default();
        let (certificate, key) = match source {
            PemSource::Secret { .. } => (
                self.pem(at, source, CERTIFICATE, flag()).await?,
                self.pem(at, source, PRIVATE_KEY, flag()).await?,
            ),
            PemSource::File(_) => {
                let both = self.pem(at, source, CERTIFICATE, flag()).await?;
                (both.clone(), both)
            }
        };
        let client = ClientCertificate::default();
        let set = client.set(&certificate, &key);
        set.map_err(|reason| unusable(at, source.to_string(), reason.to_owned(), flag()))?;
        Ok(client)
    }

    /// Reads PEM. `usual` is the key of a Secret if none is given.
    async fn pem(
        &self,
        at: &PodPort,
        source: &PemSource,
        usual: &str,
        flag: String,
    ) -> Result<Vec<u8>, ClusterError> {
        match source {
            PemSource::Secret { name, key } => {
                let read = async {
                    let keys = self.secret(name).await?;
                    let key = key.as_deref().unwrap_or(usual);
                    Ok(keys.require(key)?.expose().to_vec())
                };
                read.await.map_err(|source| ClusterError::Certificates {
                    at: at.clone(),
                    flag,
                    source: Box::new(source),
                })
            }
            PemSource::File(path) => files::read(path, MAX_CERTIFICATES)
                .map_err(|error| unusable(at, source.to_string(), error.to_string(), flag)),
        }
    }

    fn at(&self, to: &Candidate) -> PodPort {
        PodPort {
            namespace: self.namespace().to_owned(),
            pod: to.pod.clone(),
            port: to.port,
        }
    }
}

impl TlsSpec {
    /// Returns true if the settings depend on the record of the pod.
    fn needs_pod(&self) -> bool {
        let of_names = match &self.names {
            ServerNames::OfTarget => true,
            ServerNames::Pattern(pattern) => pattern.needs_labels(),
            ServerNames::Given(_) => false,
        };
        let of_authority = match &self.authorities {
            Authorities::OfManifest(ca) => ca.secret.needs_labels(),
            Authorities::System | Authorities::Pem(_) => false,
        };
        of_names || of_authority && !self.accepts_anything
    }
}

/// Returns the names of the Service, of the pod, and of the Service that governs the pods. The last is that of a
/// Service with the name of the StatefulSet. All of them contain the namespace.
fn names_of(target: &Target, namespace: &str, to: &Candidate, pod: &Pod) -> Vec<String> {
    let mut bare = Vec::new();
    if let Origin::Service(service) = &to.origin {
        bare.push(service.clone());
    }
    let spec = pod.spec.as_ref();
    if let Some(governing) = spec.and_then(|spec| spec.subdomain.clone()) {
        let host = spec.and_then(|spec| spec.hostname.as_deref());
        bare.push(format!("{}.{governing}", host.unwrap_or(&to.pod)));
        bare.push(governing);
    }
    bare.push(target.statefulset.clone());
    let mut names = Vec::new();
    for name in bare {
        for domain in ["svc", "svc.cluster.local"] {
            let name = format!("{name}.{namespace}.{domain}");
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    names
}

fn unusable(at: &PodPort, what: String, reason: String, flag: String) -> ClusterError {
    ClusterError::Tls(Box::new(TlsFailure {
        at: at.clone(),
        trouble: TlsTrouble::Setting { what, reason, flag },
        flags: None,
        port_flag: None,
    }))
}

/// Returns true if a port's name or its `appProtocol` says that it speaks HTTPS.
pub(super) fn declares_tls(name: Option<&str>, protocol: Option<&str>) -> bool {
    let is_https = |word: &str| word.eq_ignore_ascii_case("https");
    name.is_some_and(|name| name.split('-').any(is_https)) || protocol.is_some_and(is_https)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(mode: Tls) -> TlsSpec {
        let endpoint: broker_manifest::Endpoint = serde_json::from_value(serde_json::json!({
            "select": "pod", "allow": ["GET /"], "tls": "yes", "tls-client": true,
            "port": {"flag": "api-port", "numbers": [9200]},
        }))
        .unwrap();
        TlsSpec {
            mode,
            authorities: Authorities::System,
            names: ServerNames::OfTarget,
            client: None,
            accepts_anything: false,
            flags: endpoint.tls_flags().unwrap(),
        }
    }

    fn place(origin: Origin, declares_tls: bool) -> Candidate {
        Candidate {
            pod: "es-0".into(),
            port: 9200,
            origin,
            declares_tls,
        }
    }

    #[test]
    fn auto_follows_the_cluster_and_then_the_server() {
        let (declared, silent) = (place(Origin::Flag, true), place(Origin::Flag, false));
        let security = Security::default();
        let auto = spec(Tls::Auto);
        assert_eq!(security.step(None, &declared), Step::Plain);
        assert_eq!(security.step(Some(&spec(Tls::No)), &declared), Step::Plain);
        assert_eq!(security.step(Some(&spec(Tls::Yes)), &silent), Step::Tls);
        assert_eq!(security.step(Some(&auto), &declared), Step::Tls);
        assert_eq!(security.step(Some(&auto), &silent), Step::Try);
        security.note_plain(&silent);
        assert_eq!(security.step(Some(&auto), &silent), Step::Plain);
        // A server that has spoken TLS must go on to, whatever another one answers.
        security.note_tls();
        assert_eq!(security.step(Some(&auto), &silent), Step::Tls);
    }

    #[test]
    fn a_port_declares_tls_by_a_word_of_its_name_or_its_protocol() {
        for (name, protocol, declares) in [
            (Some("https"), None, true),
            (Some("api-https"), None, true),
            (Some("https-api"), None, true),
            (Some("http"), Some("HTTPS"), true),
            (Some("nothttps"), None, false),
            (Some("http"), Some("http"), false),
            (None, None, false),
        ] {
            assert_eq!(
                declares_tls(name, protocol),
                declares,
                "{name:?} {protocol:?}"
            );
        }
    }

    #[test]
    fn every_name_that_is_verified_has_the_namespace() {
        let target = Target {
            statefulset: "es".into(),
            pod: None,
        };
        let pod: Pod = serde_json::from_value(serde_json::json!({
            "metadata": {"name": "es-0"},
            "spec": {"hostname": "es-0", "subdomain": "es-headless", "containers": []},
        }))
        .unwrap();
        let names = names_of(
            &target,
            "logs",
            &place(Origin::Service("es".into()), true),
            &pod,
        );
        assert_eq!(
            names,
            [
                "es.logs.svc",
                "es.logs.svc.cluster.local",
                "es-0.es-headless.logs.svc",
                "es-0.es-headless.logs.svc.cluster.local",
                "es-headless.logs.svc",
                "es-headless.logs.svc.cluster.local",
            ]
        );
    }
}
