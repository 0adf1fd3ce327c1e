//! The start of a container: its image, its volumes, its environment, and what can be in its way.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::local::State;
use super::output::Output;
use super::paths::PodFolder;
use super::process::Plan;
use super::status::{End, Place};
use super::volumes::Materials;
use super::{BACK_OFF, Kubelet, environment, process, status, volumes};
use crate::access::Credentials;
use crate::api::store::Key;
use crate::jobs::cluster::Cluster;
use crate::jobs::controller::delay;
use crate::jobs::creation::SERVICE_ACCOUNT;
use crate::jobs::events::Reporter;
use crate::jobs::fields::{items, name, namespace, text, uid};
use crate::jobs::images::Image;
use crate::kubeconfig;

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

impl Kubelet {
    /// Starts the container of a pod. Returns the time of the next attempt, if the time decides about it.
    pub(super) fn start(&mut self, key: &Key, pod: &Value) -> Option<Timestamp> {
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
    // The program of an image lies outside of the pod, wherever that is.
    let program = shown(image.program.clone());
    let line = line.into_iter().map(|word| {
        if word == program {
            word
        } else {
            folder.mapped(&word, &mounts)
        }
    });
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
