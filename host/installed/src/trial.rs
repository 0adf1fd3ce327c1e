use std::sync::Arc;

use broker_manifest::Operation;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use host_base::{Folders, Report, ReportKind};
use host_engine::{
    Answer, Commands, Ended, EngineFile, GrantedCommand, Instance, Level, Limits, NativeCache,
    Network, Observer, Outgoing, Runtime, Services, TargetInfo,
};
use jiff::tz::TimeZone;

use super::PluginError;

/// Compiles an engine, stores its native code in the cache, and starts it once without any access. An engine
/// that can't be started is not installed, and its first use need not compile.
///
/// # Errors
/// Why it can't be started.
pub(super) async fn start_once(file: &EngineFile, folders: &Folders) -> Result<(), PluginError> {
    // Without a cache it is compiled once more when it is used: that is told then.
    let runtime = Runtime::new(NativeCache::open(folders).ok())?;
    let to_load = file.clone();
    let loaded = tokio::task::spawn_blocking(move || runtime.load(to_load))
        .await
        .map_err(|error| PluginError::Worker {
            reason: error.to_string(),
        })??;
    let nothing = Arc::new(Nothing);
    let services = Services {
        network: nothing.clone(),
        artifacts: None,
        commands: nothing.clone(),
        objects: None,
        outside: None,
        observer: nothing,
        now: None,
        zone: TimeZone::UTC,
        seed: None,
        target: TargetInfo::default(),
    };
    Instance::start(&loaded, file.grants(), services, Limits::default()).await?;
    Ok(())
}

/// A set of services that refuse every call and ignore every message.
struct Nothing;

fn refused<T>() -> Result<T, Report> {
    let message = format!(
        "nothing can be reached before an engine is asked to `{}`",
        Operation::Detect
    );
    Err(Report::new(ReportKind::Denied, message))
}

impl Network for Nothing {
    fn send(&self, _: Outgoing) -> BoxFuture<'_, Result<Answer, Report>> {
        async { refused() }.boxed()
    }

    fn pods<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Vec<String>, Report>> {
        async { refused() }.boxed()
    }
}

impl Commands for Nothing {
    fn pods(&self) -> BoxFuture<'_, Result<Vec<String>, Report>> {
        async { refused() }.boxed()
    }

    fn run(&self, _: Option<String>, _: GrantedCommand) -> BoxFuture<'_, Result<Ended, Report>> {
        async { refused() }.boxed()
    }
}

impl Observer for Nothing {
    fn log(&self, _: &str, _: Level, _: &str) {}

    fn progress(&self, _: &str, _: &str, _: u64, _: Option<u64>) {}
}
