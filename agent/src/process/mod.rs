//! One command: started in a process group of its own, its output taken, its whole group ended with it.

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

/// How much of a command's output is read at once.
const READ: usize = 64 * 1024;
/// How often the file that a command writes is looked at.
const LOOK: Duration = Duration::from_millis(500);
/// How long the output of a command may stay open behind its end: what left its process group may hold it.
const HELD_OPEN: Duration = Duration::from_secs(5);

/// What is to be run, and within which bounds.
pub struct Order<'a> {
    pub line: &'a CommandLine,
    /// In front of a line that is for the shell.
    pub shell: &'a [String],
    pub workdir: &'a Path,
    /// Beside the environment of this program.
    pub env: &'a BTreeMap<String, String>,
    /// Has to end by then.
    pub deadline: Option<Duration>,
    /// From being told to end until being killed.
    pub kill_after: Duration,
    /// A file that must not become larger than so many bytes.
    pub bound: Option<(PathBuf, u64)>,
    /// Kept until the last process of the command is gone.
    pub hold: Arc<dyn Any + Send + Sync>,
}

/// Takes what a command writes to stdout.
pub trait Output: Send {
    /// # Errors
    ///
    /// Ends the command.
    fn take(&mut self, bytes: &[u8]) -> impl Future<Output = io::Result<()>> + Send;
}

/// Why a command did not end well.
#[derive(Debug, Error)]
pub enum CommandError {
    #[error("Command can't be started: {line}: {source}")]
    Start { line: String, source: io::Error },
    /// The words are those of the Python sidecar, which its users look for.
    #[error("Command {exit}: {line}{}", told.as_deref().map(|t| format!("\n{t}")).unwrap_or_default())]
    Exit {
        line: String,
        exit: Exit,
        /// The end of what it wrote to stderr.
        told: Option<String>,
    },
    #[error("The output of a command can't be kept: {line}: {source}")]
    Output { line: String, source: io::Error },
    #[error("Command has ended, and something that it left behind holds its output open: {line}")]
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

/// Runs a command to its end. If this future is dropped, the command's process group is told to end, and then made to.
///
/// # Errors
///
/// If it can't be started, ends with another code than 0, or breaks a bound.
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
            // A log that can't be read is no reason to stop a backup.
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

/// The command, its stdout if that is wanted, and all else that it says.
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

/// Ends when the file has become too large, with the bound that it broke.
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
