//! The Jobs of `broker-kafka-worker`.

use std::collections::BTreeMap;

use k8s_openapi::api::batch::v1::{
    Job, JobSpec, PodFailurePolicy, PodFailurePolicyOnExitCodesRequirement, PodFailurePolicyRule,
};
use k8s_openapi::api::core::v1::{
    Container, DownwardAPIVolumeFile, DownwardAPIVolumeSource, ObjectFieldSelector,
    PersistentVolumeClaimVolumeSource, PodSpec, PodTemplateSpec, Volume, VolumeMount,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use operator_api::{JobSettings, LABEL_KIND, LABEL_MANAGED_BY, LABEL_OBJECT, PROGRAM};

use super::input::{BACKUP, Input, OBJECT};
use super::needs::{Access, Needs};
use crate::job::{
    KEPT, PROGRAM_CONTAINER, TERMINATION_LOG, filled, folder, pod_security, restricted,
    secret_volume,
};

/// The folder of the objects.
const INPUT: &str = "/run/kafka";
/// The folders of the Secrets, of the volumes, and of the notes for the next attempt.
const SECRETS: &str = "/secrets";
const VOLUMES: &str = "/volumes";
const STATE: &str = "/state";
/// The seconds that a pod has to end. The worker needs up to 20 of them after a signal.
const GRACE: i64 = 60;
/// How often a pod that failed is replaced. The worker itself waits for brokers that are away.
const RETRIES: i32 = 5;
/// The exit codes after which another attempt can't do better. They mean wrong objects, a part that can't be done, missing sets
/// or topics, active groups, refused permissions, or damaged sets. `docs/kafka-worker.md` lists them all.
const FINAL_CODES: &[i32] = &[2, 3, 10, 11, 12, 13];
/// The label by which the webhook of Azure gives a pod its identity.
/// <https://azure.github.io/azure-workload-identity/docs/topics/service-account-labels-and-annotations.html>
const AZURE_IDENTITY: &str = "azure.workload.identity/use";

/// The commands of the worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Command {
    Backup,
    Restore,
    OffsetReset,
    OffsetRollback,
    Validate,
    Prune,
}

impl Command {
    const fn name(self) -> &'static str {
        match self {
            Self::Backup => "backup",
            Self::Restore => "restore",
            Self::OffsetReset => "offset-reset",
            Self::OffsetRollback => "offset-rollback",
            Self::Validate => "validate",
            Self::Prune => "prune",
        }
    }
}

/// The folder for notes that outlive a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct State {
    pub(super) claim: String,
    pub(super) sub_path: Option<String>,
}

/// The settings of Jobs for Kafka that the operator was started with.
#[derive(Clone, Debug)]
pub(crate) struct WorkerSettings {
    pub(crate) image: String,
    pub(crate) job: JobSettings,
    /// The claim with the notes of restores and the snapshots of offsets, in the namespace of each object.
    pub(crate) state_claim: String,
    /// A label for a queue of Jobs.
    pub(crate) queue: Option<(String, String)>,
}

impl WorkerSettings {
    /// Returns the folder for notes in the operator's claim.
    pub(super) fn state(&self) -> State {
        State {
            claim: self.state_claim.clone(),
            sub_path: None,
        }
    }
}

/// The parts of a Job.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// Name of the Job.
    pub(super) name: String,
    pub(super) namespace: String,
    /// The object that the Job works for, and belongs to.
    pub(super) owner: OwnerReference,
    pub(super) command: Command,
    pub(super) input: Input,
    pub(super) backup_id: Option<String>,
    pub(super) needs: Needs,
    pub(super) state: Option<State>,
    /// Whether the work has no end. Then its pod is started again whenever it ends.
    pub(super) is_endless: bool,
    /// Whether the Job is made without a pod, because its object is suspended.
    pub(super) is_suspended: bool,
}

/// The files in the pod, besides the program.
#[derive(Default)]
struct Mounted {
    volumes: Vec<Volume>,
    mounts: Vec<VolumeMount>,
}

impl Mounted {
    fn add(&mut self, volume: Volume, path: String, sub_path: Option<String>, access: Access) {
        self.mounts.push(VolumeMount {
            name: volume.name.clone(),
            mount_path: path,
            sub_path,
            read_only: (access == Access::Read).then_some(true),
            ..VolumeMount::default()
        });
        self.volumes.push(volume);
    }

    fn of(plan: &Plan) -> Self {
        let mut mounted = Self::default();
        mounted.add(files(&plan.input), INPUT.to_owned(), None, Access::Read);
        // The name of a volume is shorter than that of a Secret or a claim may be.
        for (at, secret) in plan.needs.secrets.iter().enumerate() {
            let volume = secret_volume(&format!("secret-{at}"), secret, None);
            mounted.add(volume, format!("{SECRETS}/{secret}"), None, Access::Read);
        }
        let mut claims = BTreeMap::new();
        for (at, (claim, access)) in plan.needs.claims.iter().enumerate() {
            let name = format!("claim-{at}");
            let volume = claim_volume(&name, claim);
            claims.insert(claim.as_str(), name);
            mounted.add(volume, format!("{VOLUMES}/{claim}"), None, *access);
        }
        if let Some(state) = &plan.state {
            // A claim may be a volume of a pod only once: two volumes of one claim hang with some drivers.
            match claims.get(state.claim.as_str()) {
                Some(volume) => mounted.mounts.push(VolumeMount {
                    name: volume.clone(),
                    mount_path: STATE.to_owned(),
                    sub_path: state.sub_path.clone(),
                    ..VolumeMount::default()
                }),
                None => mounted.add(
                    claim_volume("state", &state.claim),
                    STATE.to_owned(),
                    state.sub_path.clone(),
                    Access::Write,
                ),
            }
        }
        let (volume, mount) = folder("tmp", "/tmp");
        mounted.volumes.push(volume);
        mounted.mounts.push(mount);
        mounted
    }
}

/// Returns the volume that shows annotations of the pod as files.
fn files(input: &Input) -> Volume {
    let file = |annotation: &str, path: &str| DownwardAPIVolumeFile {
        path: path.to_owned(),
        field_ref: Some(ObjectFieldSelector {
            field_path: format!("metadata.annotations['{annotation}']"),
            ..ObjectFieldSelector::default()
        }),
        ..DownwardAPIVolumeFile::default()
    };
    let backup = input.backup.as_ref().map(|_| file(BACKUP, "backup.json"));
    let items = [file(OBJECT, "object.json")].into_iter().chain(backup);
    Volume {
        name: "input".to_owned(),
        downward_api: Some(DownwardAPIVolumeSource {
            items: Some(items.collect()),
            ..DownwardAPIVolumeSource::default()
        }),
        ..Volume::default()
    }
}

fn claim_volume(name: &str, claim: &str) -> Volume {
    Volume {
        name: name.to_owned(),
        persistent_volume_claim: Some(PersistentVolumeClaimVolumeSource {
            claim_name: claim.to_owned(),
            read_only: None,
        }),
        ..Volume::default()
    }
}

/// Returns the Job of a plan.
pub(super) fn job(plan: &Plan, settings: &WorkerSettings) -> Job {
    let labels = labels(plan, settings);
    let retries = if plan.is_endless { i32::MAX } else { RETRIES };
    Job {
        metadata: ObjectMeta {
            name: Some(plan.name.clone()),
            namespace: Some(plan.namespace.clone()),
            labels: Some(labels.clone()),
            owner_references: Some(vec![plan.owner.clone()]),
            ..ObjectMeta::default()
        },
        spec: Some(JobSpec {
            backoff_limit: Some(retries),
            suspend: Some(plan.is_suspended),
            ttl_seconds_after_finished: Some(KEPT),
            // A second pod must not begin while the first may still write.
            pod_replacement_policy: Some("Failed".to_owned()),
            // Kubernetes allows it only for pods that are never restarted.
            pod_failure_policy: (!plan.is_endless).then(failure_policy),
            template: PodTemplateSpec {
                metadata: Some(ObjectMeta {
                    labels: Some(labels),
                    annotations: Some(annotations(&plan.input, &settings.job)),
                    ..ObjectMeta::default()
                }),
                spec: Some(pod(plan, settings)),
            },
            ..JobSpec::default()
        }),
        status: None,
    }
}

fn failure_policy() -> PodFailurePolicy {
    PodFailurePolicy {
        rules: vec![PodFailurePolicyRule {
            action: "FailJob".to_owned(),
            on_exit_codes: Some(PodFailurePolicyOnExitCodesRequirement {
                container_name: Some(PROGRAM_CONTAINER.to_owned()),
                operator: "In".to_owned(),
                values: FINAL_CODES.to_vec(),
            }),
            on_pod_conditions: None,
        }],
    }
}

fn annotations(input: &Input, settings: &JobSettings) -> BTreeMap<String, String> {
    let mut annotations = settings.annotations.clone();
    annotations.insert(OBJECT.to_owned(), input.object.clone());
    if let Some(backup) = &input.backup {
        annotations.insert(BACKUP.to_owned(), backup.clone());
    }
    annotations
}

fn labels(plan: &Plan, settings: &WorkerSettings) -> BTreeMap<String, String> {
    let mut labels = settings.job.labels.clone();
    // Work without an end would keep its place in a queue for ever.
    labels.extend(settings.queue.clone().filter(|_| !plan.is_endless));
    if plan.needs.is_azure_workload {
        labels.insert(AZURE_IDENTITY.to_owned(), "true".to_owned());
    }
    // Ours win: the operator finds its Jobs and pods by them.
    labels.insert(LABEL_MANAGED_BY.to_owned(), PROGRAM.to_owned());
    labels.insert(LABEL_KIND.to_owned(), plan.owner.kind.to_lowercase());
    labels.insert(LABEL_OBJECT.to_owned(), plan.name.clone());
    labels
}

fn arguments(plan: &Plan) -> Vec<String> {
    let mut arguments = vec![
        plan.command.name().to_owned(),
        format!("--object={INPUT}/object.json"),
    ];
    if plan.input.backup.is_some() {
        arguments.push(format!("--backup={INPUT}/backup.json"));
    }
    if let Some(id) = &plan.backup_id {
        arguments.push(format!("--backup-id={id}"));
    }
    if !plan.needs.secrets.is_empty() {
        arguments.push(format!("--secrets={SECRETS}"));
    }
    if !plan.needs.claims.is_empty() {
        arguments.push(format!("--volumes={VOLUMES}"));
    }
    if plan.state.is_some() {
        arguments.push(format!("--state={STATE}"));
    }
    arguments.push(format!("--termination-message={TERMINATION_LOG}"));
    arguments
}

fn pod(plan: &Plan, settings: &WorkerSettings) -> PodSpec {
    let mut mounted = Mounted::of(plan);
    let job = &settings.job;
    mounted.volumes.extend(job.volumes.iter().cloned());
    mounted.mounts.extend(job.volume_mounts.iter().cloned());
    let restart = if plan.is_endless {
        "OnFailure"
    } else {
        "Never"
    };
    PodSpec {
        containers: vec![Container {
            name: PROGRAM_CONTAINER.to_owned(),
            image: Some(job.image.as_ref().unwrap_or(&settings.image).clone()),
            args: Some(arguments(plan)),
            env: filled(&job.env),
            resources: job.resources.clone(),
            security_context: Some(restricted()),
            termination_message_path: Some(TERMINATION_LOG.to_owned()),
            termination_message_policy: Some("FallbackToLogsOnError".to_owned()),
            volume_mounts: Some(mounted.mounts),
            ..Container::default()
        }],
        volumes: Some(mounted.volumes),
        restart_policy: Some(restart.to_owned()),
        service_account_name: job.service_account_name.clone(),
        // The worker makes no request to Kubernetes. Azure's webhook mounts a token of its own.
        automount_service_account_token: Some(false),
        image_pull_secrets: filled(&job.image_pull_secrets),
        node_selector: Some(job.node_selector.clone()).filter(|it| !it.is_empty()),
        tolerations: filled(&job.tolerations),
        affinity: job.affinity.clone(),
        priority_class_name: job.priority_class_name.clone(),
        security_context: Some(job.security_context.clone().unwrap_or_else(pod_security)),
        termination_grace_period_seconds: Some(GRACE),
        enable_service_links: Some(false),
        ..PodSpec::default()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::{Value, json};

    use super::*;

    pub(in crate::kafka) fn settings() -> WorkerSettings {
        WorkerSettings {
            image: "worker:1".to_owned(),
            job: JobSettings::default(),
            state_claim: "kafka-state".to_owned(),
            queue: None,
        }
    }

    /// Returns the Job as JSON.
    pub(in crate::kafka) fn shown(plan: &Plan) -> Value {
        serde_json::to_value(job(plan, &settings())).expect("JSON")
    }

    fn plan() -> Plan {
        let mut needs = Needs::default();
        needs.secret("kafka-user");
        needs.claim("backups", Access::Write);
        Plan {
            name: "kafkabackup-nightly-20250906-120000".to_owned(),
            namespace: "kafka".to_owned(),
            owner: OwnerReference {
                kind: "KafkaBackup".to_owned(),
                ..OwnerReference::default()
            },
            command: Command::Backup,
            input: Input {
                object: "{}".to_owned(),
                backup: None,
            },
            backup_id: Some("nightly-20250906-120000".to_owned()),
            needs,
            state: None,
            is_endless: false,
            is_suspended: false,
        }
    }

    #[test]
    fn the_pod_has_its_files_and_the_line_names_them() {
        let job = shown(&plan());
        let pod = &job["spec"]["template"]["spec"];
        assert_eq!(
            pod["containers"][0]["args"],
            json!([
                "backup",
                "--object=/run/kafka/object.json",
                "--backup-id=nightly-20250906-120000",
                "--secrets=/secrets",
                "--volumes=/volumes",
                "--termination-message=/dev/termination-log",
            ])
        );
        let mounts = pod["containers"][0]["volumeMounts"].as_array();
        let paths: Vec<_> = mounts
            .expect("mounts")
            .iter()
            .map(|it| &it["mountPath"])
            .collect();
        assert_eq!(
            paths,
            [
                "/run/kafka",
                "/secrets/kafka-user",
                "/volumes/backups",
                "/tmp"
            ]
        );
        assert!(pod["terminationGracePeriodSeconds"].as_i64() > Some(30));
        assert_eq!(pod["automountServiceAccountToken"], false);
        let field = "/volumes/0/downwardAPI/items/0/fieldRef/fieldPath";
        assert_eq!(
            pod.pointer(field).expect("a field"),
            "metadata.annotations['kubectl-broker.io/kafka-object']"
        );
        let annotations = &job["spec"]["template"]["metadata"]["annotations"];
        assert_eq!(annotations["kubectl-broker.io/kafka-object"], "{}");
    }

    #[test]
    fn a_claim_is_a_volume_of_the_pod_only_once() {
        let mut plan = plan();
        plan.state = Some(State {
            claim: "backups".to_owned(),
            sub_path: Some("checkpoints".to_owned()),
        });
        let job = shown(&plan);
        let volumes = job["spec"]["template"]["spec"]["volumes"].as_array();
        let of_claim = |it: &&Value| it["persistentVolumeClaim"].is_object();
        assert_eq!(volumes.expect("volumes").iter().filter(of_claim).count(), 1);
        let mounts = job.pointer("/spec/template/spec/containers/0/volumeMounts");
        let state = mounts.and_then(Value::as_array).expect("mounts").iter();
        let state = state.clone().find(|it| it["mountPath"] == "/state");
        assert_eq!(state.expect("a mount")["subPath"], "checkpoints");
    }

    #[test]
    fn work_without_an_end_is_restarted_and_other_work_ends_with_a_final_code() {
        let mut plan = plan();
        let job = shown(&plan);
        let values = job.pointer("/spec/podFailurePolicy/rules/0/onExitCodes/values");
        let values: Vec<i64> = serde_json::from_value(values.expect("codes").clone()).expect("it");
        assert!(values.is_sorted(), "the API server refuses {values:?}");
        assert!(!values.contains(&1) && !values.contains(&130));
        plan.is_endless = true;
        plan.is_suspended = true;
        let job = shown(&plan);
        assert_eq!(
            job["spec"]["template"]["spec"]["restartPolicy"],
            "OnFailure"
        );
        assert_eq!(job["spec"].get("podFailurePolicy"), None);
        assert_eq!(job["spec"]["suspend"], true);
    }
}
