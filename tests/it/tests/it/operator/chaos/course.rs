//! The course of the days: the clock moves, and things die at each step.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use rustix::process::Signal;
use serde_json::Value;
use testbed::{NodeDeath, Testbed};

use super::super::plant::{BACKUPS, NAMESPACE, Plant, SCHEDULES, condition, of_kind, phase};
use super::model::{Planned, Random};
use super::time;

const SCHEDULED: usize = 20;
/// The most runs at a time.
const PLACES: usize = 5;
/// Taking over from a replica that died takes 15 real seconds, because Leases last that long.
const TAKEOVERS: u32 = 3;

/// The days under way.
pub struct Course {
    pub plant: Plant,
    random: Random,
    pub begin: Timestamp,
    length: SignedDuration,
    kills: u64,
    pub schedules: Vec<Planned>,
    /// How often what died.
    died: BTreeMap<&'static str, u64>,
    /// The times at which the operator was seen to be up to date.
    pub looks: BTreeSet<Timestamp>,
    /// Every Backup, as it was seen last.
    pub backups: BTreeMap<String, Value>,
    /// The uids of every Job of a run.
    pub jobs: BTreeMap<String, BTreeSet<String>>,
    /// The replicas that are meant to run.
    up: BTreeSet<usize>,
    takeovers: u32,
    is_refused: bool,
    dead: Option<String>,
}

impl Course {
    pub fn begin(seed: u64, days: u64, kills: u64) -> Self {
        let mut random = Random(seed);
        let schedules: Vec<_> = (0..SCHEDULED)
            .map(|number| Planned::random(number, &mut random))
            .collect();
        let places = PLACES.to_string();
        let limit = ["--max-runs-per-namespace", &*places];
        let mut plant = Plant::without_operator(Testbed::builder(), &limit);
        plant
            .bed()
            .faults()
            .set("download-size=30000".parse().expect("a fault"));
        plant.add_operator();
        plant.add_store();
        for schedule in &schedules {
            plant.add(&of_kind("BackupSchedule", &schedule.name, &schedule.spec()));
        }
        for schedule in &schedules {
            plant.until_object(SCHEDULES, &schedule.name, |it| {
                condition(it, "Scheduled") == "True"
            });
        }
        let begin = plant.now();
        Self {
            plant,
            random,
            begin,
            length: SignedDuration::from_hours(24 * i64::try_from(days).expect("some days")),
            kills,
            schedules,
            died: BTreeMap::new(),
            looks: BTreeSet::from([begin]),
            backups: BTreeMap::new(),
            jobs: BTreeMap::new(),
            up: BTreeSet::from([0]),
            takeovers: 0,
            is_refused: false,
            dead: None,
        }
    }

    pub fn now(&self) -> Timestamp {
        self.plant.now()
    }

    pub fn is_under_way(&self) -> bool {
        self.now() < self.begin + self.length
    }

    pub fn done(&self) -> u64 {
        self.died.values().sum()
    }

    pub fn summary(&self) -> String {
        let died: Vec<_> = self
            .died
            .iter()
            .map(|(what, count)| format!("{count} {what}"))
            .collect();
        format!("died: {}", died.join(", "))
    }

    /// Moves the clock, and lets die what is due.
    pub fn step(&mut self) {
        let end = self.begin + self.length;
        let minutes = self.random.between(10, 75);
        let mut to = self.now() + SignedDuration::from_mins(minutes);
        if !self.random.one_in(4) {
            // Something begins that can be killed.
            let now = self.now();
            let next = self.schedules.iter().map(|it| it.next(now)).min();
            to = next.expect("a schedule") + SignedDuration::from_mins(self.random.between(0, 3));
        }
        self.repair(2);
        self.plant.advance(to.min(end).duration_since(self.now()));
        let passed = self.now().duration_since(self.begin).as_secs();
        let passed = u64::try_from(passed).expect("no time before the beginning");
        let due = self.kills * passed / self.length.as_secs().unsigned_abs();
        while self.done() < due {
            self.kill();
        }
        self.settle();
    }

    /// Ends all faults, and moves the clock until every run has ended.
    pub fn come_to_rest(&mut self) {
        self.repair(1);
        loop {
            self.settle();
            let ended = |it: &Value| matches!(phase(it), "Succeeded" | "Failed" | "Lost");
            if self.backups.values().all(ended) {
                break;
            }
            self.plant.advance(SignedDuration::from_secs(45));
        }
        let names: Vec<_> = self.schedules.iter().map(|it| it.name.clone()).collect();
        self.wait("no run is under way", |bed, _| {
            let idle = |name: &String| {
                let found = bed.objects().get(SCHEDULES, NAMESPACE, name);
                found.is_some_and(|it| it["status"]["active"] == 0)
            };
            names.iter().all(idle).then_some(())
        });
    }

    /// Ends each fault once in so many times.
    fn repair(&mut self, once_in: i64) {
        if self.is_refused && self.random.one_in(once_in) {
            self.is_refused = false;
            self.plant.bed().refuse_connections(false);
        }
        if self.dead.is_some() && self.random.one_in(once_in) {
            let node = self.dead.take().expect("a node");
            self.plant.bed().node_comes_back(&node);
        }
        if self.up.is_empty() && self.random.one_in(once_in) {
            self.plant.restart_operator(0);
            self.up.insert(0);
        }
        if self.plant.operators.len() == 1 && self.takeovers < TAKEOVERS && self.random.one_in(20) {
            self.plant.add_operator();
            self.up.insert(1);
        }
    }

    fn count(&mut self, what: &'static str) {
        *self.died.entry(what).or_default() += 1;
    }

    /// Lets one thing die.
    fn kill(&mut self) {
        match self.random.between(0, 19) {
            0..5 => self.kill_operator(),
            5..15 => self.kill_pod(),
            15..19 => self.break_connections(),
            _ => self.kill_node(),
        }
    }

    fn kill_operator(&mut self) {
        if self.random.one_in(2) {
            self.wait_for_a_moment();
        }
        let Some(number) = self.leader() else {
            // All are down already.
            return self.break_connections();
        };
        let is_clean = self.random.one_in(5);
        let operator = &mut self.plant.operators[number];
        if is_clean {
            operator.signal(Signal::TERM);
            operator.wait();
        } else {
            operator.kill();
        }
        self.count(if is_clean {
            "operators stopped"
        } else {
            "operators killed"
        });
        self.up.remove(&number);
        let has_other = !self.up.is_empty();
        if has_other {
            self.takeovers += u32::from(!is_clean);
        } else if self.random.one_in(4) {
            // It stays away for a while.
            return;
        }
        let stays_away = has_other && self.takeovers < TAKEOVERS;
        if !stays_away {
            self.plant.restart_operator(number);
            self.up.insert(number);
        }
    }

    /// Returns the replica that holds the Lease, or another one that runs.
    fn leader(&self) -> Option<usize> {
        let lease = self.plant.bed().objects().get(
            "leases.coordination.k8s.io",
            "kubectl-broker",
            "broker-operator",
        );
        let holder = lease?["spec"]["holderIdentity"].as_str()?.to_owned();
        let number = holder.rsplit('-').next()?.parse().ok()?;
        let running = self.up.contains(&number).then_some(number);
        running.or_else(|| self.up.first().copied())
    }

    /// Kills the process of a pod during a random step of its work.
    fn kill_pod(&mut self) {
        let steps = ["", "prepare", "create", "wait", "copy", "verify"];
        let wanted = self.random.pick(&steps);
        let found = self.wait("a pod to kill", move |bed, state| {
            let running = running(bed, state);
            let at_step = running.iter().find(|(_, step)| step == wanted);
            let at_step = at_step.map(|(pod, _)| pod.clone());
            at_step.map(Some).or_else(|| {
                // If none gets there, the last one of those that run must do.
                let is_over = state.is_quiet(bed)
                    || running.iter().any(|(_, step)| step > &"verify".to_owned());
                is_over.then_some(None)
            })
        });
        let Some(pod) = found else {
            return self.kill_operator();
        };
        let bed = self.plant.bed();
        let (what, done) = match self.random.between(0, 3) {
            0 => ("pods evicted", bed.evict(NAMESPACE, &pod)),
            1 => ("pods preempted", bed.preempt(NAMESPACE, &pod)),
            _ => ("pods killed", bed.run_out_of_memory(NAMESPACE, &pod)),
        };
        if done {
            self.count(what);
        }
    }

    fn break_connections(&mut self) {
        if self.random.one_in(2) {
            self.wait_for_a_moment();
        }
        // The server may be gone for a while, or only a proxy before it.
        self.is_refused = self.random.one_in(4);
        self.plant.bed().refuse_connections(self.is_refused);
        self.plant.bed().break_connections();
        self.count("connections broken");
    }

    fn kill_node(&mut self) {
        let pods = self.plant.bed().objects().list("pods", Some(NAMESPACE));
        let mut nodes = pods.iter().filter(|it| is_of_run(it) && is_active(it));
        let node = nodes.find_map(|it| it["spec"]["nodeName"].as_str());
        let node = node.unwrap_or("node-0").to_owned();
        if self.dead.is_some() {
            return self.kill_pod();
        }
        let how = self.random.pick(&[NodeDeath::Off, NodeDeath::Frozen]);
        self.plant.bed().node_dies(&node, how);
        self.dead = Some(node);
        self.count("nodes gone");
    }

    /// Waits until a run is at a random place of its way, or there is none.
    fn wait_for_a_moment(&mut self) {
        let wanted = self.random.pick(&["", "Queued", "Starting", "Running"]);
        self.wait("a moment", move |bed, state| {
            let backups = bed.objects().list(BACKUPS, Some(NAMESPACE));
            let is_there = backups.iter().any(|it| phase(it) == wanted);
            (is_there || state.is_quiet(bed)).then_some(())
        });
    }

    /// Waits until nothing goes on without the clock.
    fn settle(&mut self) {
        if self.is_refused {
            return;
        }
        if !self.up.is_empty() {
            let now = self.now();
            self.wait("every schedule is up to date", |bed, _| {
                is_decided(bed, now).then_some(())
            });
            self.looks.insert(now);
        }
        self.wait("nothing goes on", |bed, state| {
            state.is_quiet(bed).then_some(())
        });
        self.record();
    }

    fn wait<T>(&mut self, what: &str, look: impl Fn(&Testbed, &State) -> Option<T>) -> T {
        let state = State {
            dead: self.dead.clone(),
            works: !self.up.is_empty() && !self.is_refused,
            is_refused: self.is_refused,
            now: self.now(),
        };
        let up: Vec<_> = self.up.iter().copied().collect();
        self.plant
            .until_with_kubelet(what, &up, |bed| look(bed, &state))
    }

    /// Notes the Backups and Jobs that exist now.
    fn record(&mut self) {
        let objects = self.plant.bed().objects();
        for backup in objects.list(BACKUPS, Some(NAMESPACE)) {
            let name = backup["metadata"]["name"]
                .as_str()
                .expect("a name")
                .to_owned();
            if let Some(known) = self.backups.get(&name) {
                let (was, is) = (&known["metadata"]["uid"], &backup["metadata"]["uid"]);
                assert_eq!(was, is, "{name} was made twice");
            }
            self.backups.insert(name, backup);
        }
        for job in objects.list("jobs.batch", Some(NAMESPACE)) {
            let field = |name: &str| {
                job["metadata"][name]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned()
            };
            self.jobs
                .entry(field("name"))
                .or_default()
                .insert(field("uid"));
        }
    }
}

/// The parts that are away at a moment.
struct State {
    dead: Option<String>,
    /// An operator can work.
    works: bool,
    is_refused: bool,
    now: Timestamp,
}

impl State {
    fn is_lost(&self, pod: &Value) -> bool {
        self.dead.is_some() && pod["spec"]["nodeName"].as_str() == self.dead.as_deref()
    }

    /// Returns whether only the clock brings something further.
    fn is_quiet(&self, bed: &Testbed) -> bool {
        if self.is_refused {
            return true;
        }
        let pods = bed.objects().list("pods", Some(NAMESPACE));
        let mut active = pods.iter().filter(|it| is_of_run(it) && is_active(it));
        if active.any(|it| !self.is_lost(it)) {
            return false;
        }
        if !self.works {
            return true;
        }
        if !is_decided(bed, self.now) {
            return false;
        }
        let backups = bed.objects().list(BACKUPS, Some(NAMESPACE));
        let is_open = |it: &&Value| !matches!(phase(it), "Succeeded" | "Failed" | "Lost");
        let open: Vec<_> = backups.iter().filter(is_open).collect();
        let begun = open
            .iter()
            .filter(|it| matches!(phase(it), "Starting" | "Running"));
        let is_full = begun.count() >= PLACES;
        open.iter().all(|backup| match phase(backup) {
            "Queued" => is_full,
            "" => false,
            _ => self.waits(bed, backup, &pods),
        })
    }

    /// Returns whether the Job of a run waits before another attempt, or for its node.
    fn waits(&self, bed: &Testbed, backup: &Value, pods: &[Value]) -> bool {
        let name = backup["status"]["run"]["job"].as_str().unwrap_or_default();
        let Some(job) = bed.objects().get("jobs.batch", NAMESPACE, name) else {
            return false;
        };
        if ["Complete", "Failed"]
            .iter()
            .any(|it| condition(&job, it) == "True")
        {
            return false;
        }
        let of_job =
            |pod: &&Value| pod["metadata"]["labels"]["batch.kubernetes.io/job-name"] == name;
        let lost = pods.iter().filter(of_job).any(|it| self.is_lost(it));
        lost || job["status"]["failed"].as_i64() > Some(0)
    }
}

fn is_of_run(pod: &Value) -> bool {
    pod["metadata"]["labels"]["batch.kubernetes.io/job-name"].is_string()
}

fn is_active(pod: &Value) -> bool {
    matches!(pod["status"]["phase"].as_str(), Some("Pending" | "Running"))
}

/// Returns the pods of runs whose process runs, and the step of their work.
fn running(bed: &Testbed, state: &State) -> Vec<(String, String)> {
    let pods = bed.objects().list("pods", Some(NAMESPACE));
    let pods = pods
        .iter()
        .filter(|it| is_of_run(it) && it["status"]["phase"] == "Running" && !state.is_lost(it));
    let names = pods.filter_map(|it| it["metadata"]["name"].as_str());
    let backups = bed.objects().list(BACKUPS, Some(NAMESPACE));
    names
        .map(|pod| {
            let of_pod = backups.iter().find(|backup| {
                let attempts = backup["status"]["run"]["attempts"].as_array();
                attempts.is_some_and(|it| it.iter().any(|it| it["pod"] == pod))
            });
            let step = of_pod.map(|it| &it["status"]["run"]["progress"]["step"]);
            let step = step.and_then(Value::as_str).unwrap_or_default();
            (pod.to_owned(), step.to_owned())
        })
        .collect()
}

/// Returns whether every schedule has decided about all ticks up to now.
fn is_decided(bed: &Testbed, now: Timestamp) -> bool {
    let schedules = bed.objects().list(SCHEDULES, Some(NAMESPACE));
    schedules
        .iter()
        .all(|it| time(&it["status"]["nextRunTime"]).is_some_and(|next| next > now))
}
