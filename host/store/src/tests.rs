//! Copies in a folder: what is written, what breaks, and what is found again.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use host_retention::Policy;
use host_transfer::{Progress, Proof, Sink as _};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::*;

struct Silent;

impl Progress for Silent {
    fn bytes(&self, _: u64, _: Option<u64>) {}
}

/// A store in a temporary folder.
struct Place {
    folder: tempfile::TempDir,
    store: Arc<Store>,
}

impl Place {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("file://{}", folder.path().display());
        let settings = StoreSettings::at(url.parse().unwrap());
        let store = Store::open(&url, settings, None, Cleanup::default()).await;
        Self {
            folder,
            store: Arc::new(store.unwrap()),
        }
    }

    async fn draft(&self, id: &str, created: &str) -> Draft {
        Draft::begin(Arc::clone(&self.store), subject(id, created))
            .await
            .unwrap()
    }

    async fn copy(&self, id: &str, created: &str, bytes: &'static [u8]) -> Written {
        let mut draft = self.draft(id, created).await;
        add(&mut draft, bytes).await;
        draft.complete().await.unwrap()
    }

    async fn settle(&self) {
        self.store.cleanup.settled(Duration::from_secs(10)).await;
    }

    /// Returns the files below a folder of the store.
    fn files(&self, folder: &str) -> Vec<PathBuf> {
        fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                if entry.path().is_dir() {
                    walk(&entry.path(), found);
                } else {
                    found.push(entry.path());
                }
            }
        }
        let mut found = Vec::new();
        walk(&self.folder.path().join("v1").join(folder), &mut found);
        found
    }

    async fn verified(&self, is_deep: bool) -> Vec<Verified> {
        let order = VerifyOrder {
            is_deep,
            identities: None,
        };
        let progress: Arc<dyn Progress> = Arc::new(Silent);
        let mut found = Vec::new();
        for copy in self.store.copies().await.unwrap() {
            let verified = self.store.verify(copy, &order, &progress).await.unwrap();
            let mark = verified.mark("me@here");
            self.store.note_check(&verified.copy, &mark).await.unwrap();
            found.push(verified);
        }
        found
    }

    async fn kinds(&self) -> Vec<FindingKind> {
        let (_, findings) = self.store.findings().await.unwrap();
        findings.iter().map(|it| it.kind).collect()
    }
}

fn subject(id: &str, created: &str) -> Subject {
    Subject {
        origin: Origin {
            cluster: "prod".to_owned(),
            namespace: "mqtt".to_owned(),
            statefulset: Some("broker".to_owned()),
            engine: "kubectl-broker/hivemq".to_owned(),
            ..Origin::default()
        },
        id: id.to_owned(),
        created: Some(created.parse().unwrap()),
        by: "me@here".to_owned(),
    }
}

async fn add(draft: &mut Draft, bytes: &'static [u8]) {
    let (mut upload, resumed) = draft.file(Some(bytes.len() as u64), None).await.unwrap();
    assert_eq!(resumed, 0);
    upload.write(Bytes::from_static(bytes)).await.unwrap();
    upload.finish().await.unwrap();
    draft.add(upload, "a.bin", Proof::Length).await.unwrap();
}

/// Makes a file older than every grace period.
fn age(path: &Path) {
    let old = SystemTime::now() - Duration::from_hours(3);
    fs::File::open(path).unwrap().set_modified(old).unwrap();
}

const DAY: &str = "2026-11-27T01:00:00Z";

#[tokio::test]
async fn a_copy_exists_when_its_manifest_exists() {
    let place = Place::new().await;
    let mut draft = place.draft("1", DAY).await;
    assert!(place.store.copies().await.unwrap().is_empty());
    add(&mut draft, b"backup").await;
    assert_eq!(place.files("data").len(), 1);
    assert!(place.store.copies().await.unwrap().is_empty());
    let written = draft.complete().await.unwrap();
    assert!(!written.was_there);
    let [copy] = &*place.store.copies().await.unwrap() else {
        panic!("one copy");
    };
    assert_eq!(place.store.manifest(copy).await.unwrap(), written.manifest);
    assert!(place.files("open").is_empty());
    assert_eq!(place.kinds().await, []);
}

#[tokio::test]
async fn a_draft_that_is_dropped_leaves_nothing() {
    let place = Place::new().await;
    let mut draft = place.draft("1", DAY).await;
    add(&mut draft, b"backup").await;
    drop(draft);
    place.settle().await;
    assert!(place.files("data").is_empty() && place.files("open").is_empty());

    let draft = place.draft("1", DAY).await;
    let (mut upload, _) = draft.file(None, None).await.unwrap();
    upload.write(Bytes::from_static(b"half")).await.unwrap();
    drop((upload, draft));
    place.settle().await;
    assert!(place.files("data").is_empty() && place.files("open").is_empty());
    let folders = fs::read_dir(place.folder.path().join("v1/data"));
    assert_eq!(folders.into_iter().flatten().count(), 0);
}

#[tokio::test]
async fn two_uploads_of_one_backup_make_one_copy() {
    let place = Place::new().await;
    let mut first = place.draft("1", DAY).await;
    let mut second = place.draft("1", DAY).await;
    add(&mut first, b"backup").await;
    add(&mut second, b"backup").await;
    assert_eq!(place.files("data").len(), 2);
    let first = first.complete().await.unwrap();
    let second = second.complete().await.unwrap();
    assert!(!first.was_there && second.was_there);
    assert_eq!(first.manifest, second.manifest);
    place.settle().await;
    assert_eq!(place.files("data").len(), 1);
    assert!(place.files("open").is_empty());
}

/// A machine that slept may find that its data were removed as those of a broken upload.
#[tokio::test]
async fn no_manifest_names_data_that_were_removed() {
    let place = Place::new().await;
    let mut draft = place.draft("1", DAY).await;
    add(&mut draft, b"backup").await;
    fs::remove_file(&place.files("data")[0]).unwrap();
    let error = draft.complete().await.unwrap_err();
    assert!(matches!(error, StoreError::NotStored { .. }), "{error}");
    assert!(place.store.copies().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_damaged_copy_is_replaced_by_the_next_upload() {
    let place = Place::new().await;
    place.copy("1", DAY, b"backup").await;
    fs::write(&place.files("data")[0], b"bakcup").unwrap();
    let verified = place.verified(true).await;
    assert!(!verified[0].holds());
    assert!(place.store.copies().await.unwrap()[0].marks.is_broken());

    let again = place.copy("1", DAY, b"backup").await;
    assert!(!again.was_there);
    place.settle().await;
    assert!(place.verified(true).await[0].holds());
    assert!(place.store.copies().await.unwrap()[0].marks.is_verified());
    // A good one is not.
    assert!(place.copy("1", DAY, b"backup").await.was_there);
}

#[tokio::test]
async fn a_backup_without_a_time_is_copied_once() {
    let place = Place::new().await;
    let copy = async || {
        let mut subject = subject("1", DAY);
        subject.created = None;
        let mut draft = Draft::begin(Arc::clone(&place.store), subject)
            .await
            .unwrap();
        add(&mut draft, b"backup").await;
        draft.complete().await.unwrap().was_there
    };
    assert!(!copy().await);
    assert!(copy().await);
    assert_eq!(place.store.copies().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_quick_check_compares_and_a_deep_one_reads() {
    let place = Place::new().await;
    place.copy("1", DAY, b"backup").await;
    assert!(place.verified(false).await[0].holds());
    // Without reading its bytes, a copy is checked, and not verified.
    assert!(!place.store.copies().await.unwrap()[0].marks.is_verified());
    fs::write(&place.files("data")[0], b"bakcup").unwrap();
    assert!(
        place.verified(false).await[0].holds(),
        "a folder has only sizes"
    );
    assert!(!place.verified(true).await[0].holds());
    // A quick check can't take that back.
    place.verified(false).await;
    assert!(place.store.copies().await.unwrap()[0].marks.is_broken());
    fs::write(&place.files("data")[0], b"short").unwrap();
    assert!(!place.verified(false).await[0].holds());
    fs::remove_file(&place.files("data")[0]).unwrap();
    assert!(!place.verified(false).await[0].holds());
    assert_eq!(place.kinds().await, [FindingKind::NoData]);
}

/// Removes a store as soon as something of a copy was read.
struct Remover(PathBuf);

impl Progress for Remover {
    fn bytes(&self, _: u64, _: Option<u64>) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_is_deleted_during_a_check_is_not_damaged() {
    let order = VerifyOrder {
        is_deep: true,
        identities: None,
    };
    for is_early in [true, false] {
        let place = Place::new().await;
        // Longer than what is read at once.
        let bytes = vec![7_u8; 20 << 20].leak();
        place.copy("1", "2026-07-01T00:00:00Z", bytes).await;
        let copies = place.folder.path().join("v1");
        let copy = place.store.copies().await.unwrap().remove(0);
        if is_early {
            fs::remove_dir_all(&copies).unwrap();
        }
        let progress: Arc<dyn Progress> = Arc::new(Remover(copies));
        let error = place.store.verify(copy, &order, &progress).await;
        assert!(
            matches!(error, Err(StoreError::NoCopy { .. })),
            "early: {is_early}, {error:?}"
        );
    }
}

#[tokio::test]
async fn a_manifest_that_was_damaged_is_no_copy_of_its_bytes() {
    let place = Place::new().await;
    place.copy("1", DAY, b"backup").await;
    let path = &place.files("copies")[0];
    let text = fs::read_to_string(path).unwrap();
    fs::write(path, text.replace("\"length\": 6", "\"length\": 7")).unwrap();
    assert!(!place.verified(false).await[0].holds());
    let copy = place.store.copies().await.unwrap().remove(0);
    let error = place.store.manifest(&copy).await.unwrap_err();
    assert!(matches!(error, StoreError::BadManifest { .. }));
    // One of a later version is not damaged.
    fs::write(path, text.replace("\"format\": 1", "\"format\": 2")).unwrap();
    let error = place.store.manifest(&copy).await.unwrap_err();
    assert!(matches!(error, StoreError::Format { .. }));
}

#[tokio::test]
async fn prune_deletes_what_no_rule_keeps_and_nothing_else() {
    let place = Place::new().await;
    for day in 1..=5 {
        let created = format!("2026-11-0{day}T01:00:00Z");
        place.copy(&day.to_string(), &created, b"backup").await;
    }
    let copies = place.store.copies().await.unwrap();
    place.store.pin(&copies[4]).await.unwrap();
    let policy = Policy {
        keep_last: 2,
        ..Policy::default()
    };
    let now: Timestamp = "2026-11-06T00:00:00Z".parse().unwrap();
    let plan = place
        .store
        .plan(&policy, &TimeZone::UTC, now, &|_| true)
        .await
        .unwrap();
    let goes: Vec<_> = plan.goes().map(|name| name.id.clone()).collect();
    assert_eq!(goes, ["3", "2"]);
    // A pin that is set while the user is asked counts.
    place.store.pin(&copies[2]).await.unwrap();
    let removed = place.store.carry_out(plan).await.unwrap();
    assert!(removed.error.is_none());
    let left = place.store.copies().await.unwrap();
    let left: Vec<_> = left.iter().map(|copy| copy.name.id.as_str()).collect();
    assert_eq!(left, ["5", "4", "3", "1"]);
    assert_eq!(place.files("data").len(), 4);
    assert_eq!(place.kinds().await, []);
}

/// Two copies of one backup with different bytes: each has its own data.
#[tokio::test]
async fn a_copy_takes_only_its_own_data_with_it() {
    let place = Place::new().await;
    place.copy("1", DAY, b"backup").await;
    place.copy("1", DAY, b"another").await;
    let copies = place.store.copies().await.unwrap();
    assert_eq!(copies.len(), 2);
    assert!(matches!(
        place.store.pick(copies.clone(), "1"),
        Err(StoreError::Ambiguous { .. })
    ));
    let reference = copies[0].name.reference();
    let picked = place.store.pick(copies.clone(), &reference).unwrap();
    let now = Timestamp::now();
    place.store.remove(&[picked.name], now).await.unwrap();
    assert_eq!(place.files("data").len(), 1);
    assert!(place.verified(true).await[0].holds());
    assert_eq!(place.kinds().await, []);
}

#[tokio::test]
async fn the_copy_without_data_goes_and_the_one_with_data_stays() {
    let place = Place::new().await;
    place.copy("1", "2026-11-01T01:00:00Z", b"older").await;
    let newer = place.copy("1", "2026-11-02T01:00:00Z", b"newer").await;
    let object = &newer.manifest.files[0].stored.object;
    fs::remove_file(place.folder.path().join("v1").join(object)).unwrap();
    let policy = Policy {
        keep_last: 1,
        ..Policy::default()
    };
    let now: Timestamp = "2026-11-03T00:00:00Z".parse().unwrap();
    let plan = place
        .store
        .plan(&policy, &TimeZone::UTC, now, &|_| true)
        .await
        .unwrap();
    let goes: Vec<_> = plan.goes().map(|name| name.size).collect();
    let [copy] = &*goes else { panic!("{goes:?}") };
    assert_eq!(*copy, 5);
    let removed = place.store.carry_out(plan).await.unwrap();
    assert_eq!(removed.copies[0].name.time, newer.manifest.created);
}

#[tokio::test]
async fn repair_removes_what_died_and_leaves_what_lives() {
    let place = Place::new().await;
    place.copy("1", DAY, b"backup").await;
    let mut dead = place.draft("2", DAY).await;
    add(&mut dead, b"dead").await;
    // The process was killed.
    std::mem::forget(dead);
    let kinds = [FindingKind::UnderWay];
    assert_eq!(place.kinds().await, kinds, "it may be alive");
    let (_, findings) = place.store.findings().await.unwrap();
    assert!(findings.iter().all(|it| !it.can_be_removed()));

    for path in place.files("open") {
        age(&path);
    }
    let kinds = [FindingKind::Unfinished, FindingKind::Orphan];
    assert_eq!(place.kinds().await, kinds);
    let (_, findings) = place.store.findings().await.unwrap();
    let (done, error) = place.store.repair(&findings).await.unwrap();
    assert!(error.is_none());
    assert_eq!(done.len(), 2);
    assert_eq!(place.files("data").len(), 1);
    assert_eq!(place.kinds().await, []);
    assert!(place.verified(true).await[0].holds());
}

/// An entry may be gone while the data are there: its removal is the last step of an upload, too.
#[tokio::test]
async fn data_without_an_entry_are_left_alone_for_a_while() {
    let place = Place::new().await;
    let mut dead = place.draft("2", DAY).await;
    add(&mut dead, b"dead").await;
    std::mem::forget(dead);
    for path in place.files("open") {
        fs::remove_file(&path).unwrap();
    }
    assert_eq!(place.kinds().await, [FindingKind::UnderWay]);
    for path in place.files("data") {
        age(&path);
    }
    assert_eq!(place.kinds().await, [FindingKind::Orphan]);
}

#[tokio::test]
async fn an_upload_that_goes_on_while_the_user_is_asked_keeps_its_data() {
    let place = Place::new().await;
    let mut draft = place.draft("1", DAY).await;
    add(&mut draft, b"backup").await;
    for path in place.files("open") {
        age(&path);
    }
    let (_, findings) = place.store.findings().await.unwrap();
    assert!(findings.iter().any(Finding::can_be_removed));
    draft.complete().await.unwrap();
    let (done, _) = place.store.repair(&findings).await.unwrap();
    assert_eq!(done, []);
    assert!(place.verified(true).await[0].holds());
}

#[tokio::test]
async fn files_of_others_are_named_and_left_alone() {
    let place = Place::new().await;
    place.copy("1", DAY, b"backup").await;
    for name in ["data/mine-too/1", "copies/notes.txt", "open/a.json"] {
        let path = place.folder.path().join("v1").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, b"x").unwrap();
        age(&path);
    }
    let kinds = [FindingKind::Stranger; 3];
    assert_eq!(place.kinds().await, kinds);
    let (_, findings) = place.store.findings().await.unwrap();
    let (done, _) = place.store.repair(&findings).await.unwrap();
    assert_eq!(done, []);
    assert_eq!(place.files("data").len(), 2);
}

#[tokio::test]
async fn a_named_store_that_is_gone_is_not_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("file://{}", folder.path().display());
    let settings = StoreSettings::at(url.parse().unwrap());
    let store = Store::open("nightly", settings, None, Cleanup::default()).await;
    let store = Arc::new(store.unwrap());
    let error = Draft::begin(Arc::clone(&store), subject("1", DAY)).await;
    assert!(matches!(error, Err(StoreError::NoStore { .. })));
    let checks = store.test(true).await.unwrap();
    assert!(checks.iter().all(|it| it.failure.is_none()), "{checks:?}");
    Draft::begin(store, subject("1", DAY)).await.unwrap();
}

#[tokio::test]
async fn the_zone_of_a_store_stays() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("file://{}", folder.path().display());
    let open = async |zone: Option<&str>| {
        let mut settings = StoreSettings::at(url.parse().unwrap());
        settings.time_zone = zone.map(str::to_owned);
        Store::open(&url, settings, None, Cleanup::default())
            .await
            .unwrap()
    };
    open(Some("Europe/Berlin"))
        .await
        .prepare(true)
        .await
        .unwrap();
    let other = open(Some("UTC")).await.prepare(true).await;
    assert!(matches!(other, Err(StoreError::OtherZone { .. })));
    let zone = open(None).await.zone().await.unwrap();
    assert_eq!(zone.iana_name(), Some("Europe/Berlin"));
}

/// A script that runs twice within a second makes two backups with one id and the same bytes.
#[tokio::test]
async fn each_of_two_copies_with_the_same_reference_can_be_named() {
    let place = Place::new().await;
    place.copy("1", DAY, b"backup").await;
    let alone = place.store.copies().await.unwrap().remove(0);
    place.copy("1", "2026-11-27T01:00:00.005Z", b"backup").await;
    let copies = place.store.copies().await.unwrap();
    let [newer, older] = &*copies else {
        panic!("two copies")
    };
    assert_ne!(newer.reference(), older.reference());
    for copy in [newer, older] {
        let found = place.store.find(&copy.reference()).await.unwrap();
        assert_eq!(found.name, copy.name);
        let short = copy.reference();
        let (_, short) = short.rsplit_once('/').unwrap();
        assert_eq!(place.store.find(short).await.unwrap().name, copy.name);
    }
    let error = place.store.find(&alone.reference()).await.unwrap_err();
    assert!(error.to_string().contains(&newer.reference()), "{error}");
    let now = Timestamp::now();
    let removed = place
        .store
        .remove(std::slice::from_ref(&newer.name), now)
        .await
        .unwrap();
    assert_eq!(removed.copies, std::slice::from_ref(newer));
    // The one that is left has its short name again.
    let left = place.store.copies().await.unwrap();
    assert_eq!(left[0].reference(), alone.reference());
    assert!(place.verified(true).await[0].holds());
}

/// The clock of the machine that finds the damage may be behind.
#[tokio::test]
async fn a_later_check_counts_whatever_the_clocks_say() {
    let place = Place::new().await;
    place.copy("1", DAY, b"backup").await;
    let copy = place.store.copies().await.unwrap().remove(0);
    let check = |time: &str, result| CheckMark {
        time: time.parse().unwrap(),
        depth: Depth::Deep,
        result,
        by: "me@here".to_owned(),
        seen: None,
    };
    let good = check("2027-01-02T00:00:00Z", CheckResult::Good);
    place.store.note_check(&copy, &good).await.unwrap();
    let copy = place.store.copies().await.unwrap().remove(0);
    assert!(copy.marks.is_verified());
    let bad = check("2027-01-01T00:00:00Z", CheckResult::Bad);
    place.store.note_check(&copy, &bad).await.unwrap();
    assert!(place.store.copies().await.unwrap()[0].marks.is_broken());
}

#[tokio::test]
async fn a_forced_copy_replaces_one_that_seems_good() {
    for created in [Some(DAY), None] {
        let place = Place::new().await;
        let copy = async |is_forced| {
            let mut subject = subject("1", DAY);
            subject.created = created.map(|it| it.parse().unwrap());
            let draft = Draft::begin(Arc::clone(&place.store), subject).await;
            let mut draft = draft.unwrap().replacing(is_forced);
            add(&mut draft, b"backup").await;
            draft.complete().await.unwrap().was_there
        };
        assert!(!copy(false).await);
        place.verified(true).await;
        // Nothing knows of the damage.
        fs::write(&place.files("data")[0], b"bakcup").unwrap();
        assert!(copy(false).await);
        assert!(!copy(true).await);
        place.settle().await;
        let copies = place.store.copies().await.unwrap();
        assert_eq!(copies.len(), 1, "{created:?}");
        assert!(copies[0].marks.checks.is_empty());
        assert_eq!(place.files("data").len(), 1);
        assert!(place.verified(true).await[0].holds());
    }
}

#[tokio::test]
async fn a_damaged_copy_without_a_time_is_replaced_too() {
    let place = Place::new().await;
    let copy = async || {
        let mut subject = subject("1", DAY);
        subject.created = None;
        let mut draft = Draft::begin(Arc::clone(&place.store), subject)
            .await
            .unwrap();
        add(&mut draft, b"backup").await;
        draft.complete().await.unwrap().was_there
    };
    assert!(!copy().await);
    fs::write(&place.files("data")[0], b"bakcup").unwrap();
    place.verified(true).await;
    assert!(!copy().await);
    place.settle().await;
    assert_eq!(place.store.copies().await.unwrap().len(), 1);
    assert!(place.verified(true).await[0].holds());
}
