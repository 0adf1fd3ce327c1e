//! Inventories, the remote store, and uploads between them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::backend::PodAddress;
use crate::backend::hostile;
use crate::backend::pace::{Pace, Work};
use crate::clock::seconds;
use crate::faults::FaultSettings;

/// The progress of a local backup's upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UploadStatus {
    Pending,
    Uploading,
    Uploaded,
    Failed,
}

impl UploadStatus {
    pub const ALL: [Self; 4] = [Self::Pending, Self::Uploading, Self::Uploaded, Self::Failed];

    /// Returns the status as the API writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Uploading => "uploading",
            Self::Uploaded => "uploaded",
            Self::Failed => "failed",
        }
    }
}

/// A backup on a pod's disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub name: String,
    pub path: String,
    pub size_bytes: u64,
    pub last_modified: Timestamp,
    pub status: UploadStatus,
    pub error: Option<String>,
}

impl Entry {
    pub(super) fn json(&self) -> Value {
        let mut entry = json!({
            "name": self.name,
            "path": self.path,
            "size_bytes": self.size_bytes,
            "last_modified": seconds(self.last_modified),
            "status": self.status.as_str(),
        });
        if let Some(error) = &self.error {
            entry["error"] = json!(error);
        }
        entry
    }
}

/// An object in the remote store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteObject {
    pub key: String,
    pub last_modified: Timestamp,
    pub size_bytes: u64,
}

impl RemoteObject {
    pub(super) fn json(&self) -> Value {
        json!({
            "key": self.key,
            "last_modified": seconds(self.last_modified),
            "size_bytes": self.size_bytes,
        })
    }
}

/// The place of a backup: a pod's disk, or the cluster's folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    Pod(PodAddress),
    Cluster,
}

#[derive(Debug)]
pub struct State {
    pub remote: Vec<RemoteObject>,
    pub local: BTreeMap<PodAddress, Vec<Entry>>,
    pub cluster: Vec<Entry>,
    pub restored: Vec<String>,
    pub pace: Pace,
    uploads: Vec<(Place, String, Work)>,
}

impl State {
    pub fn new(pace: Pace) -> Self {
        Self {
            remote: Vec::new(),
            local: BTreeMap::new(),
            cluster: Vec::new(),
            restored: Vec::new(),
            pace,
            uploads: Vec::new(),
        }
    }

    /// Advances the time: running uploads are polled once.
    pub fn tick(&mut self, now: Timestamp) {
        let (done, going) = std::mem::take(&mut self.uploads)
            .into_iter()
            .map(|(place, name, mut work)| (work.poll(), (place, name, work)))
            .partition::<Vec<_>, _>(|(done, _)| *done);
        self.uploads = going.into_iter().map(|(_, upload)| upload).collect();
        for (_, (place, name, _)) in done {
            let Some(entry) = self.find(&place, &name) else {
                continue;
            };
            entry.status = UploadStatus::Uploaded;
            let size_bytes = entry.size_bytes;
            self.remote.push(RemoteObject {
                key: format!("backup/{name}.backup"),
                last_modified: now,
                size_bytes,
            });
        }
    }

    fn entries(&mut self, place: &Place) -> &mut Vec<Entry> {
        match place {
            Place::Pod(pod) => self.local.entry(pod.clone()).or_default(),
            Place::Cluster => &mut self.cluster,
        }
    }

    pub fn find(&mut self, place: &Place, name: &str) -> Option<&mut Entry> {
        self.entries(place).iter_mut().find(|e| e.name == name)
    }

    /// Starts an upload, unless it runs or is complete. Returns whether the backup exists.
    pub fn upload(&mut self, place: Place, name: &str) -> bool {
        let work = Work::begin(self.pace);
        let Some(entry) = self.find(&place, name) else {
            return false;
        };
        if matches!(entry.status, UploadStatus::Pending | UploadStatus::Failed) {
            entry.status = UploadStatus::Uploading;
            entry.error = None;
            self.uploads.push((place, name.to_owned(), work));
        }
        true
    }

    pub fn remove(&mut self, place: &Place, name: &str) {
        self.entries(place).retain(|entry| entry.name != name);
    }

    /// Returns the objects that the API shows, including those that faults add.
    pub fn shown_remote(&self, now: Timestamp, faults: &FaultSettings) -> Vec<RemoteObject> {
        let mut shown = self.remote.clone();
        let object = |key: String, size_bytes| RemoteObject {
            key,
            last_modified: now,
            size_bytes,
        };
        let reply = &faults.sidecar_reply;
        if reply.hostile_names {
            let names = hostile::names("backup/20250820-");
            shown.extend(names.into_iter().map(|name| object(name, 1024)));
        }
        let wanted = reply.count.unwrap_or(0);
        for number in (shown.len()..wanted).rev() {
            shown.push(object(format!("backup/20240101-{number:06}.backup"), 4096));
        }
        shown
    }
}
