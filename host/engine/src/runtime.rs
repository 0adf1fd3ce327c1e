use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use wasmtime::component::{Component, Linker};
use wasmtime::{Config, Engine, OptLevel};

use super::instance::HostState;
use super::limits::TICK;
use super::native_cache::{NativeCache, from_compiler};
use super::{EngineError, EngineFile, compiler, examine, loads, v0_1};

/// The sandbox: settings that all engines share, and the cache of their native code.
pub struct Runtime {
    engine: Engine,
    cache: Option<NativeCache>,
    compilations: AtomicUsize,
    /// What was made or read in this process, by digest. Two targets at once need it only once.
    components: Mutex<BTreeMap<[u8; 32], Slot>>,
}

/// A component, as soon as there is one. Whoever needs it meanwhile waits for the lock.
type Slot = Arc<Mutex<Option<Component>>>;

/// An engine that is ready to be started.
pub struct Loaded {
    pub(super) file: EngineFile,
    pub(super) component: v0_1::bindings::EnginePre<HostState>,
    /// Why its native code was not kept, if it was not.
    pub cache_problem: Option<String>,
}

/// Who is told that an engine is being compiled.
pub type Compiling<'a> = &'a (dyn Fn() + Send + Sync);

impl Runtime {
    /// Sets the sandbox up. Without a cache each engine is compiled again in each process.
    ///
    /// # Errors
    /// When the system lacks what wasmtime needs.
    pub fn new(cache: Option<NativeCache>) -> Result<Self, EngineError> {
        let engine = Engine::new(&config()).map_err(|e| EngineError::Sandbox {
            reason: format!("{e:#}"),
        })?;
        start_ticker(&engine)?;
        Ok(Self {
            engine,
            cache,
            compilations: AtomicUsize::new(0),
            components: Mutex::default(),
        })
    }

    /// How many components this process has compiled.
    pub fn compilations(&self) -> usize {
        self.compilations.load(Ordering::Relaxed)
    }

    /// Whether there is native code of an engine that can be trusted.
    pub fn is_cached(&self, file: &EngineFile) -> bool {
        loads::count();
        let cache = self.cache.as_ref();
        cache.is_some_and(|cache| cache.load(&self.engine, &file.digest()).is_some())
    }

    /// Makes native code of an engine, or takes it from the cache, and links what it may use.
    ///
    /// # Errors
    /// When it is no valid component, costs too much to compile, or wants something that it can't have.
    pub fn load(&self, file: EngineFile) -> Result<Loaded, EngineError> {
        self.load_telling(file, &|| {})
    }

    /// The same; `compiles` is called when there is no native code that can be used, before some is made.
    ///
    /// # Errors
    /// As those of [`Runtime::load`].
    pub fn load_telling(
        &self,
        file: EngineFile,
        compiles: Compiling<'_>,
    ) -> Result<Loaded, EngineError> {
        loads::count();
        let digest = file.digest();
        let slot = self.slot(digest);
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        let known = slot.clone().or_else(|| {
            let cache = self.cache.as_ref()?;
            cache.load(&self.engine, &digest)
        });
        let (component, cache_problem) = match known {
            Some(component) => (component, None),
            None => {
                compiles();
                self.compile(&file, &digest)?
            }
        };
        *slot = Some(component.clone());
        drop(slot);
        let mut linker = Linker::new(&self.engine);
        let failed = |e: wasmtime::Error| EngineError::Start {
            engine: file.name(),
            reason: format!("{e:#}"),
        };
        wasmtime_wasi::p2::add_to_linker_async(&mut linker).map_err(failed)?;
        v0_1::link(&mut linker).map_err(failed)?;
        let component = linker
            .instantiate_pre(&component)
            .and_then(v0_1::bindings::EnginePre::new)
            .map_err(failed)?;
        Ok(Loaded {
            file,
            component,
            cache_problem,
        })
    }

    fn slot(&self, digest: [u8; 32]) -> Slot {
        let mut components = self
            .components
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        Arc::clone(components.entry(digest).or_default())
    }

    fn compile(
        &self,
        file: &EngineFile,
        digest: &[u8; 32],
    ) -> Result<(Component, Option<String>), EngineError> {
        self.compilations.fetch_add(1, Ordering::Relaxed);
        let bytes = file.bytes()?;
        if file.is_bundled() {
            return self.compile_here(file, &bytes, digest);
        }
        examine::examine(&bytes).map_err(|what| EngineError::TooLarge {
            engine: file.name(),
            what,
        })?;
        if !compiler::is_available() {
            return self.compile_here(file, &bytes, digest);
        }
        let code = compiler::compile(&file.name(), &bytes)?;
        let kept = match &self.cache {
            Some(cache) => cache.store(&self.engine, digest, &code),
            None => Ok(()),
        };
        let component = from_compiler(&self.engine, &code).map_err(|e| EngineError::Compile {
            engine: file.name(),
            reason: format!("{e:#}"),
        })?;
        Ok((component, kept.err()))
    }

    /// In this process: what is known to be harmless, or where there is no other way.
    fn compile_here(
        &self,
        file: &EngineFile,
        bytes: &[u8],
        digest: &[u8; 32],
    ) -> Result<(Component, Option<String>), EngineError> {
        let component =
            Component::from_binary(&self.engine, bytes).map_err(|e| EngineError::Compile {
                engine: file.name(),
                reason: format!("{e:#}"),
            })?;
        let problem = self.cache.as_ref().and_then(|cache| {
            component
                .serialize()
                .map_err(|e| format!("{e:#}"))
                .and_then(|code| cache.store(&self.engine, digest, &code))
                .err()
        });
        Ok((component, problem))
    }
}

/// The settings that decide what native code is: those of this process, and of one that compiles for it.
pub(super) fn config() -> Config {
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        // Component-model async is not part of the interface.
        .concurrency_support(false)
        .memory_init_cow(true)
        .parallel_compilation(true)
        .cranelift_opt_level(OptLevel::Speed)
        .memory_reservation(256 << 20);
    config
}

/// Advances the epoch, at which running WebAssembly looks up, for as long as the sandbox lives.
fn start_ticker(engine: &Engine) -> Result<(), EngineError> {
    let engine = engine.weak();
    std::thread::Builder::new()
        .name("engine-ticker".to_owned())
        .spawn(move || {
            loop {
                std::thread::sleep(TICK);
                match engine.upgrade() {
                    Some(engine) => engine.increment_epoch(),
                    None => return,
                }
            }
        })
        .map(drop)
        .map_err(|e| EngineError::Sandbox {
            reason: e.to_string(),
        })
}
