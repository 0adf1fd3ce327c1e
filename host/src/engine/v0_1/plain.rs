//! The interfaces that give no ability: `types`, `log`, `progress` and `clock`.

use std::time::{SystemTime, UNIX_EPOCH};

use wasmtime::component::Resource;

use super::bindings::kubectl_broker::engine::{clock, log, progress, types};
use crate::engine::Level;
use crate::engine::instance::HostState;

impl types::Host for HostState {}

/// No operation hands an artifact to an engine yet, so no handle can exist.
impl types::HostArtifact for HostState {
    async fn name(&mut self, artifact: Resource<types::Artifact>) -> wasmtime::Result<String> {
        Err(no_such_handle(&artifact))
    }

    async fn length(&mut self, artifact: Resource<types::Artifact>) -> wasmtime::Result<u64> {
        Err(no_such_handle(&artifact))
    }

    async fn sha256(&mut self, artifact: Resource<types::Artifact>) -> wasmtime::Result<String> {
        Err(no_such_handle(&artifact))
    }

    async fn drop(&mut self, artifact: Resource<types::Artifact>) -> wasmtime::Result<()> {
        Err(no_such_handle(&artifact))
    }
}

fn no_such_handle(artifact: &Resource<types::Artifact>) -> wasmtime::Error {
    wasmtime::Error::msg(format!(
        "there is no artifact with handle {}",
        artifact.rep()
    ))
}

impl log::Host for HostState {
    async fn write(&mut self, level: log::Level, message: String) -> wasmtime::Result<()> {
        let level = match level {
            log::Level::Debug => Level::Debug,
            log::Level::Info => Level::Info,
            log::Level::Warn => Level::Warn,
        };
        self.observer.log(&self.engine, level, &message);
        Ok(())
    }
}

impl progress::Host for HostState {
    async fn report(
        &mut self,
        message: String,
        done: u64,
        total: Option<u64>,
    ) -> wasmtime::Result<()> {
        self.observer.progress(&self.engine, &message, done, total);
        Ok(())
    }
}

impl clock::Host for HostState {
    async fn now(&mut self) -> wasmtime::Result<u64> {
        let since = SystemTime::now().duration_since(UNIX_EPOCH)?;
        Ok(u64::try_from(since.as_millis())?)
    }
}
