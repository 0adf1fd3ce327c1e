//! The operator with many schedules: memory, the cost of doing nothing, and the time from a tick to the Jobs.
//!
//! The program is the one that users run, so its clock is the system's. A moved clock exists in debug builds only, and takes
//! another way through the timers. The schedules that fire get the time of a minute that is near. Everything else is
//! measured before it.
//!
//! No Job does its work: the registry of the simulated cluster has no image for it.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::batch::v1::Job;
use kube::api::{Api, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use operator_api::Backup;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use testbed::Testbed;

use crate::download::{processor, resident};
use crate::figures::{percentile, verdict};
use crate::{Failed, say};

const NAMESPACES: usize = 20;
const SCHEDULES: usize = 10_000;
/// The schedules that fire at once.
const FIRING: usize = 500;
/// The runs that each schedule has had.
const HISTORY: usize = 3;
/// The targets: MiB, seconds of processor time in a minute, requests in a minute, and seconds from the tick to the Job.
const MEMORY: f64 = 70.0;
const PROCESSOR: f64 = 0.1;
const REQUESTS: usize = 0;
const LATENCY: f64 = 3.4;
/// The length of the look at an operator that has nothing to do.
const REST: Duration = Duration::from_mins(1);
/// The limit for each step.
const PATIENCE: Duration = Duration::from_mins(15);
/// Requests that a client of the baseline sends at a time, as the operator's controllers do.
const AT_ONCE: usize = 16;

const KIND: &str = "backupschedules.kubectl-broker.io";

pub(crate) async fn many_schedules(programs: &Path) -> Result<(), Failed> {
    let bed = Testbed::builder().empty().start().await?;
    fill(&bed)?;
    let mut operator = Operator::start(programs, &bed)?;
    let begun = Instant::now();
    operator.until_all_are_known().await?;
    let first = begun.elapsed();
    let work = operator.processor();
    operator.until_idle().await?;
    let memory = operator.memory();
    say(&format!(
        "operator with {SCHEDULES} schedules in {NAMESPACES} namespaces: memory {memory:.1} MiB (target 70: {}), peak {:.1} MiB; the first look at all of them {:.1} s, processor time {:.1} s",
        verdict(memory, MEMORY),
        operator.peak(),
        first.as_secs_f64(),
        work.as_secs_f64(),
    ));
    rest(&bed, &operator).await;
    operator.stop()?;

    add_history(&bed)?;
    operator = Operator::start(programs, &bed)?;
    let begun = Instant::now();
    operator.until_all_are_known().await?;
    let first = begun.elapsed();
    let work = operator.processor();
    operator.until_idle().await?;
    say(&format!(
        "  with {HISTORY} old runs of each: memory {:.1} MiB, peak {:.1} MiB; the first look {:.1} s, processor time {:.1} s",
        operator.memory(),
        operator.peak(),
        first.as_secs_f64(),
        work.as_secs_f64(),
    ));
    let before = operator.processor();
    let latencies = fire(&bed, &operator).await?;
    let work = operator.processor().saturating_sub(before);
    let (half, most) = (percentile(&latencies, 50), percentile(&latencies, 99));
    say(&format!(
        "  {FIRING} schedules that fire at once, from the tick to the Job: p50 {half:.2} s, p99 {most:.2} s (target 3.40: {}); processor time {:.2} s",
        verdict(most, LATENCY),
        work.as_secs_f64(),
    ));
    operator.stop()?;
    let alone = plain_creation(&bed).await?.as_secs_f64();
    say(&format!(
        "  the same Backups and Jobs from a plain client, {AT_ONCE} at a time: {alone:.2} s; p99 / that = {:.2}",
        most / alone
    ));
    Ok(())
}

/// Looks at an operator that has nothing to do.
async fn rest(bed: &Testbed, operator: &Operator) {
    bed.requests().clear();
    let before = operator.processor();
    tokio::time::sleep(REST).await;
    let work = operator.processor().saturating_sub(before).as_secs_f64();
    let all = bed.requests().count("*", "");
    let leases = bed.requests().count("*", "/leases/");
    let others = all - leases;
    say(&format!(
        "  at rest for a minute: processor time {work:.2} s (target 0.10: {}), {others} requests (target 0: {}) and {leases} for the Lease",
        verdict(work, PROCESSOR),
        if others == REQUESTS { "met" } else { "missed" },
    ));
}

fn namespace(number: usize) -> String {
    format!("team-{:02}", number % NAMESPACES)
}

fn name(number: usize) -> String {
    format!("schedule-{number:05}")
}

/// The times of a schedule that does not fire while the benchmark runs.
fn far_away() -> String {
    let later = Timestamp::now() + SignedDuration::from_hours(12);
    later.strftime("%-M %-H * * *").to_string()
}

/// Puts definitions, namespaces, stores and schedules into a cluster.
fn fill(bed: &Testbed) -> Result<(), Failed> {
    for definition in operator_api::definitions() {
        bed.objects().put(serde_json::to_value(definition)?)?;
    }
    bed.objects().put(
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "kubectl-broker"}}),
    )?;
    let now = Timestamp::now();
    for number in 0..NAMESPACES {
        let namespace = namespace(number);
        bed.objects().put(
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}),
        )?;
        bed.objects().put(json!({
            "apiVersion": "v1", "kind": "ServiceAccount",
            "metadata": {"name": "kubectl-broker", "namespace": namespace},
        }))?;
        // A store that was tested just now makes no Job.
        let mut store = object("BackupStore", &namespace, "nightly", &json!({}));
        store["spec"] = json!({"url": "s3://backups/nightly", "checkInterval": "24h"});
        store["status"] = json!({
            "observedGeneration": 1, "lastCheckTime": now,
            "conditions": [{
                "type": "Ready", "status": "True", "reason": "Tested", "message": "",
                "lastTransitionTime": now, "observedGeneration": 1,
            }],
        });
        bed.objects().put(store)?;
    }
    let times = far_away();
    for number in 0..SCHEDULES {
        let schedule =
            json!({"schedule": times, "timeZone": "Etc/UTC", "retention": {"keepDaily": 7}});
        let name = name(number);
        bed.objects().put(object(
            "BackupSchedule",
            &namespace(number),
            &name,
            &schedule,
        ))?;
    }
    Ok(())
}

/// Returns an object of about a kilobyte.
fn object(kind: &str, namespace: &str, name: &str, more: &Value) -> Value {
    let mut spec = json!({
        "engine": {"name": "hivemq"},
        "target": {"statefulSet": format!("broker-of-{name}")},
        "credentials": {"secret": {"name": "backup-credentials"}},
        "store": {"name": "nightly"},
        "timeout": "1h",
        "job": {
            "serviceAccountName": "kubectl-broker",
            "resources": {"limits": {"memory": "256Mi"}, "requests": {"cpu": "50m", "memory": "64Mi"}},
            "tolerations": [{"key": "dedicated", "operator": "Equal", "value": "backups", "effect": "NoSchedule"}],
        },
    });
    if let (Some(spec), Some(more)) = (spec.as_object_mut(), more.as_object()) {
        spec.extend(more.clone());
    }
    json!({
        "apiVersion": "kubectl-broker.io/v1alpha1",
        "kind": kind,
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": {"app.kubernetes.io/name": "broker", "app.kubernetes.io/part-of": namespace},
            "annotations": {"example.com/owner": format!("the people of {namespace}")},
        },
        "spec": spec,
    })
}

/// Adds the old runs of each schedule.
fn add_history(bed: &Testbed) -> Result<(), Failed> {
    let now = Timestamp::now();
    for schedule in bed.objects().list(KIND, None) {
        let metadata = &schedule["metadata"];
        let text = |field: &str| metadata[field].as_str().unwrap_or_default().to_owned();
        let (name, namespace, uid) = (text("name"), text("namespace"), text("uid"));
        for age in 1..=HISTORY {
            let hours = i64::try_from(24 * age)?;
            let tick = now - SignedDuration::from_hours(hours);
            let by = json!({"schedule": {"name": name, "uid": uid, "time": tick}});
            let run = format!("{name}-{}", tick.as_second() / 60);
            let mut run = object("Backup", &namespace, &run, &by);
            run["status"] = json!({
                "run": {
                    "phase": "Succeeded", "observedGeneration": 1, "startedAt": tick,
                    "finishedAt": tick,
                },
                "backupId": format!("{age}"),
            });
            bed.objects().put(run)?;
        }
    }
    Ok(())
}

/// Makes some schedules fire. Returns the seconds from the tick to each Job.
async fn fire(bed: &Testbed, operator: &Operator) -> Result<Vec<f64>, Failed> {
    // All of them must be known again before the tick.
    let earliest = Timestamp::now() + SignedDuration::from_secs(45);
    let minute = earliest.as_second() / 60 + 1;
    let tick = Timestamp::from_second(60 * minute)?;
    let times = tick.strftime("%-M %-H * * *").to_string();
    for number in 0..FIRING {
        let changed = bed
            .objects()
            .modify(KIND, &namespace(number), &name(number), |it| {
                it["spec"]["schedule"] = json!(times);
                it["metadata"]["generation"] = json!(2);
            });
        changed?;
    }
    let next = json!(tick);
    let count = |bed: &Testbed| {
        let all = bed.objects().list(KIND, None);
        let known = all.iter().filter(|it| it["status"]["nextRunTime"] == next);
        known.count()
    };
    while count(bed) < FIRING {
        if Timestamp::now() >= tick {
            return Err("the schedules were not known before their tick".into());
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    operator.until_idle().await?;
    bed.requests().clear();
    let wait = Duration::try_from(tick.duration_since(Timestamp::now())).unwrap_or_default();
    tokio::time::sleep(wait).await;
    let deadline = Instant::now() + PATIENCE;
    let mut latencies = Vec::new();
    while latencies.len() < FIRING {
        let jobs = bed.objects().count("jobs.batch", None);
        let now = Timestamp::now().duration_since(tick).as_secs_f64();
        latencies.resize(jobs.max(latencies.len()), now);
        if Instant::now() >= deadline {
            return Err(format!("{jobs} of {FIRING} Jobs: {}", operator.log()).into());
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // A second Job of a tick would come soon. The operator finds no rest here: it looks at the pods that wait.
    tokio::time::sleep(Duration::from_secs(5)).await;
    let jobs = bed.objects().count("jobs.batch", None);
    if jobs == FIRING {
        Ok(latencies)
    } else {
        Err(format!("{jobs} Jobs of {FIRING} ticks").into())
    }
}

/// Creates the Backups and Jobs of the ticks once more, under other names. Returns the time that this takes: the API server
/// alone needs it. No operator may run meanwhile.
async fn plain_creation(bed: &Testbed) -> Result<Duration, Failed> {
    let config = Kubeconfig::read_from(bed.kubeconfig())?;
    let config = Config::from_custom_kubeconfig(config, &KubeConfigOptions::default()).await?;
    let client = Client::try_from(config)?;
    let jobs = bed.objects().list("jobs.batch", None);
    let mut pairs = Vec::new();
    for (number, mut job) in jobs.into_iter().enumerate() {
        let namespace = job["metadata"]["namespace"].as_str().unwrap_or_default();
        let namespace = namespace.to_owned();
        let name = format!("plain-{number}");
        let backup = object("Backup", &namespace, &name, &json!({}));
        job["metadata"] = json!({"name": name, "namespace": namespace});
        if let Some(job) = job.as_object_mut() {
            job.remove("status");
        }
        if let Some(spec) = job["spec"].as_object_mut() {
            spec.remove("selector");
            spec.insert("suspend".to_owned(), json!(true));
        }
        job["spec"]["template"]["metadata"] = json!({});
        pairs.push((
            namespace,
            serde_json::from_value(backup)?,
            serde_json::from_value(job)?,
        ));
    }
    let begun = Instant::now();
    let made = stream::iter(pairs).map(|(namespace, backup, job): (String, Backup, Job)| {
        let backups: Api<Backup> = Api::namespaced(client.clone(), &namespace);
        let jobs: Api<Job> = Api::namespaced(client.clone(), &namespace);
        async move {
            backups.create(&PostParams::default(), &backup).await?;
            jobs.create(&PostParams::default(), &job).await?;
            Ok::<_, kube::Error>(())
        }
    });
    let made = made.buffer_unordered(AT_ONCE);
    made.try_collect::<Vec<()>>().await?;
    Ok(begun.elapsed())
}

/// The operator as a process.
struct Operator {
    child: Child,
    address: SocketAddr,
    log: tempfile::NamedTempFile,
}

impl Operator {
    fn start(programs: &Path, bed: &Testbed) -> Result<Self, Failed> {
        // The port is free again when the operator begins to listen.
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let log = tempfile::NamedTempFile::new()?;
        let child = Command::new(programs.join("broker-operator"))
            .env_clear()
            .env("KUBECONFIG", bed.kubeconfig())
            .args(["--image", "registry.test/kubectl-broker:1"])
            .args(["--identity", "bench", "--lease-namespace", "kubectl-broker"])
            .args(["--max-runs", "0", "--max-runs-per-namespace", "0"])
            .args(["--listen", &address.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log.reopen()?)
            .spawn()?;
        Ok(Self {
            child,
            address,
            log,
        })
    }

    fn log(&self) -> String {
        fs::read_to_string(self.log.path()).unwrap_or_default()
    }

    /// The processor time so far.
    fn processor(&self) -> Duration {
        processor(&self.child)
    }

    /// The resident set, in MiB.
    fn memory(&self) -> f64 {
        resident(&self.child, "VmRSS:")
    }

    /// The largest resident set so far, in MiB.
    fn peak(&self) -> f64 {
        resident(&self.child, "VmHWM:")
    }

    /// Returns the number of looks at schedules so far; 0 before the first one.
    fn looks(&self) -> usize {
        let metrics = || {
            let mut stream = TcpStream::connect(self.address).ok()?;
            let request = "GET /metrics HTTP/1.1\r\nHost: operator\r\nConnection: close\r\n\r\n";
            stream.write_all(request.as_bytes()).ok()?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer).ok()?;
            let mut lines = answer.lines();
            let counter = "broker_reconciles_total{kind=\"BackupSchedule\"} ";
            lines.find_map(|line| line.strip_prefix(counter)?.trim().parse().ok())
        };
        tokio::task::block_in_place(metrics).unwrap_or_default()
    }

    async fn until_all_are_known(&mut self) -> Result<(), Failed> {
        let deadline = Instant::now() + PATIENCE;
        while self.looks() < SCHEDULES {
            if self.child.try_wait()?.is_some() || Instant::now() >= deadline {
                return Err(format!("the operator does not work: {}", self.log()).into());
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
        Ok(())
    }

    /// Waits until the operator has done all that there is to do.
    async fn until_idle(&self) -> Result<(), Failed> {
        let deadline = Instant::now() + PATIENCE;
        let mut before = self.processor();
        loop {
            tokio::time::sleep(Duration::from_secs(3)).await;
            let now = self.processor();
            if now.saturating_sub(before) <= Duration::from_millis(20) {
                return Ok(());
            }
            if Instant::now() >= deadline {
                return Err("the operator finds no rest".into());
            }
            before = now;
        }
    }

    /// Ends it, so that the next one need not wait for its Lease.
    fn stop(&mut self) -> Result<(), Failed> {
        let id = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        kill_process(id.ok_or("a process without an id")?, Signal::TERM)?;
        let status = self.child.wait()?;
        if status.success() {
            Ok(())
        } else {
            Err(format!("the operator ended with {status}: {}", self.log()).into())
        }
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
