//! Faults of commands in pods.

use super::{Fault, Row, value};

/// The faults of a command in a pod.
#[derive(Debug, Clone, Default)]
pub struct ExecFaults {
    /// The free space on every disk of every pod, in bytes.
    pub disk_free: Option<u64>,
    /// Programs that the containers' images don't have.
    pub missing: Vec<String>,
    /// The connection ends after the output, so that the client does not learn how the command ended.
    pub cut: bool,
}

/// A change to [`ExecFaults`].
#[derive(Debug, Clone)]
pub enum ExecFault {
    DiskFree(u64),
    Missing(String),
    Cut,
}

impl ExecFaults {
    pub(super) fn apply(&mut self, fault: ExecFault) {
        match fault {
            ExecFault::DiskFree(bytes) => self.disk_free = Some(bytes),
            ExecFault::Missing(program) => self.missing.push(program),
            ExecFault::Cut => self.cut = true,
        }
    }
}

pub(super) const ROWS: &[Row<Fault>] = &[
    Row {
        name: "disk-free",
        value: Some("BYTES"),
        about: "the disks of all pods have this much free space, as df and mv see it",
        parse: |text| Ok(Fault::Exec(ExecFault::DiskFree(value::parsed(text)?))),
    },
    Row {
        name: "no-program",
        value: Some("NAME"),
        about: "the images of the containers lack a program",
        parse: |text| Ok(Fault::Exec(ExecFault::Missing(text.to_owned()))),
    },
    Row {
        name: "exec-cut",
        value: None,
        about: "the connection to a command dies behind its output, before it tells its exit code",
        parse: |_| Ok(Fault::Exec(ExecFault::Cut)),
    },
];
