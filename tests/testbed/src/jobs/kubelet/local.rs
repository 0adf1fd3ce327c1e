//! The pods of the kubelets, as they are on the nodes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use super::guard::Guard;
use super::output::Output;
use super::paths::PodFolder;
use super::signals::{self, Signal};
use super::status::Place;
use crate::api::store::Key;

/// The kubelet's knowledge of a pod besides the object.
#[derive(Debug)]
pub(super) struct Local {
    pub key: Key,
    pub node: String,
    pub place: Place,
    pub folder: PodFolder,
    pub state: State,
    pub output: Arc<Output>,
    /// The output of the run before.
    pub previous: Option<Arc<Output>>,
    pub started: Timestamp,
    /// Whether the kernel has killed the process for its memory.
    pub out_of_memory: bool,
    /// Whether the pod uses more disk than it may.
    pub out_of_space: bool,
    /// The time at which a process that was asked to end is killed.
    pub kill_at: Option<Timestamp>,
    /// The failed attempts in a row, and the time of the next one.
    pub failures: u32,
    pub again: Option<Timestamp>,
    pub restarts: u32,
    /// Whether the object is gone while the node is away.
    pub orphaned: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Waiting,
    /// The process group.
    Running(u32),
    Exited(i32, Timestamp),
}

/// The pods of all kubelets. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Pods {
    local: Arc<Mutex<BTreeMap<String, Local>>>,
    /// The nodes whose kubelet is away.
    away: Arc<Mutex<BTreeSet<String>>>,
    pub(super) guard: Guard,
}

impl Pods {
    pub(super) fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Local>> {
        self.local.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Kills every process, at the end of the testbed.
    pub fn kill_all(&self) {
        for local in self.lock().values() {
            local.signal(Signal::Kill);
        }
    }

    /// Returns the output of the container of a pod, if it has been started, or of its run before.
    pub fn output(&self, pod: &str, previous: bool) -> Option<Arc<Output>> {
        let pods = self.lock();
        let local = pods.get(pod)?;
        if previous {
            return local.previous.clone();
        }
        let begun = local.state != State::Waiting || local.restarts > 0;
        begun.then(|| Arc::clone(&local.output))
    }

    /// Kills the process of a pod for its memory. Returns whether there is one.
    pub fn run_out_of_memory(&self, pod: &str) -> bool {
        let mut pods = self.lock();
        let Some(local) = pods.get_mut(pod) else {
            return false;
        };
        local.out_of_memory = true;
        local.signal(Signal::Kill)
    }

    /// Ends a pod that uses more of its node's disk than it may. Returns whether it has a process.
    pub fn run_out_of_space(&self, pod: &str) -> bool {
        let mut pods = self.lock();
        let Some(local) = pods.get_mut(pod) else {
            return false;
        };
        local.out_of_space = true;
        matches!(local.state, State::Running(_))
    }

    /// Sends a signal to every process of a node.
    fn signal(&self, node: &str, signal: Signal) {
        for local in self.lock().values().filter(|local| local.node == node) {
            local.signal(signal);
        }
    }

    pub fn is_away(&self, node: &str) -> bool {
        let away = self.away.lock().unwrap_or_else(PoisonError::into_inner);
        away.contains(node)
    }

    /// Stops a kubelet. Its processes stand still, or are gone without a word.
    pub fn leave(&self, node: &str, frozen: bool) {
        let mut away = self.away.lock().unwrap_or_else(PoisonError::into_inner);
        away.insert(node.to_owned());
        drop(away);
        self.signal(node, if frozen { Signal::Stop } else { Signal::Kill });
    }

    /// Starts a kubelet again. It kills the processes of pods that were deleted meanwhile.
    pub fn come_back(&self, node: &str) {
        let mut away = self.away.lock().unwrap_or_else(PoisonError::into_inner);
        away.remove(node);
        drop(away);
        self.signal(node, Signal::Continue);
        self.lock().retain(|_, local| {
            let gone = local.orphaned && local.node == node;
            if gone {
                local.signal(Signal::Kill);
            }
            !gone
        });
    }
}

impl Local {
    /// Sends a signal to the process, if it runs.
    pub fn signal(&self, signal: Signal) -> bool {
        let State::Running(group) = self.state else {
            return false;
        };
        signals::send(group, signal);
        true
    }
}
