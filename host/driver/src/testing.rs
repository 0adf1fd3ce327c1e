//! Tests of operations: a real session with the bundled engines, over a script instead of pods.
//!
//! Use `#[tokio::test(start_paused = true)]` where no real socket is needed, so that pauses take no time.

mod script;

use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use host_base::{Folders, Hint, Meter, Reporter};
use host_engine::{Catalogue, EngineFile, Limits};
use serde_json::{Value, json};
use tempfile::TempDir;
use testbed::Testbed;
use tokio::sync::watch;

pub(super) use script::{End, Fault, Reply, Script, faults};

use super::begun::Begun;
use super::session::{Request, Session};
use super::{Host, HostSettings};

/// A kubeconfig whose API server refuses every connection.
const NOWHERE: &str = "\
apiVersion: v1
kind: Config
current-context: test
clusters: [{name: test, cluster: {server: 'https://127.0.0.1:1'}}]
users: [{name: test, user: {}}]
contexts: [{name: test, context: {cluster: test, user: test, namespace: messaging}}]
";

/// The engines that the script answers, in the order of the program.
const ENGINES: [&str; 3] = ["hivemq", "sidecar", "strategy"];

/// The folder of the native code, beside the tests. All tests share it, so that each engine is compiled once.
static SHARED: LazyLock<PathBuf> = LazyLock::new(|| {
    let test = std::env::current_exe().expect("the path of this test");
    let profile = test.ancestors().nth(2).expect("the folder of the profile");
    profile.join("driver-tests")
});

/// The settings of one session, or of several that share a home folder.
pub(super) struct Setup {
    pub(super) request: Request,
    pub(super) engines: Catalogue,
    pub(super) home: TempDir,
}

/// An open session, the script of its network, and the sentences that its front end was told.
pub(super) struct Opened {
    pub(super) session: Session,
    pub(super) script: Script,
    pub(super) told: Arc<Told>,
    /// The work that the session has begun.
    pub(super) begun: Begun,
}

impl Setup {
    /// Returns settings without a cluster. Only the script answers.
    pub(super) fn new(engine: &str) -> Self {
        let home = tempfile::tempdir().expect("a folder");
        let kubeconfig = home.path().join("kubeconfig");
        std::fs::write(&kubeconfig, NOWHERE).expect("a kubeconfig");
        Self::at(home, &kubeconfig, engine)
    }

    /// Returns settings with the API server of a testbed. The script answers for the pods.
    pub(super) fn in_cluster(bed: &Testbed, engine: &str) -> Self {
        let home = tempfile::tempdir().expect("a folder");
        Self::at(home, bed.kubeconfig(), engine)
    }

    fn at(home: TempDir, kubeconfig: &Path, engine: &str) -> Self {
        let mut request = Request {
            engine: engine.into(),
            ..Request::default()
        };
        request.connect.kubeconfig = Some(kubeconfig.display().to_string());
        Self {
            request,
            engines: bundled().into_iter().collect(),
            home,
        }
    }

    /// Opens a session, as a process of its own would.
    pub(super) async fn open(&self, script: Script) -> Opened {
        let told = Arc::new(Told::default());
        let host = Host::new(HostSettings {
            engines: self.engines.clone(),
            limits: Limits::default(),
            folders: Some(Folders {
                state: self.home.path().join("state"),
                ..Folders::within(&SHARED)
            }),
            reporter: told.clone(),
        });
        let opened = Session::open(&host, self.request.clone()).await;
        let mut session = opened.expect("a session");
        session.finder = Arc::new(script.clone());
        Opened {
            session,
            script,
            told,
            begun: self.request.begun.clone(),
        }
    }
}

/// Opens a session without a cluster.
pub(super) async fn open(engine: &str, script: Script) -> Opened {
    Setup::new(engine).open(script).await
}

/// Returns the bundled engines that the script answers.
pub(super) fn bundled() -> Vec<EngineFile> {
    let all = Catalogue::bundled(host_bundled::ENGINES).expect("the bundled engines");
    let is_ours = |engine: &&EngineFile| ENGINES.contains(&engine.manifest().id.name());
    all.iter().filter(is_ours).cloned().collect()
}

/// A front end that keeps everything that it is told.
#[derive(Default)]
pub(super) struct Told {
    lines: Mutex<Vec<String>>,
    received: watch::Sender<u64>,
}

impl Told {
    /// Returns whether a sentence of this kind was told that contains `part`.
    pub(super) fn has(&self, kind: &str, part: &str) -> bool {
        let told = self.all();
        let mut told = told.iter().filter_map(|line| line.strip_prefix(kind));
        told.any(|line| line.contains(part))
    }

    /// Returns everything that was told, except what only `--verbose` shows.
    pub(super) fn all(&self) -> Vec<String> {
        self.lines().clone()
    }

    /// Waits until a transfer has received this number of bytes.
    pub(super) async fn until_received(&self, bytes: u64) {
        let mut received = self.received.subscribe();
        let enough = received.wait_for(|received| *received >= bytes).await;
        enough.expect("the sender is part of this front end");
    }

    fn lines(&self) -> MutexGuard<'_, Vec<String>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(&self, kind: &str, message: &str) {
        self.lines().push(format!("{kind}: {message}"));
    }
}

impl Reporter for Told {
    fn note(&self, message: &str) {
        self.keep("note", message);
    }

    fn warn(&self, message: &str) {
        self.keep("warning", message);
    }

    fn warn_with_hint(&self, message: &str, hint: &Hint) {
        self.keep("warning", &format!("{message}. {hint}"));
    }

    fn transfer(&self, _: &'static str) -> Box<dyn Meter> {
        Box::new(Received(self.received.clone()))
    }
}

/// Counts the bytes of a transfer.
struct Received(watch::Sender<u64>);

impl Meter for Received {
    fn update(&self, done: u64, _: Option<u64>) {
        self.0.send_replace(done);
    }
}

/// The requests of engine `hivemq`, and answers to them.
pub(super) mod hivemq {
    use super::{Reply, Value, json};

    pub(in super::super) const LIST: &str = "GET /api/v1/management/backups";
    pub(in super::super) const CREATE: &str = "POST /api/v1/management/backups";
    /// The state of backup `b`.
    pub(in super::super) const STATUS: &str = "GET /api/v1/management/backups/b";
    /// The restore of backup `b`.
    pub(in super::super) const RESTORE: &str = "POST /api/v1/management/backups/b";
    /// The file of backup `b`.
    pub(in super::super) const FILE: &str = "GET /api/v1/management/files/backups/b";

    /// Returns a backup that was created in this minute of one hour.
    pub(in super::super) fn backup(id: &str, minute: u8, state: &str) -> Value {
        let created = format!("2025-09-06T12:{minute:02}:00Z");
        json!({"id": id, "createdAt": created, "bytes": null, "state": state})
    }

    /// Answers with backup `b` in this state.
    pub(in super::super) fn state(state: &str) -> Reply {
        Reply::text(200, &json!({"backup": backup("b", 0, state)}))
    }

    /// Answers with these ids. A later one is a newer backup.
    pub(in super::super) fn list(ids: &[&str]) -> Reply {
        let backups = (0..).zip(ids);
        let backups = backups.map(|(minute, id)| backup(id, minute, "COMPLETED"));
        Reply::text(200, &json!({"items": backups.collect::<Vec<_>>()}))
    }
}

/// The requests of engine `sidecar`, and answers to them.
pub(super) mod sidecar {
    use super::{Reply, json};

    pub(in super::super) const DETECT: &str = "GET /v1/backup/list";
    pub(in super::super) const LIST: &str = "GET /v1/backup/list-remote";
    pub(in super::super) const RESTORE: &str = "POST /v1/restore";

    /// Answers that a restore is done, or what a dry run would do.
    pub(in super::super) fn restored(dry_run: bool) -> Reply {
        let done = json!({
            "key": "backup/a", "bytes": 1, "target_path": "/data/restore.zip", "dry_run": dry_run,
        });
        Reply::text(200, &done)
    }
}
