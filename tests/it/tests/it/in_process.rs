//! Engines that run in the process of the test, over a network of the test.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use host_base::Report;
use host_engine::{
    Answer, Commands, Ended, EngineFile, GrantedCommand, Instance, Level, Limits, Network,
    Observer, OptionSetting, OptionValue, Outgoing, Runtime, Services, TargetInfo,
};
use http_body_util::{BodyExt as _, Full};
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

fn services(network: Arc<dyn Network>) -> Services {
    let unasked = Arc::new(Unasked);
    Services {
        network,
        artifacts: None,
        commands: unasked.clone(),
        objects: None,
        outside: None,
        observer: unasked,
        now: None,
        zone: TimeZone::UTC,
        seed: None,
        target: TargetInfo::default(),
    }
}

fn read(component: &Component) -> EngineFile {
    EngineFile::read("engine.wasm", component.bytes().to_vec()).expect("an engine")
}

/// The engine computes nothing, so that the limit on computing never ends it.
#[test]
fn an_engine_that_sleeps_while_it_starts_is_stopped() {
    // The first component that a test asks for is built first, with a runtime of its own.
    let file = read(&Component::sleep());
    run(sleeping(file));
}

fn run(test: impl Future<Output = ()>) {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().build();
    runtime.expect("a runtime").block_on(test);
}

async fn sleeping(file: EngineFile) {
    let runtime = Runtime::new(None).expect("a sandbox");
    let loaded = runtime.load(file.clone()).expect("it can be compiled");
    let limits = Limits {
        start: Duration::from_secs(1),
        ..Limits::default()
    };
    let started = Instance::start(&loaded, file.grants(), services(Arc::new(Unasked)), limits);
    let error = started.await.err().expect("it is stopped");
    assert_snapshot!(error, @"engine acme/sleep hangs while it starts: it is not ready after 1 s");
}

/// A backend that answers each request when nothing else can happen any more.
#[derive(Default)]
struct Slow {
    open: AtomicUsize,
    most: AtomicUsize,
    all: AtomicUsize,
}

impl Network for Slow {
    fn send(&self, _: Outgoing) -> BoxFuture<'_, Result<Answer, Report>> {
        async move {
            let open = self.open.fetch_add(1, SeqCst) + 1;
            self.most.fetch_max(open, SeqCst);
            self.all.fetch_add(1, SeqCst);
            // The answer comes after all requests that are sent at the same time.
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
            self.open.fetch_sub(1, SeqCst);
            let body = Full::new(Bytes::from_static(b"{}"));
            let body = body.map_err(|never| match never {}).boxed_unsync();
            Ok(http::Response::new(body))
        }
        .boxed()
    }

    fn pods<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Vec<String>, Report>> {
        unreachable!("a question for pods")
    }
}

/// So 1000 requests take 32 times as long as one, whatever the latency is. That is less than a twentieth of the
/// time of as many requests one after the other.
#[test]
fn the_requests_of_a_batch_are_sent_32_at_a_time() {
    let file = read(&Component::hostile());
    run(sending(file));
}

async fn sending(file: EngineFile) {
    let runtime = Runtime::new(None).expect("a sandbox");
    let loaded = runtime.load(file.clone()).expect("it can be compiled");
    let slow = Arc::new(Slow::default());
    let services = services(slow.clone());
    let limits = Limits::default();
    let started = Instance::start(&loaded, file.grants(), services, limits).await;
    let mut instance = started.expect("it starts");
    let how = OptionSetting {
        name: "misbehave".to_owned(),
        value: OptionValue::Text("batch".to_owned()),
    };
    let backups = instance.list(None, &[how]).await.expect("a list");
    assert_eq!(backups[0].id, "1000 answers");
    assert_eq!(slow.all.load(SeqCst), 1000);
    assert_eq!(slow.most.load(SeqCst), 32);
}
