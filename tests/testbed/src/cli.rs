//! The program: runs commands against a testbed.

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use jiff::Timestamp;
use serde_json::Value;
use tokio::process::Command;
use tokio::signal;

use crate::backend::pace::Pace;
use crate::bed::{Builder, Testbed, TestbedError};
use crate::faults::{self, Fault};
use crate::jobs::Image;

/// A simulated Kubernetes cluster with brokers, on loopback.
#[derive(Debug, Parser)]
#[command(name = "testbed", version)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Run a command against a new cluster, and end with its exit code
    Run {
        #[command(flatten)]
        cluster: Cluster,
        /// The command, with its arguments
        #[arg(required = true, last = true)]
        command: Vec<OsString>,
    },
    /// Keep a new cluster running until interrupted; prints the path of its kubeconfig
    Serve {
        #[command(flatten)]
        cluster: Cluster,
    },
    /// Keep a PostgreSQL server running until interrupted; prints its address and the path of psql
    #[cfg(unix)]
    Postgres,
    /// List every fault that can be switched on
    Faults,
}

#[derive(Debug, Args)]
struct Cluster {
    /// Something that goes wrong; may be given several times
    #[arg(long, value_name = "NAME[=VALUE]")]
    fault: Vec<Fault>,
    /// now=TIME: let the clock stand at an RFC 3339 time.
    /// pace=polls:N or pace=after:MS: how long backups and restores take.
    /// namespace=NAME: the namespace of the context.
    /// image=NAME=PROGRAM: an image for pods of Jobs, whose entry point is a local program.
    /// operators=off: no simulated controllers of backup systems
    #[arg(long, value_name = "NAME=VALUE")]
    set: Vec<Setting>,
    /// Objects that the cluster has from the start, in YAML; all of them in a namespace if one is given
    #[arg(long, value_name = "FILE[=NAMESPACE]")]
    apply: Vec<String>,
}

#[derive(Debug, Clone)]
enum Setting {
    Now(Timestamp),
    Pace(Pace),
    Namespace(String),
    Image(String, Image),
    NoOperators,
}

impl std::str::FromStr for Setting {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let why = |error: jiff::Error| error.to_string();
        match text.split_once('=') {
            Some(("now", time)) => Ok(Self::Now(time.parse().map_err(why)?)),
            Some(("pace", pace)) => Ok(Self::Pace(pace.parse()?)),
            Some(("namespace", name)) => Ok(Self::Namespace(name.to_owned())),
            Some(("image", image)) => {
                let (name, program) = image.split_once('=').ok_or("not image=NAME=PROGRAM")?;
                Ok(Self::Image(name.to_owned(), Image::new(program)))
            }
            Some(("operators", "off")) => Ok(Self::NoOperators),
            _ => Err("not one of now=…, pace=…, namespace=…, image=…, operators=off".to_owned()),
        }
    }
}

impl Cluster {
    async fn start(self) -> Result<Testbed, CliError> {
        let files = self.apply.clone();
        let bed = self.builder().start().await?;
        for file in files {
            let (path, namespace) = match file.split_once('=') {
                Some((path, namespace)) => (path, Some(namespace)),
                None => (&*file, None),
            };
            let failed = |problem: String| CliError::Apply {
                file: path.to_owned(),
                problem,
            };
            let text = std::fs::read_to_string(path).map_err(|e| failed(e.to_string()))?;
            for document in text.split("\n---\n") {
                let object = serde_saphyr::from_str(document);
                let mut object: Value = object.map_err(|e| failed(e.to_string()))?;
                // Comments alone are no object.
                if object.is_null() {
                    continue;
                }
                if let Some(namespace) = namespace {
                    object["metadata"]["namespace"] = namespace.into();
                }
                let stored = bed.objects().put(object);
                stored.map_err(|e| failed(e.to_string()))?;
            }
        }
        Ok(bed)
    }

    fn builder(self) -> Builder {
        // Programs poll real work in real time.
        let pace = Pace::After(std::time::Duration::from_secs(3));
        let mut builder = Testbed::builder().pace(pace);
        for fault in self.fault {
            builder = builder.fault(fault);
        }
        for setting in self.set {
            builder = match setting {
                Setting::Now(moment) => builder.now(moment),
                Setting::Pace(pace) => builder.pace(pace),
                Setting::Namespace(name) => builder.namespace(&name),
                Setting::Image(name, image) => builder.image(&name, image),
                Setting::NoOperators => builder.without_operators(),
            };
        }
        builder
    }
}

/// An error of the program itself, not of the command.
#[derive(Debug, thiserror::Error)]
enum CliError {
    #[error(transparent)]
    Testbed(#[from] TestbedError),
    #[error("cannot apply {file}: {problem}")]
    Apply { file: String, problem: String },
    #[error("cannot run `{command}`: {source}")]
    Run { command: String, source: io::Error },
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Runs the program.
pub fn main() -> ExitCode {
    let verb = Cli::parse().verb;
    let outcome = tokio::runtime::Runtime::new()
        .map_err(CliError::from)
        .and_then(|runtime| runtime.block_on(act(verb)));
    outcome.unwrap_or_else(|error| {
        // A closed stderr can't be reported anywhere.
        let _ = writeln!(io::stderr(), "error: {error}");
        match error {
            // Shells also use 127 for a missing command.
            CliError::Run { .. } => ExitCode::from(127),
            _ => ExitCode::FAILURE,
        }
    })
}

async fn act(verb: Verb) -> Result<ExitCode, CliError> {
    match verb {
        Verb::Run { cluster, command } => run(cluster.start().await?, &command).await,
        Verb::Serve { cluster } => {
            let bed = cluster.start().await?;
            writeln!(io::stdout(), "{}", bed.kubeconfig().display())?;
            io::stdout().flush()?;
            interrupted().await?;
            Ok(ExitCode::SUCCESS)
        }
        #[cfg(unix)]
        Verb::Postgres => {
            use crate::postgres::{PASSWORD, Postgres};
            let server = Postgres::start()?;
            writeln!(io::stdout(), "{}", server.url(PASSWORD, "postgres"))?;
            let psql = server.programs().join("psql");
            writeln!(io::stdout(), "{}", psql.display())?;
            io::stdout().flush()?;
            interrupted().await?;
            Ok(ExitCode::SUCCESS)
        }
        Verb::Faults => {
            list(&mut io::stdout().lock())?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn list(out: &mut impl Write) -> io::Result<()> {
    for fault in faults::catalogue() {
        let value = fault.value.map(|value| format!("={value}"));
        writeln!(out, "{}{}", fault.name, value.unwrap_or_default())?;
        writeln!(out, "    {}", fault.about)?;
    }
    Ok(())
}

/// Runs the command in the same terminal, so that interrupts reach it directly.
async fn run(bed: Testbed, command: &[OsString]) -> Result<ExitCode, CliError> {
    let mut child = Command::new(&command[0]);
    child.args(&command[1..]).kill_on_drop(true);
    for name in [
        "KUBIE_KUBECONFIG",
        "KUBERNETES_SERVICE_HOST",
        "KUBERNETES_SERVICE_PORT",
    ] {
        child.env_remove(name);
    }
    child.env("KUBECONFIG", bed.kubeconfig());
    // kubectl caches discovery by address, and the next cluster may get the same port.
    child.env("KUBECACHEDIR", bed.folder().join("cache"));
    let failed = |source| CliError::Run {
        command: command[0].to_string_lossy().into_owned(),
        source,
    };
    let mut child = child.spawn().map_err(failed)?;
    loop {
        tokio::select! {
            status = child.wait() => return Ok(exit_code(status.map_err(failed)?)),
            // The command decides how to handle the interrupt; the program waits for its exit code.
            _ = signal::ctrl_c() => {}
        }
    }
}

fn exit_code(status: std::process::ExitStatus) -> ExitCode {
    #[cfg(unix)]
    {
        use std::os::unix::process::ExitStatusExt;
        if let Some(signal) = status.signal() {
            return ExitCode::from(128 + u8::try_from(signal).unwrap_or(0));
        }
    }
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    code.map_or(ExitCode::FAILURE, ExitCode::from)
}

async fn interrupted() -> io::Result<()> {
    #[cfg(unix)]
    {
        let mut terminate = signal::unix::signal(signal::unix::SignalKind::terminate())?;
        tokio::select! {
            outcome = signal::ctrl_c() => outcome,
            _ = terminate.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    signal::ctrl_c().await
}
