//! Faults, as types for tests and as `name=value` for the program.
//!
//! Each group of faults is a file with three parts:
//! - the settings that the simulated part reads
//! - the enum of changes to the settings
//! - the rows that name each change on the command line

pub mod api;
pub mod backup_request;
pub mod download;
pub mod exec;
pub mod hivemq;
pub mod job;
pub mod kafka;
pub mod node;
pub mod reply;
pub mod sidecar;
pub mod strategy;
pub mod tunnel;
mod value;

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use api::{ApiFault, ApiFaults};
use backup_request::{BackupRequestFault, BackupRequestFaults};
use download::{DownloadFault, DownloadFaults};
use exec::{ExecFault, ExecFaults};
use hivemq::{HivemqFault, HivemqFaults};
use job::{JobFault, JobFaults};
use kafka::{KafkaFault, KafkaFaults};
use node::{NodeFault, NodeFaults};
use reply::{BackendKind, ReplyFault, ReplyFaults};
use sidecar::{SidecarFault, SidecarFaults};
use strategy::{StrategyFault, StrategyFaults};
use tunnel::{TunnelFault, TunnelFaults};

/// One fault.
#[derive(Debug, Clone)]
pub enum Fault {
    /// A fault of the API server.
    Api(ApiFault),
    /// A fault of the nodes.
    Node(NodeFault),
    /// A fault of the port-forward.
    Tunnel(TunnelFault),
    /// A fault of commands in pods.
    Exec(ExecFault),
    /// A fault of any answer of one kind of backend.
    Reply(BackendKind, ReplyFault),
    /// A fault of the broker-backup sidecar.
    Sidecar(SidecarFault),
    /// A fault of the strategy sidecar.
    Strategy(StrategyFault),
    /// A fault of HiveMQ's management API.
    Hivemq(HivemqFault),
    /// A fault of kafka-backup-operator.
    Kafka(KafkaFault),
    /// A fault of the transfer of a backup's content.
    Download(DownloadFault),
    /// A fault of the controller of BackupRequests.
    BackupRequest(BackupRequestFault),
    /// A fault of Jobs and their pods.
    Job(JobFault),
}

/// An error in the name or the value of a fault on the command line.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum FaultError {
    #[error("there is no fault `{0}`; `testbed faults` lists them")]
    Unknown(String),
    #[error("fault `{name}` needs a value: `{name}={value}`")]
    NoValue { name: String, value: &'static str },
    #[error("fault `{name}` takes no value, but got `{got}`")]
    SpareValue { name: String, got: String },
    #[error("fault `{name}` takes {value}, not `{got}`: {why}")]
    Value {
        name: String,
        value: &'static str,
        got: String,
        why: String,
    },
}

/// The active faults. The default is a healthy cluster.
#[derive(Debug, Clone, Default)]
pub struct FaultSettings {
    pub api: ApiFaults,
    pub node: NodeFaults,
    pub tunnel: TunnelFaults,
    pub exec: ExecFaults,
    pub hivemq_reply: ReplyFaults,
    pub sidecar_reply: ReplyFaults,
    pub strategy_reply: ReplyFaults,
    pub health_reply: ReplyFaults,
    pub sidecar: SidecarFaults,
    pub strategy: StrategyFaults,
    pub hivemq: HivemqFaults,
    pub kafka: KafkaFaults,
    pub download: DownloadFaults,
    pub backup_request: BackupRequestFaults,
    pub job: JobFaults,
}

impl FaultSettings {
    /// Returns the faults of every answer of a kind of backend.
    pub fn reply(&self, kind: BackendKind) -> &ReplyFaults {
        match kind {
            BackendKind::Hivemq => &self.hivemq_reply,
            BackendKind::Sidecar => &self.sidecar_reply,
            BackendKind::Strategy => &self.strategy_reply,
            BackendKind::HivemqHealth => &self.health_reply,
        }
    }

    /// Returns the faults of every answer of a kind of backend, to change them.
    pub fn reply_mut(&mut self, kind: BackendKind) -> &mut ReplyFaults {
        match kind {
            BackendKind::Hivemq => &mut self.hivemq_reply,
            BackendKind::Sidecar => &mut self.sidecar_reply,
            BackendKind::Strategy => &mut self.strategy_reply,
            BackendKind::HivemqHealth => &mut self.health_reply,
        }
    }

    /// Adds one fault to the active ones.
    pub fn apply(&mut self, fault: Fault) {
        match fault {
            Fault::Api(fault) => self.api.apply(fault),
            Fault::Node(fault) => self.node.apply(fault),
            Fault::Tunnel(fault) => self.tunnel.apply(fault),
            Fault::Exec(fault) => self.exec.apply(fault),
            Fault::Reply(kind, fault) => self.reply_mut(kind).apply(fault),
            Fault::Sidecar(fault) => self.sidecar.apply(fault),
            Fault::Strategy(fault) => self.strategy.apply(fault),
            Fault::Hivemq(fault) => self.hivemq.apply(fault),
            Fault::Kafka(fault) => self.kafka.apply(fault),
            Fault::Download(fault) => self.download.apply(fault),
            Fault::BackupRequest(fault) => self.backup_request.apply(fault),
            Fault::Job(fault) => self.job.apply(fault),
        }
    }
}

/// The faults of a running testbed. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    settings: Arc<Mutex<FaultSettings>>,
    switched: Arc<watch::Sender<()>>,
}

impl Faults {
    /// Switches a fault on.
    pub fn set(&self, fault: Fault) {
        self.edit(|settings| settings.apply(fault));
        self.switched.send_replace(());
    }

    /// Switches every fault off.
    pub fn clear(&self) {
        self.edit(|settings| *settings = FaultSettings::default());
        self.switched.send_replace(());
    }

    /// Returns a receiver that signals each switch of a fault.
    pub(crate) fn subscribe(&self) -> watch::Receiver<()> {
        self.switched.subscribe()
    }

    /// Reads or changes the settings in place, and returns the result of `change`.
    pub fn edit<T>(&self, change: impl FnOnce(&mut FaultSettings) -> T) -> T {
        change(&mut self.settings.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Returns the current settings.
    pub fn snapshot(&self) -> FaultSettings {
        self.edit(|settings| settings.clone())
    }
}

/// Counts one use of a fault with a limited number of uses. Returns whether one was left.
pub(crate) fn take_one(remaining: &mut u32) -> bool {
    let left = *remaining > 0;
    *remaining = remaining.saturating_sub(1);
    left
}

/// The name and the description of a fault on the command line.
struct Row<F: 'static> {
    name: &'static str,
    /// The placeholder of the value in help texts; `None` for a fault without a value.
    value: Option<&'static str>,
    about: &'static str,
    parse: fn(&str) -> Result<F, String>,
}

impl<F> Row<F> {
    fn read(&self, name: &str, value: Option<&str>) -> Result<F, FaultError> {
        let name = name.to_owned();
        match (self.value, value) {
            (Some(wanted), None) => Err(FaultError::NoValue {
                name,
                value: wanted,
            }),
            (None, Some(got)) => Err(FaultError::SpareValue {
                name,
                got: got.to_owned(),
            }),
            (None, None) => (self.parse)("").map_err(|why| FaultError::Value {
                name,
                value: "",
                got: String::new(),
                why,
            }),
            (Some(wanted), Some(got)) => (self.parse)(got).map_err(|why| FaultError::Value {
                name,
                value: wanted,
                got: got.to_owned(),
                why,
            }),
        }
    }
}

/// One line of the list of faults.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FaultInfo {
    pub name: String,
    /// The placeholder of the value; `None` for a fault without a value.
    pub value: Option<&'static str>,
    pub about: &'static str,
}

/// Returns every fault, in the order of the list.
pub fn catalogue() -> Vec<FaultInfo> {
    let single = [
        api::ROWS,
        node::ROWS,
        tunnel::ROWS,
        exec::ROWS,
        sidecar::ROWS,
        strategy::ROWS,
        hivemq::ROWS,
        kafka::ROWS,
    ];
    let mut list: Vec<FaultInfo> = single.into_iter().flatten().map(|r| info("", r)).collect();
    for kind in BackendKind::ALL {
        list.extend(reply::ROWS.iter().map(|row| info(kind.prefix(), row)));
    }
    list.extend(download::ROWS.iter().map(|row| info("", row)));
    list.extend(backup_request::ROWS.iter().map(|row| info("", row)));
    list.extend(job::ROWS.iter().map(|row| info("", row)));
    list
}

fn info<F>(prefix: &str, row: &Row<F>) -> FaultInfo {
    FaultInfo {
        name: format!("{prefix}{}", row.name),
        value: row.value,
        about: row.about,
    }
}

impl std::str::FromStr for Fault {
    type Err = FaultError;

    /// Parses `name` or `name=value`.
    fn from_str(text: &str) -> Result<Self, FaultError> {
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (text, None),
        };
        let single = [
            api::ROWS,
            node::ROWS,
            tunnel::ROWS,
            exec::ROWS,
            sidecar::ROWS,
            strategy::ROWS,
            hivemq::ROWS,
            kafka::ROWS,
            download::ROWS,
            backup_request::ROWS,
            job::ROWS,
        ];
        if let Some(row) = single.into_iter().flatten().find(|row| row.name == name) {
            return row.read(name, value);
        }
        for kind in BackendKind::ALL {
            let suffix = name.strip_prefix(kind.prefix());
            let row = suffix.and_then(|suffix| reply::ROWS.iter().find(|r| r.name == suffix));
            if let Some(row) = row {
                return Ok(Fault::Reply(kind, row.read(name, value)?));
            }
        }
        Err(FaultError::Unknown(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_fault_has_its_own_name_and_refuses_a_wrong_value() {
        let list = catalogue();
        let names: BTreeSet<_> = list.iter().map(|info| info.name.clone()).collect();
        assert_eq!(names.len(), list.len());
        for info in list {
            let wrong = match info.value {
                Some(_) => info.name.clone(),
                None => format!("{}=1", info.name),
            };
            assert!(wrong.parse::<Fault>().is_err(), "{wrong} was accepted");
        }
    }

    #[test]
    fn a_fault_is_read_with_and_without_a_value() {
        let mut settings = FaultSettings::default();
        for text in [
            "api-html",
            "port-closed=8085",
            "hivemq-html=502",
            "deny=*:pods:x",
        ] {
            settings.apply(text.parse().unwrap());
        }
        assert!(settings.api.html);
        assert!(settings.tunnel.closed_ports.contains(&8085));
        assert_eq!(settings.hivemq_reply.html.unwrap().as_u16(), 502);
        assert!(settings.api.denied("list", "pods", Some("x")));
        assert!(!settings.api.denied("list", "pods", Some("y")));
    }

    #[test]
    fn an_unknown_fault_is_named() {
        let error = "sidecar-nope=1".parse::<Fault>().unwrap_err();
        assert_eq!(error, FaultError::Unknown("sidecar-nope".to_owned()));
    }
}
