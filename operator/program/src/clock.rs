//! The time, which tests can move.

use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;

/// The variable with the address of a clock, in debug builds. It sends the time whenever it changes, one RFC 3339 time per
/// line.
#[cfg(debug_assertions)]
const CLOCK: &str = "BROKER_OPERATOR_CLOCK";

/// The longest sleep before the clock is looked at again: a machine may sleep, or its clock may be set.
const LONGEST_SLEEP: Duration = Duration::from_mins(1);

/// The system's clock, or the clock of a test.
#[derive(Clone, Debug)]
pub(crate) struct Clock {
    /// The time of a test's clock, each time it moves.
    moved: Option<watch::Receiver<Timestamp>>,
}

impl Clock {
    /// Returns the clock of this process.
    pub(crate) async fn of_process() -> std::io::Result<Self> {
        #[cfg(debug_assertions)]
        if let Ok(address) = std::env::var(CLOCK) {
            return Self::connect(&address).await;
        }
        Ok(Self::system())
    }

    /// Returns the system's clock.
    pub(crate) const fn system() -> Self {
        Self { moved: None }
    }

    #[cfg(debug_assertions)]
    async fn connect(address: &str) -> std::io::Result<Self> {
        use tokio::io::{AsyncBufReadExt as _, BufReader};
        let stream = tokio::net::TcpStream::connect(address).await?;
        let mut lines = BufReader::new(stream).lines();
        let first = lines.next_line().await?.and_then(|it| it.parse().ok());
        let first = first.ok_or_else(|| std::io::Error::other("the clock says nothing"))?;
        let (sender, receiver) = watch::channel(first);
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                if let Ok(time) = line.parse() {
                    sender.send_replace(time);
                }
            }
        });
        Ok(Self {
            moved: Some(receiver),
        })
    }

    /// Returns the current time.
    pub(crate) fn now(&self) -> Timestamp {
        match &self.moved {
            Some(moved) => *moved.borrow(),
            None => Timestamp::now(),
        }
    }

    /// Waits until `time`, or for at most a minute. The caller asks for the time again.
    pub(crate) async fn sleep_until(&self, time: Timestamp) {
        if let Some(moved) = &self.moved {
            let mut moved = moved.clone();
            if moved.wait_for(|now| *now >= time).await.is_err() {
                // A clock that is gone stands still.
                std::future::pending::<()>().await;
            }
            return;
        }
        let rest = time.duration_since(Timestamp::now());
        let rest = Duration::try_from(rest).unwrap_or_default();
        tokio::time::sleep(rest.min(LONGEST_SLEEP)).await;
    }
}
