//! Faults of kafka-backup-operator.

use super::{Fault, Row};

/// The faults of the operator and of its work.
#[derive(Debug, Clone, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "faults that don't exclude each other"
)]
pub struct KafkaFaults {
    /// The operator does not run, so that its objects do not change.
    pub off: bool,
    /// Running work never ends.
    pub stuck: bool,
    /// Running work fails with this message.
    pub fail: Option<String>,
    /// The last group of an offset reset fails.
    pub partial: bool,
    /// The operator finds no consumer group to reset or to roll back.
    pub no_groups: bool,
    /// The result of validations, if it is not `Pass`.
    pub result: Option<String>,
}

/// A change to [`KafkaFaults`].
#[derive(Debug, Clone)]
pub enum KafkaFault {
    Off,
    Stuck,
    Fail(String),
    Partial,
    NoGroups,
    Result(String),
}

impl KafkaFaults {
    pub(super) fn apply(&mut self, fault: KafkaFault) {
        match fault {
            KafkaFault::Off => self.off = true,
            KafkaFault::Stuck => self.stuck = true,
            KafkaFault::Fail(message) => self.fail = Some(message),
            KafkaFault::Partial => self.partial = true,
            KafkaFault::NoGroups => self.no_groups = true,
            KafkaFault::Result(result) => self.result = Some(result),
        }
    }
}

fn result(text: &str) -> Result<Fault, String> {
    let known = ["Pass", "Fail", "Warn", "Skip"];
    if !known.contains(&text) {
        return Err(format!("not one of {}", known.join(", ")));
    }
    Ok(Fault::Kafka(KafkaFault::Result(text.to_owned())))
}

pub(super) const ROWS: &[Row<Fault>] = &[
    Row {
        name: "kafka-off",
        value: None,
        about: "kafka-backup-operator does not run: its objects stay as they are created",
        parse: |_| Ok(Fault::Kafka(KafkaFault::Off)),
    },
    Row {
        name: "kafka-stuck",
        value: None,
        about: "work of kafka-backup-operator stays in phase Running",
        parse: |_| Ok(Fault::Kafka(KafkaFault::Stuck)),
    },
    Row {
        name: "kafka-fail",
        value: Some("MESSAGE"),
        about: "work of kafka-backup-operator ends in phase Failed",
        parse: |text| Ok(Fault::Kafka(KafkaFault::Fail(text.to_owned()))),
    },
    Row {
        name: "kafka-partial",
        value: None,
        about: "the last group of each KafkaOffsetReset fails, where that goes on after an error",
        parse: |_| Ok(Fault::Kafka(KafkaFault::Partial)),
    },
    Row {
        name: "kafka-no-groups",
        value: None,
        about: "each KafkaOffsetReset and KafkaOffsetRollback ends well and has found no group",
        parse: |_| Ok(Fault::Kafka(KafkaFault::NoGroups)),
    },
    Row {
        name: "kafka-result",
        value: Some("Pass|Fail|Warn|Skip"),
        about: "the result of each KafkaBackupValidation",
        parse: result,
    },
];
