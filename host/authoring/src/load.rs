use std::time::Duration;

use broker_manifest::Saves;
use host_base::Folders;
use host_engine::{EngineFile, Instance, Limits, Loaded, NativeCache, Runtime, Services};

use super::stage::Stage;
use super::{AuthoringError, cases};

/// The maximum time of one call of an engine. Nothing on a stage waits.
const LONGEST: Duration = Duration::from_secs(30);

/// Takes the native code of an engine from the cache, or compiles the engine.
///
/// # Errors
/// When this host can't run the component.
pub(super) async fn load(
    file: &EngineFile,
    folders: Option<&Folders>,
) -> Result<Loaded, AuthoringError> {
    // Without a cache the engine is compiled once more when it is loaded again.
    let runtime = Runtime::new(folders.and_then(|it| NativeCache::open(it).ok()))?;
    let to_load = file.clone();
    let loaded = tokio::task::spawn_blocking(move || runtime.load(to_load)).await;
    let loaded = loaded.map_err(|error| AuthoringError::Worker {
        reason: error.to_string(),
    })?;
    Ok(loaded?)
}

/// Starts an engine with all capabilities of its manifest.
pub(super) async fn start(
    loaded: &Loaded,
    file: &EngineFile,
    services: Services,
) -> Result<Instance, AuthoringError> {
    let limits = Limits {
        total: LONGEST,
        ..Limits::default()
    };
    Ok(Instance::start(loaded, file.grants(), services, limits).await?)
}

/// Loads an engine and starts it, and calls none of its operations.
///
/// # Errors
/// When this host can't run the component, or when the component does not become ready.
pub(super) async fn try_out(
    file: &EngineFile,
    folders: Option<&Folders>,
) -> Result<(), AuthoringError> {
    let loaded = load(file, folders).await?;
    let (services, _) = Stage::services(cases::closed(), Saves::Nothing, None);
    start(&loaded, file, services).await?;
    Ok(())
}
