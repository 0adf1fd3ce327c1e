//! Consumer groups of a cluster, and their offsets.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use host_base::Failure;
use kafka_backup_core::config::{IsolationLevel, KafkaConfig};
use kafka_backup_core::error::KafkaError;
use kafka_backup_core::kafka::{
    KafkaClient, PartitionLeaderRouter, commit_offsets, describe_groups, fetch_offsets,
    find_group_coordinator, offsets_for_times,
};
use kafka_protocol::messages::offset_delete_request::{
    OffsetDeleteRequestPartition, OffsetDeleteRequestTopic,
};
use kafka_protocol::messages::{
    ApiKey, ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse, GroupId,
    OffsetDeleteRequest, OffsetDeleteResponse, TopicName,
};
use kafka_protocol::protocol::StrBytes;
use serde::{Deserialize, Serialize};

use crate::error::{During as _, Result, WorkError};
use crate::text::clean;

/// How long a connection to the first broker may take.
const CONNECT: Duration = Duration::from_secs(30);
/// How long a broker may take to accept a connection when nothing else works.
const PROBE: Duration = Duration::from_secs(3);
/// How often a coordinator that is not there yet is looked for.
const TRIES: u32 = 40;
const PAUSE: Duration = Duration::from_millis(250);

/// A topic and one of its partitions.
pub type Partition = (String, i32);
/// Offsets by partition.
pub type Offsets = BTreeMap<Partition, i64>;

/// A connected cluster.
pub struct Cluster {
    pub router: PartitionLeaderRouter,
    config: KafkaConfig,
}

/// The offset of one partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Committed {
    pub topic: String,
    pub partition: i32,
    pub offset: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<String>,
}

impl Cluster {
    /// Connects to a cluster.
    pub async fn connect(config: KafkaConfig) -> Result<Self> {
        let what = format!(
            "connecting to Kafka at {}",
            config.bootstrap_servers.join(",")
        );
        let connecting = PartitionLeaderRouter::new(config.clone());
        match tokio::time::timeout(CONNECT, connecting).await {
            Ok(Ok(router)) => Ok(Self { router, config }),
            Ok(Err(error)) => Err(unreachable(error, &config.bootstrap_servers)
                .await
                .during(&what)),
            Err(_) => Err(WorkError::new(
                Failure::TimedOut,
                format!("{what} timed out after {} s", CONNECT.as_secs()),
            )),
        }
    }

    /// Returns the numbers of partitions by topic.
    pub async fn topics(&self) -> Result<BTreeMap<String, usize>> {
        let topics = self
            .router
            .fetch_metadata(None)
            .await
            .during("listing topics")?;
        Ok(topics
            .into_iter()
            .map(|topic| (topic.name, topic.partitions.len()))
            .collect())
    }

    /// Returns the names of all groups.
    pub async fn groups(&self) -> Result<BTreeSet<String>> {
        let groups = self
            .router
            .list_groups_all_brokers_strict()
            .await
            .during("listing consumer groups")?;
        Ok(groups.into_iter().map(|group| group.group_id).collect())
    }

    /// Returns the committed offsets of a group.
    ///
    /// All are asked for: a request for some topics without their partitions gets an empty answer.
    pub async fn offsets(&self, group: &str) -> Result<Vec<Committed>> {
        let what = format!("reading the offsets of group {group}");
        let found = fetch_offsets(self.router.bootstrap_client(), group, None)
            .await
            .during(&what)?;
        let mut offsets = Vec::new();
        for found in found {
            if found.error_code != 0 {
                let message = format!("{}[{}]", found.topic, found.partition);
                return Err(broker(found.error_code, &message).during(&what));
            }
            // -1 stands for no offset.
            if found.offset >= 0 {
                offsets.push(Committed {
                    topic: found.topic,
                    partition: found.partition,
                    offset: found.offset,
                    metadata: found.metadata,
                });
            }
        }
        offsets.sort_by(|a, b| (&a.topic, a.partition).cmp(&(&b.topic, b.partition)));
        Ok(offsets)
    }

    /// Refuses a group that has active members. Only its state counts: the library does not decode assignments.
    pub async fn refuse_active(&self, group: &str) -> Result<()> {
        let what = format!("describing group {group}");
        let client = self.coordinator(group).await?;
        let mut described = describe_groups(&client, &[group.to_owned()])
            .await
            .during(&what)?;
        let Some(description) = described.pop() else {
            return Err(WorkError::failed(format!(
                "{what}: the broker returned nothing"
            )));
        };
        if description.error_code != 0 {
            return Err(broker(description.error_code, "DescribeGroups").during(&what));
        }
        match description.state.as_str() {
            "Empty" => Ok(()),
            // A group of the newer protocol looks like one that does not exist.
            "Dead" => match newer_members(&client, group).await {
                Some(members) if members > 0 => Err(active(group, members)),
                _ => Ok(()),
            },
            _ => Err(active(group, description.members.len())),
        }
    }

    /// Returns a connection to the broker that coordinates a group.
    async fn coordinator(&self, group: &str) -> Result<KafkaClient> {
        let what = format!("finding the coordinator of group {group}");
        let mut tries = 0;
        let found = loop {
            tries += 1;
            match find_group_coordinator(self.router.bootstrap_client(), group).await {
                Ok(found) if found.node_id >= 0 => break found,
                // A fresh cluster makes the topic of offsets at the first request.
                Ok(_) if tries < TRIES => tokio::time::sleep(PAUSE).await,
                Ok(_) => return Err(WorkError::failed(format!("{what}: there is none"))),
                Err(kafka_backup_core::Error::Kafka(KafkaError::BrokerError {
                    code: 14..=16,
                    ..
                })) if tries < TRIES => {
                    tokio::time::sleep(PAUSE).await;
                }
                Err(error) => return Err(WorkError::from(error).during(&what)),
            }
        };
        let mut config = self.config.clone();
        config.bootstrap_servers = vec![format!("{}:{}", found.host, found.port)];
        let client = KafkaClient::new(config);
        client.connect().await.during(&what)?;
        Ok(client)
    }

    /// Commits offsets for a group, and reads them again.
    pub async fn commit(&self, group: &str, offsets: &[Committed]) -> Result<()> {
        let what = format!("committing the offsets of group {group}");
        let wanted: Vec<_> = offsets
            .iter()
            .map(|it| {
                (
                    it.topic.clone(),
                    it.partition,
                    it.offset,
                    it.metadata.clone(),
                )
            })
            .collect();
        let results = commit_offsets(self.router.bootstrap_client(), group, &wanted)
            .await
            .during(&what)?;
        for (topic, partition, code) in results {
            match code {
                0 => {}
                // ILLEGAL_GENERATION, UNKNOWN_MEMBER_ID, REBALANCE_IN_PROGRESS, STALE_MEMBER_EPOCH
                22 | 25 | 27 | 113 => return Err(active(group, 1)),
                code => return Err(broker(code, &format!("{topic}[{partition}]")).during(&what)),
            }
        }
        let now: Offsets = self
            .offsets(group)
            .await?
            .into_iter()
            .map(|it| ((it.topic, it.partition), it.offset))
            .collect();
        for wanted in offsets {
            let found = now.get(&(wanted.topic.clone(), wanted.partition)).copied();
            if found != Some(wanted.offset) {
                let found = found.map_or("none".to_owned(), |offset| offset.to_string());
                return Err(WorkError::failed(format!(
                    "group {group} has the offset {found} for {}[{}] after {} was committed",
                    wanted.topic, wanted.partition, wanted.offset
                ))
                .with_hint("Check whether another program commits offsets for this group"));
            }
        }
        Ok(())
    }

    /// Deletes the offsets of a group for some partitions.
    pub async fn delete(&self, group: &str, partitions: &[Partition]) -> Result<()> {
        if partitions.is_empty() {
            return Ok(());
        }
        let what = format!("deleting offsets of group {group}");
        let client = self.coordinator(group).await?;
        let mut topics: BTreeMap<&str, Vec<OffsetDeleteRequestPartition>> = BTreeMap::new();
        for (topic, partition) in partitions {
            let partition =
                OffsetDeleteRequestPartition::default().with_partition_index(*partition);
            topics.entry(topic).or_default().push(partition);
        }
        let topics = topics.into_iter().map(|(topic, partitions)| {
            OffsetDeleteRequestTopic::default()
                .with_name(TopicName(text(topic)))
                .with_partitions(partitions)
        });
        let request = OffsetDeleteRequest::default()
            .with_group_id(GroupId(text(group)))
            .with_topics(topics.collect());
        let response: OffsetDeleteResponse = client
            .send_request(ApiKey::OffsetDelete, request)
            .await
            .during(&what)?;
        let codes = response
            .topics
            .iter()
            .flat_map(|topic| topic.partitions.iter().map(|it| it.error_code));
        match std::iter::once(response.error_code)
            .chain(codes)
            .find(|code| *code != 0)
        {
            None => Ok(()),
            // NON_EMPTY_GROUP, GROUP_SUBSCRIBED_TO_TOPIC
            Some(68 | 86) => Err(active(group, 1)),
            Some(code) => Err(broker(code, "OffsetDelete").during(&what)),
        }
    }

    /// Returns the first and the next offset of partitions.
    pub async fn ends(&self, partitions: &[Partition]) -> Result<BTreeMap<Partition, (i64, i64)>> {
        let found = self
            .router
            .batch_get_all_offsets(partitions, IsolationLevel::ReadUncommitted)
            .await;
        Ok(found
            .during("reading the ends of partitions")?
            .into_iter()
            .collect())
    }

    /// Returns the offset of the first record at or after a time, or `None` if there is no such record.
    pub async fn at(&self, partition: &Partition, timestamp: i64) -> Result<Option<i64>> {
        let what = format!("looking up a time in {}[{}]", partition.0, partition.1);
        let client = self
            .router
            .get_leader_client(&partition.0, partition.1)
            .await
            .during(&what)?;
        let request = [(partition.0.clone(), partition.1, timestamp)];
        let found = offsets_for_times(&client, &request, IsolationLevel::ReadUncommitted)
            .await
            .during(&what)?;
        match found.first() {
            Some(found) if found.error_code != 0 => {
                Err(broker(found.error_code, "ListOffsets").during(&what))
            }
            Some(found) => Ok((found.offset >= 0).then_some(found.offset)),
            None => Err(WorkError::failed(format!(
                "{what}: the broker returned nothing"
            ))),
        }
    }
}

/// Says why no broker could be reached. The library keeps the reason to itself.
pub async fn unreachable(error: kafka_backup_core::Error, servers: &[String]) -> WorkError {
    let is_unknown = matches!(
        error,
        kafka_backup_core::Error::Kafka(KafkaError::NoBrokersAvailable)
    );
    let error = WorkError::from(error);
    if !is_unknown {
        return error;
    }
    let mut reasons = Vec::new();
    for server in servers.iter().take(3) {
        let connecting = tokio::net::TcpStream::connect(server);
        reasons.push(match tokio::time::timeout(PROBE, connecting).await {
            Ok(Ok(_)) => format!(
                "{server} accepts connections, but no session: check securityProtocol and caSecret"
            ),
            Ok(Err(error)) => format!("{server}: {error}"),
            Err(_) => format!("{server} does not answer"),
        });
    }
    WorkError {
        message: clean(&format!("no broker can be reached: {}", reasons.join("; "))),
        ..error
    }
}

/// Returns the number of members of a group of the protocol that Kafka has since 4.0. Older brokers refuse the request.
async fn newer_members(client: &KafkaClient, group: &str) -> Option<usize> {
    let request =
        ConsumerGroupDescribeRequest::default().with_group_ids(vec![GroupId(text(group))]);
    let response: ConsumerGroupDescribeResponse = client
        .send_request(ApiKey::ConsumerGroupDescribe, request)
        .await
        .ok()?;
    let group = response
        .groups
        .into_iter()
        .next()
        .filter(|group| group.error_code == 0)?;
    Some(group.members.len())
}

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

fn active(group: &str, members: usize) -> WorkError {
    let members = if members == 1 {
        "an active member".to_owned()
    } else {
        format!("{members} active members")
    };
    WorkError::new(Failure::Conflict, format!("group {group} has {members}"))
        .with_hint("Stop all consumers of the group, wait until it is empty, and try again")
}

fn broker(code: i16, message: &str) -> WorkError {
    WorkError::from(kafka_backup_core::Error::Kafka(KafkaError::BrokerError {
        code,
        message: message.to_owned(),
    }))
}
