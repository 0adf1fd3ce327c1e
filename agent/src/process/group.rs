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

/// A command and all that it started, as far as it stays in the command's process group.
///
/// When the command has ended, or this is dropped, the rest of the group ends too. A thread waits for that: the
/// number of a process must not be reused before the group has got its last signal.
pub struct Group {
    id: Pid,
    /// Whether the whole group is gone, so that its number may mean another.
    is_gone: Arc<Mutex<bool>>,
    ended: oneshot::Receiver<Exit>,
    kill_after: Duration,
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    Code(i32),
    Signal(i32),
    /// Somebody else waited for it.
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
            Self::Unknown => f.write_str("ended, and how is not known"),
        }
    }
}

impl Group {
    /// Takes over a child that is the leader of its group. `hold` is dropped when the group is gone.
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
        // Without a thread that waits for it, dropping the group kills it at once and nobody else does.
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

/// Sends a signal to the group, unless it is gone; says whether it was there.
fn signal(id: Pid, is_gone: &Mutex<bool>, signal: Signal) -> bool {
    let is_gone = match is_gone.try_lock() {
        Ok(is_gone) => is_gone,
        Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
        // The command has ended, and what is left of its group is being killed.
        Err(TryLockError::WouldBlock) => return false,
    };
    !*is_gone && kill_process_group(id, signal).is_ok()
}

/// Waits for the command, says how it ended, kills what it left behind, and waits for that too.
fn reap(id: Pid, is_gone: &Mutex<bool>, end: oneshot::Sender<Exit>) {
    let exit = loop {
        // It stays a zombie, so that its number stays its own.
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        match waitid(WaitId::Pid(id), options) {
            Ok(Some(status)) => break exit_of(&status),
            Ok(None) | Err(Errno::INTR) => {}
            Err(_) => break Exit::Unknown,
        }
    };
    {
        let mut is_gone = is_gone.lock().unwrap_or_else(PoisonError::into_inner);
        // Fails only if nothing is left.
        let _ = kill_process_group(id, Signal::KILL);
        while matches!(waitpgid(id, WaitOptions::empty()), Ok(_) | Err(Errno::INTR)) {}
        *is_gone = true;
    }
    // Nobody may be listening any more.
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

/// Makes this process the parent of whatever its commands leave behind, so that it can wait for it, and no zombie
/// stays where nobody else would: the first process of a container has no other parent.
pub fn adopt_orphans() {
    #[cfg(target_os = "linux")]
    {
        // Without it the rest of a group is killed all the same, and somebody else waits for it.
        let _ = rustix::process::set_child_subreaper(Some(rustix::process::getpid()));
    }
}
