//! Arguments, start, and exit codes.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};

use crate::config::{self, Config, Environment, Problem};
use crate::export::{Exports, Places};
use crate::http::{self, Agent, Stopped};
use crate::log::{Level, Log, printable};
use crate::metrics::Metrics;
use crate::process;
use crate::redact::Redactor;

/// Sidecar that makes a backup of its application on request over HTTP, and returns it as the answer
#[derive(Debug, Parser)]
#[command(name = "broker-agent", version, max_term_width = 100)]
struct Args {
    /// Configuration file
    #[arg(long, value_name = "FILE", env = "SIDECAR_CONFIG_PATH", default_value = config::DEFAULT_PATH)]
    config: PathBuf,
    /// Check the configuration, list all its errors, and exit
    #[arg(long)]
    check: bool,
    /// Minimum level of the lines on stderr
    #[arg(
        long,
        value_name = "LEVEL",
        env = "BROKER_AGENT_LOG",
        default_value = "info"
    )]
    log_level: Level,
}

/// An error that ends the program before it is told to stop.
#[derive(Debug, Error)]
enum StartError {
    #[error("Configuration file not found: {}", .0.display())]
    NotFound(PathBuf),
    #[error("{}: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{} can't be used", path.display())]
    Config {
        path: PathBuf,
        problems: Vec<Problem>,
    },
    #[error(
        "No connections can be accepted at {address}: {source}; set app.host and app.port to a free address"
    )]
    Listen {
        address: SocketAddr,
        source: io::Error,
    },
    #[error("Another agent uses {}: each needs folders of its own", .0.display())]
    InUse(PathBuf),
    #[error("The files of an earlier export can't be removed: {0}")]
    Clear(io::Error),
    #[error("The program can't be set up: {0}")]
    Setup(#[from] io::Error),
}

impl StartError {
    /// Returns 2 for errors in the configuration, which the user must change.
    fn exit_code(&self) -> u8 {
        match self {
            Self::NotFound(_) | Self::Read { .. } | Self::Config { .. } => 2,
            Self::Listen { .. } | Self::InUse(_) | Self::Clear(_) | Self::Setup(_) => 1,
        }
    }
}

/// Runs the program until it is told to stop. With `--check` it only reads its configuration.
///
/// The exit code is 0, or 1 if something failed or an export was aborted, or 2 if the configuration is
/// invalid.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args = match Args::try_parse_from(arguments) {
        Ok(args) => args,
        Err(e) => {
            // A closed stdout or stderr can't be reported anywhere.
            let _ = e.print();
            return ExitCode::from(if e.use_stderr() { 2 } else { 0 });
        }
    };
    match run(&args) {
        Ok(code) => code,
        Err(e) => {
            say(&format!("error: {}", printable(&e.to_string())));
            if let StartError::Config { problems, .. } = &e {
                for problem in problems {
                    say(&format!("  {problem}"));
                }
            }
            ExitCode::from(e.exit_code())
        }
    }
}

fn run(args: &Args) -> Result<ExitCode, StartError> {
    let config = read(&args.config)?;
    if args.check {
        for warning in &config.warnings {
            say(&format!("warning: {warning}"));
        }
        say(&format!("{} can be used", args.config.display()));
        return Ok(ExitCode::SUCCESS);
    }
    let log = log(&config, args.log_level);
    for warning in &config.warnings {
        log.warn(&warning.to_string());
    }
    config::prepare(&config).map_err(|problems| StartError::Config {
        path: args.config.clone(),
        problems,
    })?;
    let _lock = lock(&config)?;
    for path in Places::new(&config).clear().map_err(StartError::Clear)? {
        log.warn(&format!(
            "{} was left by an interrupted export; it is removed",
            path.display()
        ));
    }
    process::adopt_orphans();
    let runtime = Builder::new_multi_thread().enable_all().build()?;
    let stopped = runtime.block_on(serve(config, log.clone()))?;
    // A thread that still reads a file must not delay the end; nothing depends on it.
    runtime.shutdown_background();
    log.info("stopped");
    Ok(match stopped {
        Stopped::Clean => ExitCode::SUCCESS,
        Stopped::BrokenOff => ExitCode::FAILURE,
    })
}

async fn serve(config: Config, log: Log) -> Result<Stopped, StartError> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let address = SocketAddr::new(config.app.host, config.app.port);
    let listen = |source| StartError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(listen)?;
    let address = listener.local_addr().map_err(listen)?;
    log.info(&format!(
        "broker-agent {} with strategy {} listens on {address}",
        env!("CARGO_PKG_VERSION"),
        config.strategy.name
    ));
    let metrics = Arc::new(Metrics::new(config.strategy.name));
    let exports = Exports::new(&config, Arc::clone(&metrics), log.clone());
    let agent = Arc::new(Agent {
        config: Arc::new(config),
        exports,
        metrics,
        log,
    });
    let (stops, stop) = tokio::sync::mpsc::channel(2);
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            if stops.send(()).await.is_err() {
                return;
            }
        }
    });
    Ok(http::serve(agent, listener, stop).await)
}

fn read(path: &Path) -> Result<Config, StartError> {
    let text = fs::read_to_string(path).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => StartError::NotFound(path.to_owned()),
        _ => StartError::Read {
            path: path.to_owned(),
            source,
        },
    })?;
    Config::parse(&text, &environment()).map_err(|problems| StartError::Config {
        path: path.to_owned(),
        problems,
    })
}

/// Returns the environment without variables that are not UTF-8. They count as unset.
fn environment() -> Environment {
    env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

/// Returns a log that redacts the secrets of the configuration and of the environment, which commands
/// inherit.
fn log(config: &Config, level: Level) -> Log {
    let mut variables = environment();
    if let config::Work::Commands(commands) = &config.strategy.work {
        variables.extend(commands.env.clone());
    }
    let secrets = config.secrets.iter().chain([&config.api_token]);
    Log::new(level, Redactor::new(secrets, &variables))
}

/// Locks the folder of artifacts: two agents with the same files would take each other's artifacts. The lock
/// ends with the process.
fn lock(config: &Config) -> Result<fs::File, StartError> {
    let path = config.paths.artifacts.join(".broker-agent.lock");
    let file = fs::File::create(&path)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(StartError::InUse(path)),
        Err(fs::TryLockError::Error(e)) => Err(e.into()),
    }
}

fn say(text: &str) {
    // A closed stderr can't be reported anywhere.
    let _ = writeln!(io::stderr(), "{text}");
}
