use std::sync::Arc;
use std::time::Duration;

use broker_manifest::{Manifest, Operation};
use host_base::{Backup, Report, ReportKind, text};
use jiff::Timestamp;
use tokio::time::Instant;
use wasmtime::component::ResourceTable;
use wasmtime::{Store, Trap, UpdateDeadline};
use wasmtime_wasi::{HostWallClock, WasiCtx, WasiCtxView, WasiView};

use super::limits::{Allowance, Late, Limits};
use super::meter::{Meter, UsedUp};
use super::output::Output;
use super::space::{OutOfSpace, Space};
use super::tally::{Asked, Ledger, TooMuch, Voice};
use super::v0_1::bindings::exports::kubectl_broker::engine::operations::Guest;
use super::{
    Artifact, Artifacts, Auditor, Commands, EngineError, Grants, Level, Loaded, Network, Objects,
    Observer, OptionSetting, v0_1,
};

/// Everything that belongs to one running engine.
pub struct HostState {
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
    /// When the time of the operation is over.
    pub(super) ends: Instant,
    pub(super) voice: Voice,
    pub(super) ledger: Option<Ledger>,
    pub(super) now: Option<Timestamp>,
    /// Why the host refused a value of the engine's that can't be sent, the last time.
    pub(super) refused_value: Option<String>,
    /// How long before its end a call that waits is told to return.
    pub(super) to_return: Duration,
}

/// What the world outside gives to an engine.
#[derive(Clone)]
pub struct Services {
    pub network: Arc<dyn Network>,
    /// None where the command saves no file.
    pub artifacts: Option<Arc<dyn Artifacts>>,
    pub commands: Arc<dyn Commands>,
    /// None where there is no cluster.
    pub objects: Option<Arc<dyn Objects>>,
    pub observer: Arc<dyn Observer>,
    /// Who hears of every call; most often nobody.
    pub auditor: Option<Arc<dyn Auditor>>,
    /// What its clocks say; the time of the system where it is none.
    pub now: Option<Timestamp>,
}

/// What is to be restored.
#[derive(Clone, Debug)]
pub enum RestoreSource {
    /// A backup that the backend has.
    Id(String),
    /// A file of the user.
    File(Artifact),
}

/// The longest time that the user can give to a call: no clock ends within it.
const LONGEST: Duration = Duration::from_hours(24 * 365);
/// What is left of its time when a waiting engine is told to return.
const TO_RETURN: Duration = Duration::from_secs(5);
/// Handles that an engine can hold at once. Each may hold the memory of an answer.
const MAX_HANDLES: usize = 256;
/// The longest text of an engine that an error message carries, in characters.
const MAX_TEXT: usize = 600;

impl HostState {
    /// Keeps why a value can't be sent, for who knows where it came from.
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

/// A clock that always says the same.
struct Stopped(Timestamp);

impl HostWallClock for Stopped {
    fn resolution(&self) -> Duration {
        Duration::from_nanos(1)
    }

    fn now(&self) -> Duration {
        Duration::try_from(self.0.as_duration()).unwrap_or_default()
    }
}

/// What answered to a detection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Detection {
    pub product: String,
    pub version: Option<String>,
    pub detail: Option<String>,
}

/// A restore that was begun, or done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restoration {
    /// What is restored; its state is that of the restore.
    pub backup: Backup,
    /// More for people, by name.
    pub details: Vec<(String, String)>,
}

/// What a verb of the engine's own came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Acted {
    /// Done; there is nothing to show.
    Done,
    /// Lines for people. They may hold anything: escape each before it is shown.
    Text(String),
    Backups(Vec<Backup>),
}

/// A running engine. After a call that did not come to its end it can't be used again.
pub struct Instance {
    store: Store<HostState>,
    bindings: v0_1::bindings::Engine,
    manifest: Manifest,
    name: String,
    is_bundled: bool,
    limits: Limits,
    output: Output,
}

impl Instance {
    /// Starts an engine.
    ///
    /// # Errors
    /// When it breaks down while it starts.
    pub async fn start(
        loaded: &Loaded,
        grants: Grants,
        services: Services,
        limits: Limits,
    ) -> Result<Self, EngineError> {
        let name = loaded.file.name();
        let output = Output::default();
        // Nothing preopened, no environment, no network: WASI is there because toolchains import it.
        let mut wasi = WasiCtx::builder();
        wasi.stdout(output.clone()).stderr(output.clone());
        if let Some(now) = services.now {
            wasi.wall_clock(Stopped(now));
        }
        let mut table = ResourceTable::new();
        table.set_max_capacity(MAX_HANDLES);
        let id = loaded.file.manifest().id.to_string();
        let meter = Meter::new(limits.computing);
        let auditor = services.auditor;
        let state = HostState {
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
            ends: Instant::now(),
            voice: Voice::new(services.observer, &id),
            ledger: auditor.map(|auditor| Ledger::new(auditor, &id)),
            now: services.now,
            refused_value: None,
            to_return: TO_RETURN,
        };
        let mut store = Store::new(loaded.component.engine(), state);
        store.limiter(|state| &mut state.space);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(|context| {
            context.data().meter.check()?;
            Ok(UpdateDeadline::Yield(1))
        });
        let starting = meter.count(loaded.component.instantiate_async(&mut store));
        let hung = |what, after: Duration| EngineError::Hung {
            engine: name.clone(),
            what,
            seconds: after.as_secs(),
        };
        let bindings = match tokio::time::timeout(limits.start, starting).await {
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
            bindings,
            manifest: loaded.file.manifest().clone(),
            name,
            is_bundled: loaded.file.is_bundled(),
            limits,
            output,
        })
    }

    /// # Errors
    /// Why the backend does not answer, or what the engine did wrong.
    pub async fn detect(&mut self) -> Result<Detection, EngineError> {
        let detection = self
            .call(Operation::Detect, async |guest, store| {
                guest.call_detect(store).await
            })
            .await?;
        Ok(v0_1::results::detection(detection))
    }

    /// # Errors
    /// Why they can't be listed, or what the engine did wrong.
    pub async fn list(
        &mut self,
        limit: Option<u32>,
        options: &[OptionSetting],
    ) -> Result<Vec<Backup>, EngineError> {
        let request = v0_1::requests::list(limit, options);
        let backups = self
            .call(Operation::List, async |guest, store| {
                guest.call_list(store, &request).await
            })
            .await?;
        v0_1::results::backups(&self.manifest, backups, &|note| self.warn(note))
            .map_err(|what| self.bad_result(Operation::List, what))
    }

    /// # Errors
    /// Why its state is not known, or what the engine did wrong.
    pub async fn status(
        &mut self,
        id: &str,
        options: &[OptionSetting],
    ) -> Result<Backup, EngineError> {
        let request = v0_1::requests::status(id, options);
        let backup = self
            .call(Operation::Status, async |guest, store| {
                guest.call_status(store, &request).await
            })
            .await?;
        v0_1::results::backup(&self.manifest, backup, &|note| self.warn(note))
            .map_err(|what| self.bad_result(Operation::Status, what))
    }

    /// Looks whether a backup can be begun, and returns what the user should know before.
    ///
    /// # Errors
    /// Why none should be begun, or what the engine did wrong.
    pub async fn prepare(&mut self, options: &[OptionSetting]) -> Result<Vec<String>, EngineError> {
        let request = v0_1::requests::prepare(options);
        let notes = self
            .call(Operation::Prepare, async |guest, store| {
                guest.call_prepare(store, &request).await
            })
            .await?;
        Ok(v0_1::results::notes(notes))
    }

    /// Begins a backup; where the manifest says so, makes it and saves its bytes where
    /// [`Services::artifacts`] puts them.
    ///
    /// # Errors
    /// Why none was begun, or what the engine did wrong.
    pub async fn create(&mut self, options: &[OptionSetting]) -> Result<Backup, EngineError> {
        let request = v0_1::requests::create(options);
        let backup = self
            .call(Operation::Create, async |guest, store| {
                guest.call_create(store, &request).await
            })
            .await?;
        v0_1::results::backup(&self.manifest, backup, &|note| self.warn(note))
            .map_err(|what| self.bad_result(Operation::Create, what))
    }

    /// Saves the bytes of a backup where [`Services::artifacts`] puts them, which knows best what was
    /// saved: what the engine says of it is not needed.
    ///
    /// # Errors
    /// Why there is no file, or what the engine did wrong.
    pub async fn download(
        &mut self,
        id: &str,
        options: &[OptionSetting],
    ) -> Result<(), EngineError> {
        let request = v0_1::requests::download(id, options);
        self.call(Operation::Download, async |guest, store| {
            guest.call_download(store, &request).await
        })
        .await
        .map(drop)
    }

    /// Does what is left to do with a backup that has ended well, and returns what is known of it then.
    ///
    /// # Errors
    /// Why it was not done, or what the engine did wrong.
    pub async fn finish(
        &mut self,
        id: &str,
        options: &[OptionSetting],
    ) -> Result<Vec<(String, String)>, EngineError> {
        let request = v0_1::requests::finish(id, options);
        let details = self
            .call(Operation::Finish, async |guest, store| {
                guest.call_finish(store, &request).await
            })
            .await?;
        Ok(v0_1::results::details(details))
    }

    /// Begins a restore.
    ///
    /// # Errors
    /// Why none was begun, or what the engine did wrong.
    pub async fn restore(
        &mut self,
        source: RestoreSource,
        dry_run: bool,
        options: &[OptionSetting],
    ) -> Result<Restoration, EngineError> {
        let source = match source {
            RestoreSource::Id(id) => v0_1::requests::restore_id(id),
            RestoreSource::File(artifact) => {
                let pushed = self.store.data_mut().table.push(artifact);
                v0_1::requests::restore_file(pushed.map_err(|e| EngineError::Start {
                    engine: self.name.clone(),
                    reason: e.to_string(),
                })?)
            }
        };
        let request = v0_1::requests::restore(source, dry_run, options);
        let restoration = self
            .call(Operation::Restore, async |guest, store| {
                guest.call_restore(store, &request).await
            })
            .await?;
        v0_1::results::restoration(&self.manifest, restoration, &|note| self.warn(note))
            .map_err(|what| self.bad_result(Operation::Restore, what))
    }

    /// Removes a backup.
    ///
    /// # Errors
    /// Why it is still there, or what the engine did wrong.
    pub async fn delete(
        &mut self,
        id: &str,
        force: bool,
        options: &[OptionSetting],
    ) -> Result<(), EngineError> {
        let request = v0_1::requests::delete(id, force, options);
        self.call(Operation::Delete, async |guest, store| {
            guest.call_delete(store, &request).await
        })
        .await
    }

    /// Carries out a verb of the engine's own.
    ///
    /// # Errors
    /// Why it was not carried out, or what the engine did wrong.
    pub async fn act(
        &mut self,
        verb: &str,
        options: &[OptionSetting],
    ) -> Result<Acted, EngineError> {
        let request = v0_1::requests::act(verb, options);
        let acted = self
            .call(Operation::Act, async |guest, store| {
                guest.call_act(store, &request).await
            })
            .await?;
        v0_1::results::acted(&self.manifest, acted, &|note| self.warn(note))
            .map_err(|what| self.bad_result(Operation::Act, what))
    }

    async fn call<T>(
        &mut self,
        operation: Operation,
        call: impl AsyncFnOnce(&Guest, &mut Store<HostState>) -> Called<T>,
    ) -> Result<T, EngineError> {
        let total = self.total(operation);
        let state = self.store.data_mut();
        state.ends = Instant::now() + total;
        state.to_return = TO_RETURN.min(total / 10);
        state.refused_value = None;
        state.tally = Asked::default();
        let allowance = state.allowance.clone();
        let meter = state.meter.clone();
        let guest = self.bindings.kubectl_broker_engine_operations();
        let call = meter.count(call(guest, &mut self.store));
        let result = allowance.bound(total, call).await;
        let result = result.map(|counted| counted.unwrap_or_else(|used_up| Err(used_up.into())));
        let judged = self.judge(operation, result);
        let state = self.store.data();
        state.voice.close();
        if let Some(ledger) = &state.ledger {
            ledger.close();
        }
        judged
    }

    /// How long an operation may take.
    fn total(&self, operation: Operation) -> Duration {
        if operation == Operation::Create && self.manifest.saves() {
            // The first byte comes when the backend has made all of the backup.
            return self.limits.total + v0_1::MAX_PATIENCE;
        }
        if operation != Operation::Finish {
            return self.limits.total;
        }
        // Large backups are moved then: a command gets the time that the manifest gives it.
        let longest = self.manifest.exec.values().map(|it| it.timeout).max();
        self.limits.total + Duration::from_secs(longest.unwrap_or_default().into())
    }

    /// What a call came to: its value, what the engine reports, or how it broke down.
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
            Ok(Ok(Err(error))) => Err(EngineError::Reported {
                engine: self.name.clone(),
                is_bundled: self.is_bundled,
                report: v0_1::results::report(error),
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
            // The shadow stack of compiled languages ends before WebAssembly's own.
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

    /// Lets calls from now on take no longer than this.
    pub fn limit(&mut self, total: Duration) {
        self.limits.total = total.min(LONGEST);
    }

    /// Why the host refused to send a value, an id for example, if an error of the engine says so. These are
    /// the host's words alone: the engine may have put others around them.
    #[must_use]
    pub fn refusal_in(&self, message: &str) -> Option<&str> {
        let refused = self.store.data().refused_value.as_deref();
        refused.filter(|refused| message.contains(*refused))
    }

    fn warn(&self, note: &str) {
        self.store.data().voice.log(Level::Warn, note);
    }

    fn bad_result(&self, operation: Operation, what: String) -> EngineError {
        EngineError::BadResult {
            engine: self.name.clone(),
            operation,
            what,
        }
    }
}

/// What an operation returns, unless it breaks down.
type Called<T> = wasmtime::Result<Result<T, v0_1::WitError>>;

/// A refusal of the host as the engine sees it.
pub(super) type HostResult<T> = Result<T, Report>;
