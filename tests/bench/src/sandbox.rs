//! The sandbox within one process: loading, starting, and calling an engine.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use host_base::{Folders, Report, ReportKind};
use host_engine::{
    Answer, Catalogue, Commands, Ended, EngineFile, GrantedCommand, Grants, Instance, Level,
    Limits, NativeCache, Network, Observer, Outgoing, Runtime, Services, TargetInfo,
};
use http_body_util::{BodyExt, Full};
use jiff::tz::TimeZone;

use crate::figures::{median, milliseconds, verdict};
use crate::{Failed, say};

const RUNS: u32 = 101;
/// The target of a call to a loaded engine, in milliseconds.
const WARM_TARGET: f64 = 5.0;

pub(crate) async fn load_and_call() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let cache = || NativeCache::open(&Folders::within(folder.path()));
    let file = Catalogue::bundled(host_bundled::ENGINES)?
        .iter()
        .find(|file| file.manifest().id.name() == "sidecar")
        .cloned()
        .ok_or("no engine sidecar")?;

    let start = Instant::now();
    start_one(&Runtime::new(Some(cache()?))?, &file).await?;
    let cold = start.elapsed();

    let mut warm = Vec::new();
    for _ in 0..RUNS {
        let start = Instant::now();
        let runtime = Runtime::new(Some(cache()?))?;
        start_one(&runtime, &file).await?;
        warm.push(start.elapsed());
        if runtime.compilations() != 0 {
            return Err("a warm start compiled".into());
        }
    }
    let warm = median(warm);
    say(&format!(
        "sandbox, load and start of an engine: cold {}, warm {} (target {WARM_TARGET} ms: {})",
        milliseconds(cold),
        milliseconds(warm),
        verdict(warm.as_secs_f64() * 1000.0, WARM_TARGET)
    ));

    let runtime = Runtime::new(Some(cache()?))?;
    let mut calls = Vec::new();
    for _ in 0..RUNS {
        let mut instance = start_one(&runtime, &file).await?;
        let start = Instant::now();
        instance.detect().await?;
        calls.push(start.elapsed());
    }
    say(&format!(
        "one operation with one HTTP host call and its JSON, answered at once: {:.0} µs",
        median(calls).as_secs_f64() * 1e6
    ));
    Ok(())
}

async fn start_one(runtime: &Runtime, file: &EngineFile) -> Result<Instance, Failed> {
    let loaded = runtime.load(file.clone())?;
    let grants = Grants::all_of(file.manifest());
    let limits = Limits {
        total: Duration::from_secs(10),
        ..Limits::default()
    };
    Ok(Instance::start(
        &loaded,
        grants,
        Services {
            network: Arc::new(Scripted),
            artifacts: None,
            objects: None,
            outside: None,
            commands: Arc::new(NoPods),
            observer: Arc::new(Silent),
            now: None,
            zone: TimeZone::UTC,
            seed: None,
            target: TargetInfo::default(),
        },
        limits,
    )
    .await?)
}

/// A network that answers every request with an empty inventory.
struct Scripted;

impl Network for Scripted {
    fn send(&self, _: Outgoing) -> BoxFuture<'_, Result<Answer, Report>> {
        let body = Full::new(Bytes::from_static(
            br#"{"cluster_backups": [], "backups": []}"#,
        ))
        .map_err(|never| match never {})
        .boxed_unsync();
        async move { Ok(http::Response::new(body)) }.boxed()
    }

    fn pods<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Vec<String>, Report>> {
        async { Ok(Vec::new()) }.boxed()
    }
}

/// A cluster in which no command can run.
struct NoPods;

impl Commands for NoPods {
    fn pods(&self) -> BoxFuture<'_, Result<Vec<String>, Report>> {
        async { Ok(Vec::new()) }.boxed()
    }

    fn run(&self, _: Option<String>, _: GrantedCommand) -> BoxFuture<'_, Result<Ended, Report>> {
        async { Err(Report::new(ReportKind::Unavailable, "there is no pod")) }.boxed()
    }
}

struct Silent;

impl Observer for Silent {
    fn log(&self, _: &str, _: Level, _: &str) {}

    fn progress(&self, _: &str, _: &str, _: u64, _: Option<u64>) {}
}
