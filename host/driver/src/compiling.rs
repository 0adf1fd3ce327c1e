//! Shows which engines are being compiled. Compiling at the first use takes seconds.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use host_base::{Reporter, Working};

/// Compilations that take less time are not shown.
const PATIENCE: Duration = Duration::from_millis(250);

/// The engines that are being compiled now. Cloning it is cheap.
#[derive(Clone)]
pub(super) struct Compiling {
    reporter: Arc<dyn Reporter>,
    work: Arc<Mutex<Work>>,
}

#[derive(Default)]
struct Work {
    /// The engines, each with whether the front end has shown it.
    engines: Vec<(String, bool)>,
    /// Whether a thread is about to check again.
    is_watched: bool,
    shown: Option<Working>,
}

/// The compilation of one engine, which ends when this value is dropped.
pub(super) struct Compilation {
    of: Compiling,
    engine: String,
}

impl Compiling {
    pub(super) fn new(reporter: Arc<dyn Reporter>) -> Self {
        Self {
            reporter,
            work: Arc::default(),
        }
    }

    /// Registers a compilation. It is shown if it takes longer than [`PATIENCE`], together with the others of
    /// that moment.
    pub(super) fn begin(&self, engine: &str) -> Compilation {
        let mut work = self.lock();
        work.engines.push((engine.to_owned(), false));
        if !std::mem::replace(&mut work.is_watched, true) {
            let watching = self.clone();
            let watcher = std::thread::Builder::new().name("compiling".to_owned());
            let watcher = watcher.spawn(move || {
                std::thread::sleep(PATIENCE);
                watching.tell();
            });
            // Without the watching thread, this compilation is not shown.
            work.is_watched = watcher.is_ok();
        }
        Compilation {
            of: self.clone(),
            engine: engine.to_owned(),
        }
    }

    fn tell(&self) {
        let mut work = self.lock();
        work.is_watched = false;
        let news: Vec<_> = work
            .engines
            .iter_mut()
            .filter(|(_, said)| !*said)
            .map(|(engine, said)| {
                *said = true;
                engine.clone()
            })
            .collect();
        if news.is_empty() {
            return;
        }
        let all = work.engines.iter().map(|(engine, _)| short(engine));
        let label = format!("Compiling {}", all.collect::<Vec<_>>().join(", "));
        match self.reporter.working(&label) {
            Some(shown) => work.shown = Some(shown),
            None => self.reporter.note(&sentence(&news)),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Compilation {
    fn drop(&mut self) {
        let mut work = self.of.lock();
        if let Some(at) = work
            .engines
            .iter()
            .position(|(engine, _)| *engine == self.engine)
        {
            work.engines.remove(at);
        }
        if work.engines.is_empty() {
            work.shown = None;
        }
    }
}

fn short(engine: &str) -> &str {
    engine.rsplit('/').next().unwrap_or(engine)
}

fn sentence(engines: &[String]) -> String {
    let noun = if engines.len() == 1 {
        "engine"
    } else {
        "engines"
    };
    format!(
        "Compiling {noun} {} for this machine; the result is kept for the next time",
        engines.join(", ")
    )
}
