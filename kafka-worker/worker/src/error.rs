//! The error of all commands, and the meaning of the library's errors.

use std::fmt;

use host_base::Failure;
use kafka_backup_core::Error as LibraryError;
use kafka_backup_core::error::{KafkaError, StorageError};

use crate::text::clean;

/// An error with its kind, which decides the exit code. The texts are safe to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkError {
    pub failure: Failure,
    pub message: String,
    pub hint: Option<String>,
}

pub type Result<T> = std::result::Result<T, WorkError>;

impl WorkError {
    pub fn new(failure: Failure, message: impl AsRef<str>) -> Self {
        Self {
            failure,
            message: clean(message.as_ref()),
            hint: None,
        }
    }

    pub fn usage(message: impl AsRef<str>) -> Self {
        Self::new(Failure::Usage, message)
    }

    pub fn failed(message: impl AsRef<str>) -> Self {
        Self::new(Failure::Failed, message)
    }

    pub fn interrupted() -> Self {
        Self::new(Failure::Interrupted, "a signal stopped the work")
    }

    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Says what was done when the error came.
    #[must_use]
    pub fn during(mut self, what: &str) -> Self {
        self.message = clean(&format!("{what}: {}", self.message));
        self
    }
}

impl fmt::Display for WorkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// Adds what was done to the errors of the library.
pub trait During<T> {
    /// # Errors
    /// The error of the library, with its kind.
    fn during(self, what: &str) -> Result<T>;
}

impl<T> During<T> for kafka_backup_core::Result<T> {
    fn during(self, what: &str) -> Result<T> {
        self.map_err(|error| WorkError::from(error).during(what))
    }
}

impl<T> During<T> for std::io::Result<T> {
    fn during(self, what: &str) -> Result<T> {
        self.map_err(|error| WorkError::failed(error.to_string()).during(what))
    }
}

impl From<LibraryError> for WorkError {
    fn from(error: LibraryError) -> Self {
        let (failure, hint) = meaning(&error);
        let text = error.to_string();
        let failure = if failure == Failure::Failed {
            told_failure(&text).unwrap_or(failure)
        } else {
            failure
        };
        let mut error = Self::new(failure, text);
        error.hint = hint.map(str::to_owned);
        error
    }
}

const PERMISSIONS: &str =
    "Give the user of the Secret this permission in Kafka (`kafka-acls.sh --add`)";
const CREDENTIALS: &str = "Check user, password and mechanism of spec.kafkaCluster.saslSecret";
const CERTIFICATES: &str =
    "Check the keys of the Secrets in spec.kafkaCluster.caSecret and tlsSecret: they must be PEM";
const BROKERS: &str =
    "Check spec.kafkaCluster.bootstrapServers and securityProtocol, and whether the brokers run";

/// Returns the kind of a library's error, and what to do. `Config` does not mean that the configuration is invalid.
fn meaning(error: &LibraryError) -> (Failure, Option<&'static str>) {
    match error {
        LibraryError::Authentication(_) => (Failure::NotAllowed, Some(CREDENTIALS)),
        LibraryError::Storage(StorageError::PermissionDenied(_)) => (Failure::NotAllowed, None),
        // Every failure to read a manifest is one of these. The inner text tells which one.
        LibraryError::BackupNotFound(text) if !text.contains("Object not found") => {
            (Failure::Failed, None)
        }
        LibraryError::Storage(StorageError::NotFound(_))
        | LibraryError::TopicNotFound(_)
        | LibraryError::BackupNotFound(_)
        | LibraryError::Kafka(KafkaError::TopicNotExists(_)) => (Failure::NotFound, None),
        LibraryError::Kafka(KafkaError::BrokerError { code, .. }) => of_code(*code),
        LibraryError::Kafka(KafkaError::Timeout(_)) => (Failure::TimedOut, None),
        LibraryError::Kafka(
            KafkaError::TlsConfig(_)
            | KafkaError::CertificateLoad { .. }
            | KafkaError::PrivateKeyLoad { .. },
        ) => (Failure::Usage, Some(CERTIFICATES)),
        LibraryError::Kafka(
            KafkaError::NoBrokersAvailable | KafkaError::ConnectionFailed { .. },
        ) => (Failure::Failed, Some(BROKERS)),
        _ => (Failure::Failed, None),
    }
}

/// Parts of the library's texts about problems that another attempt has too. Another program writes into a topic, a topic
/// was made again, or a record is too large for its topic.
const LASTING: [&str; 3] = [
    "Another writer has produced",
    "cannot resume ",
    "larger than max.message.bytes",
];

/// Returns the kind of failure that a text tells: the library puts the errors of brokers into texts of other errors.
pub fn told_failure(text: &str) -> Option<Failure> {
    if LASTING.iter().any(|lasting| text.contains(lasting)) {
        return Some(Failure::Conflict);
    }
    let (_, rest) = text
        .split_once("Broker returned error code ")
        .or_else(|| text.split_once(": code="))?;
    let code = rest.split(|c: char| !c.is_ascii_digit()).next()?;
    let (failure, _) = of_code(code.parse().ok()?);
    (failure != Failure::Failed).then_some(failure)
}

/// Returns the meaning of an error code of the Kafka protocol.
fn of_code(code: i16) -> (Failure, Option<&'static str>) {
    match code {
        // UNKNOWN_TOPIC_OR_PARTITION, GROUP_ID_NOT_FOUND
        3 | 69 => (Failure::NotFound, None),
        // REQUEST_TIMED_OUT
        7 => (Failure::TimedOut, None),
        // TOPIC_, GROUP_, CLUSTER_ and TRANSACTIONAL_ID_AUTHORIZATION_FAILED
        29..=31 | 53 => (Failure::NotAllowed, Some(PERMISSIONS)),
        // SASL_AUTHENTICATION_FAILED
        58 => (Failure::NotAllowed, Some(CREDENTIALS)),
        _ => (Failure::Failed, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_of_an_error_decides_its_exit_code() {
        let broker = |code| {
            let message = "no\nStack backtrace:".to_owned();
            WorkError::from(LibraryError::Kafka(KafkaError::BrokerError {
                code,
                message,
            }))
        };
        assert_eq!(broker(30).failure, Failure::NotAllowed);
        assert_eq!(broker(3).failure, Failure::NotFound);
        assert_eq!(
            broker(30).message,
            "Kafka error: Broker returned error code 30: no"
        );
        let large =
            "Topic a: Record at source offset 1 is 9 bytes, larger than max.message.bytes (5)";
        let large = WorkError::from(LibraryError::Config(large.to_owned()));
        assert_eq!(large.failure, Failure::Conflict);
        // The library uses `Config` for damaged segments too.
        let config = WorkError::from(LibraryError::Config("CRC mismatch".to_owned()));
        assert_eq!(config.failure, Failure::Failed);
        // A store that does not answer has not lost the backup.
        let away = StorageError::Backend("error sending request".to_owned());
        for (inner, failure) in [
            (away, Failure::Failed),
            (StorageError::NotFound("b".to_owned()), Failure::NotFound),
        ] {
            let inner = LibraryError::Storage(inner);
            let text = format!("Could not load manifest for backup 'b': {inner}");
            let error = WorkError::from(LibraryError::BackupNotFound(text));
            assert_eq!(error.failure, failure, "{error}");
        }
        let text = "1 error(s): Topic a: Kafka error: Broker returned error code 29: Produce";
        let inner = WorkError::from(LibraryError::Config(text.to_owned()));
        assert_eq!(inner.failure, Failure::NotAllowed);
    }

    #[test]
    fn an_error_says_what_was_done() {
        let error: kafka_backup_core::Result<()> =
            Err(LibraryError::Kafka(KafkaError::NoBrokersAvailable));
        let error = error.during("connecting to Kafka").unwrap_err();
        assert_eq!(
            error.message,
            "connecting to Kafka: Kafka error: No available brokers"
        );
        assert!(error.hint.is_some());
    }
}
