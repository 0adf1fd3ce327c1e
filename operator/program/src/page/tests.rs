use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use kube::runtime::reflector::store::Writer;
use kube::runtime::reflector::{Lookup, store};
use kube::runtime::watcher;
use operator_api::{
    Attempt, Backup, BackupSchedule, BackupStatus, BackupStore, Condition, CopyRecord, Fault,
    Phase, Progress, Restore, RestoreStatus, RunStatus, ScheduledBy,
};
use serde_json::json;

use super::*;
use crate::context::{SeenGroups, cut};
use crate::page::query::PER_PAGE;

fn now() -> Timestamp {
    "2026-11-28T12:34:56Z".parse().expect("a time")
}

fn before(hours: i64) -> Timestamp {
    now() - SignedDuration::from_hours(hours)
}

/// A cluster that is made up.
struct Cluster {
    backups: Writer<Backup>,
    restores: Writer<Restore>,
    schedules: Writer<BackupSchedule>,
    stores: Writer<BackupStore>,
    seen: Seen,
}

fn add<K>(writer: &mut Writer<K>, object: K)
where
    K: Lookup<DynamicType = ()> + Clone + 'static,
{
    writer.apply_watcher_event(&watcher::Event::Apply(object));
}

fn from_json<K: serde::de::DeserializeOwned>(json: serde_json::Value) -> K {
    serde_json::from_value(json).expect("an object")
}

impl Cluster {
    fn new() -> Self {
        let (jobs, _) = store::<Job>();
        let (pods, _) = store::<Pod>();
        let (backups_seen, mut backups) = store();
        let (restores_seen, mut restores) = store();
        let (schedules_seen, mut schedules) = store();
        let (stores_seen, mut stores) = store();
        backups.apply_watcher_event(&watcher::Event::InitDone);
        restores.apply_watcher_event(&watcher::Event::InitDone);
        schedules.apply_watcher_event(&watcher::Event::InitDone);
        stores.apply_watcher_event(&watcher::Event::InitDone);
        Self {
            seen: Seen {
                backups: backups_seen,
                restores: restores_seen,
                schedules: schedules_seen,
                stores: stores_seen,
                requests: None,
                kafka: None,
                jobs,
                pods,
                groups: SeenGroups::default(),
            },
            backups,
            restores,
            schedules,
            stores,
        }
    }

    /// Returns a cluster of a usual kind, in which some things fail.
    fn usual(count: usize) -> Self {
        Self::with(count, 3)
    }

    /// Returns the same with another number of stores and restores.
    fn with(count: usize, others: usize) -> Self {
        let mut cluster = Self::new();
        for at in 0..count {
            cluster.schedule(at);
        }
        for at in 0..others {
            let url = ["s3://backups/prod", "gs://acme-backups", "file:///backups"][at % 3];
            let store = json!({
                "apiVersion": "kubectl-broker.io/v1alpha1", "kind": "BackupStore",
                "metadata": {"name": format!("store-{at}"), "namespace": format!("team-{at}"), "uid": format!("store-{at}")},
                "spec": {"url": url},
                "status": {
                    "copies": 40 * at, "bytes": 7_000_000_000_i64 * i64::try_from(at).expect("small"),
                    "lastCheckTime": before(5),
                    "conditions": [if at % 3 == 1 {
                        Condition::new("Ready", false, "access-denied", "the bucket acme-backups refuses to list: 403", before(5), None)
                    } else {
                        Condition::new("Ready", true, "Tested", "", before(5), None)
                    }],
                },
            });
            add(&mut cluster.stores, from_json(store));
        }
        for at in 0..others {
            let phase = [Phase::Succeeded, Phase::Failed, Phase::Running][at % 3];
            let mut restore: Restore = from_json(json!({
                "apiVersion": "kubectl-broker.io/v1alpha1", "kind": "Restore",
                "metadata": {"name": format!("hivemq-{at}"), "namespace": "team-0", "uid": format!("restore-{at}")},
                "spec": {"engine": {"name": "hivemq"}, "from": {"backup": {"name": "hivemq-29412345"}}, "confirm": "broker", "dryRun": at == 0},
            }));
            let hours = i64::try_from(at).expect("small");
            restore.status = Some(RestoreStatus {
                run: run(phase, before(9 - hours), at),
                ..RestoreStatus::default()
            });
            add(&mut cluster.restores, restore);
        }
        cluster
    }

    fn schedule(&mut self, at: usize) {
        let engines = ["hivemq", "kafka", "strategy", "acme/postgres"];
        let namespace = format!("team-{}", at % 7);
        let name = format!("{}-{at}", ["orders", "billing-events", "telemetry"][at % 3]);
        let fails = at % 5 == 1;
        let conditions = match at % 5 {
            1 => vec![Condition::new(
                "Healthy",
                false,
                "unreachable",
                "no pod of StatefulSet broker answers on port 8081",
                before(3),
                None,
            )],
            4 => vec![],
            _ => vec![Condition::new(
                "Healthy",
                true,
                "Succeeded",
                "the last run succeeded",
                before(3),
                None,
            )],
        };
        let schedule = json!({
            "apiVersion": "kubectl-broker.io/v1alpha1", "kind": "BackupSchedule",
            "metadata": {"name": name, "namespace": namespace, "uid": format!("schedule-{at}")},
            "spec": {
                "engine": {"name": engines[at % 4]}, "target": {"statefulSet": "broker"},
                "schedule": "H 2 * * *", "timeZone": "Europe/Berlin", "suspend": at % 5 == 3,
                "store": {"name": "nightly"},
            },
            "status": {
                "lastSuccessTime": (at % 5 != 4).then(|| before(if fails { 51 } else { 3 })),
                "lastFailureTime": fails.then(|| before(3)),
                "nextRunTime": (at % 5 != 3).then(|| before(-13)),
                "conditions": conditions,
            },
        });
        add(&mut self.schedules, from_json(schedule));
        if at % 5 == 4 {
            return;
        }
        for day in 0..20 {
            let phase = match day {
                0 if at % 11 == 2 => Phase::Running,
                0 | 1 if fails => Phase::Failed,
                9 if at.is_multiple_of(3) => Phase::Lost,
                _ => Phase::Succeeded,
            };
            let hours = 24 * i64::try_from(day).expect("small") + 3;
            let seed = i64::try_from((at * 37 + day * 11) % 100).expect("small");
            let size = (1 << (20 + at % 14)) * (100 + seed - hours / 8);
            self.backup(&name, &namespace, at, phase, before(hours), size);
        }
    }

    fn backup(
        &mut self,
        schedule: &str,
        namespace: &str,
        at: usize,
        phase: Phase,
        time: Timestamp,
        bytes: i64,
    ) {
        let mut backup: Backup = from_json(json!({
            "apiVersion": "kubectl-broker.io/v1alpha1", "kind": "Backup",
            "metadata": {
                "name": format!("{schedule}-{}", time.as_second() / 60), "namespace": namespace,
                "uid": format!("{schedule}-{}", time.as_second()),
            },
            "spec": {
                "engine": {"name": "hivemq"},
                "schedule": ScheduledBy { name: schedule.to_owned(), uid: format!("schedule-{at}"), time },
            },
        }));
        let copy = CopyRecord {
            store: "nightly".to_owned(),
            reference: "x".to_owned(),
            bytes,
            sha256: String::new(),
            verified_at: None,
        };
        backup.status = Some(BackupStatus {
            run: run(phase, time, at),
            copy: (phase == Phase::Succeeded).then_some(copy),
            ..BackupStatus::default()
        });
        add(&mut self.backups, backup);
    }

    fn page(&self, query: &str) -> String {
        let page = Page::new(Clock::system());
        page.show(self.seen.clone());
        page.make_at(&Query::parse(query), now()).1
    }
}

fn run(phase: Phase, started: Timestamp, at: usize) -> RunStatus {
    let failed = phase.is_terminal() && phase != Phase::Succeeded;
    RunStatus {
        phase: Some(phase),
        started_at: Some(started),
        finished_at: phase
            .is_terminal()
            .then(|| started + SignedDuration::from_mins(4)),
        progress: (!phase.is_terminal()).then(|| Progress {
            step: "copy".to_owned(),
            bytes: Some(734_003_200),
            total_bytes: at.is_multiple_of(2).then_some(1_610_612_736),
            heartbeat_time: Some(now()),
        }),
        attempts: vec![Attempt {
            pod: "backup-x".to_owned(),
            started_at: started,
            finished_at: None,
            failure: None,
        }],
        failure: failed.then(|| Fault {
            code: if phase == Phase::Lost {
                "NodeLost"
            } else {
                "unreachable"
            }
            .to_owned(),
            exit_code: Some(4),
            message: "no pod of StatefulSet broker answers on port 8081".to_owned(),
            hint: Some("look at the pods: kubectl get pods -n team-1 -l app=broker".to_owned()),
        }),
        ..RunStatus::default()
    }
}

/// Puts a text wherever an object has one of its own.
fn hostile(json: &mut serde_json::Value, text: &str, kept: &[&str]) {
    use serde_json::Value;
    match json {
        Value::String(it) => text.clone_into(it),
        Value::Array(items) => items.iter_mut().for_each(|it| hostile(it, text, kept)),
        Value::Object(fields) => {
            let is_condition = fields.contains_key("lastTransitionTime");
            for (name, value) in fields {
                // The API server allows no longer names of schedules and namespaces.
                let long = if name.starts_with("name") {
                    63
                } else {
                    usize::MAX
                };
                let text = cut(text, long);
                let is_kept = name.ends_with("Time")
                    || name.ends_with("At")
                    || kept.contains(&&**name)
                    || is_condition && name == "status";
                if !is_kept {
                    hostile(value, text, kept);
                }
            }
        }
        _ => {}
    }
}

/// Returns an object with a text in every field that holds any.
fn changed<K>(object: &K, text: &str) -> K
where
    K: serde::Serialize + serde::de::DeserializeOwned,
{
    // These have values of a kind, and links between objects.
    let kept = [
        "apiVersion",
        "kind",
        "uid",
        "time",
        "phase",
        "type",
        "verify",
        "deletionPolicy",
        "connection",
        "concurrencyPolicy",
    ];
    let mut json = serde_json::to_value(object).expect("JSON");
    hostile(&mut json, text, &kept);
    // Objects of one kind differ.
    if let Some(name) = json.pointer_mut("/metadata/name") {
        let uid = serde_json::to_value(object).expect("JSON")["metadata"]["uid"].clone();
        *name = format!("{} {}", uid.as_str().unwrap_or_default(), cut(text, 63)).into();
    }
    from_json(json)
}

/// Returns a cluster whose objects have a text in every field that holds any.
fn of_text(count: usize, others: usize, text: &str) -> Cluster {
    of_text_in(&Cluster::with(count, others), text)
}

fn of_text_in(usual: &Cluster, text: &str) -> Cluster {
    let mut cluster = Cluster::new();
    for it in usual.seen.schedules.state() {
        add(&mut cluster.schedules, changed(&*it, text));
    }
    for it in usual.seen.stores.state() {
        add(&mut cluster.stores, changed(&*it, text));
    }
    for it in usual.seen.backups.state() {
        add(&mut cluster.backups, changed(&*it, text));
    }
    for it in usual.seen.restores.state() {
        add(&mut cluster.restores, changed(&*it, text));
    }
    cluster
}

const HOSTILE: &str = "<script>x()</script>\"'&<!--\u{0}\u{1b}[31m\u{202e}\n";

#[test]
fn no_text_of_the_cluster_becomes_markup() {
    let cluster = of_text(12, 3, HOSTILE);
    let detail = Query {
        namespace: Some(HOSTILE.to_owned()),
        schedule: Some(format!("schedule-1 {HOSTILE}")),
        ..Query::default()
    };
    let pages = [
        cluster.page(""),
        cluster.page(
            &Query {
                schedule: None,
                ..detail.clone()
            }
            .link()[1..],
        ),
        {
            // The query is trimmed, as a person's input is.
            let page = Page::new(Clock::system());
            page.show(cluster.seen.clone());
            page.make_at(&detail, now()).1
        },
        standby(Some(HOSTILE), now()),
        message("Schedule not found", HOSTILE, now()),
    ];
    for (at, page) in pages.iter().enumerate() {
        assert!(
            page.contains("&#60;script&#62;"),
            "page {at} shows the text"
        );
        assert!(
            !page.contains("<script") && !page.contains("<!--"),
            "page {at}"
        );
        assert!(!page.contains(['\u{0}', '\u{1b}', '\u{202e}']), "page {at}");
        assert_eq!(
            page.matches('<').count(),
            page.matches('>').count(),
            "page {at}"
        );
    }
    assert!(pages[0].contains("schedule-1 &#60;"), "{}", pages[0]);
    assert!(
        pages[2].contains("Runs"),
        "the schedule was found: {}",
        pages[2]
    );
}

#[test]
fn a_page_of_thousands_stays_small() {
    let many = Cluster::usual(5000).page("page=3");
    assert!(many.len() < 1 << 20, "{} bytes", many.len());
    assert!(many.contains("page 3 of 50"));
    assert_eq!(many.matches("class=\"strip\"").count(), PER_PAGE);
}

#[test]
fn a_page_of_the_longest_texts_stays_small() {
    let mut usual = Cluster::with(PER_PAGE + 20, 300);
    for at in 0..300 {
        usual.backup(
            "billing-events-1",
            "team-1",
            1,
            Phase::Failed,
            before(at),
            1,
        );
    }
    let cluster = of_text_in(&usual, &"<\u{1b}\"'".repeat(1000));
    let overview = cluster.page("");
    let schedules = cluster.seen.schedules.state();
    let schedule = schedules
        .iter()
        .find(|it| it.metadata.uid.as_deref() == Some("schedule-1"))
        .expect("a schedule");
    let (_, runs) = facts::schedule(
        &cluster.seen,
        schedule.metadata.namespace.as_deref().expect("a namespace"),
        schedule.metadata.name.as_deref().expect("a name"),
    )
    .expect("its runs");
    assert!(runs.len() > 300, "{}", runs.len());
    for page in [overview, detail::page(schedule, &runs, now())] {
        assert!(page.len() < 1 << 20, "{} bytes", page.len());
    }
}

#[test]
fn filters_leave_only_what_they_name() {
    let cluster = Cluster::usual(35);
    let page = cluster.page("namespace=team-3&health=failing");
    // Of the schedules 3, 10, 17, 24 and 31, the last has at % 5 == 1.
    assert_eq!(page.matches("class=\"strip\"").count(), 1, "{page}");
    assert!(page.contains("telemetry-31") || page.contains("billing-events-31"));
    assert!(
        page.contains("failing 1<"),
        "the counts are those of the namespace"
    );
    assert!(!cluster.page("namespace=none").contains("class=\"strip\""));
}

#[test]
fn a_failure_has_its_message_and_its_hint() {
    let cluster = Cluster::usual(3);
    for page in [
        cluster.page(""),
        cluster.page("namespace=team-1&schedule=billing-events-1"),
    ] {
        assert!(page.contains("no pod of StatefulSet broker answers on port 8081"));
        assert!(page.contains("look at the pods: kubectl get pods -n team-1 -l app=broker"));
    }
}

#[test]
fn a_replica_that_waits_names_the_leader() {
    let page = Page::new(Clock::system());
    page.set_leader(Some("broker-operator-abc"));
    let (status, text) = page.make(&Query::default());
    assert_eq!(status, StatusCode::OK);
    assert!(text.contains("Replica broker-operator-abc leads"), "{text}");
}

#[test]
fn a_cluster_that_is_not_read_yet_is_not_shown_as_empty() {
    let page = Page::new(Clock::system());
    page.begin();
    let (_, text) = page.make(&Query::default());
    assert!(text.contains("still reads the cluster"), "{text}");
}

/// Returns the colours of a block of the style, by name.
fn colours(block: &str) -> Vec<(&str, [f64; 3])> {
    let lines = block
        .lines()
        .filter_map(|line| line.trim().strip_prefix("--")?.split_once(": #"));
    let part = |hex: &str, at: usize| {
        let value = u8::from_str_radix(&hex[at..at + 2], 16).expect("a colour");
        let value = f64::from(value) / 255.0;
        if value <= 0.04045 {
            value / 12.92
        } else {
            ((value + 0.055) / 1.055).powf(2.4)
        }
    };
    lines
        .map(|(name, hex)| (name, [part(hex, 0), part(hex, 2), part(hex, 4)]))
        .collect()
}

/// The formulas are those of the Web Content Accessibility Guidelines 2.2.
#[test]
fn texts_have_contrast_in_light_and_dark() {
    let luminance = |[red, green, blue]: [f64; 3]| 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    let blocks: Vec<_> = STYLE
        .split(":root {")
        .skip(1)
        .map(|it| it.split('}').next())
        .collect();
    assert_eq!(blocks.len(), 2);
    for block in blocks.into_iter().flatten() {
        let colours = colours(block);
        let find = |name: &str| {
            let found = colours.iter().find(|it| it.0 == name);
            luminance(found.unwrap_or_else(|| panic!("no {name}")).1)
        };
        for back in ["back", "raised"] {
            for text in ["text", "quiet", "link", "good", "bad", "new"] {
                let (one, other) = (find(back), find(text));
                let contrast = (one.max(other) + 0.05) / (one.min(other) + 0.05);
                assert!(contrast >= 4.5, "{text} on {back}: {contrast:.2}");
            }
        }
    }
}

/// Writes pages to look at in a browser: `BROKER_PAGES=FOLDER cargo test -p broker-operator -- --ignored pages_to_look_at`.
#[test]
#[ignore = "it writes files for people"]
fn pages_to_look_at() {
    let folder = std::env::var_os("BROKER_PAGES").expect("BROKER_PAGES names a folder");
    let folder = std::path::Path::new(&folder);
    let few = Cluster::usual(5);
    let many = Cluster::usual(5000);
    let begun = std::time::Instant::now();
    let pages = [
        ("few", few.page("")),
        ("many", many.page("page=2")),
        ("failing", many.page("namespace=team-1&health=failing")),
        (
            "detail",
            few.page("namespace=team-1&schedule=billing-events-1"),
        ),
        ("hostile", of_text(12, 3, HOSTILE).page("")),
        ("standby", standby(Some("broker-operator-abc"), now())),
    ];
    println!("made in {:?}", begun.elapsed());
    for (name, page) in pages {
        println!("{name}: {} bytes", page.len());
        std::fs::write(folder.join(format!("{name}.html")), page).expect("a file");
    }
    std::fs::write(folder.join(STYLE_PATH), STYLE).expect("a file");
}
