//! The metrics of `/metrics`.

use std::fmt::Error;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

/// The media type of the metrics.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// The bucket limits in seconds; a backup takes from less than a second to hours.
const BUCKETS: [f64; 9] = [1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 10800.0, 43200.0];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Succeeded,
    Failed,
    /// The client disconnected, or the program was stopped.
    Aborted,
    /// The queue was full.
    Refused,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Ended {
    outcome: &'static str,
}

impl From<Outcome> for Ended {
    fn from(outcome: Outcome) -> Self {
        let outcome = match outcome {
            Outcome::Succeeded => "succeeded",
            Outcome::Failed => "failed",
            Outcome::Aborted => "aborted",
            Outcome::Refused => "refused",
        };
        Self { outcome }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    route: &'static str,
    status: u16,
}

pub struct Metrics {
    pub running: Gauge,
    pub waiting: Gauge,
    exports: Family<Ended, Counter>,
    duration: Histogram,
    bytes: Counter,
    last_bytes: Gauge<u64, AtomicU64>,
    last_success: Gauge<f64, AtomicU64>,
    requests: Family<Answered, Counter>,
    dropped: Counter,
    registry: Registry,
}

impl Metrics {
    pub fn new(strategy: &'static str) -> Self {
        let mut metrics = Self {
            running: Gauge::default(),
            waiting: Gauge::default(),
            exports: Family::default(),
            duration: Histogram::new(BUCKETS),
            bytes: Counter::default(),
            last_bytes: Gauge::default(),
            last_success: Gauge::default(),
            requests: Family::default(),
            dropped: Counter::default(),
            registry: Registry::with_prefix("broker_agent"),
        };
        // All outcomes exist from the start, so that the first event already has a rate.
        for outcome in [
            Outcome::Succeeded,
            Outcome::Failed,
            Outcome::Aborted,
            Outcome::Refused,
        ] {
            drop(metrics.exports.get_or_create(&outcome.into()));
        }
        metrics.register(strategy);
        metrics
    }

    fn register(&mut self, strategy: &'static str) {
        let registry = &mut self.registry;
        let about = Info::new([
            ("version", env!("CARGO_PKG_VERSION")),
            ("strategy", strategy),
        ]);
        registry.register("build", "The program and its strategy", about);
        registry.register("exports", "Exports by outcome", self.exports.clone());
        registry.register(
            "exports_running",
            "Exports that run now: 0 or 1",
            self.running.clone(),
        );
        registry.register(
            "exports_waiting",
            "Exports that wait for their turn",
            self.waiting.clone(),
        );
        registry.register_with_unit(
            "export_duration",
            "From the turn of an export to its last byte",
            Unit::Seconds,
            self.duration.clone(),
        );
        registry.register_with_unit(
            "sent",
            "Bytes of complete artifacts",
            Unit::Bytes,
            self.bytes.clone(),
        );
        registry.register_with_unit(
            "last_artifact",
            "Size of the last artifact that was sent completely",
            Unit::Bytes,
            self.last_bytes.clone(),
        );
        registry.register_with_unit(
            "last_success_timestamp",
            "Unix time when the last artifact was sent completely; 0 if none was",
            Unit::Seconds,
            self.last_success.clone(),
        );
        registry.register(
            "http_requests",
            "Requests by route and status",
            self.requests.clone(),
        );
        registry.register(
            "connections_dropped",
            "Idle connections that made room for others",
            self.dropped.clone(),
        );
    }

    pub fn ended(&self, outcome: Outcome, took: Duration) {
        self.exports.get_or_create(&outcome.into()).inc();
        self.duration.observe(took.as_secs_f64());
    }

    pub fn refused(&self) {
        self.exports.get_or_create(&Outcome::Refused.into()).inc();
    }

    pub fn sent(&self, bytes: u64) {
        self.bytes.inc_by(bytes);
        self.last_bytes.set(bytes);
        if let Ok(now) = SystemTime::now().duration_since(UNIX_EPOCH) {
            self.last_success.set(now.as_secs_f64());
        }
    }

    pub fn dropped(&self) {
        self.dropped.inc();
    }

    pub fn answered(&self, route: &'static str, status: u16) {
        self.requests
            .get_or_create(&Answered { route, status })
            .inc();
    }

    /// Returns the metrics as text.
    ///
    /// # Errors
    ///
    /// Never fails: writing to a String always succeeds.
    pub fn text(&self) -> Result<String, Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}
