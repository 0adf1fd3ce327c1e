//! Days of 20 schedules, in which operators, pods, nodes and connections die at random.
//!
//! The same seed makes the same decisions; processes still race. Variables choose other days:
//!
//! - `BROKER_CHAOS_SEED`: the seed of all decisions [default: 16]
//! - `BROKER_CHAOS_DAYS`: the simulated time [default: 2]
//! - `BROKER_CHAOS_KILLS`: how often something dies [default: 60]
//!
//! A whole week has about 200 runs and takes several minutes. Run it after changes of the operator:
//! `BROKER_CHAOS_DAYS=7 BROKER_CHAOS_KILLS=200 cargo test --workspace --test it -- operator::chaos`

mod course;
pub mod model;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::Value;

use self::course::Course;
use super::plant::{SCHEDULES, phase};

pub fn setting(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text.parse().expect("a number"),
        Err(_) => default,
    }
}

/// Names the seed if the test fails, wherever that is.
pub struct Seed(pub u64);

impl Drop for Seed {
    #[expect(clippy::print_stderr, reason = "a test that fails must name its seed")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("it failed with BROKER_CHAOS_SEED={}", self.0);
        }
    }
}

#[test]
fn days_in_which_everything_dies_leave_no_run_out_and_make_none_twice() {
    let seed = Seed(setting("BROKER_CHAOS_SEED", 16));
    let days = setting("BROKER_CHAOS_DAYS", 2);
    let kills = setting("BROKER_CHAOS_KILLS", 60);
    println!(
        "BROKER_CHAOS_SEED={} BROKER_CHAOS_DAYS={days} BROKER_CHAOS_KILLS={kills}",
        seed.0
    );
    let mut course = Course::begin(seed.0, days, kills);
    while course.is_under_way() {
        course.step();
    }
    course.come_to_rest();
    println!("{}", course.summary());
    assert_eq!(course.done(), kills);
    check_ticks(&course);
    check_copies(&course);
    check_schedules(&course);
}

fn time(value: &Value) -> Option<Timestamp> {
    value.as_str().map(|it| it.parse().expect("a time"))
}

/// Each tick has one Backup, unless the rules allow that it has none.
#[expect(
    clippy::print_stdout,
    reason = "the counts of a good test are of interest, too"
)]
fn check_ticks(course: &Course) {
    let (mut expected, mut made, mut missed, mut forbidden) = (BTreeSet::new(), 0, 0, 0);
    for schedule in &course.schedules {
        let ticks = schedule.ticks(course.begin, course.now());
        for tick in &ticks {
            let name = schedule.run(*tick);
            let is_made = course.backups.contains_key(&name);
            expected.insert(name.clone());
            if is_made {
                made += 1;
                continue;
            }
            // The times at which every schedule was up to date, before and after the tick.
            let before = course.looks.range(..*tick).next_back().copied();
            let before = before.unwrap_or(course.begin);
            let after = course.looks.range(*tick..).next().copied();
            let after = after.expect("the last look is the newest");
            if ticks.iter().any(|later| later > tick && *later <= after) {
                missed += 1;
                continue;
            }
            let is_under_way = |earlier: &Timestamp| {
                let run = course.backups.get(&schedule.run(*earlier));
                run.is_some_and(|run| {
                    time(&run["status"]["run"]["finishedAt"]).is_none_or(|end| end >= before)
                })
            };
            let earlier = ticks.iter().filter(|earlier| *earlier < tick);
            assert!(
                schedule.forbids && earlier.copied().any(|it| is_under_way(&it)),
                "{name} of {tick} is missing, between {before} and {after}: {:#?}",
                course.plant.events(&schedule.name)
            );
            forbidden += 1;
        }
    }
    println!(
        "{made} runs, {missed} missed for a later one, {forbidden} while another was under way"
    );
    let unexpected: Vec<_> = course
        .backups
        .keys()
        .filter(|it| !expected.contains(*it))
        .collect();
    assert_eq!(unexpected, Vec::<&String>::new());
    for (name, backup) in &course.backups {
        assert!(
            matches!(phase(backup), "Succeeded" | "Failed" | "Lost"),
            "{name}: {backup:#}"
        );
        let jobs = course
            .jobs
            .get(&format!("backup-{name}"))
            .map_or(0, BTreeSet::len);
        assert!(jobs <= 1, "{name} has {jobs} Jobs");
    }
    // Otherwise the rules allow too much, and the test shows nothing.
    assert!(
        made * 10 >= expected.len() * 8,
        "{made} of {}",
        expected.len()
    );
}

/// Each success has a good copy, each copy belongs to a run, and nothing is half there.
fn check_copies(course: &Course) {
    let listed = course.plant.run("store ls URL -o json").json();
    let items = listed["items"].as_array().expect("a list");
    let copies: BTreeMap<_, _> = items
        .iter()
        .map(|it| (it["reference"].as_str().expect("a reference"), it))
        .collect();
    let ids: BTreeSet<_> = course
        .backups
        .values()
        .map(|it| &it["status"]["backupId"])
        .map(Value::to_string)
        .collect();
    for (reference, copy) in &copies {
        assert!(
            ids.contains(&copy["id"].to_string()),
            "{reference} belongs to no run: {copy:#}"
        );
    }
    for (name, backup) in &course.backups {
        if phase(backup) == "Succeeded" {
            let reference = backup["status"]["copy"]["reference"].as_str();
            let found = reference.is_some_and(|it| copies.contains_key(it));
            assert!(found, "{name}: {backup:#}");
        }
    }
    let verified = course.plant.run("store verify URL --deep -o json");
    assert_eq!(verified.code, 0, "{}", verified.stderr);
    // A process that was killed may leave the beginning of an upload, and nothing else. `repair` removes it.
    let findings = course
        .plant
        .run("store repair URL --dry-run -o json")
        .json();
    let kinds = findings["items"].as_array().expect("findings").iter();
    let kinds: Vec<_> = kinds.filter_map(|it| it["kind"].as_str()).collect();
    let allowed = ["under-way", "unfinished", "orphan"];
    assert!(kinds.iter().all(|it| allowed.contains(it)), "{findings:#}");
}

/// Each schedule knows its last and its next run.
fn check_schedules(course: &Course) {
    for schedule in &course.schedules {
        let status = &course
            .plant
            .bed()
            .objects()
            .get(SCHEDULES, super::plant::NAMESPACE, &schedule.name)
            .expect("a schedule")["status"];
        let now = course.now();
        assert_eq!(
            time(&status["nextRunTime"]),
            Some(schedule.next(now)),
            "{status:#}"
        );
        assert_eq!(
            time(&status["lastTickTime"]),
            schedule.ticks(course.begin, now).pop(),
            "{status:#}"
        );
        let ended = |succeeded: bool| {
            let runs = course.backups.iter().filter(|(name, run)| {
                schedule.is_run(name) && (phase(run) == "Succeeded") == succeeded
            });
            runs.filter_map(|(_, run)| time(&run["status"]["run"]["finishedAt"]))
                .max()
        };
        assert_eq!(time(&status["lastSuccessTime"]), ended(true), "{status:#}");
        assert_eq!(time(&status["lastFailureTime"]), ended(false), "{status:#}");
        assert_eq!(status["active"], 0, "{status:#}");
    }
}
