//! The plan of a restore: a set, its topics, and the topics to restore into.

use std::collections::BTreeMap;

use host_base::Failure;
use jiff::Timestamp;
use kafka_backup_core::manifest::TopicBackup;
use kafka_spec::{PointInTime, RestoreSpec, Rollback, rules};
use serde_json::{Value, json};

use crate::error::{Result, WorkError};
use crate::groups::{Cluster, Partition};
use crate::places::{Place, no_breaker};
use crate::segments::{self, Tally, Window};
use crate::set::{Set, referred};
use crate::text::listed;
use crate::work::{Patience, Work};

const MOST_NAMED: usize = 5;

pub struct Plan {
    pub spec: RestoreSpec,
    pub place: Place,
    pub set: Set,
    pub window: Window,
    /// The topics to restore, with the names of their targets.
    pub targets: BTreeMap<String, String>,
}

/// The number of records to restore from each partition.
#[derive(Debug, Default)]
pub struct Expected(pub BTreeMap<Partition, u64>);

impl Expected {
    pub fn records(&self) -> u64 {
        self.0.values().sum()
    }

    pub fn of_topic(&self, topic: &str) -> u64 {
        self.0
            .iter()
            .filter(|((name, _), _)| name == topic)
            .map(|(_, records)| records)
            .sum()
    }
}

impl Plan {
    pub async fn make(work: &Work) -> Result<Self> {
        let spec: RestoreSpec = work
            .object
            .spec(|spec| rules::restore(spec, rules::Names::Fields))?;
        let window = window(spec.pitr.as_ref())?;
        let (id, storage) = referred(work, &spec.backup_ref)?;
        let place = work.places.storage(&storage)?;
        let set = Set::load(place.backend.as_ref(), &id).await?;
        let names: Vec<_> = set
            .manifest
            .topics
            .iter()
            .map(|topic| topic.name.clone())
            .collect();
        let missing: Vec<_> = spec
            .topics
            .iter()
            .filter(|topic| !names.contains(topic))
            .cloned()
            .collect();
        if !missing.is_empty() {
            return Err(WorkError::new(
                Failure::NotFound,
                format!("backup {id} has no topic {}", missing.join(", ")),
            )
            .with_hint(format!("It has: {}", listed(&names, 20))));
        }
        let chosen = if spec.topics.is_empty() {
            &names
        } else {
            &spec.topics
        };
        let target = |topic: &String| spec.topic_mapping.get(topic).unwrap_or(topic).clone();
        let targets: BTreeMap<_, _> = chosen
            .iter()
            .map(|topic| (topic.clone(), target(topic)))
            .collect();
        let mut sources: BTreeMap<&String, &String> = BTreeMap::new();
        for (topic, target) in &targets {
            if let Some(other) = sources.insert(target, topic) {
                return Err(WorkError::usage(format!(
                    "{other} and {topic} would both be restored into {target}"
                )));
            }
        }
        let plan = Self {
            spec,
            place,
            set,
            window,
            targets,
        };
        plan.refuse_joined()?;
        Ok(plan)
    }

    pub fn topics(&self) -> impl Iterator<Item = &TopicBackup> {
        self.set
            .manifest
            .topics
            .iter()
            .filter(|topic| self.targets.contains_key(&topic.name))
    }

    pub fn rollback(&self) -> Rollback {
        self.spec.rollback.clone().unwrap_or_default()
    }

    pub fn shown(&self) -> Value {
        let topics = self
            .targets
            .iter()
            .map(|(topic, target)| json!({ "sourceTopic": topic, "targetTopic": target }));
        topics.collect()
    }

    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        let short = self.set.unfinished();
        if !short.is_empty() {
            warnings.push(format!(
                "backup {} is not complete: {}",
                self.set.id,
                listed(&short, MOST_NAMED)
            ));
        }
        let lost = self.set.lost();
        if !lost.is_empty() {
            warnings.push(format!(
                "backup {} has gaps: {}",
                self.set.id,
                listed(&lost, MOST_NAMED)
            ));
        }
        if self.spec.produce_acks == 0 {
            warnings.push("spec.produceAcks 0 would lose records in silence: 1 is used".to_owned());
        }
        warnings.extend(no_breaker(&self.spec.circuit_breaker));
        warnings
    }

    /// Returns whether records of several partitions get into one: then an interrupted restore can't tell them apart.
    pub fn is_mixed(&self, target: &str) -> bool {
        self.spec.repartitioning.contains_key(target)
    }

    /// Refuses a mapping of two partitions to one. The library asks Kafka twice for the end of that partition in one
    /// request, which Kafka refuses.
    fn refuse_joined(&self) -> Result<()> {
        for topic in self.topics() {
            let mut targets = BTreeMap::new();
            for partition in topic.partitions.iter().map(|it| it.partition_id) {
                let target = self.target_partition(partition);
                if let Some(other) = targets.insert(target, partition) {
                    let message = format!(
                        "spec.partitionMapping maps the partitions {other} and {partition} of {} to {target}",
                        topic.name
                    );
                    return Err(WorkError::usage(message)
                        .with_hint("Use spec.repartitioning to get fewer partitions"));
                }
            }
        }
        Ok(())
    }

    /// Returns the partition that the records of another one are written into.
    pub fn target_partition(&self, partition: i32) -> i32 {
        self.spec
            .partition_mapping
            .get(&partition.to_string())
            .copied()
            .unwrap_or(partition)
    }

    /// Reads every segment that will be restored.
    ///
    /// # Errors
    /// [`Failure::Integrity`] when one is damaged.
    pub async fn check(&self, work: &Work) -> Result<Expected> {
        let mut expected = Expected::default();
        let mut damages = Vec::new();
        let mut tally = Tally::default();
        for topic in self.topics() {
            for partition in &topic.partitions {
                let backend = &self.place.backend;
                // It counts from the first failure: reading a partition may take long.
                let mut patience: Option<Patience> = None;
                let (found, records) = loop {
                    let check = segments::check(backend, topic, partition, self.window, &mut tally);
                    match check.await {
                        Ok(checked) => break checked,
                        Err(error) => {
                            let patience = patience.get_or_insert_with(Patience::new);
                            patience.again(work, error, 0).await?;
                        }
                    }
                };
                damages.extend(found);
                expected
                    .0
                    .insert((topic.name.clone(), partition.partition_id), records);
            }
            work.output.progress_at_times(&json!({ "message": "checking the backup", "segmentsChecked": tally.segments, "currentTopic": topic.name }));
        }
        if damages.is_empty() {
            return Ok(expected);
        }
        Err(segments::damaged(&self.set.id, &damages))
    }

    /// Checks that the topics to restore into can take the records.
    pub async fn check_targets(&self, cluster: &Cluster) -> Result<()> {
        let existing = cluster.topics().await?;
        let mut problems = Vec::new();
        for topic in self.topics() {
            let Some(target) = self.targets.get(&topic.name) else {
                continue;
            };
            let partitions = topic
                .partitions
                .iter()
                .map(|partition| self.target_partition(partition.partition_id));
            let needed = match self.spec.repartitioning.get(target) {
                Some(other) => usize::try_from(other.target_partitions).unwrap_or(usize::MAX),
                None => partitions
                    .max()
                    .map_or(0, |last| usize::try_from(last).unwrap_or_default() + 1),
            };
            match existing.get(target) {
                Some(count) if *count < needed => {
                    problems.push(format!(
                        "topic {target} has {count} partitions, but {needed} are needed"
                    ));
                }
                None if !self.spec.create_topics => {
                    problems.push(format!("topic {target} does not exist"));
                }
                _ => {}
            }
        }
        if problems.is_empty() {
            return Ok(());
        }
        Err(WorkError::new(Failure::Conflict, listed(&problems, MOST_NAMED))
            .with_hint("Set spec.createTopics for topics that don't exist; use spec.repartitioning for fewer partitions"))
    }
}

/// Reads the window. Records have milliseconds: a start is rounded up, and an end down.
fn window(pitr: Option<&PointInTime>) -> Result<Window> {
    let Some(pitr) = pitr else {
        return Ok(Window::default());
    };
    let read = |field: &str, text: &Option<String>| match text {
        None => Ok(None),
        Some(text) => text.parse::<Timestamp>().map(Some).map_err(|_| {
            WorkError::usage(format!(
                "spec.pitr.{field} {text:?} is not an RFC 3339 time"
            ))
            .with_hint("Write it like 2025-09-06T12:00:00Z")
        }),
    };
    let (start, end) = (
        read("startTime", &pitr.start_time)?,
        read("endTime", &pitr.end_time)?,
    );
    let window = Window {
        start: start
            .map(|time| {
                time.as_nanosecond().div_euclid(1_000_000)
                    + i128::from(time.as_nanosecond().rem_euclid(1_000_000) != 0)
            })
            .map(ms)
            .or(pitr.start_timestamp),
        end: end
            .map(|time| time.as_nanosecond().div_euclid(1_000_000))
            .map(ms)
            .or(pitr.end_timestamp),
    };
    if let (Some(start), Some(end)) = (window.start, window.end)
        && start > end
    {
        return Err(WorkError::usage(
            "the start of spec.pitr must not be after its end",
        ));
    }
    Ok(window)
}

fn ms(time: i128) -> i64 {
    i64::try_from(time).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_of_the_window_are_in_it() {
        let pitr = PointInTime {
            start_time: Some("2025-09-06T12:00:00.0001Z".to_owned()),
            end_time: Some("2025-09-06T12:00:01.0009Z".to_owned()),
            ..PointInTime::default()
        };
        let window = window(Some(&pitr)).expect("a window");
        assert_eq!(
            window,
            Window {
                start: Some(1_757_160_000_001),
                end: Some(1_757_160_001_000)
            }
        );
        assert!(window.has(1_757_160_000_001) && window.has(1_757_160_001_000));
        assert!(!window.has(1_757_160_000_000) && !window.has(1_757_160_001_001));
    }

    #[test]
    fn a_window_that_ends_before_it_starts_is_refused() {
        let pitr = PointInTime {
            start_timestamp: Some(2),
            end_time: Some("1970-01-01T00:00:00Z".to_owned()),
            ..PointInTime::default()
        };
        assert!(window(Some(&pitr)).is_err());
        let pitr = PointInTime {
            end_time: Some("yesterday".to_owned()),
            ..PointInTime::default()
        };
        assert!(
            window(Some(&pitr))
                .unwrap_err()
                .message
                .starts_with("spec.pitr.endTime ")
        );
    }
}
