//! A running testbed.

use std::collections::BTreeMap;
use std::io;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::json;
use tempfile::TempDir;
use tokio::io::copy_bidirectional;
use tokio::net::TcpListener;

use crate::access::Tokens;
use crate::api::connections::Connections;
use crate::api::objects::Objects;
use crate::api::server::ApiServer;
use crate::api::settle;
use crate::backend::hivemq::Hivemq;
use crate::backend::pace::Pace;
use crate::backend::sidecar::Sidecar;
use crate::backend::strategy::Strategy;
use crate::backend::{Backends, PodAddress};
use crate::clock::Clock;
use crate::faults::{Fault, Faults};
use crate::jobs::kubelet::Pods;
use crate::jobs::{Cluster, Image, Images, Recorder, Workloads};
use crate::kubeconfig::{self, Access};
use crate::log::{ApiRequest, BackendRequest, Log};
use crate::operators;
use crate::pods::PodFiles;
use crate::scenario::{self, World};
use crate::tasks::Tasks;
use crate::tls::{self, TlsError};

/// The default namespace of the kubeconfig's current context.
const NAMESPACE: &str = "messaging";
/// The bearer token of every testbed. It is useless beyond loopback.
const TOKEN: &str = "testbed-token-2f6c1f1a";

/// An error at the start of a testbed.
#[derive(Debug, thiserror::Error)]
pub enum TestbedError {
    #[error("cannot listen on loopback: {0}")]
    Listen(#[source] io::Error),
    #[error("cannot write the kubeconfig: {0}")]
    Kubeconfig(#[source] io::Error),
    #[error(transparent)]
    Tls(#[from] TlsError),
}

type Fill = Box<dyn FnOnce(&mut World) + Send>;

/// The settings of a testbed.
pub struct Builder {
    clock: Clock,
    pace: Pace,
    namespace: String,
    faults: Vec<Fault>,
    fill: Vec<Fill>,
    demo: bool,
    operators: bool,
    images: Images,
}

impl Builder {
    /// Stops the cluster's clock at a time, so that ages are reproducible.
    #[must_use]
    pub fn now(mut self, moment: Timestamp) -> Self {
        self.clock = Clock::fixed(moment);
        self
    }

    /// Sets the duration of backups, restores and uploads. By default they complete at the second poll.
    #[must_use]
    pub fn pace(mut self, pace: Pace) -> Self {
        self.pace = pace;
        self
    }

    /// Sets the namespace of the kubeconfig's current context. The default is `messaging`.
    #[must_use]
    pub fn namespace(mut self, namespace: &str) -> Self {
        namespace.clone_into(&mut self.namespace);
        self
    }

    /// Starts with a fault switched on.
    #[must_use]
    pub fn fault(mut self, fault: Fault) -> Self {
        self.faults.push(fault);
        self
    }

    /// Starts with an empty cluster instead of the demonstration.
    #[must_use]
    pub fn empty(mut self) -> Self {
        self.demo = false;
        self
    }

    /// Leaves out the simulated operators, so that others can work on their kinds.
    #[must_use]
    pub fn without_operators(mut self) -> Self {
        self.operators = false;
        self
    }

    /// Adds an image to the registry: a program of this machine, which runs as the container of a Job's pod.
    ///
    /// `name` is the whole name of the image with its tag. A pod with any other image waits: `ErrImagePull`.
    #[must_use]
    pub fn image(self, name: &str, image: impl Into<Image>) -> Self {
        self.images.add(name, image.into());
        self
    }

    /// Adds objects, resource types and backends to the cluster before it starts.
    #[must_use]
    pub fn with(mut self, fill: impl FnOnce(&mut World) + Send + 'static) -> Self {
        self.fill.push(Box::new(fill));
        self
    }

    /// Starts the testbed. It runs on the caller's runtime until the returned value is dropped.
    ///
    /// # Errors
    /// Fails if loopback can't be listened on, or if the kubeconfig can't be written.
    pub async fn start(self) -> Result<Testbed, TestbedError> {
        let faults = Faults::default();
        for fault in self.faults {
            faults.set(fault);
        }
        let tasks = Tasks::default();
        let mut world = World {
            objects: Objects::new(self.clock.clone()),
            backends: Backends::default(),
            faults: faults.clone(),
            clock: self.clock.clone(),
            pace: self.pace,
            requests: Log::default(),
            tasks: tasks.clone(),
            files: PodFiles::default(),
            hivemq: BTreeMap::new(),
            sidecars: BTreeMap::new(),
            strategies: BTreeMap::new(),
        };
        if self.demo {
            scenario::demo(&mut world);
        }
        for fill in self.fill {
            fill(&mut world);
        }
        if self.operators {
            operators::start(&world);
        }
        settle::start(&world.objects, &self.clock, &tasks);

        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
        let listener = listener.await.map_err(TestbedError::Listen)?;
        let address = listener.local_addr().map_err(TestbedError::Listen)?;
        let identity = tls::identity()?;
        let url = format!("https://{address}");
        let folder = tempfile::Builder::new().prefix("testbed-").tempdir();
        let folder = folder.map_err(TestbedError::Kubeconfig)?;
        let kubeconfig = folder.path().join("kubeconfig");
        let access = Access {
            url: &url,
            ca_pem: &identity.ca_pem,
            token: TOKEN,
            namespace: &self.namespace,
        };
        kubeconfig::write(&kubeconfig, &access).map_err(TestbedError::Kubeconfig)?;

        let workloads = Workloads::new(Cluster {
            objects: world.objects.clone(),
            clock: self.clock.clone(),
            faults: faults.clone(),
            events: Recorder::new(world.objects.clone(), self.clock.clone()),
            tasks: tasks.clone(),
            images: self.images,
            tokens: Tokens::new(world.objects.clone()),
            pods: Pods::default(),
            folder: folder.path().to_owned(),
            url: url.clone(),
            ca_pem: identity.ca_pem.clone(),
        });
        workloads.start();
        let server = Arc::new(ApiServer {
            objects: world.objects.clone(),
            faults: faults.clone(),
            clock: self.clock.clone(),
            log: Log::default(),
            connections: Connections::default(),
            backends: world.backends.clone(),
            files: world.files.clone(),
            tasks: tasks.clone(),
            workloads: workloads.clone(),
            token: TOKEN.to_owned(),
            address: address.to_string(),
        });
        let requests = server.log.clone();
        let connections = server.connections.clone();
        tasks.spawn(server.run(listener, identity.acceptor));
        Ok(Testbed {
            folder,
            kubeconfig,
            url,
            ca_pem: identity.ca_pem,
            requests,
            connections,
            world,
            workloads,
        })
    }
}

/// A simulated cluster that runs until it is dropped.
#[derive(Debug)]
pub struct Testbed {
    folder: TempDir,
    kubeconfig: PathBuf,
    url: String,
    ca_pem: String,
    requests: Log<ApiRequest>,
    connections: Connections,
    world: World,
    workloads: Workloads,
}

impl Testbed {
    /// Returns the default settings: the demonstration without faults.
    pub fn builder() -> Builder {
        Builder {
            clock: Clock::system(),
            pace: Pace::default(),
            namespace: NAMESPACE.to_owned(),
            faults: Vec::new(),
            fill: Vec::new(),
            demo: true,
            operators: true,
            images: Images::default(),
        }
    }

    /// Returns the path of the kubeconfig for the cluster.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// Returns a folder for clients' caches, which is removed with the testbed.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Returns the API server's address, `https://127.0.0.1:PORT`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns the certificate of the authority that signed the API server's certificate.
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// Returns the bearer token that the API server accepts.
    pub fn token(&self) -> &'static str {
        TOKEN
    }

    /// Returns the faults, which tests can switch.
    pub fn faults(&self) -> &Faults {
        &self.world.faults
    }

    /// Returns the cluster's clock.
    pub fn clock(&self) -> &Clock {
        &self.world.clock
    }

    /// Returns the cluster's objects.
    pub fn objects(&self) -> &Objects {
        &self.world.objects
    }

    /// Returns the HiveMQ cluster of a namespace, if it has one.
    pub fn hivemq(&self, namespace: &str) -> Option<&Hivemq> {
        self.world.hivemq.get(namespace)
    }

    /// Returns the sidecars of a namespace, if it has any.
    pub fn sidecar(&self, namespace: &str) -> Option<&Sidecar> {
        self.world.sidecars.get(namespace)
    }

    /// Returns the strategy sidecar of a namespace, if it has one.
    pub fn strategy(&self, namespace: &str) -> Option<&Strategy> {
        self.world.strategies.get(namespace)
    }

    /// Makes a port of a pod answer at the pod's own address too, as inside a cluster. The pod gets an address of
    /// loopback that no other process uses.
    ///
    /// # Errors
    /// Fails if the system has only one address of loopback, or no such pod exists.
    pub async fn listen(&self, namespace: &str, pod: &str, port: u16) -> io::Result<()> {
        let first = std::process::id();
        let addresses = (first..first + 10_000).map(|number| {
            let [.., high, low] = number.to_be_bytes();
            Ipv4Addr::new(127, 78, high, low)
        });
        let mut bound = Err(io::ErrorKind::AddrInUse.into());
        for address in addresses {
            bound = TcpListener::bind((address, port)).await;
            if !matches!(&bound, Err(error) if error.kind() == io::ErrorKind::AddrInUse) {
                break;
            }
        }
        let listener = bound?;
        let address = listener.local_addr()?.ip().to_string();
        let moved = self.objects().modify("pods", namespace, pod, |pod| {
            pod["status"]["podIP"] = json!(address);
            pod["status"]["podIPs"] = json!([{"ip": address}]);
        });
        let record = moved.map_err(|_| io::ErrorKind::NotFound)?;
        let backends = self.world.backends.clone();
        let place = PodAddress::new(namespace, pod);
        let tasks = self.world.tasks.clone();
        self.world.tasks.spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let Some(mut backend) = backends.connect(&place, &record, port) else {
                    continue;
                };
                tasks.spawn(async move {
                    let _ = copy_bidirectional(&mut stream, &mut backend).await;
                });
            }
        });
        Ok(())
    }

    pub(crate) fn workloads(&self) -> &Workloads {
        &self.workloads
    }

    /// Returns the files in the pods.
    pub fn files(&self) -> &PodFiles {
        &self.world.files
    }

    /// Returns the requests to the API server.
    pub fn requests(&self) -> &Log<ApiRequest> {
        &self.requests
    }

    /// Breaks every open connection to the API server, with the watches and port-forwards that go over it.
    pub fn break_connections(&self) {
        self.connections.break_all();
    }

    /// Sets whether the API server closes new connections at once.
    pub fn refuse_connections(&self, refused: bool) {
        self.connections.refuse(refused);
    }

    /// Returns the requests to the backends.
    pub fn backend_requests(&self) -> &Log<BackendRequest> {
        &self.world.requests
    }
}

impl Drop for Testbed {
    fn drop(&mut self) {
        self.workloads.cluster.pods.kill_all();
        self.world.tasks.stop();
    }
}
