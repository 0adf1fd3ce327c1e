use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

/// Measures how much of its computing time an engine has used.
///
/// The meter counts the processor time of the thread while the engine's call is polled. That is the time of
/// WebAssembly, and of the host while it works for the engine. Waiting for the network or for a processor
/// costs nothing, and neither does other work of the thread.
#[derive(Clone, Debug)]
pub(super) struct Meter(Arc<Mutex<Times>>);

#[derive(Debug)]
struct Times {
    allowed: Duration,
    /// Bytes that the engine has moved in this call.
    moved: u64,
    /// Processor time in polls that have ended.
    used: Duration,
    /// The part of `used` that is not charged to the engine.
    spared: Duration,
    /// When the current poll began.
    since: Option<Duration>,
}

/// The computing time that an engine gets for each MiB that it lists, or that it reads or writes in pieces. Bytes that
/// pass through an engine have no other limit than that, and a digest or a compression of them takes time.
const PER_MIB: Duration = Duration::from_millis(200);

/// The error of a call whose computing time is used up.
#[derive(Debug, thiserror::Error)]
#[error("the computing time is used up")]
pub(super) struct UsedUp;

impl Meter {
    pub(super) fn new(allowed: Duration) -> Self {
        Self(Arc::new(Mutex::new(Times {
            allowed,
            moved: 0,
            used: Duration::ZERO,
            spared: Duration::ZERO,
            since: None,
        })))
    }

    /// Polls the work of one call, which may use all of the allowed time.
    pub(super) async fn count<T>(&self, work: impl Future<Output = T>) -> Result<T, UsedUp> {
        {
            let mut times = self.lock();
            times.used = Duration::ZERO;
            times.spared = Duration::ZERO;
            times.moved = 0;
        }
        let mut work = pin!(work);
        poll_fn(|context| {
            self.lock().since = Some(processor_time());
            let polled = work.as_mut().poll(context);
            let mut times = self.lock();
            times.used = times.so_far();
            times.since = None;
            drop(times);
            match polled {
                Poll::Ready(value) => Poll::Ready(Ok(value)),
                // The epoch callback checks only while WebAssembly runs, so an engine that only calls the
                // host is checked here.
                Poll::Pending => match self.check() {
                    Ok(()) => Poll::Pending,
                    Err(used_up) => Poll::Ready(Err(used_up)),
                },
            }
        })
        .await
    }

    /// Polls a part of that work without charging the engine, such as moving the bytes of files.
    pub(super) async fn spare<T>(&self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        poll_fn(|context| {
            let before = processor_time();
            let polled = work.as_mut().poll(context);
            self.lock().spared += processor_time().saturating_sub(before);
            polled
        })
        .await
    }

    /// Allows the engine more time for bytes that it moves.
    pub(super) fn earn(&self, bytes: usize) {
        self.lock().moved += bytes as u64;
    }

    /// Returns an error if the time is used up. It runs at each tick while WebAssembly runs.
    pub(super) fn check(&self) -> Result<(), UsedUp> {
        let times = self.lock();
        let mib = u32::try_from(times.moved >> 20).unwrap_or(u32::MAX);
        let earned = PER_MIB.saturating_mul(mib);
        if times.so_far().saturating_sub(times.spared) > times.allowed + earned {
            return Err(UsedUp);
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Times> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Times {
    fn so_far(&self) -> Duration {
        let now = |since| processor_time().saturating_sub(since);
        self.used + self.since.map(now).unwrap_or_default()
    }
}

/// Returns the processor time of this thread.
#[cfg(unix)]
fn processor_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

/// Returns the elapsed time: this system has no clock for the processor time of a thread.
#[cfg(not(unix))]
fn processor_time() -> Duration {
    use std::sync::OnceLock;
    use std::time::Instant;

    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALLOWED: Duration = Duration::from_millis(30);

    /// Uses this much processor time in pieces, like a call that makes many host calls.
    async fn burn(much: Duration) {
        let begun = processor_time();
        while processor_time().saturating_sub(begun) < much {
            let piece = processor_time();
            while processor_time().saturating_sub(piece) < Duration::from_millis(1) {
                std::hint::black_box(());
            }
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn work_of_the_host_counts_though_webassembly_never_runs() {
        let meter = Meter::new(ALLOWED);
        assert!(meter.count(burn(ALLOWED * 10)).await.is_err());
        // Each call may use the whole time again.
        assert!(meter.count(burn(ALLOWED / 10)).await.is_ok());
        assert!(meter.count(async { meter.check() }).await.unwrap().is_ok());
    }

    #[tokio::test]
    async fn the_bytes_of_files_do_not_count() {
        let meter = Meter::new(ALLOWED);
        let work = async {
            meter.spare(burn(ALLOWED * 3)).await;
            meter.check()
        };
        assert!(meter.count(work).await.unwrap().is_ok());
        let work = async {
            meter.spare(burn(ALLOWED * 3)).await;
            burn(ALLOWED * 10).await;
        };
        assert!(meter.count(work).await.is_err());
    }

    #[tokio::test]
    async fn moved_bytes_allow_more_time_in_their_call_only() {
        let meter = Meter::new(ALLOWED);
        let work = async {
            meter.earn(1 << 20);
            burn(ALLOWED * 3).await;
            meter.check()
        };
        assert!(meter.count(work).await.unwrap().is_ok());
        assert!(meter.count(burn(ALLOWED * 10)).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_does_not_count() {
        let meter = Meter::new(ALLOWED);
        let wait = tokio::time::sleep(Duration::from_mins(10));
        assert!(meter.count(wait).await.is_ok());
    }
}
