use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use wasmtime::component::{Component, Linker};
use wasmtime::{Config, Engine, OptLevel};

use super::guest::Linked;
use super::limits::TICK;
use super::native_cache::{NativeCache, from_compiler};
use super::{EngineError, EngineFile, compiler, examine, guest, loads};

/// The sandbox: settings that all engines share, and the cache of their native code.
pub struct Runtime {
    engine: Engine,
    cache: Option<NativeCache>,
    compilations: AtomicUsize,
    /// The components that this process has made or read, by digest. Two targets at once share one.
    components: Mutex<BTreeMap<[u8; 32], Slot>>,
}

/// A component, as soon as there is one. A thread that needs the component meanwhile waits for the lock.
type Slot = Arc<Mutex<Option<Component>>>;

/// An engine that is ready to be started.
pub struct Loaded {
    pub(super) file: EngineFile,
    pub(super) engine: Engine,
    pub(super) component: Box<dyn Linked>,
    /// The reason why the native code was not stored in the cache, if that failed.
    pub cache_problem: Option<String>,
}

/// A callback that runs before an engine is compiled.
pub type Compiling<'a> = &'a (dyn Fn() + Send + Sync);

impl Runtime {
    /// Creates the sandbox. Without a cache, each process compiles each engine again.
    ///
    /// # Errors
    /// When the system lacks something that wasmtime needs.
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

    /// Returns how many components this process has compiled.
    pub fn compilations(&self) -> usize {
        self.compilations.load(Ordering::Relaxed)
    }

    /// Returns true if the cache has native code of an engine that can be trusted.
    pub fn is_cached(&self, file: &EngineFile) -> bool {
        loads::count();
        let cache = self.cache.as_ref();
        cache.is_some_and(|cache| cache.load(&self.engine, &file.digest()).is_some())
    }

    /// Takes the native code of an engine from the cache or compiles it, and links the interfaces that it
    /// imports.
    ///
    /// # Errors
    /// When the file is no valid component, exceeds the limits of compilation, or imports an interface that
    /// is not provided.
    pub fn load(&self, file: EngineFile) -> Result<Loaded, EngineError> {
        self.load_telling(file, &|| {})
    }

    /// Loads an engine like [`Runtime::load`], and calls `compiles` before it compiles. The callback does not
    /// run if the cache has native code.
    ///
    /// # Errors
    /// Those of [`Runtime::load`].
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
        let component =
            guest::link(&file.outline().interface, linker, &component).map_err(failed)?;
        Ok(Loaded {
            file,
            engine: self.engine.clone(),
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

    /// Compiles in this process. That is right for bundled engines, which are harmless, and for programs that
    /// can't start a compiler process.
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

/// Returns the settings that decide the native code. This process and its compiler process share them.
pub(super) fn config() -> Config {
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        // The engine interface does not use the async functions of the component model.
        .concurrency_support(false)
        .memory_init_cow(true)
        .parallel_compilation(true)
        .cranelift_opt_level(OptLevel::Speed)
        .memory_reservation(256 << 20);
    config
}

/// Starts a thread that advances the epoch until the sandbox is dropped. Running WebAssembly is interrupted
/// when the epoch changes.
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
