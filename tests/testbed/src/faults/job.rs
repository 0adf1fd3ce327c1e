//! Faults of Jobs and their pods.

use std::collections::{BTreeMap, BTreeSet};

use super::{Fault, Row};

/// The faults of Jobs and their pods.
#[derive(Debug, Clone, Default)]
pub struct JobFaults {
    /// No node takes new pods.
    pub pending: bool,
    /// The images that can't be pulled, although the registry has them.
    pub unpullable: BTreeSet<String>,
    /// The quotas without room for another pod, by namespace; `*` is every namespace.
    pub quotas: BTreeMap<String, String>,
}

impl JobFaults {
    /// Returns the name of the quota that refuses new pods in a namespace.
    pub fn quota(&self, namespace: &str) -> Option<String> {
        let quota = self.quotas.get(namespace);
        quota.or_else(|| self.quotas.get("*")).cloned()
    }

    pub(super) fn apply(&mut self, fault: JobFault) {
        match fault {
            JobFault::PodsPending => self.pending = true,
            JobFault::ImageUnpullable(image) => drop(self.unpullable.insert(image)),
            JobFault::PodQuota(namespace) => {
                self.quotas.insert(namespace, "testbed".to_owned());
            }
        }
    }
}

/// A change to [`JobFaults`].
#[derive(Debug, Clone)]
pub enum JobFault {
    /// New pods of Jobs stay Pending until the fault is switched off.
    PodsPending,
    /// An image can't be pulled.
    ImageUnpullable(String),
    /// A quota refuses new pods in a namespace, or in every one for `*`.
    PodQuota(String),
}

fn not_empty(text: &str) -> Result<String, String> {
    match text {
        "" => Err("must not be empty".to_owned()),
        text => Ok(text.to_owned()),
    }
}

pub(super) const ROWS: &[Row<Fault>] = &[
    Row {
        name: "pods-pending",
        value: None,
        about: "no node has room for new pods of Jobs, which stay Pending",
        parse: |_| Ok(Fault::Job(JobFault::PodsPending)),
    },
    Row {
        name: "image-unpullable",
        value: Some("IMAGE"),
        about: "the image can't be pulled (ImagePullBackOff); may be given several times",
        parse: |text| Ok(Fault::Job(JobFault::ImageUnpullable(not_empty(text)?))),
    },
    Row {
        name: "pod-quota",
        value: Some("NAMESPACE"),
        about: "a quota refuses new pods of Jobs in this namespace (`*`: any)",
        parse: |text| Ok(Fault::Job(JobFault::PodQuota(not_empty(text)?))),
    },
];
