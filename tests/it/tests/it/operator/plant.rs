//! A cluster with the operator, whose clock a test moves.

use std::fs::{self, File};
use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use broker_manifest::ObjectKind;
use host_cluster::{Cluster, ConnectOptions, ObjectPatch, ObjectScope};
use jiff::{SignedDuration, Timestamp};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;
use testbed::{Builder, Testbed};
use tokio::runtime::Runtime;

use crate::support::{Invocation, Run, programs, workspace};

/// The namespace of the brokers.
pub const NAMESPACE: &str = "messaging";
/// The image of the program, as the operator's Jobs name it.
pub const IMAGE: &str = "registry.test/kubectl-broker:1";
/// The time at which each test begins.
pub const BEGIN: &str = "2026-03-02T10:30:00Z";
/// The limit for a condition to come true. It is only reached by a failing test.
const PATIENCE: Duration = Duration::from_mins(2);

/// The plural and the group of each kind.
pub const BACKUPS: &str = "backups.kubectl-broker.io";
pub const SCHEDULES: &str = "backupschedules.kubectl-broker.io";
pub const STORES: &str = "backupstores.kubectl-broker.io";
pub const RESTORES: &str = "restores.kubectl-broker.io";

/// Sends the time to the operators, whenever it moves.
struct ClockServer {
    address: String,
    listeners: Arc<Mutex<Vec<TcpStream>>>,
    now: Arc<Mutex<Timestamp>>,
}

impl ClockServer {
    fn start(now: Timestamp) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let now = Arc::new(Mutex::new(now));
        let listeners = Arc::<Mutex<Vec<TcpStream>>>::default();
        let (time, streams) = (Arc::clone(&now), Arc::clone(&listeners));
        // It ends with the process of the tests.
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.expect("an operator");
                // Nothing moves between the first line and the next.
                let mut streams = streams.lock().expect("no panic");
                let now = *time.lock().expect("no panic");
                if writeln!(stream, "{now}").is_ok() {
                    streams.push(stream);
                }
            }
        });
        Self {
            address,
            listeners,
            now,
        }
    }

    fn advance(&self, by: SignedDuration) {
        let mut streams = self.listeners.lock().expect("no panic");
        let mut now = self.now.lock().expect("no panic");
        *now += by;
        let time = *now;
        streams.retain_mut(|stream| writeln!(stream, "{time}").is_ok());
    }
}

/// A replica of the operator.
pub struct Operator {
    child: Child,
    log: PathBuf,
}

impl Operator {
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).expect("a log")
    }

    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).expect("a process id");
        kill_process(Pid::from_raw(pid).expect("a process"), signal).expect("a process of ours");
    }

    /// Ends it without a warning.
    pub fn kill(&mut self) {
        self.child.kill().expect("a process of ours");
        self.child.wait().expect("its end");
    }

    /// Waits for its end, and returns its exit code.
    pub fn wait(&mut self) -> Option<i32> {
        self.child.wait().expect("its end").code()
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A cluster with the operator.
pub struct Plant {
    pub operators: Vec<Operator>,
    // The testbed must be dropped before its runtime.
    bed: Testbed,
    runtime: Runtime,
    clock: ClockServer,
    pub folder: TempDir,
    /// That of the operator. Its service account may be installed later.
    kubeconfig: OnceLock<PathBuf>,
    /// More arguments of operators.
    arguments: Vec<String>,
    /// More variables of operators.
    env: Vec<(String, String)>,
}

impl Plant {
    /// Returns a cluster in which the operator works.
    pub fn start() -> Self {
        let mut plant = Self::without_operator(Testbed::builder(), &[]);
        plant.add_operator();
        plant
    }

    /// Returns a cluster in which everything is installed, and no operator runs yet.
    pub fn without_operator(builder: Builder, arguments: &[&str]) -> Self {
        let plant = Self::not_installed(builder, arguments);
        for definition in operator_api::definitions() {
            plant.put(serde_json::to_value(definition).expect("JSON"));
        }
        install(&plant.bed, "operator.yaml", None);
        install(&plant.bed, "runner.yaml", Some(NAMESPACE));
        plant
    }

    /// Returns a cluster in which nothing is installed.
    pub fn not_installed(builder: Builder, arguments: &[&str]) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let begin: Timestamp = BEGIN.parse().expect("a time");
        let programs = programs();
        let image = testbed::Image::new(&programs.kubectl_broker);
        // Pods share the native code of all tests, as an image could.
        let image = programs
            .folders
            .variables()
            .fold(image, |image, (name, value)| {
                image.env(name, &value.to_string_lossy())
            });
        let bed = builder.now(begin).image(IMAGE, image).start();
        let bed = runtime.block_on(bed).expect("a testbed");
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join("store")).expect("a folder");
        Self {
            operators: Vec::new(),
            bed,
            runtime,
            clock: ClockServer::start(begin),
            folder,
            kubeconfig: OnceLock::new(),
            arguments: arguments.iter().map(|it| (*it).to_owned()).collect(),
            env: Vec::new(),
        }
    }

    /// Gives a variable to the operators that start from now on.
    pub fn set_env(&mut self, name: &str, value: &str) {
        self.env.push((name.to_owned(), value.to_owned()));
    }

    /// Installs the objects of a file.
    pub fn install(&self, file: &str) {
        install(&self.bed, file, None);
    }

    /// Starts another replica.
    pub fn add_operator(&mut self) -> &mut Operator {
        let operator = self.spawn_operator(self.operators.len());
        self.operators.push(operator);
        self.operators.last_mut().expect("the new one")
    }

    fn spawn_operator(&self, number: usize) -> Operator {
        let log = self.folder.path().join(format!("operator-{number}.log"));
        let file = File::options().create(true).append(true).open(&log);
        let kubeconfig = self.kubeconfig.get_or_init(|| {
            self.bed
                .service_account_kubeconfig("kubectl-broker", "broker-operator")
                .expect("a service account")
        });
        let child = Command::new(&programs().operator)
            .env_clear()
            .env("KUBECONFIG", kubeconfig)
            .env("BROKER_OPERATOR_CLOCK", &self.clock.address)
            .env("POD_NAME", format!("broker-operator-{number}"))
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .args(["--image", IMAGE, "--listen", "127.0.0.1:0"])
            .args(["--lease-namespace", "kubectl-broker"])
            .args(&self.arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(file.expect("a log"))
            .spawn()
            .expect("the operator");
        Operator { child, log }
    }

    pub fn bed(&self) -> &Testbed {
        &self.bed
    }

    /// Makes a port of a pod answer at the pod's own address too.
    pub fn listen(&self, pod: &str, port: u16) {
        let listening = self.bed.listen(NAMESPACE, pod, port);
        self.runtime.block_on(listening).expect("an address");
    }

    /// Moves the clock of the cluster and of the operators.
    pub fn advance(&self, by: SignedDuration) {
        self.bed.clock().advance(by);
        self.clock.advance(by);
    }

    /// Waits until a look at the cluster succeeds.
    pub fn until<T>(&self, what: &str, look: impl Fn(&Testbed) -> Option<T>) -> T {
        let found = async {
            let found = self.bed.objects().until(|_| look(&self.bed));
            tokio::time::timeout(PATIENCE, found).await
        };
        self.runtime.block_on(found).unwrap_or_else(|_| {
            let list = |resource| self.bed.objects().list(resource, None);
            let logs: Vec<_> = self.operators.iter().map(Operator::log).collect();
            panic!(
                "not in time: {what}\nbackups: {:#?}\nschedules: {:#?}\nstores: {:#?}\nrestores: {:#?}\njobs: {:#?}\nevents: {:#?}\n{}",
                list(BACKUPS),
                list(SCHEDULES),
                list(STORES),
                list(RESTORES),
                list("jobs.batch"),
                list("events").iter().map(|it| format!("{} {}", it["reason"], it["message"])).collect::<Vec<_>>(),
                logs.join("\n")
            )
        })
    }

    /// Waits until an object fulfils a condition, and returns it.
    pub fn until_object(
        &self,
        resource: &str,
        name: &str,
        is_so: impl Fn(&Value) -> bool,
    ) -> Value {
        self.until(&format!("{resource} {name}"), |bed| {
            let object = bed.objects().get(resource, NAMESPACE, name)?;
            is_so(&object).then_some(object)
        })
    }

    /// Waits until a run has ended, and returns its object.
    pub fn until_ended(&self, resource: &str, name: &str) -> Value {
        self.until_object(resource, name, |object| {
            matches!(phase(object), "Succeeded" | "Failed" | "Lost")
        })
    }

    /// Creates an object through the API, as a user does.
    pub fn create(&self, object: &Value) -> Result<Value, String> {
        let kind = kind_of(object);
        let options = self.options();
        let created = async {
            let cluster = Cluster::connect(&options).await?;
            let ty = cluster.object_type(&kind, &ObjectScope::Command).await?;
            cluster.create_object(&ty, object, false).await
        };
        let created = self.runtime.block_on(created);
        created.map_err(|error| error.to_string())
    }

    /// Changes an object through the API, as a user does.
    pub fn patch(&self, kind: &str, name: &str, patch: &Value) -> Result<Value, String> {
        let kind = ObjectKind {
            group: "kubectl-broker.io".to_owned(),
            version: "v1alpha1".to_owned(),
            kind: kind.to_owned(),
        };
        let patch = ObjectPatch::Merge(patch.to_string().into_bytes());
        let options = self.options();
        let patched = async {
            let cluster = Cluster::connect(&options).await?;
            let ty = cluster.object_type(&kind, &ObjectScope::Command).await?;
            cluster.patch_object(&ty, name, patch, false, false).await
        };
        let patched = self.runtime.block_on(patched);
        patched.map_err(|error| error.to_string())
    }

    fn options(&self) -> ConnectOptions {
        ConnectOptions {
            kubeconfig: Some(self.bed.kubeconfig().display().to_string()),
            namespace: Some(NAMESPACE.to_owned()),
            ..ConnectOptions::default()
        }
    }

    /// Changes the spec of an object, whatever an API server thinks about it.
    pub fn modify(&self, resource: &str, name: &str, change: impl Fn(&mut Value)) {
        let changed = self
            .bed
            .objects()
            .modify(resource, NAMESPACE, name, |object| {
                change(object);
                let generation = object["metadata"]["generation"].as_i64().unwrap_or(1);
                object["metadata"]["generation"] = json!(generation + 1);
            });
        changed.expect("an object");
    }

    /// Puts an object into the cluster.
    pub fn put(&self, object: Value) {
        self.bed.objects().put(object).expect("an object");
    }

    /// Deletes an object with stock rules: finalizers hold it.
    pub fn delete(&self, resource: &str, name: &str) {
        let options = self.options();
        let object = self.bed.objects().get(resource, NAMESPACE, name);
        let kind = kind_of(&object.expect("an object"));
        let deleted = async {
            let cluster = Cluster::connect(&options).await?;
            let ty = cluster.object_type(&kind, &ObjectScope::Command).await?;
            cluster.delete_object(&ty, name, false).await
        };
        self.runtime.block_on(deleted).expect("it may be deleted");
    }

    /// Waits until an object fulfils a condition, and moves the clock meanwhile: back-offs and deadlines follow it.
    pub fn until_stepping(
        &self,
        step: SignedDuration,
        resource: &str,
        name: &str,
        is_so: impl Fn(&Value) -> bool,
    ) -> Value {
        let look = |bed: &Testbed| {
            let object = bed.objects().get(resource, NAMESPACE, name)?;
            is_so(&object).then_some(object)
        };
        let patience = std::time::Instant::now() + PATIENCE;
        while std::time::Instant::now() < patience {
            let found = self.runtime.block_on(async {
                let found = self.bed.objects().until(|_| look(&self.bed));
                tokio::time::timeout(Duration::from_millis(500), found).await
            });
            if let Ok(found) = found {
                return found;
            }
            self.advance(step);
        }
        self.until(&format!("{resource} {name}"), look)
    }

    /// Creates an object that is valid.
    pub fn add(&self, object: &Value) -> Value {
        self.create(object).expect("a valid object")
    }

    /// Adds a BackupStore `nightly` whose copies lie in a folder.
    pub fn add_store(&self) {
        self.add(&of_kind(
            "BackupStore",
            "nightly",
            &json!({"url": self.url()}),
        ));
        self.until_object(STORES, "nightly", |store| {
            condition(store, "Ready") == "True"
        });
    }

    pub fn url(&self) -> String {
        format!("file://{}", self.folder.path().join("store").display())
    }

    /// Runs the program as a person at the cluster.
    pub fn run(&self, arguments: &str) -> Run {
        self.program().run(&arguments.replace("URL", &self.url()))
    }

    /// Returns the program of a person at the cluster.
    pub fn program(&self) -> Invocation {
        let programs = programs();
        Invocation::new(&programs.kubectl_broker, &programs.folders)
            .kubeconfig(self.bed.kubeconfig())
            .in_folder(self.folder.path())
    }

    /// Waits until there is an Event about an object, for a reason.
    pub fn until_event(&self, name: &str, reason: &str) {
        self.until(&format!("Event {reason} of {name}"), |_| {
            let reasons = self.events(name);
            reasons.iter().any(|it| it == reason).then_some(())
        });
    }

    /// Returns the reasons of the Events about an object.
    pub fn events(&self, name: &str) -> Vec<String> {
        let events = self.bed.objects().list("events", Some(NAMESPACE));
        let of_object = events
            .iter()
            .filter(|it| it["involvedObject"]["name"] == name);
        of_object
            .filter_map(|it| it["reason"].as_str().map(str::to_owned))
            .collect()
    }

    /// Returns the time of the cluster.
    pub fn now(&self) -> Timestamp {
        self.bed.clock().now()
    }

    /// Starts a replica again that has ended, as the kubelet starts a container again: in the same pod.
    pub fn restart_operator(&mut self, number: usize) {
        self.operators[number] = self.spawn_operator(number);
    }

    /// Waits until something changes in the cluster, or for half a second.
    pub fn look_again(&self) {
        let looked = std::cell::Cell::new(false);
        let changed = self
            .bed
            .objects()
            .until(|_| looked.replace(true).then_some(()));
        let changed = async { tokio::time::timeout(Duration::from_millis(500), changed).await };
        let _ = self.runtime.block_on(changed);
    }

    /// Waits until a look at the cluster succeeds. Meanwhile replicas that end by themselves are started again.
    pub fn until_with_kubelet<T>(
        &mut self,
        what: &str,
        replicas: &[usize],
        look: impl Fn(&Testbed) -> Option<T>,
    ) -> T {
        let patience = std::time::Instant::now() + PATIENCE;
        while std::time::Instant::now() < patience {
            let found = self.runtime.block_on(async {
                let found = self.bed.objects().until(|_| look(&self.bed));
                tokio::time::timeout(Duration::from_millis(500), found).await
            });
            if let Ok(found) = found {
                return found;
            }
            for number in replicas {
                let ended = self.operators[*number].child.try_wait();
                if ended.expect("a process of ours").is_some() {
                    self.restart_operator(*number);
                }
            }
        }
        self.until(what, look)
    }
}

/// Puts the objects of a file of `deploy/operator` into the cluster.
fn kind_of(object: &Value) -> ObjectKind {
    let version = object["apiVersion"].as_str().expect("a version");
    let (group, version) = version.split_once('/').unwrap_or(("", version));
    ObjectKind {
        group: group.to_owned(),
        version: version.to_owned(),
        kind: object["kind"].as_str().expect("a kind").to_owned(),
    }
}

fn install(bed: &Testbed, file: &str, namespace: Option<&str>) {
    for mut object in documents(file) {
        if let Some(namespace) = namespace {
            object["metadata"]["namespace"] = json!(namespace);
        }
        bed.objects().put(object).expect("an object");
    }
}

/// Returns an object of the operator.
pub fn of_kind(kind: &str, name: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": "kubectl-broker.io/v1alpha1",
        "kind": kind,
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": spec,
    })
}

/// Returns the phase of a run.
pub fn phase(object: &Value) -> &str {
    object["status"]["run"]["phase"]
        .as_str()
        .unwrap_or_default()
}

/// Returns the status of a condition, of a run or another object.
pub fn condition<'a>(object: &'a Value, type_: &str) -> &'a str {
    found(object, type_)["status"].as_str().unwrap_or_default()
}

/// Returns the reason of a condition.
pub fn reason<'a>(object: &'a Value, type_: &str) -> &'a str {
    found(object, type_)["reason"].as_str().unwrap_or_default()
}

fn found<'a>(object: &'a Value, type_: &str) -> &'a Value {
    let all = object["status"]["conditions"].as_array();
    let mut all = all.into_iter().flatten();
    all.find(|it| it["type"] == type_).unwrap_or(&Value::Null)
}

/// Returns the objects of a file of `deploy/operator`.
pub fn documents(file: &str) -> Vec<Value> {
    let path = workspace().join("deploy/operator").join(file);
    let text = fs::read_to_string(path).expect("a file of this project");
    let documents = text.split("\n---\n");
    documents
        .map(|it| serde_saphyr::from_str(it).expect("YAML"))
        .collect()
}
