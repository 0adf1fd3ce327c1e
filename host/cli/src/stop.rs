//! How the user, a supervisor or a closed terminal stops a command: SIGINT, SIGTERM and SIGHUP.
//!
//! The first signal asks. The received bytes of a download are written to the disk, and the terminal is restored.
//! The command says which work goes on in the cluster. The second ends the process at once, as if nobody had listened.

#[cfg(unix)]
pub(super) use unix::Stop;

#[cfg(unix)]
mod unix {
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;

    use futures_util::FutureExt as _;
    use futures_util::future::{BoxFuture, select_all};
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    use tokio::signal::unix::{SignalKind, signal};

    /// Listens from the moment that it is made.
    pub(crate) struct Stop {
        signals: Vec<BoxFuture<'static, ()>>,
    }

    impl Stop {
        /// To be called where a runtime is entered.
        pub(crate) fn listen() -> Self {
            let is_second = Arc::new(AtomicBool::new(false));
            let ignores_hangup = ignores_hangup();
            let signals = [SIGINT, SIGTERM, SIGHUP]
                .into_iter()
                // `nohup` asks to ignore SIGHUP. The other two signals always mean this process.
                .filter(|number| *number != SIGHUP || !ignores_hangup)
                .filter_map(|number| {
                    // In this order: the first signal sets what the second one finds, also where nobody
                    // looks at either. Without it, a second one changes nothing.
                    let _ = signal_hook::flag::register_conditional_default(
                        number,
                        Arc::clone(&is_second),
                    );
                    let _ = signal_hook::flag::register(number, Arc::clone(&is_second));
                    let mut signal = signal(SignalKind::from_raw(number)).ok()?;
                    let come = async move {
                        if signal.recv().await.is_none() {
                            std::future::pending::<()>().await;
                        }
                    };
                    Some(come.boxed())
                })
                .collect();
            Self { signals }
        }

        /// Resolves at the first signal; never where signals can't be had.
        pub(crate) async fn asked(self) {
            if self.signals.is_empty() {
                std::future::pending::<()>().await;
            }
            select_all(self.signals).await;
        }
    }

    /// Whether this process was started to ignore SIGHUP. Only Linux says it without unsafe code.
    fn ignores_hangup() -> bool {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
        mask.is_some_and(|mask| mask & (1 << (SIGHUP - 1)) != 0)
    }
}

#[cfg(not(unix))]
pub(super) struct Stop;

#[cfg(not(unix))]
impl Stop {
    pub(super) fn listen() -> Self {
        Self
    }

    /// Resolves at the first Ctrl-C.
    pub(super) async fn asked(self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
