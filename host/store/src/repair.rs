//! Finds the rests of interrupted uploads, and removes them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use host_objectstore::Location;
use jiff::{SignedDuration, Timestamp};

use crate::connect::Store;
use crate::copies::{Content, Copy, is_upload};
use crate::names::{CopyName, DATA, OPEN};
use crate::prune::not_deleted;
use crate::requests::Object;
use crate::upload::{ALIVE, OpenNote};
use crate::{FIRST_BYTE, StoreError, StoreUrl};

/// How old data without a manifest must be, by the clock of the service, if no entry belongs to them.
const GRACE: SignedDuration = SignedDuration::from_hours(1);
/// The maximum size of an entry, in bytes.
const LONGEST: u64 = 4 << 20;

/// Something that an interrupted upload left, or that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Its kind.
    pub kind: FindingKind,
    /// The backup or the object, for people.
    pub what: String,
    /// The number of bytes, if it is known.
    pub bytes: Option<u64>,
    /// When it was last written, by the clock of the service.
    pub since: Option<Timestamp>,
    work: Work,
}

/// The kind of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FindingKind {
    /// An upload that is under way. It is left alone.
    UnderWay,
    /// An upload that was begun and never completed.
    Unfinished,
    /// Data to which no manifest belongs.
    Orphan,
    /// A copy whose data are gone. Only a person can decide about it.
    NoData,
    /// Marks of a copy that is gone.
    LostMark,
    /// An object that this program did not write. It is left alone.
    Stranger,
}

impl Finding {
    /// Returns true if `repair` removes it.
    #[must_use]
    pub fn can_be_removed(&self) -> bool {
        self.work != Work::Nothing
    }
}

impl FindingKind {
    /// Returns the name in tables and JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::UnderWay => "under-way",
            Self::Unfinished => "unfinished",
            Self::Orphan => "orphan",
            Self::NoData => "no-data",
            Self::LostMark => "lost-mark",
            Self::Stranger => "stranger",
        }
    }

    /// Returns the next step for a person.
    #[must_use]
    pub const fn remedy(self) -> &'static str {
        match self {
            Self::UnderWay => "wait for its end",
            Self::Unfinished | Self::Orphan | Self::LostMark => "run `store repair`",
            Self::NoData => "bring the objects back, or run `store rm`",
            Self::Stranger => "check it: another program wrote it",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Work {
    Nothing,
    Delete(Vec<String>),
    /// An upload in parts, by object and id.
    Abort(String, String),
    /// A file that was being written when the process died.
    RemoveFile(PathBuf),
}

impl Store {
    /// Returns everything that is not as it should be. Nothing is removed.
    ///
    /// # Errors
    /// When the store can't be listed.
    pub async fn findings(self: &Arc<Self>) -> Result<(Vec<Copy>, Vec<Finding>), StoreError> {
        // An upload in parts that is seen has an entry that is seen later, or it has ended since.
        let parts = self.open_parts().await?;
        let content = self.content().await?;
        let alive = self.alive(&content).await?;
        let mut findings = Vec::new();
        let own = self.own_data(&content).await?;
        let now = if content.is_tidy(&own) {
            None
        } else {
            Some(self.service_now().await?)
        };
        find_data(&content, &alive, &own, now, &mut findings);
        self.find_uploads(&content, &alive, parts, &mut findings)
            .await?;
        let present = self.present(&content).await?;
        for copy in &content.copies {
            if !present.contains(&copy.name) {
                findings.push(Finding {
                    kind: FindingKind::NoData,
                    what: copy.reference(),
                    bytes: Some(copy.name.size),
                    since: Some(copy.written),
                    work: Work::Nothing,
                });
            }
        }
        let is_old = |it: &&Object| now.is_some_and(|now| now.duration_since(it.modified) >= GRACE);
        let lost: Vec<_> = content.lost_marks.iter().filter(is_old).collect();
        if !lost.is_empty() {
            findings.push(Finding {
                kind: FindingKind::LostMark,
                what: format!("{} notes", lost.len()),
                bytes: Some(0),
                since: None,
                work: Work::Delete(lost.iter().map(|it| it.name.clone()).collect()),
            });
        }
        for trace in content.traces.iter().filter(is_old) {
            findings.push(Finding {
                kind: FindingKind::Unfinished,
                what: trace.name.clone(),
                bytes: Some(trace.size),
                since: Some(trace.modified),
                work: Work::Delete(vec![trace.name.clone()]),
            });
        }
        findings.extend(content.strangers.iter().map(|name| Finding {
            kind: FindingKind::Stranger,
            what: self.shown(name),
            bytes: None,
            since: None,
            work: Work::Nothing,
        }));
        findings.sort_by(|a, b| (a.kind, &a.what).cmp(&(b.kind, &b.what)));
        Ok((content.copies, findings))
    }

    /// Removes what can be removed of the findings. Returns those that were, and the first error. Findings that are
    /// none any more are left alone: an upload may have gone on.
    ///
    /// # Errors
    /// When the store can't be listed.
    pub async fn repair(
        self: &Arc<Self>,
        findings: &[Finding],
    ) -> Result<(Vec<Finding>, Option<StoreError>), StoreError> {
        let mut done = Vec::new();
        let mut first = None;
        let (_, today) = self.findings().await?;
        for finding in today.into_iter().filter(|it| findings.contains(it)) {
            let result = match &finding.work {
                Work::Nothing => continue,
                Work::Delete(names) => {
                    let deleted = self.delete(names).await;
                    deleted.map_err(|(left, error)| not_deleted(left.len(), names.len(), error))
                }
                Work::Abort(object, upload) => self.abort(object, upload).await,
                Work::RemoveFile(path) => {
                    let removed = std::fs::remove_file(path);
                    // A folder that has other files stays.
                    let _ = path.parent().map(std::fs::remove_dir);
                    removed.map_err(|error| StoreError::File {
                        path: path.clone(),
                        reason: error.to_string(),
                    })
                }
            };
            match result {
                Ok(()) => done.push(finding),
                Err(error) => first = first.or(Some(error)),
            }
        }
        Ok((done, first))
    }

    /// Returns the folders of data that belong to a copy. Manifests are read only where the names leave a doubt.
    async fn own_data(&self, content: &Content) -> Result<BTreeSet<String>, StoreError> {
        let mut of_backup: BTreeMap<String, Vec<&CopyName>> = BTreeMap::new();
        for copy in &content.copies {
            of_backup
                .entry(copy.name.backup_key())
                .or_default()
                .push(&copy.name);
        }
        let mut own = BTreeSet::new();
        for (key, copies) in of_backup {
            let folders = content.folders_of(&key);
            let folders: Vec<_> = folders.map(|(folder, _)| folder.clone()).collect();
            if folders.len() <= 1 {
                own.extend(folders);
                continue;
            }
            for name in copies {
                match self.manifest_of(name).await {
                    Ok(Some(manifest)) => own.extend(manifest.files.iter().filter_map(|file| {
                        let folder = file.stored.object.strip_prefix(DATA)?.strip_prefix('/')?;
                        Some(folder.split('/').next()?.to_owned())
                    })),
                    Ok(None) => {}
                    // A manifest that can't be read may name any of them.
                    Err(StoreError::BadManifest { .. } | StoreError::Format { .. }) => {
                        own.extend(folders.iter().cloned());
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(own)
    }

    /// Returns the uploads in parts that the service knows, by object and id. None if it has no list of them.
    async fn open_parts(&self) -> Result<Option<BTreeSet<(String, String)>>, StoreError> {
        let Some(s3) = self.s3() else {
            return Ok(None);
        };
        let prefix = self.key(&format!("{DATA}/"));
        let open = s3
            .client
            .open_uploads(&s3.bucket, &prefix, FIRST_BYTE)
            .await?;
        let named = open.into_iter().filter_map(|it| {
            let name = it.key.strip_prefix(&prefix)?;
            is_upload(name.split('/').next()?).then(|| (format!("{DATA}/{name}"), it.id))
        });
        Ok(Some(named.collect()))
    }

    async fn find_uploads(
        &self,
        content: &Content,
        alive: &BTreeSet<String>,
        parts: Option<BTreeSet<(String, String)>>,
        findings: &mut Vec<Finding>,
    ) -> Result<(), StoreError> {
        let mut uploads: BTreeSet<(String, String)> = BTreeSet::new();
        for entry in &content.open {
            let object = format!("{OPEN}/{}.json", entry.name);
            let note = self.read(&object, LONGEST).await?;
            let note = note.and_then(|bytes| serde_json::from_slice::<OpenNote>(&bytes).ok());
            let what = match &note {
                Some(note) => format!("{}/{} by {}", note.source.source(), note.id, note.by),
                None => entry.name.clone(),
            };
            let is_alive = alive.contains(&entry.name);
            findings.push(Finding {
                kind: if is_alive {
                    FindingKind::UnderWay
                } else {
                    FindingKind::Unfinished
                },
                what,
                bytes: None,
                since: Some(entry.heard),
                work: if is_alive {
                    Work::Nothing
                } else {
                    Work::Delete(vec![object])
                },
            });
            let noted = note.into_iter().flat_map(|note| note.uploads);
            let noted = noted.filter(|it| {
                !is_alive && it.object.starts_with(&format!("{DATA}/{}/", entry.name))
            });
            uploads.extend(noted.map(|it| (it.object, it.upload)));
        }
        if let Some(parts) = parts {
            // The service knows uploads whose entries are gone, too.
            let folder = |object: &str| object.split('/').nth(1).unwrap_or_default().to_owned();
            uploads = parts
                .into_iter()
                .filter(|(object, _)| !alive.contains(&folder(object)))
                .collect();
        }
        findings.extend(uploads.into_iter().map(|(object, upload)| Finding {
            kind: FindingKind::Unfinished,
            what: format!("parts of {object}"),
            bytes: None,
            since: None,
            work: Work::Abort(object, upload),
        }));
        if let StoreUrl::Folder(folder) = self.url() {
            findings.extend(unfinished_files(folder, alive));
        }
        Ok(())
    }

    async fn abort(&self, object: &str, upload: &str) -> Result<(), StoreError> {
        let path = self.path(object)?;
        if let Some(s3) = self.s3() {
            let at = Location {
                bucket: s3.bucket.clone(),
                key: path.to_string(),
            };
            return Ok(s3.client.abort(&at, upload, FIRST_BYTE).await?);
        }
        let Some(parts) = &self.handles().parts else {
            return Ok(());
        };
        let aborted = parts.abort_multipart(&path, &upload.to_owned()).await;
        match aborted.map_err(|error| self.failed("abort", object, error)) {
            Err(error) if error.is_missing() => Ok(()),
            result => result,
        }
    }
}

/// Returns the files that the library was writing when a process died: `NAME#NUMBER`.
fn unfinished_files(folder: &Path, alive: &BTreeSet<String>) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut folders = vec![folder.join(crate::names::VERSION)];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else {
            continue;
        };
        let upload = folder
            .file_name()
            .map(|it| it.to_string_lossy().into_owned());
        let is_alive = upload.is_some_and(|it| alive.contains(&it));
        for entry in entries.flatten() {
            let Ok(kind) = entry.file_type() else {
                continue;
            };
            if kind.is_dir() {
                folders.push(entry.path());
                continue;
            }
            let Ok(metadata) = entry.metadata() else {
                continue;
            };
            let age = metadata.modified().ok().and_then(|it| it.elapsed().ok());
            let is_old = age.is_some_and(|age| age.as_secs() >= GRACE.as_secs().unsigned_abs());
            let is_staged = is_staged(&entry.file_name().to_string_lossy());
            if kind.is_file() && is_staged && is_old && !is_alive {
                found.push(Finding {
                    kind: FindingKind::Unfinished,
                    what: shown_file(&entry.path()),
                    bytes: Some(metadata.len()),
                    since: None,
                    work: Work::RemoveFile(entry.path()),
                });
            }
        }
    }
    found
}

/// Returns the name of a file below the version of the layout. The library adds a number to it.
fn shown_file(path: &Path) -> String {
    let text = path.display().to_string();
    let inside = text.rsplit_once(&format!("/{}/", crate::names::VERSION));
    let name = inside.map_or(text.as_str(), |(_, name)| name);
    let name = name.rsplit_once('#').map_or(name, |(name, _)| name);
    format!("a part of {name}")
}

/// Returns true for `NAME#NUMBER`.
fn is_staged(name: &str) -> bool {
    name.rsplit_once('#').is_some_and(|(front, number)| {
        !front.is_empty() && !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit())
    })
}

impl Content {
    /// Returns true if no decision depends on an age.
    fn is_tidy(&self, own: &BTreeSet<String>) -> bool {
        self.lost_marks.is_empty()
            && self.traces.is_empty()
            && self.data.keys().all(|folder| own.contains(folder))
    }
}

fn find_data(
    content: &Content,
    alive: &BTreeSet<String>,
    own: &BTreeSet<String>,
    now: Option<Timestamp>,
    findings: &mut Vec<Finding>,
) {
    let is_orphan = |folder: &String| !own.contains(folder) && !alive.contains(folder);
    for (folder, objects) in content.data.iter().filter(|(folder, _)| is_orphan(folder)) {
        let since = objects.iter().map(|it| it.modified).max();
        let has_entry = content.open.iter().any(|it| it.name == *folder);
        let age = now.zip(since).map(|(now, since)| now.duration_since(since));
        let is_old = age.is_some_and(|age| age >= GRACE);
        let (kind, work) = if has_entry || is_old {
            let names = objects.iter().map(|it| it.name.clone()).collect();
            (FindingKind::Orphan, Work::Delete(names))
        } else {
            (FindingKind::UnderWay, Work::Nothing)
        };
        findings.push(Finding {
            kind,
            what: format!("{DATA}/{folder}"),
            bytes: Some(objects.iter().map(|it| it.size).sum()),
            since,
            work,
        });
    }
}

const _: () = assert!(ALIVE.as_secs() < GRACE.as_secs());
