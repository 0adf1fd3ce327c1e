//! The rates of backups. The library limits only restores, so its work gets a thread of its own, which rests when it is too fast.

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kafka_backup_core::backup::BackupEngine;
use kafka_backup_core::metrics::PrometheusMetrics;
use kafka_backup_core::metrics::labels::BackupLabels;
use kafka_backup_core::{Error, Result};
use kafka_spec::RateLimiting;
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// How long the work goes on before it is measured.
const SLICE: Duration = Duration::from_millis(5);
/// The longest rest. The library gives up a request that takes a minute.
const LONGEST: Duration = Duration::from_secs(20);
/// The size of a record for limits of records. A wrong one changes only the lengths of the rests.
const RECORD: u64 = 256;
/// The bytes of one request.
const REQUEST: (u64, u64) = (32 << 10, 16 << 20);
/// Another partition at once needs so many bytes a second: a request may return a whole batch, however few bytes it asks for.
const PARTITION: u64 = 1 << 20;

/// The most records and bytes of one second. 0 means no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    records: u64,
    bytes: u64,
    partitions: u64,
}

impl Limits {
    /// Returns the limits of a spec, or `None` without any.
    pub fn of(spec: &RateLimiting) -> Option<Self> {
        let number = |number: i64| u64::try_from(number).unwrap_or_default();
        let limits = Self {
            records: number(spec.records_per_sec),
            bytes: number(spec.bytes_per_sec),
            partitions: number(spec.max_concurrent_partitions).max(1),
        };
        (limits.records > 0 || limits.bytes > 0).then_some(limits)
    }

    /// Returns the number of partitions to read at once, and the bytes of one request.
    pub fn requests(self) -> (u64, u64) {
        let of = |limit: u64| if limit == 0 { u64::MAX } else { limit };
        let second = of(self.bytes).min(of(self.records).saturating_mul(RECORD));
        let partitions = (second / PARTITION).clamp(1, self.partitions);
        (
            partitions,
            (second / partitions).clamp(REQUEST.0, REQUEST.1),
        )
    }

    /// Returns the time that so much work should take.
    #[expect(clippy::cast_precision_loss, reason = "a rest of about this length")]
    fn time(self, records: u64, bytes: u64) -> Duration {
        let of = |amount: u64, limit: u64| match limit {
            0 => 0.0,
            limit => amount as f64 / limit as f64,
        };
        let seconds = of(records, self.records).max(of(bytes, self.bytes));
        Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
    }
}

/// The time that work owes because it was too fast.
struct Pace {
    limits: Limits,
    seen: (u64, u64),
    since: Instant,
    owed: Duration,
}

impl Pace {
    /// Returns how long work should rest after so many records and bytes. Slow work saves nothing up.
    fn rest(&mut self, now: Instant, (records, bytes): (u64, u64)) -> Duration {
        let should = self.limits.time(
            records.saturating_sub(self.seen.0),
            bytes.saturating_sub(self.seen.1),
        );
        let took = now.saturating_duration_since(self.since);
        (self.seen, self.since) = ((records, bytes), now);
        self.owed = self.owed.saturating_add(should).saturating_sub(took);
        self.owed.min(LONGEST)
    }
}

/// Runs an engine within its limits. After `stop` it does not rest any more.
///
/// # Errors
/// Those of the engine.
pub async fn run(
    engine: Arc<BackupEngine>,
    metrics: Arc<PrometheusMetrics>,
    id: &str,
    limits: Limits,
    stop: CancellationToken,
) -> Result<()> {
    let (ended, end) = oneshot::channel();
    let labels = BackupLabels::new(id);
    let outside = Handle::current();
    let work = move || {
        // Only here: while this runtime is not driven, none of the library's tasks goes on.
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let mut running = pin!(engine.run());
        let mut pace = Pace {
            limits,
            seen: (0, 0),
            since: Instant::now(),
            owed: Duration::ZERO,
        };
        loop {
            let slice = async { timeout(SLICE, &mut running).await };
            if let Ok(result) = runtime.block_on(slice) {
                return result;
            }
            let records = metrics.records_total.get_or_create(&labels).get();
            let bytes = metrics.bytes_total.get_or_create(&labels).get();
            let rest = pace.rest(Instant::now(), (records, bytes));
            if !rest.is_zero() && !stop.is_cancelled() {
                // The end of the rest and a signal are both fine.
                let _ = outside.block_on(async { timeout(rest, stop.cancelled()).await });
            }
        }
    };
    std::thread::Builder::new()
        .name("pace".to_owned())
        .spawn(move || {
            // After a signal and its deadline the result has no receiver.
            let _ = ended.send(work());
        })?;
    let panicked = |_| Err(Error::Io(std::io::Error::other("the backup has panicked")));
    end.await.unwrap_or_else(panicked)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(records: i64, bytes: i64) -> Option<Limits> {
        Limits::of(&RateLimiting {
            records_per_sec: records,
            bytes_per_sec: bytes,
            max_concurrent_partitions: 4,
        })
    }

    #[test]
    fn fast_work_rests_and_slow_work_saves_nothing_up() {
        let since = Instant::now();
        let mut pace = Pace {
            limits: limits(100, 1000).expect("limits"),
            seen: (0, 0),
            since,
            owed: Duration::ZERO,
        };
        let at = |seconds| since + Duration::from_secs(seconds);
        let rest = |pace: &mut Pace, seconds, seen| pace.rest(at(seconds), seen).as_secs();
        // 400 records in a second are three seconds too many.
        assert_eq!(rest(&mut pace, 1, (400, 0)), 3);
        assert_eq!(rest(&mut pace, 4, (400, 0)), 0);
        assert_eq!(rest(&mut pace, 60, (500, 0)), 0);
        // The stricter limit counts.
        assert_eq!(rest(&mut pace, 61, (600, 9000)), 8);
        // The longest rest is too short here, so the next one makes up for the remainder.
        assert_eq!(rest(&mut pace, 69, (600, 49_000)), 20);
        assert_eq!(rest(&mut pace, 89, (600, 49_000)), 20);
    }

    #[test]
    fn requests_fit_into_the_limits() {
        assert_eq!(limits(0, 0), None);
        let requests = |records, bytes| limits(records, bytes).expect("limits").requests();
        assert_eq!(requests(0, 100_000), (1, 100_000));
        assert_eq!(requests(10, 0), (1, 32 << 10));
        assert_eq!(requests(0, 64 << 20), (4, 16 << 20));
        assert_eq!(requests(4096, 64 << 20), (1, 1 << 20));
    }
}
