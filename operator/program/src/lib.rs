//! The operator. It makes backups by schedule: a Backup object for each tick, and a Job for each Backup.
//!
//! It decides, and Jobs do the work, with the same `kubectl-broker` that people run by hand. It never runs an engine, and
//! needs no permission for Secrets, port-forwards or commands in pods. The cluster says which runs are queued, due or under way. Names are made of what they stand for (schedule and tick), so that nothing happens twice.

mod asked;
mod changes;
mod clock;
mod context;
mod control;
mod error;
mod events;
mod finalizers;
mod groups;
mod history;
mod job;
mod kafka;
mod leader;
mod metrics;
mod owner;
mod page;
mod queue;
mod requests;
mod runs;
mod schedules;
mod server;
mod settings;
mod shared;
mod stores;
mod verdict;
mod wakes;

use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::Parser as _;
use kube::runtime::events::{Recorder, Reporter};
use kube::{Client, Config};
use operator_api::PROGRAM;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::clock::Clock;
use crate::history::{Address, History, VARIABLE};
use crate::job::Defaults;
use crate::metrics::Metrics;
use crate::page::Page;
use crate::queue::Limits;
use crate::server::Served;
use crate::settings::{LogForm, Settings};

/// Runs the operator until it is told to stop, or is no longer the leader.
pub fn main() -> ExitCode {
    let settings = Settings::parse();
    log(settings.log);
    // The whole program has one provider of TLS.
    if rustls::crypto::ring::default_provider()
        .install_default()
        .is_err()
    {
        tracing::debug!("TLS has a provider already");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(%error, "no threads can be started");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(Box::pin(run(settings))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(reason = %error, "the operator stops");
            ExitCode::FAILURE
        }
    }
}

fn log(form: LogForm) {
    let level = tracing_subscriber::filter::LevelFilter::INFO;
    let registry = tracing_subscriber::registry().with(level);
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    match form {
        LogForm::Json => registry.with(lines.json().flatten_event(true)).init(),
        LogForm::Text => registry.with(lines.with_ansi(false)).init(),
    }
}

/// Returns what an error of the client says. Its own text repeats the whole answer.
fn reason(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => format!("{} ({})", status.message, status.code),
        error => {
            let mut text = error.to_string();
            let mut source = error.source();
            while let Some(cause) = source {
                let more = cause.to_string();
                if !text.contains(&more) {
                    text = format!("{text}: {more}");
                }
                source = cause.source();
            }
            text
        }
    }
}

async fn run(settings: Settings) -> Result<(), Box<dyn Error>> {
    let requests = settings.requests()?;
    let kafka = settings.kafka()?;
    let variable = std::env::var(VARIABLE).ok();
    let history = settings.history.as_ref();
    let history = history.map(|address| Address::check(address, variable.as_deref()));
    let history = history.transpose()?;
    let config = Config::infer().await?;
    let own_namespace = config.default_namespace.clone();
    let client = Client::try_from(config)?;
    let clock = Clock::of_process().await?;
    let metrics = Arc::new(Metrics::new());
    let page = Arc::new(Page::new(clock.clone()));
    let served = Arc::new(Served {
        metrics: Arc::clone(&metrics),
        page: settings.page.then(|| Arc::clone(&page)),
        is_ready: AtomicBool::new(false),
    });
    let (address, serving) = server::listen(settings.listen, Arc::clone(&served)).await?;
    tracing::info!(%address, "serving metrics, health and the page");
    let serving = tokio::spawn(serving);
    let version = client.apiserver_version().await?;
    tracing::info!(version = version.git_version, "connected to the API server");
    served.is_ready.store(true, Ordering::Relaxed);

    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let stop = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    tokio::pin!(stop);
    let identity = settings.identity.clone().unwrap_or_else(|| {
        let random = std::hash::BuildHasher::hash_one(
            &std::collections::hash_map::RandomState::new(),
            std::process::id(),
        );
        format!("{PROGRAM}-{random:016x}")
    });
    let lease_namespace = settings.lease_namespace.clone().unwrap_or(own_namespace);
    let told = |holder: Option<&str>| page.set_leader(holder);
    let elected = leader::elected(
        &client,
        &lease_namespace,
        &settings.lease_name,
        &identity,
        told,
    );
    let mut leader = tokio::select! {
        leader = elected => leader,
        () = &mut stop => return Ok(()),
    };
    metrics.leader.set(1);
    let recorder = Recorder::new(
        client.clone(),
        Reporter {
            controller: PROGRAM.to_owned(),
            instance: Some(identity),
        },
    );
    let history = history.map(|address| Arc::new(History::new(address, Arc::clone(&metrics))));
    let control = control::Control {
        client,
        clock,
        defaults: Defaults {
            image: settings.image,
            service_account: settings.service_account,
            queue: settings.queue_label,
        },
        limits: Limits {
            in_all: settings.max_runs,
            per_namespace: settings.max_runs_per_namespace,
        },
        recorder,
        metrics,
        namespace: settings.watch_namespace,
        history,
        page: Arc::clone(&page),
        shared: shared::Shared::default(),
        requests,
        kafka,
    };
    let work = Box::pin(control.run());
    tokio::select! {
        () = &mut stop => {
            tracing::info!("told to stop");
            // Nothing of ours is written any more, so another replica may begin.
            leader.release().await;
            Ok(())
        }
        lost = leader.keep() => Err(lost.into()),
        ended = work => Err(ended.into()),
        ended = serving => Err(match ended {
            Ok(error) => error.into(),
            Err(error) => error.into(),
        }),
    }
}
