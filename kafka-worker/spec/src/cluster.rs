//! The Kafka cluster of an object, and limits for the work in it.

use serde::{Deserialize, Serialize};

use crate::{is_default, or_default, yes};

/// How a Kafka cluster is reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct KafkaCluster {
    pub bootstrap_servers: Vec<String>,
    /// `PLAINTEXT`, `SSL`, `SASL_PLAINTEXT` or `SASL_SSL`, in any case.
    #[serde(default = "plaintext")]
    pub security_protocol: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_secret: Option<TlsSecret>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_secret: Option<CaSecret>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sasl_secret: Option<SaslSecret>,
    #[serde(
        default,
        deserialize_with = "or_default",
        skip_serializing_if = "is_default"
    )]
    #[cfg_attr(feature = "schema", schemars(with = "Option<Connection>"))]
    pub connection: Connection,
}

fn plaintext() -> String {
    "PLAINTEXT".to_owned()
}

/// A Secret with a client certificate, and perhaps with the authority of the brokers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct TlsSecret {
    pub name: String,
    #[serde(default = "ca_key")]
    pub ca_key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cert_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_key: Option<String>,
}

/// A Secret with the authority of the brokers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct CaSecret {
    pub name: String,
    #[serde(default = "ca_key")]
    pub ca_key: String,
}

fn ca_key() -> String {
    "ca.crt".to_owned()
}

/// A Secret with a user and a password.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct SaslSecret {
    pub name: String,
    /// `PLAIN`, `SCRAM-SHA-256` or `SCRAM-SHA-512`.
    pub mechanism: String,
    #[serde(default = "username_key")]
    pub username_key: String,
    #[serde(default = "password_key")]
    pub password_key: String,
}

fn username_key() -> String {
    "username".to_owned()
}

fn password_key() -> String {
    "password".to_owned()
}

/// The settings of connections to brokers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct Connection {
    pub tcp_keepalive: bool,
    #[cfg_attr(feature = "schema", schemars(range(min = 0)))]
    pub keepalive_time_secs: i64,
    #[cfg_attr(feature = "schema", schemars(range(min = 0)))]
    pub keepalive_interval_secs: i64,
    pub tcp_nodelay: bool,
    #[cfg_attr(feature = "schema", schemars(range(min = 0)))]
    pub connections_per_broker: i64,
}

impl Default for Connection {
    fn default() -> Self {
        Self {
            tcp_keepalive: true,
            keepalive_time_secs: 60,
            keepalive_interval_secs: 20,
            tcp_nodelay: true,
            connections_per_broker: 4,
        }
    }
}

/// Limits for the speed of the work. 0 means no limit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct RateLimiting {
    #[cfg_attr(feature = "schema", schemars(range(min = 0)))]
    pub records_per_sec: i64,
    #[cfg_attr(feature = "schema", schemars(range(min = 0)))]
    pub bytes_per_sec: i64,
    #[cfg_attr(feature = "schema", schemars(range(min = 0)))]
    pub max_concurrent_partitions: i64,
}

impl Default for RateLimiting {
    fn default() -> Self {
        Self {
            records_per_sec: 0,
            bytes_per_sec: 0,
            max_concurrent_partitions: 4,
        }
    }
}

/// The number of failures after which a cluster counts as not available.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct CircuitBreaker {
    #[serde(default = "yes")]
    pub enabled: bool,
    #[serde(default = "five")]
    #[cfg_attr(feature = "schema", schemars(range(min = 0)))]
    pub failure_threshold: i64,
    #[serde(default = "sixty")]
    #[cfg_attr(feature = "schema", schemars(range(min = 0)))]
    pub reset_timeout_secs: i64,
    #[serde(default = "three")]
    #[cfg_attr(feature = "schema", schemars(range(min = 0)))]
    pub success_threshold: i64,
    #[serde(default = "thirty_seconds")]
    #[cfg_attr(feature = "schema", schemars(range(min = 0)))]
    pub operation_timeout_ms: i64,
}

impl Default for CircuitBreaker {
    fn default() -> Self {
        Self {
            enabled: true,
            failure_threshold: five(),
            reset_timeout_secs: sixty(),
            success_threshold: three(),
            operation_timeout_ms: thirty_seconds(),
        }
    }
}

const fn five() -> i64 {
    5
}

const fn sixty() -> i64 {
    60
}

const fn three() -> i64 {
    3
}

const fn thirty_seconds() -> i64 {
    30_000
}
