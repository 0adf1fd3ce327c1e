//! The kubelets and the scheduler, for the pods of Jobs. A container is a process of this machine.
//!
//! One step looks at one pod, and does one thing: it binds the pod, starts or ends its process, or writes its
//! status. Each status is a revision of its own, so that watches see what they see of a real kubelet.

mod environment;
mod guard;
mod message;
pub mod output;
mod paths;
mod process;
mod signals;
mod status;
mod volumes;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedSender;

use self::guard::Guard;
use self::output::Output;
use self::paths::PodFolder;
pub use self::process::Exit;
use self::process::Plan;
use self::signals::Signal;
use self::status::{End, Place};
use self::volumes::Materials;
use super::cluster::Cluster;
use super::controller::delay;
use super::creation::SERVICE_ACCOUNT;
use super::deletion;
use super::events::Reporter;
use super::fields::{
    Condition, at, is_deleted, is_of_job, is_over, items, name, namespace, text, time, uid,
};
use super::images::Image;
use crate::access::Credentials;
use crate::api::store::Key;
use crate::kubeconfig;

/// The first delay before another attempt to pull an image or to start a container, and the longest one.
const BACK_OFF: (i64, i64) = (10, 300);

/// The kubelet's knowledge of a pod besides the object.
#[derive(Debug)]
struct Local {
    key: Key,
    node: String,
    place: Place,
    folder: PodFolder,
    state: State,
    output: Arc<Output>,
    /// The output of the run before.
    previous: Option<Arc<Output>>,
    started: Timestamp,
    /// Whether the kernel has killed the process for its memory.
    out_of_memory: bool,
    /// Whether the pod uses more disk than it may.
    out_of_space: bool,
    /// The time at which a process that was asked to end is killed.
    kill_at: Option<Timestamp>,
    /// The failed attempts in a row, and the time of the next one.
    failures: u32,
    again: Option<Timestamp>,
    restarts: u32,
    /// Whether the object is gone while the node is away.
    orphaned: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting,
    /// The process group.
    Running(u32),
    Exited(i32, Timestamp),
}

/// The pods of all kubelets. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Pods {
    local: Arc<Mutex<BTreeMap<String, Local>>>,
    /// The nodes whose kubelet is away.
    away: Arc<Mutex<BTreeSet<String>>>,
    guard: Guard,
}

impl Pods {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Local>> {
        self.local.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Kills every process, at the end of the testbed.
    pub fn kill_all(&self) {
        for local in self.lock().values() {
            local.signal(Signal::Kill);
        }
    }

    /// Returns the output of the container of a pod, if it has been started, or of its run before.
    pub fn output(&self, pod: &str, previous: bool) -> Option<Arc<Output>> {
        let pods = self.lock();
        let local = pods.get(pod)?;
        if previous {
            return local.previous.clone();
        }
        let begun = local.state != State::Waiting || local.restarts > 0;
        begun.then(|| Arc::clone(&local.output))
    }

    /// Kills the process of a pod for its memory. Returns whether there is one.
    pub fn run_out_of_memory(&self, pod: &str) -> bool {
        let mut pods = self.lock();
        let Some(local) = pods.get_mut(pod) else {
            return false;
        };
        local.out_of_memory = true;
        local.signal(Signal::Kill)
    }

    /// Ends a pod that uses more of its node's disk than it may. Returns whether it has a process.
    pub fn run_out_of_space(&self, pod: &str) -> bool {
        let mut pods = self.lock();
        let Some(local) = pods.get_mut(pod) else {
            return false;
        };
        local.out_of_space = true;
        matches!(local.state, State::Running(_))
    }

    /// Sends a signal to every process of a node.
    fn signal(&self, node: &str, signal: Signal) {
        for local in self.lock().values().filter(|local| local.node == node) {
            local.signal(signal);
        }
    }

    pub fn is_away(&self, node: &str) -> bool {
        let away = self.away.lock().unwrap_or_else(PoisonError::into_inner);
        away.contains(node)
    }

    /// Stops a kubelet. Its processes stand still, or are gone without a word.
    pub fn leave(&self, node: &str, frozen: bool) {
        let mut away = self.away.lock().unwrap_or_else(PoisonError::into_inner);
        away.insert(node.to_owned());
        drop(away);
        self.signal(node, if frozen { Signal::Stop } else { Signal::Kill });
    }

    /// Starts a kubelet again. It kills the processes of pods that were deleted meanwhile.
    pub fn come_back(&self, node: &str) {
        let mut away = self.away.lock().unwrap_or_else(PoisonError::into_inner);
        away.remove(node);
        drop(away);
        self.signal(node, Signal::Continue);
        self.lock().retain(|_, local| {
            let gone = local.orphaned && local.node == node;
            if gone {
                local.signal(Signal::Kill);
            }
            !gone
        });
    }
}

impl Local {
    /// Sends a signal to the process, if it runs.
    fn signal(&self, signal: Signal) -> bool {
        let State::Running(group) = self.state else {
            return false;
        };
        signals::send(group, signal);
        true
    }
}

/// The reason why a container can't start now.
enum Hindrance {
    /// A message for the event `FailedMount`; the container stays in creation.
    Mount(String),
    Config(String),
    Pull(String),
    /// The image is not on the node and must not be pulled.
    NeverPull(String),
    /// The image has no such program, or it can't run.
    Start(String),
}

#[derive(Debug)]
pub struct Kubelet {
    cluster: Cluster,
    pods: Pods,
    exits: UnboundedSender<Exit>,
    /// The number of pods so far, for their addresses.
    count: u16,
}

impl Kubelet {
    pub fn new(cluster: Cluster, pods: Pods, exits: UnboundedSender<Exit>) -> Self {
        Self {
            cluster,
            pods,
            exits,
            count: 0,
        }
    }

    /// Takes in the end of a process. Returns its pod.
    pub fn exited(&mut self, exit: &Exit) -> Option<Key> {
        let now = self.cluster.clock.now();
        let mut pods = self.pods.lock();
        let local = pods.get_mut(&exit.pod)?;
        local.state = State::Exited(exit.code, now);
        Some(local.key.clone())
    }

    /// Kills the process of a pod whose object is gone.
    pub fn forget(&mut self, pod: &Value) {
        let mut pods = self.pods.lock();
        let Some(local) = pods.get_mut(uid(pod)) else {
            return;
        };
        if self.pods.is_away(&local.node) {
            local.orphaned = true;
            return;
        }
        local.signal(Signal::Kill);
        local.folder.remove();
        pods.remove(uid(pod));
    }

    /// Kills the processes of all pods whose objects are gone.
    pub fn forget_the_missing(&mut self) {
        let known: Vec<(String, Key)> = {
            let pods = self.pods.lock();
            pods.iter()
                .map(|(uid, local)| (uid.clone(), local.key.clone()))
                .collect()
        };
        for (pod, key) in known {
            let present = self.cluster.objects.store.get(&key);
            if present.is_none_or(|present| uid(&present) != pod) {
                self.forget(&json!({"metadata": {"uid": pod}}));
            }
        }
    }

    /// Takes the next step with a pod. Returns the time of the next one, if it depends on the time.
    pub fn step(&mut self, key: &Key) -> Option<Timestamp> {
        let pod = self.cluster.objects.store.get(key)?;
        if !is_of_job(&pod) {
            return None;
        }
        let node = text(&pod, "/spec/nodeName");
        if node.is_empty() {
            self.schedule(key, &pod);
            return None;
        }
        if self.cluster.is_away(node) {
            return None;
        }
        if is_over(&pod) {
            self.clean_up(key, &pod);
            return None;
        }
        if let Some(code) = status::exit_code(&pod) {
            let phase = if code == 0 { "Succeeded" } else { "Failed" };
            self.write(key, |pod, now| status::over(pod, phase, None, now));
            return None;
        }
        match self.state(&pod) {
            Some(State::Exited(code, at)) => {
                self.record(key, &pod, code, at);
                None
            }
            Some(State::Running(_)) if is_deleted(&pod) => self.terminate(&pod),
            Some(State::Running(_)) => self.supervise(key, &pod),
            _ if is_deleted(&pod) => {
                self.write(key, |pod, now| status::over(pod, "Failed", None, now));
                None
            }
            None => {
                self.receive(key, &pod);
                None
            }
            Some(State::Waiting) => self.start(key, &pod),
        }
    }

    fn state(&self, pod: &Value) -> Option<State> {
        self.pods.lock().get(uid(pod)).map(|local| local.state)
    }

    fn write(&self, key: &Key, change: impl Fn(&mut Value, Timestamp)) {
        let now = self.cluster.clock.now();
        deletion::settle(&self.cluster.objects, key, |pod| change(pod, now));
    }

    fn schedule(&self, key: &Key, pod: &Value) {
        if is_deleted(pod) {
            self.let_go(key);
            return;
        }
        let nodes = self.cluster.objects.list("nodes", None);
        let ready = |node: &&Value| {
            !self.cluster.is_away(name(node)) && node["spec"]["unschedulable"] != true
        };
        let free = if self.cluster.faults.snapshot().job.pending {
            None
        } else if nodes.is_empty() {
            // A cluster without Node objects still has room.
            Some("node-0".to_owned())
        } else {
            nodes.iter().find(ready).map(|node| name(node).to_owned())
        };
        let Some(node) = free else {
            let count = nodes.len();
            let message = format!("0/{count} nodes are available: {count} Insufficient cpu.");
            self.write(key, |pod, now| {
                Condition::new("PodScheduled", "False", "Unschedulable", &message).set(pod, now);
            });
            if at(pod, "/status/conditions").is_null() {
                self.cluster
                    .events
                    .warning(pod, Reporter::Scheduler, "FailedScheduling", &message);
            }
            return;
        };
        self.write(key, |pod, now| {
            pod["spec"]["nodeName"] = json!(node);
            Condition::new("PodScheduled", "True", "", "").set(pod, now);
        });
        let message = format!(
            "Successfully assigned {}/{} to {node}",
            namespace(pod),
            name(pod)
        );
        self.cluster
            .events
            .normal(pod, Reporter::Scheduler, "Scheduled", &message);
    }

    /// Takes in a pod that was bound to a node.
    fn receive(&mut self, key: &Key, pod: &Value) {
        self.count = self.count.wrapping_add(1);
        let [high, low] = self.count.to_be_bytes();
        let node = text(pod, "/spec/nodeName");
        let place = Place {
            host_ip: self.cluster.address_of(node),
            // A process can listen on any address of loopback, where the system has them.
            pod_ip: format!("127.77.{high}.{low}"),
        };
        let local = Local {
            key: key.clone(),
            node: node.to_owned(),
            place: place.clone(),
            folder: PodFolder::new(self.cluster.folder.join("pods").join(uid(pod))),
            state: State::Waiting,
            output: Arc::default(),
            previous: None,
            started: self.cluster.clock.now(),
            out_of_memory: false,
            out_of_space: false,
            kill_at: None,
            failures: 0,
            again: None,
            restarts: 0,
            orphaned: false,
        };
        self.pods.lock().insert(uid(pod).to_owned(), local);
        self.write(key, |pod, now| {
            status::arrived(pod, &place, now);
            status::waiting(pod, "ContainerCreating", "", now);
        });
    }

    /// Looks after a pod whose phase is final.
    fn clean_up(&self, key: &Key, pod: &Value) {
        let running = at(pod, "/status/containerStatuses/0/state/running");
        match self.state(pod) {
            // The phase of a pod that has run for too long is final before its process ends.
            Some(State::Exited(code, at)) if !running.is_null() => {
                self.record(key, pod, code, at);
            }
            Some(State::Running(_)) => {}
            _ if is_deleted(pod) => self.let_go(key),
            _ => {}
        }
    }

    /// Removes a pod that has ended from the API.
    fn let_go(&self, key: &Key) {
        self.write(key, |pod, _| {
            pod["metadata"]["deletionGracePeriodSeconds"] = json!(0);
        });
    }

    /// Ends a process: first by asking, then by force.
    fn terminate(&self, pod: &Value) -> Option<Timestamp> {
        let now = self.cluster.clock.now();
        let until = time(&pod["metadata"]["deletionTimestamp"]).unwrap_or(now);
        let mut pods = self.pods.lock();
        let local = pods.get_mut(uid(pod))?;
        if local.kill_at.is_none() {
            local.signal(Signal::Terminate);
            let container = text(pod, "/spec/containers/0/name");
            let message = format!("Stopping container {container}");
            self.cluster
                .events
                .normal(pod, Reporter::Kubelet, "Killing", &message);
        }
        let kill_at = local.kill_at.map_or(until, |present| present.min(until));
        local.kill_at = Some(kill_at);
        if kill_at <= now {
            local.signal(Signal::Kill);
            return None;
        }
        Some(kill_at)
    }

    /// Ends a pod that has run for too long, or that uses too much disk.
    fn supervise(&self, key: &Key, pod: &Value) -> Option<Timestamp> {
        let full = self
            .pods
            .lock()
            .get(uid(pod))
            .is_some_and(|it| it.out_of_space);
        let (reason, message) = if full {
            let message =
                "Pod ephemeral local storage usage exceeds the total limit of containers. ";
            ("Evicted", message)
        } else {
            let seconds = at(pod, "/spec/activeDeadlineSeconds").as_i64()?;
            let deadline = time(&pod["status"]["startTime"])? + SignedDuration::from_secs(seconds);
            if deadline > self.cluster.clock.now() {
                return Some(deadline);
            }
            let message = "Pod was active on the node longer than the specified deadline";
            ("DeadlineExceeded", message)
        };
        if let Some(local) = self.pods.lock().get(uid(pod)) {
            local.signal(Signal::Kill);
        }
        self.write(key, |pod, now| {
            status::over(pod, "Failed", Some((reason, message)), now);
        });
        self.cluster
            .events
            .warning(pod, Reporter::Kubelet, reason, message);
        None
    }

    /// Writes the end of a container.
    fn record(&self, key: &Key, pod: &Value, code: i32, at: Timestamp) {
        let container = &pod["spec"]["containers"][0];
        let mut pods = self.pods.lock();
        let Some(local) = pods.get_mut(uid(pod)) else {
            return;
        };
        let reason = match code {
            0 => "Completed",
            _ if local.out_of_memory => "OOMKilled",
            _ => "Error",
        };
        let end = End {
            code,
            reason: reason.to_owned(),
            message: message::read(container, &local.folder, &local.output, code),
            started: local.started,
            finished: at,
        };
        let restarts = code != 0
            && !is_deleted(pod)
            && !is_over(pod)
            && pod["spec"]["restartPolicy"] == "OnFailure";
        if !restarts {
            // The lock must be free for the write, which may look at the pod again.
            drop(pods);
            self.write(key, |pod, now| status::ended(pod, &end, now));
            return;
        }
        local.failures += 1;
        local.restarts += 1;
        local.out_of_memory = false;
        local.state = State::Waiting;
        let wait = delay(BACK_OFF, local.failures);
        local.again = Some(at + wait);
        drop(pods);
        self.write(key, |pod, now| {
            status::crashed(pod, &end, wait.as_secs(), now);
        });
        let message = format!(
            "Back-off restarting failed container {} in pod {}",
            text(container, "/name"),
            name(pod)
        );
        self.cluster
            .events
            .warning(pod, Reporter::Kubelet, "BackOff", &message);
    }

    fn start(&mut self, key: &Key, pod: &Value) -> Option<Timestamp> {
        let now = self.cluster.clock.now();
        let (again, restarts) = {
            let pods = self.pods.lock();
            let local = pods.get(uid(pod))?;
            (local.again, local.restarts)
        };
        if let Some(again) = again.filter(|again| *again > now) {
            if status::waiting_reason(pod) == "ErrImagePull" {
                let image = text(pod, "/spec/containers/0/image");
                let why = format!("Back-off pulling image \"{image}\"");
                self.write(key, |pod, now| {
                    status::waiting(pod, "ImagePullBackOff", &why, now);
                });
                self.cluster
                    .events
                    .normal(pod, Reporter::Kubelet, "BackOff", &why);
            }
            return Some(again);
        }
        match self.run(pod) {
            Ok(place) => {
                self.write(key, |pod, now| status::running(pod, &place, restarts, now));
                let container = text(pod, "/spec/containers/0/name");
                let image = text(pod, "/spec/containers/0/image");
                let pulled = format!("Container image \"{image}\" already present on machine");
                let events = &self.cluster.events;
                events.normal(pod, Reporter::Kubelet, "Pulled", &pulled);
                for step in ["Created", "Started"] {
                    let message = format!("{step} container {container}");
                    events.normal(pod, Reporter::Kubelet, step, &message);
                }
                None
            }
            Err(hindrance) => self.hinder(key, pod, &hindrance, now),
        }
    }

    /// Writes why a container doesn't start. Returns the time of the next attempt, if there is one.
    fn hinder(
        &self,
        key: &Key,
        pod: &Value,
        hindrance: &Hindrance,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let (event, reason, message) = match hindrance {
            Hindrance::Mount(why) => {
                if !self.has_told(pod, why) {
                    self.cluster
                        .events
                        .warning(pod, Reporter::Kubelet, "FailedMount", why);
                }
                return None;
            }
            Hindrance::Config(why) => (format!("Error: {why}"), "CreateContainerConfigError", why),
            Hindrance::Pull(why) => ("Error: ErrImagePull".to_owned(), "ErrImagePull", why),
            Hindrance::NeverPull(why) => {
                let event = "Error: ErrImageNeverPull".to_owned();
                (event, "ErrImageNeverPull", why)
            }
            Hindrance::Start(why) => {
                let end = End {
                    code: 128,
                    reason: "StartError".to_owned(),
                    message: why.clone(),
                    started: now,
                    finished: now,
                };
                self.cluster.events.warning(
                    pod,
                    Reporter::Kubelet,
                    "Failed",
                    &format!("Error: {why}"),
                );
                self.write(key, |pod, now| status::ended(pod, &end, now));
                return None;
            }
        };
        // The kubelet tells each attempt to pull. Other attempts come with every change, so they are told once.
        let pulls = matches!(hindrance, Hindrance::Pull(_));
        if pulls || !self.has_told(pod, &event) {
            self.cluster
                .events
                .warning(pod, Reporter::Kubelet, "Failed", &event);
        }
        let mut again = None;
        if pulls && let Some(local) = self.pods.lock().get_mut(uid(pod)) {
            local.failures += 1;
            again = Some(now + delay(BACK_OFF, local.failures));
            local.again = again;
        }
        self.write(key, |pod, now| status::waiting(pod, reason, message, now));
        again
    }

    /// Returns whether an event of a pod has this message.
    fn has_told(&self, pod: &Value, message: &str) -> bool {
        let events = self.cluster.objects.list("events", Some(namespace(pod)));
        events
            .iter()
            .any(|event| event["involvedObject"]["uid"] == uid(pod) && event["message"] == message)
    }

    /// Starts the container of a pod.
    fn run(&self, pod: &Value) -> Result<Place, Hindrance> {
        let container = &pod["spec"]["containers"][0];
        let single = items(pod, "/spec/containers").len() == 1;
        if !single || !items(pod, "/spec/initContainers").is_empty() {
            let why = "the testbed runs pods with one container and no others";
            return Err(Hindrance::Config(why.to_owned()));
        }
        let (folder, place) = {
            let pods = self.pods.lock();
            let local = pods.get(uid(pod));
            let local = local.ok_or_else(|| Hindrance::Config("the pod is gone".to_owned()))?;
            (local.folder.clone(), local.place.clone())
        };
        let credentials = self.cluster.credentials(pod);
        let materials = Materials {
            objects: &self.cluster.objects,
            credentials: &credentials,
            claims: &self.cluster.folder.join("claims"),
        };
        let io = |error: std::io::Error| Hindrance::Mount(error.to_string());
        folder.create().map_err(io)?;
        volumes::mount(pod, container, &folder, &materials).map_err(Hindrance::Mount)?;
        let image = self.pull(pod, container)?;
        // The address is written with the status `Running`, but the downward API knows it before.
        let mut known = pod.clone();
        known["status"]["podIP"] = json!(place.pod_ip);
        let plan = plan(
            &known,
            container,
            &folder,
            &image,
            &credentials,
            &self.cluster,
        )?;
        let output = Arc::new(Output::default());
        let group = process::start(
            &plan,
            uid(pod),
            Arc::clone(&output),
            self.exits.clone(),
            &self.cluster.tasks,
            &self.pods.guard,
        );
        let group = group.map_err(|error| {
            let program = plan.line.first().cloned().unwrap_or_default();
            let why = match error.kind() {
                std::io::ErrorKind::NotFound => "executable file not found in $PATH".to_owned(),
                _ => error.to_string(),
            };
            Hindrance::Start(format!("exec: \"{program}\": {why}"))
        })?;
        if let Some(local) = self.pods.lock().get_mut(uid(pod)) {
            let before = std::mem::replace(&mut local.output, output);
            local.previous = (local.restarts > 0).then_some(before);
            local.state = State::Running(group);
            local.started = self.cluster.clock.now();
            local.again = None;
        }
        Ok(place)
    }

    fn pull(&self, pod: &Value, container: &Value) -> Result<Image, Hindrance> {
        let name = text(container, "/image");
        let unpullable = self.cluster.faults.snapshot().job.unpullable;
        let image = self.cluster.images.get(name);
        if let Some(image) = image.filter(|_| !unpullable.contains(name)) {
            return Ok(image);
        }
        if container["imagePullPolicy"] == "Never" {
            let why =
                format!("Container image \"{name}\" is not present with pull policy of Never");
            return Err(Hindrance::NeverPull(why));
        }
        let why = format!(
            "failed to pull and unpack image \"{name}\": failed to resolve reference \"{name}\": not found"
        );
        let message = format!("Failed to pull image \"{name}\": {why}");
        self.cluster
            .events
            .warning(pod, Reporter::Kubelet, "Failed", &message);
        Err(Hindrance::Pull(why))
    }
}

/// Returns the command line and the environment of a container.
fn plan(
    pod: &Value,
    container: &Value,
    folder: &PodFolder,
    image: &Image,
    credentials: &Credentials,
    cluster: &Cluster,
) -> Result<Plan, Hindrance> {
    let io = |error: std::io::Error| Hindrance::Mount(error.to_string());
    let own = environment::variables(pod, container, &cluster.objects);
    let own = own.map_err(Hindrance::Config)?;
    let log = text(container, "/terminationMessagePath");
    let mut mounts: Vec<String> = items(container, "/volumeMounts")
        .iter()
        .map(|mount| text(mount, "/mountPath").to_owned())
        .collect();
    mounts.push(log.to_owned());
    let message = folder.inside(log);
    if let Some(parent) = message.parent() {
        std::fs::create_dir_all(parent).map_err(io)?;
    }
    // A restarted container begins with an empty message.
    std::fs::write(&message, "").map_err(io)?;

    let shown = |path: PathBuf| path.to_string_lossy().into_owned();
    let (host, port) = credentials.host_and_port();
    let mut env = BTreeMap::from([
        ("HOME".to_owned(), shown(folder.home())),
        ("HOSTNAME".to_owned(), name(pod).to_owned()),
        ("KUBERNETES_SERVICE_HOST".to_owned(), host.to_owned()),
        ("KUBERNETES_SERVICE_PORT".to_owned(), port.to_owned()),
        ("TESTBED_ROOT".to_owned(), shown(folder.root())),
        ("TESTBED_TERMINATION_LOG".to_owned(), shown(message)),
    ]);
    if let Some(path) = std::env::var_os("PATH") {
        env.insert("PATH".to_owned(), path.to_string_lossy().into_owned());
    }
    if mounts.iter().any(|mount| mount == SERVICE_ACCOUNT) {
        let access = kubeconfig::Access {
            url: &credentials.url,
            ca_pem: &credentials.ca_pem,
            token: &credentials.token,
            namespace: &credentials.namespace,
        };
        if !folder.kubeconfig().exists() {
            kubeconfig::write(&folder.kubeconfig(), &access).map_err(io)?;
        }
        env.insert("KUBECONFIG".to_owned(), shown(folder.kubeconfig()));
        let account = shown(folder.inside(SERVICE_ACCOUNT));
        env.insert("TESTBED_SERVICE_ACCOUNT".to_owned(), account);
    }
    env.extend(image.env.clone());
    env.extend(
        own.iter()
            .map(|(name, value)| (name.clone(), folder.mapped(value, &mounts))),
    );
    let command = environment::words(container, "/command", &own);
    let args = environment::words(container, "/args", &own);
    let line = image.command_line(&command, &args);
    let line = line.iter().map(|word| folder.mapped(word, &mounts));
    let working = text(container, "/workingDir");
    let home = if working.is_empty() {
        folder.home()
    } else {
        folder.inside(working)
    };
    std::fs::create_dir_all(&home).map_err(io)?;
    Ok(Plan {
        line: line.collect(),
        env,
        folder: home,
    })
}
