//! Implements the interfaces that need no capability: `log`, `progress`, `clock` and `random`.

use jiff::Timestamp;

use super::bindings::kubectl_broker::engine::{clock, log, progress, random};
use crate::Level;
use crate::instance::HostState;

impl log::Host for HostState {
    async fn write(&mut self, level: log::Level, message: String) -> wasmtime::Result<()> {
        let level = match level {
            log::Level::Debug => Level::Debug,
            log::Level::Info => Level::Info,
            log::Level::Warn => Level::Warn,
        };
        self.voice.log(level, &message);
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
        self.voice.progress(&message, done, total);
        Ok(())
    }
}

impl clock::Host for HostState {
    async fn now(&mut self) -> wasmtime::Result<u64> {
        let now = self.now.unwrap_or_else(Timestamp::now);
        Ok(u64::try_from(now.as_millisecond())?)
    }

    async fn offset(&mut self, at: u64) -> wasmtime::Result<i32> {
        Ok(self.offset_at(at))
    }
}

impl random::Host for HostState {
    async fn token(&mut self, length: u32) -> wasmtime::Result<String> {
        self.count(0)?;
        Ok(self.random.token(length)?)
    }
}
