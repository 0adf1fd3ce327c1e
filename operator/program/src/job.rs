//! The Jobs that do the work.

use std::collections::BTreeMap;

use k8s_openapi::api::batch::v1::{
    Job, JobSpec, PodFailurePolicy, PodFailurePolicyOnExitCodesRequirement, PodFailurePolicyRule,
};
use k8s_openapi::api::core::v1::{
    Capabilities, ConfigMapVolumeSource, Container, EmptyDirVolumeSource, EnvFromSource, EnvVar,
    EnvVarSource, KeyToPath, ObjectFieldSelector, PodSecurityContext, PodSpec, PodTemplateSpec,
    SeccompProfile, SecretEnvSource, SecretVolumeSource, SecurityContext, Volume, VolumeMount,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kube::Api;
use kube::api::PostParams;
use operator_api::{
    BackupStore, Connection, JobSettings, KeyRef, LABEL_KIND, LABEL_MANAGED_BY, LABEL_OBJECT,
    PROGRAM, Restore, RunKind as _, Work,
};

use crate::context::Context;
use crate::error::OperatorError;
use crate::owner::check_owner;

/// Where files are mounted in the pods of Jobs.
const FILES: &str = "/etc/kubectl-broker";
/// The home of the program, and its only place to write besides `/tmp`.
const HOME: &str = "/var/lib/kubectl-broker";
/// The file of the termination message.
pub(crate) const TERMINATION_LOG: &str = "/dev/termination-log";
/// A numeric user without a name: images have no file of users.
const USER: i64 = 65_532;
/// How much longer the Job may take than all its attempts, in seconds: pods must be scheduled and images pulled.
const MARGIN: i64 = 600;
/// How long a Job that has ended is kept, in seconds. Its pod has the log.
pub(crate) const KEPT: i32 = 86_400;
/// The exit codes after which another attempt can't succeed: wrong usage, a refused permission, damaged data, a fault of
/// the engine. `docs/reference.md` lists them all.
const FINAL_CODES: &[i32] = &[2, 12, 13, 14];
/// The final codes of a restore. After 11, either a restore may have taken effect, or another one is under way at the target.
/// Only people can decide whether to restore then. The API server refuses a list that is not sorted.
const FINAL_CODES_OF_RESTORES: &[i32] = &[2, 11, 12, 13, 14];

/// The settings of Jobs that the operator was started with.
#[derive(Clone, Debug)]
pub(crate) struct Defaults {
    pub(crate) image: String,
    pub(crate) service_account: String,
    /// A label for a queue of Jobs, such as Kueue's.
    pub(crate) queue: Option<(String, String)>,
}

/// The parts of a Job.
#[derive(Clone, Debug)]
pub(crate) struct Plan<'a> {
    /// Name of the Job.
    pub(crate) name: String,
    pub(crate) namespace: String,
    /// The object that the Job works for, and belongs to.
    pub(crate) owner: OwnerReference,
    /// The arguments of the program.
    pub(crate) arguments: Vec<String>,
    pub(crate) settings: Option<&'a JobSettings>,
    /// The work of a run. Jobs about a store have none.
    pub(crate) work: Option<&'a Work>,
    pub(crate) store: Option<&'a BackupStore>,
    /// Whether the program gets the identities that decrypt copies.
    pub(crate) decrypts: bool,
    /// Longest time of one attempt in seconds.
    pub(crate) timeout: i64,
    pub(crate) retries: i32,
    /// How long the Job is kept after its end, in seconds.
    pub(crate) kept: i32,
}

/// The files in the pod, besides the program.
#[derive(Default)]
struct Mounted {
    arguments: Vec<String>,
    volumes: Vec<Volume>,
    mounts: Vec<VolumeMount>,
}

impl Mounted {
    fn add(
        &mut self,
        flag: &str,
        value: Option<&str>,
        name: &str,
        file: Option<&str>,
        volume: Volume,
    ) {
        let folder = format!("{FILES}/{name}");
        let path = match file {
            Some(file) => format!("{folder}/{file}"),
            None => folder.clone(),
        };
        let words = [Some(flag), value, Some(&*path)];
        let words = words.into_iter().flatten().map(str::to_owned);
        self.arguments.extend(words);
        self.volumes.push(volume);
        self.mounts.push(VolumeMount {
            name: name.to_owned(),
            mount_path: folder,
            read_only: Some(true),
            ..VolumeMount::default()
        });
    }

    /// Mounts the credentials, the lockfile and the identities that the work needs.
    fn of(plan: &Plan<'_>) -> Self {
        let mut mounted = Self::default();
        let credentials = plan.work.and_then(|work| work.credentials.as_ref());
        if let Some(credentials) = credentials {
            if let Some(secret) = &credentials.secret {
                let volume = secret_volume("credentials", &secret.name, None);
                mounted.add("--credentials", None, "credentials", None, volume);
            }
            for (at, named) in credentials.named.iter().enumerate() {
                let name = format!("credentials-{at}");
                let volume = secret_volume(&name, &named.secret.name, None);
                let flag = "--named-credentials";
                mounted.add(flag, Some(&named.name), &name, None, volume);
            }
        }
        if let Some(lockfile) = plan.work.and_then(|work| work.engine.lockfile.as_ref()) {
            let volume = Volume {
                name: "plugins".to_owned(),
                config_map: Some(ConfigMapVolumeSource {
                    name: lockfile.name.clone(),
                    items: Some(vec![only(&lockfile.key, "plugins.lock")]),
                    ..ConfigMapVolumeSource::default()
                }),
                ..Volume::default()
            };
            mounted.add("--lockfile", None, "plugins", Some("plugins.lock"), volume);
        }
        if let Some(engine) = plan.work.map(|work| &work.engine)
            && let (Some(image), Some(accepted)) = (&engine.image, &engine.accept_capabilities)
        {
            let words = [
                "--plugin",
                &engine.name,
                image,
                "--accept-capabilities",
                accepted,
            ];
            mounted.arguments.extend(words.map(str::to_owned));
        }
        let encryption = plan.store.and_then(|store| store.spec.encryption.as_ref());
        let identity = encryption.and_then(|it| it.identity.as_ref());
        if let Some(identity) = identity.filter(|_| plan.decrypts) {
            let volume = secret_volume("identity", &identity.name, Some(identity));
            mounted.add("--identity", None, "identity", Some("identity"), volume);
        }
        mounted
    }
}

fn only(key: &str, path: &str) -> KeyToPath {
    KeyToPath {
        key: key.to_owned(),
        path: path.to_owned(),
        mode: None,
    }
}

pub(crate) fn secret_volume(name: &str, secret: &str, key: Option<&KeyRef>) -> Volume {
    Volume {
        name: name.to_owned(),
        secret: Some(SecretVolumeSource {
            secret_name: Some(secret.to_owned()),
            items: key.map(|key| vec![only(&key.key, "identity")]),
            // Of the group of the pod's user.
            default_mode: Some(0o440),
            ..SecretVolumeSource::default()
        }),
        ..Volume::default()
    }
}

/// Returns a folder that lives as long as the pod.
pub(crate) fn folder(name: &str, path: &str) -> (Volume, VolumeMount) {
    let volume = Volume {
        name: name.to_owned(),
        empty_dir: Some(EmptyDirVolumeSource::default()),
        ..Volume::default()
    };
    let mount = VolumeMount {
        name: name.to_owned(),
        mount_path: path.to_owned(),
        ..VolumeMount::default()
    };
    (volume, mount)
}

fn field(name: &str, path: &str) -> EnvVar {
    EnvVar {
        name: name.to_owned(),
        value: None,
        value_from: Some(EnvVarSource {
            field_ref: Some(ObjectFieldSelector {
                field_path: path.to_owned(),
                ..ObjectFieldSelector::default()
            }),
            ..EnvVarSource::default()
        }),
    }
}

fn variable(name: &str, value: &str) -> EnvVar {
    EnvVar {
        name: name.to_owned(),
        value: Some(value.to_owned()),
        value_from: None,
    }
}

/// Returns the Job of a plan.
pub(crate) fn job(plan: &Plan<'_>, defaults: &Defaults) -> Job {
    let none = JobSettings::default();
    let settings = plan.settings.unwrap_or(&none);
    let labels = labels(plan, settings, defaults);
    let seconds = plan.timeout.saturating_add(MARGIN);
    let attempts = i64::from(plan.retries).saturating_add(1);
    let final_codes = if plan.owner.kind == Restore::KIND {
        FINAL_CODES_OF_RESTORES
    } else {
        FINAL_CODES
    };
    Job {
        metadata: ObjectMeta {
            name: Some(plan.name.clone()),
            namespace: Some(plan.namespace.clone()),
            labels: Some(labels.clone()),
            owner_references: Some(vec![plan.owner.clone()]),
            ..ObjectMeta::default()
        },
        spec: Some(JobSpec {
            backoff_limit: Some(plan.retries),
            active_deadline_seconds: Some(seconds.saturating_mul(attempts)),
            ttl_seconds_after_finished: Some(plan.kept),
            // A second pod must not begin while the first may still write.
            pod_replacement_policy: Some("Failed".to_owned()),
            pod_failure_policy: Some(PodFailurePolicy {
                rules: vec![PodFailurePolicyRule {
                    action: "FailJob".to_owned(),
                    on_exit_codes: Some(PodFailurePolicyOnExitCodesRequirement {
                        container_name: Some(PROGRAM_CONTAINER.to_owned()),
                        operator: "In".to_owned(),
                        values: final_codes.to_vec(),
                    }),
                    on_pod_conditions: None,
                }],
            }),
            template: PodTemplateSpec {
                metadata: Some(ObjectMeta {
                    labels: Some(labels),
                    annotations: Some(settings.annotations.clone()).filter(|it| !it.is_empty()),
                    ..ObjectMeta::default()
                }),
                spec: Some(pod(plan, settings, defaults)),
            },
            ..JobSpec::default()
        }),
        status: None,
    }
}

/// Creates a Job, unless it is there.
pub(crate) async fn create_job(
    context: &Context,
    plan: &Plan<'_>,
    owner: &str,
) -> Result<(), OperatorError> {
    let jobs: Api<Job> = Api::namespaced(context.client.clone(), &plan.namespace);
    let wanted = job(plan, &context.defaults);
    match jobs.create(&PostParams::default(), &wanted).await {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if status.reason == "AlreadyExists" => {
            let found = jobs.get(&plan.name).await?;
            check_owner(&found, &plan.namespace, owner)
        }
        Err(error) => Err(error.into()),
    }
}

fn pod(plan: &Plan<'_>, settings: &JobSettings, defaults: &Defaults) -> PodSpec {
    let mut mounted = Mounted::of(plan);
    for (volume, mount) in [folder("home", HOME), folder("tmp", "/tmp")] {
        mounted.volumes.push(volume);
        mounted.mounts.push(mount);
    }
    mounted.volumes.extend(settings.volumes.iter().cloned());
    mounted
        .mounts
        .extend(settings.volume_mounts.iter().cloned());
    let volumes = std::mem::take(&mut mounted.volumes);
    let account = settings.service_account_name.as_ref();
    let security = settings.security_context.clone();
    PodSpec {
        containers: vec![container(plan, settings, defaults, mounted)],
        volumes: Some(volumes),
        restart_policy: Some("Never".to_owned()),
        service_account_name: Some(account.unwrap_or(&defaults.service_account).clone()),
        image_pull_secrets: filled(&settings.image_pull_secrets),
        node_selector: Some(settings.node_selector.clone()).filter(|it| !it.is_empty()),
        tolerations: filled(&settings.tolerations),
        affinity: settings.affinity.clone(),
        priority_class_name: settings.priority_class_name.clone(),
        security_context: Some(security.unwrap_or_else(pod_security)),
        // The program writes its result before it ends.
        termination_grace_period_seconds: Some(60),
        enable_service_links: Some(false),
        ..PodSpec::default()
    }
}

fn container(
    plan: &Plan<'_>,
    settings: &JobSettings,
    defaults: &Defaults,
    mut mounted: Mounted,
) -> Container {
    let mut arguments = plan.arguments.clone();
    if plan
        .work
        .is_some_and(|work| work.connection == Connection::PortForward)
    {
        arguments.push("--connection=port-forward".to_owned());
    }
    arguments.append(&mut mounted.arguments);
    if arguments.first().is_some_and(|verb| verb == "run") {
        // The kubelet reads the reason of a failure there. Other commands have only their log.
        arguments.push(format!("--termination-log={TERMINATION_LOG}"));
    }
    let mut environment = vec![
        variable("HOME", HOME),
        field("POD_NAME", "metadata.name"),
        field("POD_NAMESPACE", "metadata.namespace"),
    ];
    environment.extend(settings.env.iter().cloned());
    let secret = plan.store.and_then(|store| store.spec.credentials.as_ref());
    Container {
        name: PROGRAM_CONTAINER.to_owned(),
        image: Some(settings.image.as_ref().unwrap_or(&defaults.image).clone()),
        args: Some(arguments),
        env: Some(environment),
        env_from: secret.map(|secret| {
            vec![EnvFromSource {
                secret_ref: Some(SecretEnvSource {
                    name: secret.name.clone(),
                    optional: None,
                }),
                ..EnvFromSource::default()
            }]
        }),
        resources: settings.resources.clone(),
        security_context: Some(restricted()),
        termination_message_path: Some(TERMINATION_LOG.to_owned()),
        termination_message_policy: Some("FallbackToLogsOnError".to_owned()),
        volume_mounts: Some(mounted.mounts),
        ..Container::default()
    }
}

/// The name of the container with the program.
pub(crate) const PROGRAM_CONTAINER: &str = "run";

pub(crate) fn filled<T: Clone>(list: &[T]) -> Option<Vec<T>> {
    (!list.is_empty()).then(|| list.to_vec())
}

fn labels(
    plan: &Plan<'_>,
    settings: &JobSettings,
    defaults: &Defaults,
) -> BTreeMap<String, String> {
    let mut labels = settings.labels.clone();
    labels.extend(defaults.queue.clone());
    // Ours win: the operator finds its Jobs and pods by them.
    labels.insert(LABEL_MANAGED_BY.to_owned(), PROGRAM.to_owned());
    labels.insert(LABEL_KIND.to_owned(), plan.owner.kind.to_lowercase());
    // A label's value has at most 63 characters, and the name of a Job always fits.
    labels.insert(LABEL_OBJECT.to_owned(), plan.name.clone());
    labels
}

/// The settings that the strictest policy of Kubernetes asks for.
/// <https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted>
pub(crate) fn pod_security() -> PodSecurityContext {
    PodSecurityContext {
        run_as_non_root: Some(true),
        run_as_user: Some(USER),
        run_as_group: Some(USER),
        fs_group: Some(USER),
        seccomp_profile: Some(SeccompProfile {
            type_: "RuntimeDefault".to_owned(),
            localhost_profile: None,
        }),
        ..PodSecurityContext::default()
    }
}

pub(crate) fn restricted() -> SecurityContext {
    SecurityContext {
        allow_privilege_escalation: Some(false),
        read_only_root_filesystem: Some(true),
        capabilities: Some(Capabilities {
            drop: Some(vec!["ALL".to_owned()]),
            add: None,
        }),
        ..SecurityContext::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn final_codes(kind: &str) -> Vec<i32> {
        let plan = Plan {
            name: "a".to_owned(),
            namespace: "prod".to_owned(),
            owner: OwnerReference {
                kind: kind.to_owned(),
                ..OwnerReference::default()
            },
            arguments: Vec::new(),
            settings: None,
            work: None,
            store: None,
            decrypts: false,
            timeout: 60,
            retries: 3,
            kept: KEPT,
        };
        let defaults = Defaults {
            image: "i".to_owned(),
            service_account: "s".to_owned(),
            queue: None,
        };
        let spec = job(&plan, &defaults).spec.expect("a spec");
        let mut rules = spec.pod_failure_policy.expect("a policy").rules.into_iter();
        let codes = rules.find_map(|rule| rule.on_exit_codes);
        codes.expect("codes").values
    }

    #[test]
    fn only_a_restore_ends_if_its_outcome_is_unknown() {
        assert_eq!(final_codes("Backup"), [2, 12, 13, 14]);
        assert_eq!(final_codes("Restore"), [2, 11, 12, 13, 14]);
    }
}
