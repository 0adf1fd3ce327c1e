//! Faults of the port-forward.

use std::collections::BTreeSet;
use std::time::Duration;

use super::{Fault, Row, value};

/// The faults of a port-forward.
#[derive(Debug, Clone)]
pub struct TunnelFaults {
    /// Ports on which nothing listens, even if the pod declares them.
    pub closed_ports: BTreeSet<u16>,
    /// Pods in which nothing listens on any port.
    pub silent_pods: BTreeSet<String>,
    /// The number of further attempts that find a kubelet that doesn't know the pod yet.
    pub kubelet_restarting: u32,
    /// The pod no longer exists at the upgrade, although lists still show it.
    pub pod_gone: bool,
    /// The connection ends after this many bytes from the backend, without a close frame.
    pub cut_after: Option<u64>,
    /// The delay between the end of the backend's data and the end of the stream. A real kubelet takes about
    /// a second.
    pub late_end: Duration,
    /// Whether `v5.channel.k8s.io` is accepted.
    pub v5: bool,
}

impl Default for TunnelFaults {
    fn default() -> Self {
        Self {
            closed_ports: BTreeSet::new(),
            silent_pods: BTreeSet::new(),
            kubelet_restarting: 0,
            pod_gone: false,
            cut_after: None,
            late_end: Duration::from_millis(200),
            v5: false,
        }
    }
}

/// A change to [`TunnelFaults`].
#[derive(Debug, Clone)]
pub enum TunnelFault {
    PortClosed(u16),
    PodSilent(String),
    KubeletRestarting(u32),
    PodGone,
    Cut(u64),
    LateEnd(Duration),
    V5,
}

impl TunnelFaults {
    pub(super) fn apply(&mut self, fault: TunnelFault) {
        match fault {
            TunnelFault::PortClosed(port) => {
                self.closed_ports.insert(port);
            }
            TunnelFault::PodSilent(pod) => {
                self.silent_pods.insert(pod);
            }
            TunnelFault::KubeletRestarting(attempts) => self.kubelet_restarting = attempts,
            TunnelFault::PodGone => self.pod_gone = true,
            TunnelFault::Cut(bytes) => self.cut_after = Some(bytes),
            TunnelFault::LateEnd(delay) => self.late_end = delay,
            TunnelFault::V5 => self.v5 = true,
        }
    }
}

pub(super) const ROWS: &[Row<Fault>] = &[
    Row {
        name: "port-closed",
        value: Some("PORT"),
        about: "nothing listens on this port of any pod; may be given several times",
        parse: |text| Ok(Fault::Tunnel(TunnelFault::PortClosed(value::parsed(text)?))),
    },
    Row {
        name: "pod-silent",
        value: Some("POD"),
        about: "nothing listens on any port of the pods of this name; may be given several times",
        parse: |text| Ok(Fault::Tunnel(TunnelFault::PodSilent(value::parsed(text)?))),
    },
    Row {
        name: "kubelet-restarting",
        value: Some("N"),
        about: "the first N port-forwards get 404 `pod does not exist` from a restarted kubelet",
        parse: |text| {
            let attempts = value::parsed(text)?;
            Ok(Fault::Tunnel(TunnelFault::KubeletRestarting(attempts)))
        },
    },
    Row {
        name: "pod-gone",
        value: None,
        about: "a pod that was listed is gone when it is forwarded to (404)",
        parse: |_| Ok(Fault::Tunnel(TunnelFault::PodGone)),
    },
    Row {
        name: "tunnel-cut",
        value: Some("BYTES"),
        about: "the port-forward dies after this many bytes from the pod, with no close frame",
        parse: |text| Ok(Fault::Tunnel(TunnelFault::Cut(value::parsed(text)?))),
    },
    Row {
        name: "tunnel-late-end",
        value: Some("MS"),
        about: "the end of a stream arrives this long after the pod closed it (200 if not set)",
        parse: |text| Ok(Fault::Tunnel(TunnelFault::LateEnd(value::millis(text)?))),
    },
    Row {
        name: "tunnel-v5",
        value: None,
        about: "accept v5.channel.k8s.io too; kubelets know only v4 for port-forwards",
        parse: |_| Ok(Fault::Tunnel(TunnelFault::V5)),
    },
];
