//! One command: its process group, its output, and the end of the whole group.

mod group;
mod tail;

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::future;
use std::io::{self, PipeReader};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::io::AsyncReadExt as _;
use tokio::net::unix::pipe::Receiver;
use tokio::time::{self, MissedTickBehavior};

use crate::config::CommandLine;
use crate::log::Log;
use group::Group;
pub use group::{Exit, adopt_orphans};
use tail::Tail;

/// Number of bytes that are read from a command's output at once.
const READ: usize = 64 * 1024;
/// Interval at which the size of a command's file is checked.
const LOOK: Duration = Duration::from_millis(500);
/// Maximum time that the output of a command may stay open after its end. A process that left the group may
/// hold it open.
const HELD_OPEN: Duration = Duration::from_secs(5);

/// A command to run, with its limits.
pub struct Order<'a> {
    pub line: &'a CommandLine,
    /// The words in front of a line for the shell.
    pub shell: &'a [String],
    pub workdir: &'a Path,
    /// Variables in addition to the environment of this program.
    pub env: &'a BTreeMap<String, String>,
    /// Maximum duration of the command.
    pub deadline: Option<Duration>,
    /// Time between the signal to end and the signal to kill.
    pub kill_after: Duration,
    /// A file, and its maximum size in bytes.
    pub bound: Option<(PathBuf, u64)>,
    /// A value that is kept until the last process of the command is gone.
    pub hold: Arc<dyn Any + Send + Sync>,
}

/// A receiver for the stdout of a command.
pub trait Output: Send {
    /// Receives the next bytes.
    ///
    /// # Errors
    ///
    /// An error ends the command.
    fn take(&mut self, bytes: &[u8]) -> impl Future<Output = io::Result<()>> + Send;
}

/// An error of a command.
#[derive(Debug, Error)]
pub enum CommandError {
    #[error("Command can't be started: {line}: {source}")]
    Start { line: String, source: io::Error },
    /// The message is the same as that of the Python sidecar, which users search for.
    #[error("Command {exit}: {line}{}", told.as_deref().map(|t| format!("\n{t}")).unwrap_or_default())]
    Exit {
        line: String,
        exit: Exit,
        /// The end of the command's stderr.
        told: Option<String>,
    },
    #[error("The output of a command can't be stored: {line}: {source}")]
    Output { line: String, source: io::Error },
    #[error("Command has ended, but a process that it started holds its output open: {line}")]
    HeldOpen { line: String },
    #[error("Command took more than {seconds} s (limits.command_seconds): {line}")]
    TimedOut { line: String, seconds: u64 },
    #[error("The artifact has more than {limit} bytes (limits.artifact_size)")]
    TooLarge { limit: u64 },
}

impl fmt::Display for CommandLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shell(text) => f.write_str(text.trim_end()),
            Self::Words(words) => f.write_str(&words.join(" ")),
        }
    }
}

/// Runs a command to its end. If this future is dropped, the command's process group gets the signal to end,
/// and later the signal to kill.
///
/// # Errors
///
/// Fails if the command can't be started, exits with another code than 0, or exceeds a limit.
pub async fn run<O: Output>(
    order: Order<'_>,
    output: Option<&mut O>,
    log: &Log,
) -> Result<(), CommandError> {
    let line = || order.line.to_string();
    let (mut group, stdout, told) =
        start(&order, output.is_some()).map_err(|source| CommandError::Start {
            line: line(),
            source,
        })?;
    log.debug(&format!("process {} is: {}", group.id(), order.line));
    let mut tail = Tail::new(log);
    let mut streams = Box::pin(async {
        tokio::try_join!(copy(stdout, output), async {
            // An unreadable stderr is no reason to stop a backup.
            let _ = tail.read(told).await;
            Ok(())
        })
    });
    let mut are_read = false;
    let mut watch = pin!(watch(order.bound.as_ref()));
    let mut deadline = pin!(sleep(order.deadline));
    let exit = loop {
        tokio::select! {
            exit = group.ended() => break exit,
            read = &mut streams, if !are_read => {
                read.map_err(|source| CommandError::Output { line: line(), source })?;
                are_read = true;
            }
            limit = &mut watch => return Err(CommandError::TooLarge { limit }),
            () = &mut deadline => {
                let seconds = order.deadline.unwrap_or_default().as_secs();
                return Err(CommandError::TimedOut { line: line(), seconds });
            }
        }
    };
    let mut is_held = false;
    if are_read {
        drop(streams);
    } else {
        match time::timeout(HELD_OPEN, streams).await {
            Ok(read) => {
                read.map_err(|source| CommandError::Output {
                    line: line(),
                    source,
                })?;
            }
            Err(_) => is_held = true,
        }
    }
    if !exit.is_success() {
        let told = tail.last();
        return Err(CommandError::Exit {
            line: line(),
            exit,
            told,
        });
    }
    if is_held {
        return Err(CommandError::HeldOpen { line: line() });
    }
    Ok(())
}

/// Starts the command. Returns its group, its stdout if it is captured, and its other output.
fn start(order: &Order<'_>, captures: bool) -> io::Result<(Group, Option<Receiver>, Receiver)> {
    let (told, tell) = io::pipe()?;
    let mut command = match order.line {
        CommandLine::Shell(text) => {
            let mut command = program(order.shell)?;
            command.arg(text);
            command
        }
        CommandLine::Words(words) => program(words)?,
    };
    command
        .current_dir(order.workdir)
        .envs(order.env)
        .process_group(0)
        .stdin(Stdio::null())
        .stderr(tell.try_clone()?);
    let stdout = if captures {
        let (stdout, write) = io::pipe()?;
        command.stdout(write);
        Some(receiver(stdout)?)
    } else {
        command.stdout(tell);
        None
    };
    let told = receiver(told)?;
    let child = command.spawn()?;
    let group = Group::new(&child, order.kill_after, Arc::clone(&order.hold))?;
    Ok((group, stdout, told))
}

fn program(words: &[String]) -> io::Result<Command> {
    let Some((program, arguments)) = words.split_first() else {
        return Err(io::Error::from(io::ErrorKind::InvalidInput));
    };
    let mut command = Command::new(program);
    command.args(arguments);
    Ok(command)
}

fn receiver(pipe: PipeReader) -> io::Result<Receiver> {
    Receiver::from_owned_fd(OwnedFd::from(pipe))
}

async fn copy<O: Output>(from: Option<Receiver>, to: Option<&mut O>) -> io::Result<()> {
    let (Some(mut from), Some(to)) = (from, to) else {
        return Ok(());
    };
    let mut buffer = vec![0; READ];
    loop {
        let read = from.read(&mut buffer).await?;
        if read == 0 {
            return Ok(());
        }
        to.take(&buffer[..read]).await?;
    }
}

/// Returns the maximum size once the file has become larger.
async fn watch(bound: Option<&(PathBuf, u64)>) -> u64 {
    let Some((path, limit)) = bound else {
        return future::pending().await;
    };
    let mut ticks = time::interval(LOOK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if fs::symlink_metadata(path).is_ok_and(|metadata| metadata.len() > *limit) {
            return *limit;
        }
    }
}

async fn sleep(time: Option<Duration>) {
    match time {
        Some(time) => time::sleep(time).await,
        None => future::pending().await,
    }
}

#[cfg(test)]
mod tests;
