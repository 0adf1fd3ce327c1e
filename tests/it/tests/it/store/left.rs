//! The content of a store, seen by another program than ours.

use std::path::Path;
use std::sync::LazyLock;

use super::Place;
use crate::support::Cloud;

/// How many objects of each kind a store has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Left {
    /// Manifests.
    pub copies: usize,
    /// Objects with the bytes of copies.
    pub data: usize,
    /// Entries of uploads.
    pub open: usize,
    /// Uploads in parts, or files that are being written.
    pub parts: usize,
}

impl Left {
    pub const NOTHING: Self = Self::whole(0);

    /// Returns so many copies, and nothing else.
    pub const fn whole(copies: usize) -> Self {
        Self {
            copies,
            data: copies,
            open: 0,
            parts: 0,
        }
    }

    /// Counts what the cloud's own library sees.
    pub fn of(cloud: &dyn Cloud) -> Self {
        let keys = cloud.list("");
        let keys = keys.iter().map(|(key, _)| key.as_str());
        Self {
            parts: cloud.uploads().len(),
            ..Self::among(keys)
        }
    }

    /// Counts the files of a store in a folder.
    pub fn in_folder(folder: &Path) -> Self {
        let files = files(folder);
        let names = files.iter().map(|path| path.to_str().expect("UTF-8"));
        let (staged, whole): (Vec<_>, Vec<_>) = names.partition(|name| name.contains('#'));
        Self {
            parts: staged.len(),
            ..Self::among(whole.into_iter())
        }
    }

    fn among<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        let mut left = Self::default();
        for name in names {
            let (_, inside) = name.split_once("/v1/").expect("a name of the layout");
            match inside.split('/').next() {
                Some("copies") => left.copies += 1,
                Some("data") => left.data += 1,
                Some("open") => left.open += 1,
                _ => {}
            }
        }
        left
    }
}

/// Returns the files below a folder, in order.
pub fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        // A store makes its folders when it needs them.
        for entry in std::fs::read_dir(folder).into_iter().flatten() {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// Returns the only key of this kind in a bucket.
pub fn only(cloud: &dyn Cloud, kind: &str) -> String {
    let keys = cloud.list(&format!("copies/v1/{kind}/"));
    assert_eq!(keys.len(), 1, "{keys:?}");
    keys[0].0.clone()
}

/// Returns bytes that look random and are the same each time.
pub fn bytes(length: usize) -> Vec<u8> {
    /// The content repeats after a prime number of bytes, so that no part equals another one.
    const PERIOD: usize = 1_048_573;
    static BLOCK: LazyLock<Vec<u8>> = LazyLock::new(|| {
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()[3]
        };
        (0..PERIOD).map(|_| next()).collect()
    });
    let mut bytes = BLOCK.repeat(length.div_ceil(PERIOD));
    bytes.truncate(length);
    bytes
}

/// A file of a user, which becomes a copy.
pub const SMALL: &str = "small.backup";

/// A file that needs three parts.
pub const BIG: &str = "big.backup";
pub const BIG_LENGTH: usize = 11_000_000;

impl Place<'_> {
    /// Writes the files [`SMALL`] and [`BIG`].
    pub fn with_files(self) -> Self {
        for (name, length) in [(SMALL, 10_000), (BIG, BIG_LENGTH)] {
            self.backup_file(name, &bytes(length));
        }
        self
    }

    /// Writes a file with its digest beside it, as a download leaves it.
    pub fn backup_file(&self, name: &str, bytes: &[u8]) {
        self.file(name, bytes);
        let digest = format!("{}  {name}\n", crate::support::sha256(bytes));
        self.file(&format!("{name}.sha256"), digest.as_bytes());
    }

    pub fn file(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.folder().join(name), bytes).expect("a file");
    }

    /// Returns the command that copies a file to the store, as the backup `id`.
    pub fn copying(&self, file: &str, id: &str) -> String {
        self.copying_to("URL", file, id)
    }

    pub fn copying_to(&self, store: &str, file: &str, id: &str) -> String {
        format!(
            "backup copy {file} --to {store} --engine hivemq -n messaging --statefulset broker \
             --source-cluster c --id {id} --created 2026-01-02T03:04:05Z -o json"
        )
        .replace("URL", &self.url)
    }

    /// Returns the ids of the copies that the program shows.
    pub fn ids(&self) -> Vec<String> {
        self.ok("store ls URL -o json").ids()
    }

    /// Returns the kinds of findings that the program shows.
    pub fn findings(&self) -> Vec<String> {
        let list = self.ok("store ls URL --all -o json").json();
        let findings = list["findings"].as_array().expect("findings");
        let kind = |it: &serde_json::Value| it["kind"].as_str().expect("a kind").to_owned();
        findings.iter().map(kind).collect()
    }

    /// Checks every byte of every copy.
    pub fn assert_deep(&self, copies: usize) {
        let checked = self.ok("store verify URL --deep -o json").json();
        let items = checked["items"].as_array().expect("copies");
        assert_eq!(items.len(), copies, "{checked}");
        assert!(
            items.iter().all(|it| it["outcome"] == "passed"),
            "{checked}"
        );
    }
}
