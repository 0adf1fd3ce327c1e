//! Signals to the processes of a container, which are one process group.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    Terminate,
    Kill,
    Stop,
    Continue,
}

/// Sends a signal to every process of a group. A group that is gone is ignored.
#[cfg(unix)]
pub fn send(group: u32, signal: Signal) {
    use rustix::process::{Pid, Signal as Number, kill_process_group};

    let number = match signal {
        Signal::Terminate => Number::TERM,
        Signal::Kill => Number::KILL,
        Signal::Stop => Number::STOP,
        Signal::Continue => Number::CONT,
    };
    let group = i32::try_from(group).ok().and_then(Pid::from_raw);
    if let Some(group) = group {
        let _ = kill_process_group(group, number);
    }
}

/// Processes of other systems have no groups: they end with the testbed's tasks only.
#[cfg(not(unix))]
pub fn send(_group: u32, _signal: Signal) {}
