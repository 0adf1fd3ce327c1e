use std::any::Any;
use std::fmt;
use std::io;
use std::process::Child;
use std::sync::{Arc, Mutex, PoisonError, TryLockError};
use std::thread;
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, WaitIdStatus, WaitOptions, kill_process_group, waitid,
    waitpgid,
};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

/// A command and the processes that it started, unless they leave the command's process group.
///
/// When the command ends, or this value is dropped, the rest of the group is killed. A thread waits for that:
/// the id of a process must not be reused before the group has received its last signal.
pub struct Group {
    id: Pid,
    /// Whether the whole group is gone. Its id may then belong to another process.
    is_gone: Arc<Mutex<bool>>,
    ended: oneshot::Receiver<Exit>,
    kill_after: Duration,
}

/// The end of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    Code(i32),
    Signal(i32),
    /// Another process waited for the command, so that its exit code is unknown.
    Unknown,
}

impl Exit {
    pub fn is_success(self) -> bool {
        self == Self::Code(0)
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "failed with exit code {code}"),
            Self::Signal(signal) => write!(f, "was ended by signal {signal}"),
            Self::Unknown => f.write_str("ended, and its exit code is unknown"),
        }
    }
}

impl Group {
    /// Takes over a child process that leads its group. `hold` is dropped when the group is gone.
    pub fn new(
        child: &Child,
        kill_after: Duration,
        hold: Arc<dyn Any + Send + Sync>,
    ) -> io::Result<Self> {
        let id = Pid::from_child(child);
        let is_gone = Arc::new(Mutex::new(false));
        let (end, ended) = oneshot::channel();
        let gone = Arc::clone(&is_gone);
        let reaper = thread::Builder::new().name(format!("wait-{id}"));
        let spawned = reaper.spawn(move || {
            reap(id, &gone, end);
            drop(hold);
        });
        let group = Self {
            id,
            is_gone,
            ended,
            kill_after,
        };
        // Without a thread that waits, dropping the group kills it at once; nothing else would.
        spawned.map(|_| group)
    }

    pub fn id(&self) -> Pid {
        self.id
    }

    /// Waits for the command itself.
    pub async fn ended(&mut self) -> Exit {
        (&mut self.ended).await.unwrap_or(Exit::Unknown)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if self.kill_after.is_zero() {
            signal(self.id, &self.is_gone, Signal::KILL);
            return;
        }
        if !signal(self.id, &self.is_gone, Signal::TERM) {
            return;
        }
        let (id, is_gone, after) = (self.id, Arc::clone(&self.is_gone), self.kill_after);
        match Handle::try_current() {
            Ok(runtime) => {
                runtime.spawn(async move {
                    tokio::time::sleep(after).await;
                    signal(id, &is_gone, Signal::KILL);
                });
            }
            Err(_) => {
                signal(id, &is_gone, Signal::KILL);
            }
        }
    }
}

/// Sends a signal to the group, unless it is gone. Returns whether the group existed.
fn signal(id: Pid, is_gone: &Mutex<bool>, signal: Signal) -> bool {
    let is_gone = match is_gone.try_lock() {
        Ok(is_gone) => is_gone,
        Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
        // The command has ended, and the rest of its group is being killed.
        Err(TryLockError::WouldBlock) => return false,
    };
    !*is_gone && kill_process_group(id, signal).is_ok()
}

/// Waits for the command, reports its end, kills the rest of its group, and waits for the rest.
fn reap(id: Pid, is_gone: &Mutex<bool>, end: oneshot::Sender<Exit>) {
    let exit = loop {
        // The command stays a zombie, so that its id is not reused.
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        match waitid(WaitId::Pid(id), options) {
            Ok(Some(status)) => break exit_of(&status),
            Ok(None) | Err(Errno::INTR) => {}
            Err(_) => break Exit::Unknown,
        }
    };
    {
        let mut is_gone = is_gone.lock().unwrap_or_else(PoisonError::into_inner);
        // The signal only fails if no process is left.
        let _ = kill_process_group(id, Signal::KILL);
        while matches!(waitpgid(id, WaitOptions::empty()), Ok(_) | Err(Errno::INTR)) {}
        *is_gone = true;
    }
    // The receiver may be gone.
    let _ = end.send(exit);
}

fn exit_of(status: &WaitIdStatus) -> Exit {
    if let Some(code) = status.exit_status() {
        return Exit::Code(code);
    }
    status
        .terminating_signal()
        .map_or(Exit::Unknown, Exit::Signal)
}

/// Makes this process the parent of orphaned processes of its commands, so that it can wait for them.
/// Otherwise they may stay zombies: the first process of a container has no other parent.
pub fn adopt_orphans() {
    #[cfg(target_os = "linux")]
    {
        // If the call fails, the rest of a group is still killed, but another process waits for it.
        let _ = rustix::process::set_child_subreaper(Some(rustix::process::getpid()));
    }
}
