//! Lists the copies in a store, with their marks.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use jiff::{SignedDuration, Timestamp};

use crate::StoreError;
use crate::connect::Store;
use crate::manifest::{CopyManifest, MAX_MANIFEST, Unreadable};
use crate::names::{
    COPIES, CopyName, DATA, MARKS, OPEN, escaped, parse_time, time_text, unescaped,
};
use crate::requests::{AT_ONCE, Object};

/// The shortest time between two checks. Their marks have milliseconds.
const MOMENT: SignedDuration = SignedDuration::from_millis(1);

/// A copy in a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copy {
    /// The facts in its name.
    pub name: CopyName,
    /// Its marks.
    pub marks: Marks,
    /// When its manifest was written, by the clock of the service.
    pub written: Timestamp,
    /// Whether the store has another copy with the same id and the same bytes.
    pub is_twin: bool,
}

/// The marks of a copy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// Whether it is pinned.
    pub is_pinned: bool,
    /// Until when it is locked.
    pub locked_until: Option<Timestamp>,
    /// The checks, the newest first.
    pub checks: Vec<CheckMark>,
    /// The digests of entity tags with which the bytes were read and right, although the manifest has others.
    pub seen: BTreeSet<String>,
}

/// A check of a copy.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CheckMark {
    /// When it ended.
    pub time: Timestamp,
    /// How the copy was checked.
    pub depth: Depth,
    /// The result.
    pub result: CheckResult,
    /// User and machine that checked it, as `USER@MACHINE`.
    pub by: String,
    /// The digest of the entity tags, if the bytes were read and the manifest has other tags. Another mark keeps it.
    pub seen: Option<String>,
}

/// The result of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CheckResult {
    /// Nothing is wrong.
    Good,
    /// Something has written an object since the copy was made. Only reading it tells whether its bytes are the
    /// same: a service that moves objects does that, too.
    Doubt,
    /// The copy is damaged.
    Bad,
}

impl CheckResult {
    const ALL: [Self; 3] = [Self::Good, Self::Doubt, Self::Bad];

    /// Returns the name in marks, tables and JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Doubt => "doubt",
            Self::Bad => "bad",
        }
    }
}

/// How a copy was checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Depth {
    /// Manifest, sizes, and the checksums of the service.
    Quick,
    /// Every stored byte was read and hashed; without an identity they were not decrypted.
    Bytes,
    /// Every byte was read, decrypted and hashed, and the structure of archives was followed.
    Deep,
}

impl Depth {
    /// Returns the name in marks, tables and JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Quick => "quick",
            Self::Bytes => "bytes",
            Self::Deep => "deep",
        }
    }

    fn parse(name: &str) -> Option<Self> {
        [Self::Quick, Self::Bytes, Self::Deep]
            .into_iter()
            .find(|it| it.name() == name)
    }
}

impl Marks {
    /// Returns true if the copy is known to be damaged.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.damage().is_some()
    }

    /// Returns the newest check that found damage, unless a later one disproves it. A check can't disprove a deeper one.
    #[must_use]
    pub fn damage(&self) -> Option<&CheckMark> {
        let is_disproved = |bad: &CheckMark| {
            self.checks.iter().any(|check| {
                check.result != CheckResult::Bad
                    && check.depth >= bad.depth
                    && check.time > bad.time
            })
        };
        let is_bad = |check: &&CheckMark| check.result == CheckResult::Bad;
        self.checks
            .iter()
            .filter(is_bad)
            .find(|bad| !is_disproved(bad))
    }

    /// Returns true if the last check could not tell whether the copy is good.
    #[must_use]
    pub fn is_doubtful(&self) -> bool {
        let newest = self.checks.first();
        !self.is_broken() && newest.is_some_and(|check| check.result == CheckResult::Doubt)
    }

    /// Returns true if the bytes were read and good, and no later check says otherwise.
    #[must_use]
    pub fn is_verified(&self) -> bool {
        let read = self.checks.iter().find(|check| check.depth != Depth::Quick);
        let is_good = read.is_some_and(|check| check.result == CheckResult::Good);
        is_good && !self.is_broken() && !self.is_doubtful()
    }

    /// Returns true if the copy must not be deleted now.
    #[must_use]
    pub fn is_locked(&self, now: Timestamp) -> bool {
        self.locked_until.is_some_and(|until| until > now)
    }

    fn add(&mut self, name: &str) {
        let fields: Vec<_> = name.splitn(5, '-').collect();
        match *fields {
            ["pin"] => self.is_pinned = true,
            ["seen", digest] => {
                self.seen.insert(digest.to_owned());
            }
            ["lock", until] => self.locked_until = self.locked_until.max(parse_time(until)),
            ["check", time, depth, result, by] => {
                let mark = || {
                    Some(CheckMark {
                        time: parse_time(time)?,
                        depth: Depth::parse(depth)?,
                        result: CheckResult::ALL
                            .into_iter()
                            .find(|it| it.name() == result)?,
                        by: unescaped(by)?,
                        seen: None,
                    })
                };
                self.checks.extend(mark());
            }
            _ => {}
        }
    }
}

impl CheckMark {
    fn name(&self) -> String {
        format!(
            "check-{}-{}-{}-{}",
            time_text(self.time),
            self.depth.name(),
            self.result.name(),
            escaped(&self.by)
        )
    }
}

impl Copy {
    /// Returns the reference that means no other copy of its store.
    #[must_use]
    pub fn reference(&self) -> String {
        if self.is_twin {
            self.name.timed_reference()
        } else {
            self.name.reference()
        }
    }

    /// Returns the name of the manifest.
    pub(crate) fn manifest_name(&self) -> String {
        format!("{COPIES}/{}", self.name.path())
    }

    pub(crate) fn mark(&self, mark: &str) -> String {
        format!("{MARKS}/{}/{mark}", self.name.key())
    }

    /// Returns the names of all marks.
    pub(crate) fn marks(&self) -> Vec<String> {
        let pin = self.marks.is_pinned.then(|| "pin".to_owned());
        let until = self.marks.locked_until;
        let lock = until.map(|until| format!("lock-{}", time_text(until)));
        let checks = self.marks.checks.iter().map(CheckMark::name);
        let seen = self.marks.seen.iter().map(|digest| seen_name(digest));
        let names = pin.into_iter().chain(lock).chain(checks).chain(seen);
        names.map(|name| self.mark(&name)).collect()
    }
}

/// All that lies in a store.
#[derive(Debug, Default)]
pub struct Content {
    /// The copies, the newest first.
    pub copies: Vec<Copy>,
    /// Uploads that are under way, or that were never completed.
    pub open: Vec<OpenEntry>,
    /// The data of all uploads, by the folder of each upload.
    pub(crate) data: BTreeMap<String, Vec<Object>>,
    /// Objects by which a command looked at the clock of the service, or tested it, and which it left.
    pub(crate) traces: Vec<Object>,
    /// Objects that this program never wrote, by their names.
    pub strangers: Vec<String>,
    /// Marks of copies that are gone.
    pub(crate) lost_marks: Vec<Object>,
}

impl Content {
    /// Returns the uploads of a backup that have data, with their objects.
    pub(crate) fn folders_of(&self, backup: &str) -> impl Iterator<Item = (&String, &Vec<Object>)> {
        self.data.range(format!("{backup}-")..format!("{backup}."))
    }
}

/// An upload that was begun and has not ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenEntry {
    /// The key of the backup and the nonce of the upload: `BACKUP-NONCE`.
    pub name: String,
    /// When its entry was last written, by the clock of the service.
    pub heard: Timestamp,
}

impl Store {
    /// Returns the copies, the newest first. It takes two listings and no request for a copy.
    ///
    /// # Errors
    /// When the store can't be listed.
    pub async fn copies(&self) -> Result<Vec<Copy>, StoreError> {
        let (copies, marks) = tokio::join!(self.list(COPIES), self.list(MARKS));
        Ok(with_marks(copies?, marks?).copies)
    }

    /// Returns everything in the store.
    ///
    /// The order of the listings makes it consistent. An upload whose data are listed has an entry, which is
    /// listed later. If the entry is gone by then, the manifest exists and is listed after it.
    ///
    /// # Errors
    /// When the store can't be listed.
    pub async fn content(&self) -> Result<Content, StoreError> {
        let data = self.list(DATA).await?;
        let open = self.list(OPEN).await?;
        // A mark that is seen belongs to a copy that is seen later.
        let marks = self.list(MARKS).await?;
        let mut content = with_marks(self.list(COPIES).await?, marks);
        for object in data {
            let parts: Vec<_> = object.name.split('/').collect();
            match *parts {
                [_, upload, _] if is_upload(upload) => {
                    let upload = upload.to_owned();
                    content.data.entry(upload).or_default().push(object);
                }
                _ => content.strangers.push(object.name),
            }
        }
        for object in open {
            let name = object
                .name
                .strip_prefix(OPEN)
                .and_then(|it| it.strip_prefix('/'));
            match name.and_then(|it| it.strip_suffix(".json")) {
                Some(name) if is_upload(name) => content.open.push(OpenEntry {
                    name: name.to_owned(),
                    heard: object.modified,
                }),
                Some(name) if is_trace(name) => content.traces.push(object),
                _ => content.strangers.push(object.name),
            }
        }
        Ok(content)
    }

    /// Returns an object of a copy that is not there, or has another length.
    pub(crate) async fn absent(
        &self,
        manifest: &CopyManifest,
    ) -> Result<Option<String>, StoreError> {
        for file in &manifest.files {
            let found = self.look(&file.stored.object).await?;
            if found.is_none_or(|found| found.size != file.stored.length) {
                return Ok(Some(file.stored.object.clone()));
            }
        }
        Ok(None)
    }

    /// Returns true if the store has the data of a copy, as far as it can be seen without reading them.
    ///
    /// # Errors
    /// When the store can't be asked.
    pub async fn is_present(&self, manifest: &CopyManifest) -> Result<bool, StoreError> {
        Ok(self.absent(manifest).await?.is_none())
    }

    /// Returns the copies whose data are in the listing. Manifests are read only where the names leave a doubt: if a
    /// backup has several copies, or several uploads.
    pub(crate) async fn present(
        &self,
        content: &Content,
    ) -> Result<BTreeSet<CopyName>, StoreError> {
        let mut of_backup: BTreeMap<String, Vec<&CopyName>> = BTreeMap::new();
        for copy in &content.copies {
            of_backup
                .entry(copy.name.backup_key())
                .or_default()
                .push(&copy.name);
        }
        let mut present = BTreeSet::new();
        let mut doubtful = Vec::new();
        for (key, copies) in of_backup {
            let folders = content.folders_of(&key).count();
            match (&*copies, folders) {
                (_, 0) => {}
                ([only], 1) => {
                    present.insert((*only).clone());
                }
                _ => doubtful.extend(copies),
            }
        }
        let sizes: BTreeMap<&str, u64> = content
            .data
            .values()
            .flatten()
            .map(|object| (object.name.as_str(), object.size))
            .collect();
        let looks = doubtful.into_iter().map(|name| async move {
            match self.manifest_of(name).await {
                Ok(found) => Ok(found.map(|found| (name.clone(), Some(found)))),
                // A newer program wrote it, and knows its data.
                Err(StoreError::Format { .. }) => Ok(Some((name.clone(), None))),
                // Its data are not known, so the copy counts as broken.
                Err(StoreError::BadManifest { .. }) => Ok(None),
                Err(error) => Err(error),
            }
        });
        let looks = stream::iter(looks).buffer_unordered(AT_ONCE);
        let found: Vec<Option<(CopyName, Option<CopyManifest>)>> = looks.try_collect().await?;
        for (name, manifest) in found.into_iter().flatten() {
            let is_there = |file: &crate::manifest::CopyFile| {
                sizes.get(file.stored.object.as_str()) == Some(&file.stored.length)
            };
            if manifest.is_none_or(|manifest| manifest.files.iter().all(is_there)) {
                present.insert(name);
            }
        }
        Ok(present)
    }

    /// Returns the copy that a user means.
    ///
    /// # Errors
    /// When there is none, or several.
    pub async fn find(&self, reference: &str) -> Result<Copy, StoreError> {
        self.pick(self.copies().await?, reference)
    }

    /// Returns the copy that a user means, among these.
    ///
    /// # Errors
    /// When there is none, or several.
    pub fn pick(&self, copies: Vec<Copy>, reference: &str) -> Result<Copy, StoreError> {
        let meant = copies
            .into_iter()
            .filter(|it| it.name.is_meant_by(reference));
        let mut meant: Vec<_> = meant.collect();
        match meant.len() {
            1 => Ok(meant.remove(0)),
            0 => Err(StoreError::NoCopy {
                reference: reference.to_owned(),
                store: self.called().to_owned(),
            }),
            _ => Err(StoreError::Ambiguous {
                reference: reference.to_owned(),
                candidates: meant.iter().map(Copy::reference).collect(),
            }),
        }
    }

    /// Reads the manifest of a copy.
    ///
    /// # Errors
    /// When it can't be read, or is not the one of this copy.
    pub async fn manifest(&self, copy: &Copy) -> Result<CopyManifest, StoreError> {
        self.manifest_of(&copy.name)
            .await?
            .ok_or_else(|| StoreError::NoCopy {
                reference: copy.name.id.clone(),
                store: self.called().to_owned(),
            })
    }

    /// Reads the manifest of a name. None if there is none.
    pub(crate) async fn manifest_of(
        &self,
        name: &CopyName,
    ) -> Result<Option<CopyManifest>, StoreError> {
        let object = format!("{COPIES}/{}", name.path());
        let Some(bytes) = self.read(&object, MAX_MANIFEST).await? else {
            return Ok(None);
        };
        let manifest = CopyManifest::parse(&bytes, name);
        Ok(Some(manifest.map_err(|error| match error {
            Unreadable::Bad(reason) => self.bad_manifest(&self.shown(&object), reason),
            Unreadable::Newer(reason) => StoreError::Format {
                store: self.shown(&object),
                reason,
            },
        })?))
    }

    /// Returns the manifest of a copy that is not known to be damaged. Its marks count, and the lengths of its
    /// data.
    pub(crate) async fn standing(
        &self,
        name: &CopyName,
    ) -> Result<Option<CopyManifest>, StoreError> {
        let manifest = match self.manifest_of(name).await {
            Err(StoreError::BadManifest { .. }) => None,
            found => found?,
        };
        let Some(manifest) = manifest else {
            return Ok(None);
        };
        if self.marks_of(name).await?.0.is_broken() || !self.is_present(&manifest).await? {
            return Ok(None);
        }
        Ok(Some(manifest))
    }

    /// Removes what belonged to a damaged copy, in whose place there is a good one now.
    pub(crate) async fn forget_damaged(&self, name: &CopyName, old: Option<&CopyManifest>) {
        let files = old.iter().flat_map(|it| &it.files);
        let mut names: Vec<_> = files.map(|it| it.stored.object.clone()).collect();
        if let Ok((_, marks)) = self.marks_of(name).await {
            let is_check = |it: &&String| is_of_check(it.rsplit('/').next().unwrap_or_default());
            names.extend(marks.iter().filter(is_check).cloned());
        }
        // `repair` finds what is left of the data, and the next check replaces the notes.
        let _ = self.delete(&names).await;
    }

    /// Returns the marks of one copy, and their names.
    async fn marks_of(&self, name: &CopyName) -> Result<(Marks, Vec<String>), StoreError> {
        let objects = self.list(&format!("{MARKS}/{}", name.key())).await?;
        let names: Vec<_> = objects.into_iter().map(|it| it.name).collect();
        let mut marks = Marks::default();
        for (_, mark) in names.iter().filter_map(|it| it.rsplit_once('/')) {
            marks.add(mark);
        }
        marks.checks.sort_by(|a, b| b.cmp(a));
        Ok((marks, names))
    }

    /// Pins a copy: retention keeps it.
    ///
    /// # Errors
    /// When the store can't be written.
    pub async fn pin(&self, copy: &Copy) -> Result<(), StoreError> {
        self.write(&copy.mark("pin"), Bytes::new()).await
    }

    /// Removes the pin of a copy. It is no error if there is none.
    ///
    /// # Errors
    /// When the store can't be written.
    pub async fn unpin(&self, copy: &Copy) -> Result<(), StoreError> {
        let mark = copy.mark("pin");
        self.delete(&[mark]).await.map_err(|(_, error)| error)
    }

    /// Writes the mark that says until when a copy is locked.
    pub(crate) async fn note_lock(
        &self,
        name: &CopyName,
        until: Timestamp,
    ) -> Result<(), StoreError> {
        let mark = format!("{MARKS}/{}/lock-{}", name.key(), time_text(until));
        self.write(&mark, Bytes::new()).await
    }

    /// Writes the mark of a check, and removes the marks that it replaces.
    ///
    /// # Errors
    /// When the store can't be written.
    pub async fn note_check(&self, copy: &Copy, check: &CheckMark) -> Result<(), StoreError> {
        // The clock of this machine may be behind that of the machine which made the last check.
        let newest = copy.marks.checks.first();
        let after = newest.and_then(|it| it.time.checked_add(MOMENT).ok());
        let check = &CheckMark {
            time: after.map_or(check.time, |after| after.max(check.time)),
            ..check.clone()
        };
        self.write(&copy.mark(&check.name()), Bytes::new()).await?;
        let is_replaced = |it: &&CheckMark| it.depth <= check.depth && it.time < check.time;
        let replaced = copy.marks.checks.iter().filter(is_replaced);
        let mut replaced: Vec<_> = replaced.map(|it| copy.mark(&it.name())).collect();
        if let Some(digest) = &check.seen {
            self.write(&copy.mark(&seen_name(digest)), Bytes::new())
                .await?;
            let others = copy.marks.seen.iter().filter(|it| *it != digest);
            replaced.extend(others.map(|it| copy.mark(&seen_name(it))));
        }
        // An old mark beside a newer one does no harm.
        let _ = self.delete(&replaced).await;
        Ok(())
    }
}

fn seen_name(digest: &str) -> String {
    format!("seen-{digest}")
}

/// Returns true for the marks that are about the bytes of a copy.
fn is_of_check(mark: &str) -> bool {
    mark.starts_with("check-") || mark.starts_with("seen-")
}

/// Returns true for `BACKUP-NONCE`.
pub(crate) fn is_upload(name: &str) -> bool {
    let is_key = |text: &str| text.len() == 16 && text.bytes().all(|b| b.is_ascii_hexdigit());
    name.split_once('-')
        .is_some_and(|(backup, nonce)| is_key(backup) && is_key(nonce))
}

/// Returns true for what a command writes to look at the clock of the service, or to test it.
fn is_trace(name: &str) -> bool {
    let rest = name.strip_prefix("clock").or(name.strip_prefix("test"));
    rest.is_some_and(|rest| rest.len() == 16 && rest.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// Returns the copies with their marks.
fn with_marks(copies: Vec<Object>, marks: Vec<Object>) -> Content {
    let mut content = Content::default();
    let mut found: BTreeMap<String, Vec<Object>> = BTreeMap::new();
    for object in marks {
        match object.name.split('/').collect::<Vec<_>>()[..] {
            [_, key, _] => found.entry(key.to_owned()).or_default().push(object),
            _ => content.strangers.push(object.name),
        }
    }
    for object in copies {
        let path = object
            .name
            .strip_prefix(COPIES)
            .and_then(|it| it.strip_prefix('/'));
        let Some(name) = path.and_then(CopyName::parse) else {
            content.strangers.push(object.name);
            continue;
        };
        let mut marks = Marks::default();
        // Most stores have few marks, and a key takes longer than all the rest of a name.
        let of_copy = (!found.is_empty()).then(|| found.remove(&name.key()));
        for mark in of_copy.flatten().unwrap_or_default() {
            let text = mark.name.rsplit('/').next().unwrap_or_default();
            // A check from before the manifest was of a copy that is gone.
            if mark.modified >= object.modified || !is_of_check(text) {
                marks.add(text);
            }
        }
        marks.checks.sort_by(|a, b| b.cmp(a));
        content.copies.push(Copy {
            name,
            marks,
            written: object.modified,
            is_twin: false,
        });
    }
    let mut twins: HashMap<_, usize> = HashMap::new();
    for copy in &content.copies {
        *twins.entry(copy.name.referred()).or_default() += 1;
    }
    let are_twins: Vec<_> = content
        .copies
        .iter()
        .map(|copy| twins.get(&copy.name.referred()) > Some(&1))
        .collect();
    for (copy, is_twin) in content.copies.iter_mut().zip(are_twins) {
        copy.is_twin = is_twin;
    }
    content.lost_marks = found.into_values().flatten().collect();
    content.copies.sort_by(|a, b| {
        let by = |it: &Copy| (it.name.time, it.written);
        by(b).cmp(&by(a)).then_with(|| a.name.cmp(&b.name))
    });
    content
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marks(names: &[&str]) -> Marks {
        let mut marks = Marks::default();
        for name in names {
            marks.add(name);
        }
        marks.checks.sort_by(|a, b| b.cmp(a));
        marks
    }

    #[test]
    fn marks_are_read_from_their_names() {
        let marks = marks(&[
            "pin",
            "lock-20270101T000000000Z",
            "lock-20260101T000000000Z",
            "check-20261127T010203456Z-deep-good-ops_40host-1",
            "check-20261127T010203456Z-deep-fine-x",
            "unknown-of-a-later-version",
        ]);
        assert!(marks.is_pinned);
        assert_eq!(marks.locked_until, parse_time("20270101T000000000Z"));
        let [check] = &*marks.checks else {
            panic!("{marks:?}")
        };
        assert_eq!(check.by, "ops@host-1");
        assert_eq!(
            check.name(),
            "check-20261127T010203456Z-deep-good-ops_40host-1"
        );
    }

    #[test]
    fn a_quick_check_can_not_disprove_a_deep_one() {
        let deep = "check-20261101T000000000Z-deep-bad-x";
        let quick = "check-20261102T000000000Z-quick-good-x";
        assert!(marks(&[deep, quick]).is_broken());
        assert!(!marks(&[deep, quick]).is_verified());
        let healed = "check-20261103T000000000Z-deep-good-x";
        assert!(marks(&[deep, quick, healed]).is_verified());
        let later = "check-20261104T000000000Z-quick-bad-x";
        assert!(marks(&[healed, later]).is_broken());
        // Bytes that are as they were uploaded say nothing about what is encrypted in them.
        let bytes = "check-20261102T000000000Z-bytes-good-x";
        assert!(marks(&[deep, bytes]).is_broken());
        assert!(!marks(&[bytes, "check-20261101T000000000Z-bytes-bad-x"]).is_broken());
        assert!(!marks(&[]).is_broken() && !marks(&[]).is_verified());
    }
}
