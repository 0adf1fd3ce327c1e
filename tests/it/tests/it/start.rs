//! The timeout of an engine's start, with the library.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use host_base::Report;
use host_engine::{
    Answer, Commands, Ended, EngineFile, GrantedCommand, Instance, Level, Limits, Network,
    Observer, Outgoing, Runtime, Services, TargetInfo,
};
use insta::assert_snapshot;
use jiff::tz::TimeZone;

use crate::support::Component;

/// A network and a cluster that are never used.
struct Unasked;

impl Network for Unasked {
    fn send(&self, _: Outgoing) -> BoxFuture<'_, Result<Answer, Report>> {
        unreachable!("a request")
    }

    fn pods<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Vec<String>, Report>> {
        unreachable!("a question for pods")
    }
}

impl Commands for Unasked {
    fn pods(&self) -> BoxFuture<'_, Result<Vec<String>, Report>> {
        unreachable!("a question for pods")
    }

    fn run(&self, _: Option<String>, _: GrantedCommand) -> BoxFuture<'_, Result<Ended, Report>> {
        unreachable!("a command")
    }
}

impl Observer for Unasked {
    fn log(&self, _: &str, _: Level, _: &str) {}

    fn progress(&self, _: &str, _: &str, _: u64, _: Option<u64>) {}
}

/// The engine computes nothing, so that the limit on computing never ends it.
#[tokio::test]
async fn an_engine_that_sleeps_while_it_starts_is_stopped() {
    let file = EngineFile::read("sleep.wasm", Component::sleep().bytes().to_vec());
    let file = file.expect("an engine");
    let runtime = Runtime::new(None).expect("a sandbox");
    let loaded = runtime.load(file.clone()).expect("it can be compiled");
    let unasked = Arc::new(Unasked);
    let services = Services {
        network: unasked.clone(),
        artifacts: None,
        commands: unasked.clone(),
        objects: None,
        outside: None,
        observer: unasked,
        now: None,
        zone: TimeZone::UTC,
        seed: None,
        target: TargetInfo::default(),
    };
    let limits = Limits {
        start: Duration::from_secs(1),
        ..Limits::default()
    };
    let started = Instance::start(&loaded, file.grants(), services, limits).await;
    let error = started.err().expect("it is stopped");
    assert_snapshot!(error, @"engine acme/sleep hangs while it starts: it is not ready after 1 s");
}
