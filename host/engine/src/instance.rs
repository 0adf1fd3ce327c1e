use std::sync::Arc;
use std::time::Duration;

use broker_manifest::{Manifest, Operation};
use host_base::{Backup, Check, Report, ReportKind, text};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use tokio::time::Instant;
use wasmtime::component::ResourceTable;
use wasmtime::{Store, Trap, UpdateDeadline};
use wasmtime_wasi::{HostWallClock, WasiCtx, WasiCtxView, WasiView};

use super::guest::{Called, Fault, Guest};
use super::limits::{Allowance, Late, Limits, MAX_PATIENCE};
use super::meter::{Meter, UsedUp};
use super::output::Output;
use super::random::Random;
use super::space::{OutOfSpace, Space};
use super::tally::{Asked, Ledger, TooMuch, Voice};
use super::{
    Artifact, Artifacts, Commands, EngineError, Grants, Level, Loaded, Network, Objects, Observer,
    OptionSetting, Outside, Pages,
};

/// The state of one running engine.
pub struct HostState {
    pub(super) manifest: Manifest,
    wasi: WasiCtx,
    pub(super) table: ResourceTable,
    space: Space,
    pub(super) meter: Meter,
    pub(super) tally: Asked,
    pub(super) grants: Grants,
    pub(super) allowance: Allowance,
    pub(super) answer: Duration,
    pub(super) network: Arc<dyn Network>,
    pub(super) artifacts: Option<Arc<dyn Artifacts>>,
    pub(super) commands: Arc<dyn Commands>,
    pub(super) objects: Option<Arc<dyn Objects>>,
    pub(super) outside: Option<Arc<dyn Outside>>,
    /// The number of objects that the engine is writing in pieces.
    pub(super) uploads: usize,
    /// The options of the running operation. The user may name a bucket with one of them.
    pub(super) options: Vec<OptionSetting>,
    /// The time at which the operation's deadline ends.
    pub(super) ends: Instant,
    pub(super) voice: Voice,
    pub(super) ledger: Ledger,
    pub(super) now: Option<Timestamp>,
    zone: TimeZone,
    pub(super) random: Random,
    pub(super) target: TargetInfo,
    /// The message of the last refusal of a value that the engine wanted to send.
    pub(super) refused_value: Option<String>,
    /// How long before the deadline a waiting call is told to return.
    pub(super) to_return: Duration,
}

/// The services that the host gives to an engine.
#[derive(Clone)]
pub struct Services {
    /// Sends the requests of the engine.
    pub network: Arc<dyn Network>,
    /// Saves files; `None` if the command saves no file.
    pub artifacts: Option<Arc<dyn Artifacts>>,
    /// Runs commands in pods.
    pub commands: Arc<dyn Commands>,
    /// Accesses Kubernetes objects; `None` if there is no cluster.
    pub objects: Option<Arc<dyn Objects>>,
    /// Accesses object stores and services outside the cluster; `None` if there are none.
    pub outside: Option<Arc<dyn Outside>>,
    /// Receives the engine's log messages and progress.
    pub observer: Arc<dyn Observer>,
    /// A fixed time for the engine's clocks. If it is `None`, they show the time of the system.
    pub now: Option<Timestamp>,
    /// The user's time zone.
    pub zone: TimeZone,
    /// A seed for random text. If it is `None`, the text comes from the operating system.
    pub seed: Option<u64>,
    /// The target of the command.
    pub target: TargetInfo,
}

/// The target of a command, as an engine may know it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TargetInfo {
    /// Namespace of the command.
    pub namespace: String,
    /// Name of the StatefulSet, for engines that work with its pods.
    pub statefulset: Option<String>,
    /// The pod that the user chose.
    pub pod: Option<String>,
    /// Name of the kubeconfig's context.
    pub context: Option<String>,
}

/// The backup that is to be restored.
#[derive(Clone, Debug)]
pub enum RestoreSource {
    /// The id of a backup that the backend has.
    Id(String),
    /// A file of the user.
    File(Artifact),
}

/// The longest time that the user may give to a call. It keeps deadlines within the range of the clock.
const LONGEST: Duration = Duration::from_hours(24 * 365);
/// How long before its deadline a waiting engine is told to return.
const TO_RETURN: Duration = Duration::from_secs(5);
/// The maximum number of handles that an engine may hold at once. Each may hold the memory of a response.
const MAX_HANDLES: usize = 256;
/// The maximum number of backups that the host collects from several pages, to sort them.
const MAX_COLLECTED: usize = 1_000_000;
/// The maximum length of an engine's output in an error message, in characters.
const MAX_TEXT: usize = 600;

impl HostState {
    /// Warns the user in the engine's name.
    pub(super) fn warn(&self, note: &str) {
        self.voice.log(Level::Warn, note);
    }

    /// Returns the offset of the user's time zone at a time in milliseconds since the Unix epoch, in minutes.
    pub(super) fn offset_at(&self, at: u64) -> i32 {
        let at = i64::try_from(at).ok();
        let at = at.and_then(|at| Timestamp::from_millisecond(at).ok());
        at.map_or(0, |at| self.zone.to_offset(at).seconds() / 60)
    }

    /// Remembers why a value was refused, for the caller that knows where the value came from.
    pub(super) fn remember_refusal(&mut self, report: &Report) {
        if report.kind == ReportKind::InvalidArgument {
            self.refused_value = Some(report.message.clone());
        }
    }
}

impl WasiView for HostState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

/// A clock that always shows the same time.
struct Stopped(Timestamp);

impl HostWallClock for Stopped {
    fn resolution(&self) -> Duration {
        Duration::from_nanos(1)
    }

    fn now(&self) -> Duration {
        Duration::try_from(self.0.as_duration()).unwrap_or_default()
    }
}

/// The backend that an engine detected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Detection {
    /// Name of the product.
    pub product: String,
    /// Version of the product, if it is known.
    pub version: Option<String>,
    /// Additional information for people.
    pub detail: Option<String>,
}

/// A restore that was started or completed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restoration {
    /// The restored backup. Its state is the state of the restore.
    pub backup: Backup,
    /// Additional information for people: pairs of name and value.
    pub details: Vec<(String, String)>,
}

/// The result of a custom verb of an engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Acted {
    /// The verb succeeded and has nothing to show.
    Done,
    /// Lines for people. They are the engine's own text: escape each line before you show it.
    Text(String),
    /// A list of backups.
    Backups(Vec<Backup>),
    /// The things that the verb worked on.
    Items(Vec<Check>),
}

/// A part of a list of backups.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The backups of the page.
    pub backups: Vec<Backup>,
    /// The cursor of the next page. `None` if this page is the last one.
    pub next: Option<String>,
}

/// The result of preparing a backup.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preparation {
    /// Notes that the user should read first.
    pub notes: Vec<String>,
    /// The bytes that the engine wants to get again when the backup is created.
    pub token: Option<Vec<u8>>,
}

/// The health of one part of a backend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealthReport {
    /// The pod that the checks are about. `None` if they are about the backend as a whole.
    pub pod: Option<String>,
    /// The checks.
    pub checks: Vec<Check>,
}

/// A running engine. It is unusable after a call that did not run to its end.
pub struct Instance {
    store: Store<HostState>,
    guest: Box<dyn Guest>,
    name: String,
    is_bundled: bool,
    limits: Limits,
    output: Output,
}

impl Instance {
    /// Starts an engine.
    ///
    /// # Errors
    /// When the engine fails to start, or exceeds its time or memory while it starts.
    pub async fn start(
        loaded: &Loaded,
        grants: Grants,
        services: Services,
        limits: Limits,
    ) -> Result<Self, EngineError> {
        let name = loaded.file.name();
        let output = Output::default();
        // The engine gets no folders, no environment and no network. WASI is linked only because toolchains
        // import it.
        let mut wasi = WasiCtx::builder();
        wasi.stdout(output.clone()).stderr(output.clone());
        if let Some(now) = services.now {
            wasi.wall_clock(Stopped(now));
        }
        let mut table = ResourceTable::new();
        table.set_max_capacity(MAX_HANDLES);
        let id = loaded.file.manifest().id.to_string();
        let meter = Meter::new(limits.computing);
        let state = HostState {
            manifest: loaded.file.manifest().clone(),
            wasi: wasi.build(),
            table,
            space: Space::new(limits.memory),
            meter: meter.clone(),
            tally: Asked::default(),
            grants,
            allowance: Allowance::default(),
            answer: limits.answer,
            network: services.network,
            artifacts: services.artifacts,
            commands: services.commands,
            objects: services.objects,
            outside: services.outside,
            uploads: 0,
            options: Vec::new(),
            ends: Instant::now(),
            voice: Voice::new(services.observer, &id),
            ledger: Ledger::new(&id),
            now: services.now,
            zone: services.zone,
            random: Random::new(services.seed),
            target: services.target,
            refused_value: None,
            to_return: TO_RETURN,
        };
        let mut store = Store::new(&loaded.engine, state);
        store.limiter(|state| &mut state.space);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(|context| {
            context.data().meter.check()?;
            Ok(UpdateDeadline::Yield(1))
        });
        let starting = meter.count(loaded.component.start(&mut store));
        let hung = |what, after: Duration| EngineError::Hung {
            engine: name.clone(),
            what,
            seconds: after.as_secs(),
        };
        let guest = match tokio::time::timeout(limits.start, starting).await {
            Err(_) => return Err(hung("it is not ready after", limits.start)),
            Ok(Err(UsedUp)) => return Err(hung("it computed for more than", limits.computing)),
            Ok(Ok(Err(error))) if error.downcast_ref::<UsedUp>().is_some() => {
                return Err(hung("it computed for more than", limits.computing));
            }
            Ok(Ok(Err(error))) if error.downcast_ref::<OutOfSpace>().is_some() => {
                return Err(EngineError::StartsTooLarge {
                    engine: name,
                    mebibytes: limits.memory >> 20,
                });
            }
            Ok(Ok(started)) => started.map_err(|e| EngineError::Start {
                engine: name.clone(),
                reason: format!("{e:#}"),
            })?,
        };
        Ok(Self {
            store,
            guest,
            name,
            is_bundled: loaded.file.is_bundled(),
            limits,
            output,
        })
    }

    /// Detects the backend.
    ///
    /// # Errors
    /// The reason why the backend does not respond, or a fault of the engine.
    pub async fn detect(&mut self) -> Result<Detection, EngineError> {
        self.call(Operation::Detect, &[], async |guest, store| {
            guest.detect(store).await
        })
        .await
    }

    /// Checks the health of the backend and of its replicas.
    ///
    /// # Errors
    /// The reason why the health is unknown, or a fault of the engine.
    pub async fn health(
        &mut self,
        options: &[OptionSetting],
    ) -> Result<Vec<HealthReport>, EngineError> {
        self.call(Operation::Health, options, async |guest, store| {
            guest.health(store, options).await
        })
        .await
    }

    /// Returns a page of the backups: the first one, or that of a cursor. `limit` is the number of backups that
    /// are still wanted.
    ///
    /// # Errors
    /// The reason why the backups can't be listed, or a fault of the engine.
    pub async fn page(
        &mut self,
        cursor: Option<&str>,
        limit: Option<u32>,
        options: &[OptionSetting],
    ) -> Result<Page, EngineError> {
        self.call(Operation::List, options, async |guest, store| {
            guest.list(store, cursor, limit, options).await
        })
        .await
    }

    /// Lists the backups, at most `limit` of them if the engine respects it. It reads page by page.
    ///
    /// # Errors
    /// Those of [`Self::page`], and a fault of the engine if its pages don't end.
    pub async fn list(
        &mut self,
        limit: Option<u32>,
        options: &[OptionSetting],
    ) -> Result<Vec<Backup>, EngineError> {
        let mut pages = Pages::new(limit);
        let mut backups = Vec::new();
        while let Some(page) = pages.next(self, options).await? {
            backups.extend(page);
            if backups.len() > MAX_COLLECTED {
                return Err(self.bad_result(
                    Operation::List,
                    "more backups than can be sorted; its manifest must say `newest-first`",
                ));
            }
        }
        Ok(backups)
    }

    /// Returns the state of a backup.
    ///
    /// # Errors
    /// The reason why the state is unknown, or a fault of the engine.
    pub async fn status(
        &mut self,
        id: &str,
        options: &[OptionSetting],
    ) -> Result<Backup, EngineError> {
        self.call(Operation::Status, options, async |guest, store| {
            guest.status(store, id, options).await
        })
        .await
    }

    /// Checks whether a backup may be started.
    ///
    /// # Errors
    /// The reason why no backup should be started, or a fault of the engine.
    pub async fn prepare(&mut self, options: &[OptionSetting]) -> Result<Preparation, EngineError> {
        self.call(Operation::Prepare, options, async |guest, store| {
            guest.prepare(store, options).await
        })
        .await
    }

    /// Starts a backup. If the manifest says `saves`, it also saves the bytes with [`Services::artifacts`].
    /// `prepared` is the token of [`Self::prepare`].
    ///
    /// # Errors
    /// The reason why no backup was started, or a fault of the engine.
    pub async fn create(
        &mut self,
        prepared: Option<&[u8]>,
        options: &[OptionSetting],
    ) -> Result<Backup, EngineError> {
        self.call(Operation::Create, options, async |guest, store| {
            guest.create(store, prepared, options).await
        })
        .await
    }

    /// Saves the bytes of a backup with [`Services::artifacts`]. That service knows what was saved, so the
    /// engine's own description of the file is dropped.
    ///
    /// # Errors
    /// The reason why there is no file, or a fault of the engine.
    pub async fn download(
        &mut self,
        id: &str,
        options: &[OptionSetting],
    ) -> Result<(), EngineError> {
        self.call(Operation::Download, options, async |guest, store| {
            guest.download(store, id, options).await
        })
        .await
    }

    /// Completes the remaining work after a backup has succeeded, and returns details about the backup.
    ///
    /// # Errors
    /// The reason why the work was not done, or a fault of the engine.
    pub async fn finish(
        &mut self,
        id: &str,
        options: &[OptionSetting],
    ) -> Result<Vec<(String, String)>, EngineError> {
        self.call(Operation::Finish, options, async |guest, store| {
            guest.finish(store, id, options).await
        })
        .await
    }

    /// Starts a restore.
    ///
    /// # Errors
    /// The reason why no restore was started, or a fault of the engine.
    pub async fn restore(
        &mut self,
        source: RestoreSource,
        dry_run: bool,
        options: &[OptionSetting],
    ) -> Result<Restoration, EngineError> {
        self.call(Operation::Restore, options, async |guest, store| {
            guest.restore(store, source, dry_run, options).await
        })
        .await
    }

    /// Deletes a backup, and returns warnings for the user.
    ///
    /// # Errors
    /// The reason why the backup still exists, or a fault of the engine.
    pub async fn delete(
        &mut self,
        id: &str,
        force: bool,
        options: &[OptionSetting],
    ) -> Result<Vec<String>, EngineError> {
        self.call(Operation::Delete, options, async |guest, store| {
            guest.delete(store, id, force, options).await
        })
        .await
    }

    /// Checks a backup in the backend.
    ///
    /// # Errors
    /// The reason why the backup can't be checked, or a fault of the engine.
    pub async fn verify(
        &mut self,
        id: &str,
        options: &[OptionSetting],
    ) -> Result<Vec<Check>, EngineError> {
        self.call(Operation::Verify, options, async |guest, store| {
            guest.verify(store, id, options).await
        })
        .await
    }

    /// Runs a custom verb of the engine.
    ///
    /// # Errors
    /// The reason why the verb was not carried out, or a fault of the engine.
    pub async fn act(
        &mut self,
        verb: &str,
        options: &[OptionSetting],
    ) -> Result<Acted, EngineError> {
        self.call(Operation::Act, options, async |guest, store| {
            guest.act(store, verb, options).await
        })
        .await
    }

    async fn call<T>(
        &mut self,
        operation: Operation,
        options: &[OptionSetting],
        call: impl AsyncFnOnce(&dyn Guest, &mut Store<HostState>) -> Called<T>,
    ) -> Result<T, EngineError> {
        let total = self.total(operation);
        let state = self.store.data_mut();
        state.ends = Instant::now() + total;
        state.to_return = TO_RETURN.min(total / 10);
        state.refused_value = None;
        state.tally = Asked::default();
        state.options = options.to_vec();
        let allowance = state.allowance.clone();
        let meter = state.meter.clone();
        let call = meter.count(call(&*self.guest, &mut self.store));
        let result = allowance.bound(total, call).await;
        let result = result.map(|counted| counted.unwrap_or_else(|used_up| Err(used_up.into())));
        let judged = self.judge(operation, result);
        let state = self.store.data();
        state.voice.close();
        state.ledger.close();
        judged
    }

    /// Returns how long an operation may take.
    fn total(&self, operation: Operation) -> Duration {
        if operation == Operation::Create && self.store.data().manifest.saves() {
            // The first byte of the response comes only when the backend has created the whole backup.
            return self.limits.total + MAX_PATIENCE;
        }
        if operation != Operation::Finish {
            return self.limits.total;
        }
        // Commands of `finish` may move large backups, so they get the time that the manifest declares.
        let longest = self
            .store
            .data()
            .manifest
            .exec
            .values()
            .map(|it| it.timeout)
            .max();
        self.limits.total + Duration::from_secs(longest.unwrap_or_default().into())
    }

    /// Converts the outcome of a call: a value, a report of the engine, or a breakdown.
    fn judge<T>(
        &self,
        operation: Operation,
        result: Result<Called<T>, Late>,
    ) -> Result<T, EngineError> {
        match result {
            Err(Late(after)) => Err(EngineError::Deadline {
                engine: self.name.clone(),
                operation,
                seconds: after.as_secs(),
            }),
            Ok(Err(error)) => Err(self.breakdown(operation, &error)),
            Ok(Ok(Err(Fault::Reported(report)))) => Err(EngineError::Reported {
                engine: self.name.clone(),
                is_bundled: self.is_bundled,
                report,
            }),
            Ok(Ok(Err(Fault::BadResult(what)))) => Err(EngineError::BadResult {
                engine: self.name.clone(),
                operation,
                what,
            }),
            Ok(Ok(Ok(value))) => Ok(value),
        }
    }

    fn breakdown(&self, operation: Operation, error: &wasmtime::Error) -> EngineError {
        let engine = self.name.clone();
        if error.downcast_ref::<UsedUp>().is_some() {
            return EngineError::OverTime {
                engine,
                operation,
                seconds: self.limits.computing.as_secs(),
            };
        }
        if let Some(too_much) = error.downcast_ref::<TooMuch>() {
            return EngineError::Excess {
                engine,
                operation,
                what: too_much.to_string(),
            };
        }
        if error.downcast_ref::<OutOfSpace>().is_some() {
            return EngineError::OverMemory {
                engine,
                operation,
                mebibytes: self.limits.memory >> 20,
            };
        }
        let cause = match error.downcast_ref::<Trap>() {
            Some(Trap::UnreachableCodeReached) => "it panicked or aborted".to_owned(),
            Some(Trap::StackOverflow) => "it recursed without end".to_owned(),
            // The shadow stack of compiled languages overflows before WebAssembly's own stack does.
            Some(Trap::MemoryOutOfBounds) => {
                "it accessed memory that it does not have, perhaps by recursing without end"
                    .to_owned()
            }
            Some(trap) => trap.to_string(),
            None if error.downcast_ref::<wasmtime_wasi::I32Exit>().is_some() => {
                "it ended its own process".to_owned()
            }
            None => error.root_cause().to_string(),
        };
        EngineError::Trapped {
            engine,
            operation,
            cause,
            output: text::printable(&self.output.take(), MAX_TEXT).into_owned(),
        }
    }

    /// Returns the fault of an engine whose result violates the interface.
    pub(super) fn bad_result(&self, operation: Operation, what: &str) -> EngineError {
        EngineError::BadResult {
            engine: self.name.clone(),
            operation,
            what: what.to_owned(),
        }
    }

    /// Sets the maximum duration of all further calls.
    pub fn limit(&mut self, total: Duration) {
        self.limits.total = total.min(LONGEST);
    }

    /// Returns why the host refused to send a value, such as an id, if the engine's error message contains
    /// that reason. The returned text is the host's alone; the engine may have added words of its own around
    /// it.
    #[must_use]
    pub fn refusal_in(&self, message: &str) -> Option<&str> {
        let refused = self.store.data().refused_value.as_deref();
        refused.filter(|refused| message.contains(*refused))
    }
}

/// The result of a host function, whose error the engine receives.
pub(super) type HostResult<T> = Result<T, Report>;
