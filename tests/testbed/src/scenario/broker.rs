//! `StatefulSet`s of brokers and their pods, in the form that a kubelet and the controllers write.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::World;
use crate::backend::PodAddress;
use crate::backend::hivemq::HivemqHealth;
use crate::clock::seconds;
use crate::pods::BACKUP_FOLDER;

/// The containers of brokers.
pub const BROKER: &str = "hivemq";
pub const SIDECAR: &str = "broker-backup";
pub const SIDECAR_PORT: u16 = 8085;
const HEALTH_PORT: u16 = 9090;
/// The volume of each broker, and its size and storage class.
const VOLUME: &str = "data";
const VOLUME_SIZE: &str = "10Gi";
const STORAGE_CLASS: &str = "standard";

/// The health of a pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    Ready,
    /// The broker's container runs but isn't ready.
    Starting,
    /// The broker's container ends again and again.
    Crashing,
    /// No node has enough resources for the pod.
    Unscheduled,
}

/// A `StatefulSet` of brokers.
pub struct Broker<'a> {
    pub namespace: &'a str,
    pub name: &'a str,
    /// Number and name of the port of the management API.
    pub api: (u16, &'a str),
    pub sidecar: bool,
    /// The value of `HIVEMQ_BACKUP_FOLDER`, if it is set.
    pub backup_folder: Option<&'a str>,
    /// The pods, by their ordinals.
    pub pods: &'a [Health],
    /// The third part of the pods' IP addresses.
    pub subnet: u8,
}

impl Broker<'_> {
    /// Adds the set and its pods to the cluster, and makes the backends listen.
    pub fn build(&self, world: &mut World) -> Vec<Value> {
        let created = world.now() - SignedDuration::from_hours(24 * 34 + 5);
        let set = match world.objects.put(self.stateful_set(created)) {
            Ok(set) => set,
            Err(error) => {
                debug_assert!(false, "a scenario has a broken object: {error}");
                return Vec::new();
            }
        };
        let mut pods = Vec::new();
        for (index, health) in self.pods.iter().enumerate() {
            let pod = self.pod(index, *health, &set, world.now());
            world.put([self.claim(index, *health, created)]);
            pods.extend(world.objects.put(pod).ok());
            self.listen(index, world);
        }
        pods
    }

    fn listen(&self, index: usize, world: &mut World) {
        let pod = PodAddress::new(self.namespace, &format!("{}-{index}", self.name));
        let hivemq = world.hivemq(self.namespace);
        world.serve(&pod, self.api.0, BROKER, hivemq.clone());
        let (faults, clock) = (world.faults.clone(), world.clock.clone());
        let health = HivemqHealth::new(faults, clock, self.pods.len());
        world.serve(&pod, HEALTH_PORT, BROKER, health);
        let sidecar = self.sidecar.then(|| world.sidecar(self.namespace));
        if let Some(sidecar) = &sidecar {
            world.serve(&pod, SIDECAR_PORT, SIDECAR, sidecar.clone());
        }
        let folder = self.backup_folder.unwrap_or(BACKUP_FOLDER);
        world.files.add(&pod, folder, &hivemq, sidecar.as_ref());
    }

    fn containers(&self) -> Vec<Value> {
        let mut containers = vec![json!({
            "name": BROKER,
            "image": "hivemq/hivemq4:4.42.0",
            "imagePullPolicy": "IfNotPresent",
            "ports": [
                {"name": "mqtt", "containerPort": 1883, "protocol": "TCP"},
                {"name": self.api.1, "containerPort": self.api.0, "protocol": "TCP"},
                {"name": "health", "containerPort": HEALTH_PORT, "protocol": "TCP"},
            ],
            "volumeMounts": [{"name": VOLUME, "mountPath": "/opt/hivemq/data"}],
            "readinessProbe": {"httpGet": {"path": "/api/v1/health/readiness", "port": "health"}},
            "resources": {"requests": {"cpu": "1", "memory": "2Gi"}},
        })];
        if let Some(folder) = self.backup_folder {
            containers[0]["env"] = json!([{"name": "HIVEMQ_BACKUP_FOLDER", "value": folder}]);
        }
        if self.sidecar {
            containers.push(json!({
                "name": SIDECAR,
                "image": "registry.example.com/broker-backup:1.4.0",
                "imagePullPolicy": "IfNotPresent",
                "ports": [
                    {"name": "backup-api", "containerPort": SIDECAR_PORT, "protocol": "TCP"},
                ],
                "env": [{"name": "RESTORE_PORT", "value": SIDECAR_PORT.to_string()}],
                "resources": {},
            }));
        }
        containers
    }

    fn stateful_set(&self, created: Timestamp) -> Value {
        let replicas = self.pods.len();
        let ready = self.pods.iter().filter(|h| **h == Health::Ready).count();
        let revision = self.revision();
        json!({
            "apiVersion": "apps/v1",
            "kind": "StatefulSet",
            "metadata": {
                "name": self.name,
                "namespace": self.namespace,
                "labels": {"app": self.name},
                "creationTimestamp": seconds(created),
            },
            "spec": {
                "replicas": replicas,
                "serviceName": format!("{}-cluster", self.name),
                "podManagementPolicy": "Parallel",
                "selector": {"matchLabels": {"app": self.name}},
                "template": {
                    "metadata": {"labels": {"app": self.name}},
                    "spec": {"containers": self.containers()},
                },
                "updateStrategy": {"type": "RollingUpdate"},
                "volumeClaimTemplates": [{
                    "apiVersion": "v1",
                    "kind": "PersistentVolumeClaim",
                    "metadata": {"name": VOLUME},
                    "spec": claim_spec(),
                    "status": {"phase": "Pending"},
                }],
            },
            "status": {
                "observedGeneration": 1,
                "replicas": replicas,
                "readyReplicas": ready,
                "availableReplicas": ready,
                "currentReplicas": replicas,
                "updatedReplicas": replicas,
                "currentRevision": revision,
                "updateRevision": revision,
                "collisionCount": 0,
            },
        })
    }

    fn revision(&self) -> String {
        format!("{}-6d9f7c8b5", self.name)
    }

    fn pod(&self, index: usize, health: Health, set: &Value, now: Timestamp) -> Value {
        let name = format!("{}-{index}", self.name);
        // The pods of a set start one after another.
        let age = SignedDuration::from_mins((24 * 5 + 3) * 60 + 10)
            - SignedDuration::from_secs(40) * ordinal(index);
        let created = now - age;
        let mut pod = json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": name,
                "generateName": format!("{}-", self.name),
                "namespace": self.namespace,
                "labels": {
                    "app": self.name,
                    "apps.kubernetes.io/pod-index": index.to_string(),
                    "controller-revision-hash": self.revision(),
                    "statefulset.kubernetes.io/pod-name": name,
                },
                "ownerReferences": [{
                    "apiVersion": "apps/v1",
                    "kind": "StatefulSet",
                    "name": self.name,
                    "uid": set["metadata"]["uid"],
                    "controller": true,
                    "blockOwnerDeletion": true,
                }],
                "creationTimestamp": seconds(created),
            },
            "spec": {
                "hostname": name,
                "subdomain": format!("{}-cluster", self.name),
                "restartPolicy": "Always",
                "serviceAccountName": "default",
                "schedulerName": "default-scheduler",
                "terminationGracePeriodSeconds": 30,
                "containers": self.containers(),
                "volumes": [{
                    "name": VOLUME,
                    "persistentVolumeClaim": {"claimName": self.claim_name(index)},
                }],
            },
            "status": self.status(index, health, created, now),
        });
        if health != Health::Unscheduled {
            pod["spec"]["nodeName"] = json!(format!("node-{}", index % 3));
        }
        pod
    }

    fn claim_name(&self, index: usize) -> String {
        format!("{VOLUME}-{}-{index}", self.name)
    }

    /// Returns the claim of a pod. The volume is made when the pod gets a node.
    fn claim(&self, index: usize, health: Health, created: Timestamp) -> Value {
        let mut claim = json!({
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {
                "name": self.claim_name(index),
                "namespace": self.namespace,
                "labels": {"app": self.name},
                "creationTimestamp": seconds(created),
            },
            "spec": claim_spec(),
            "status": {"phase": "Pending"},
        });
        if health != Health::Unscheduled {
            let volume = format!("pvc-{}-{}-{index}", self.namespace, self.name);
            claim["spec"]["volumeName"] = json!(volume);
            claim["status"] = json!({
                "phase": "Bound",
                "accessModes": ["ReadWriteOnce"],
                "capacity": {"storage": VOLUME_SIZE},
            });
        }
        claim
    }

    fn status(&self, index: usize, health: Health, created: Timestamp, now: Timestamp) -> Value {
        let condition = |kind: &str, is: bool| {
            let status = if is { "True" } else { "False" };
            json!({"type": kind, "status": status, "lastTransitionTime": seconds(created)})
        };
        if health == Health::Unscheduled {
            let mut scheduled = condition("PodScheduled", false);
            scheduled["reason"] = json!("Unschedulable");
            scheduled["message"] = json!("0/3 nodes are available: 3 Insufficient memory.");
            return json!({"phase": "Pending", "qosClass": "Burstable", "conditions": [scheduled]});
        }
        let ready = health == Health::Ready;
        let mut statuses = vec![container_status(BROKER, health, created, now)];
        if self.sidecar {
            statuses.push(container_status(SIDECAR, Health::Ready, created, now));
        }
        // A link-local address, to which no program of this project connects: no test leaves this machine.
        let address = format!("169.254.{}.{}", self.subnet, 10 + index);
        let host = format!("192.168.49.{}", 2 + index % 3);
        json!({
            "phase": "Running",
            "qosClass": "Burstable",
            "hostIP": host,
            "hostIPs": [{"ip": host}],
            "podIP": address,
            "podIPs": [{"ip": address}],
            "startTime": seconds(created),
            "conditions": [
                condition("PodReadyToStartContainers", true),
                condition("Initialized", true),
                condition("Ready", ready),
                condition("ContainersReady", ready),
                condition("PodScheduled", true),
            ],
            "containerStatuses": statuses,
        })
    }
}

fn claim_spec() -> Value {
    json!({
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": VOLUME_SIZE}},
        "storageClassName": STORAGE_CLASS,
        "volumeMode": "Filesystem",
    })
}

fn ordinal(index: usize) -> i32 {
    i32::try_from(index).unwrap_or(i32::MAX)
}

fn container_status(name: &str, health: Health, created: Timestamp, now: Timestamp) -> Value {
    let image = if name == BROKER {
        "docker.io/hivemq/hivemq4:4.42.0"
    } else {
        "registry.example.com/broker-backup:1.4.0"
    };
    let mut status = json!({
        "name": name,
        "image": image,
        "imageID": format!("{image}@sha256:{}", "5e".repeat(32)),
        "containerID": format!("containerd://{}", "c0".repeat(32)),
        "ready": health == Health::Ready,
        "started": health != Health::Crashing,
        "restartCount": 0,
        "state": {"running": {"startedAt": seconds(created + SignedDuration::from_secs(4))}},
        "lastState": {},
    });
    if health == Health::Crashing {
        let ended = now - SignedDuration::from_mins(3);
        status["restartCount"] = json!(17);
        status["state"] = json!({"waiting": {
            "reason": "CrashLoopBackOff",
            "message": format!("back-off 5m0s restarting failed container={name}"),
        }});
        status["lastState"] = json!({"terminated": {
            "exitCode": 1,
            "reason": "Error",
            "startedAt": seconds(ended - SignedDuration::from_secs(20)),
            "finishedAt": seconds(ended),
        }});
    }
    status
}
