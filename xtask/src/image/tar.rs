//! Writes tar archives that depend on their content alone: times are zero, and owners are numbers.

use crate::Result;

/// The size of a block in bytes. Headers and contents begin on a block.
const BLOCK: usize = 512;

/// An entry of an archive.
pub(super) struct Entry {
    /// The path without a slash at its beginning. That of a folder ends with one.
    pub(super) path: String,
    pub(super) mode: u32,
    /// The number of the user and of the group.
    pub(super) owner: u32,
    pub(super) content: Vec<u8>,
}

impl Entry {
    pub(super) fn folder(path: &str, mode: u32, owner: u32) -> Self {
        Self {
            path: format!("{path}/"),
            mode,
            owner,
            content: Vec::new(),
        }
    }

    pub(super) fn file(path: &str, mode: u32, content: Vec<u8>) -> Self {
        Self {
            path: path.to_owned(),
            mode,
            owner: 0,
            content,
        }
    }
}

/// Returns an archive of these entries, in the order of their paths. A folder comes before its content.
///
/// # Errors
/// When a path has more than 100 bytes.
pub(super) fn archive(mut entries: Vec<Entry>) -> Result<Vec<u8>> {
    entries.sort_by(|a, b| a.path.cmp(&b.path));
    let mut bytes = Vec::new();
    for entry in entries {
        bytes.extend(header(&entry)?);
        bytes.extend(&entry.content);
        bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
    }
    // Two empty blocks are the end.
    bytes.resize(bytes.len() + 2 * BLOCK, 0);
    Ok(bytes)
}

/// Returns the header of an entry in the format `ustar`.
/// <https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html#tag_20_94_13_06>
fn header(entry: &Entry) -> Result<[u8; BLOCK]> {
    let mut header = [0; BLOCK];
    let mut put = |at: usize, bytes: &[u8]| {
        for (place, byte) in header.iter_mut().skip(at).zip(bytes) {
            *place = *byte;
        }
    };
    if entry.path.len() > 100 {
        return Err(format!(
            "the path {} is too long for an archive",
            entry.path
        ));
    }
    let owner = format!("{:07o}\0", entry.owner);
    put(0, entry.path.as_bytes());
    put(100, format!("{:07o}\0", entry.mode).as_bytes());
    put(108, owner.as_bytes());
    put(116, owner.as_bytes());
    put(124, format!("{:011o}\0", entry.content.len()).as_bytes());
    put(136, format!("{:011o}\0", 0).as_bytes());
    // The sum of the header counts its own field as spaces.
    put(148, b"        ");
    put(
        156,
        if entry.path.ends_with('/') {
            b"5"
        } else {
            b"0"
        },
    );
    put(257, b"ustar\x0000");
    let sum: u32 = header.iter().copied().map(u32::from).sum();
    let sum = format!("{sum:06o}\0 ");
    for (place, byte) in header.iter_mut().skip(148).zip(sum.bytes()) {
        *place = byte;
    }
    Ok(header)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn another_program_reads_the_archive() {
        let archive = archive(vec![
            Entry::file("folder/b", 0o755, b"two".to_vec()),
            Entry::folder("folder", 0o700, 65_532),
            Entry::file("a", 0o644, vec![b'x'; 1000]),
        ])
        .expect("an archive");
        let path = std::env::temp_dir().join(format!("xtask-tar-{}.tar", std::process::id()));
        std::fs::write(&path, archive).expect("a file");
        let mut tar = Command::new("tar");
        tar.args(["--list", "--verbose", "--numeric-owner", "--utc", "--file"]);
        let listed = crate::shell::output({
            tar.arg(&path);
            tar
        });
        std::fs::remove_file(&path).expect("a file");
        let lines: Vec<String> = listed
            .expect("a list")
            .lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect();
        assert_eq!(
            lines,
            [
                "-rw-r--r-- 0/0 1000 1970-01-01 00:00 a",
                "drwx------ 65532/65532 0 1970-01-01 00:00 folder/",
                "-rwxr-xr-x 0/0 3 1970-01-01 00:00 folder/b",
            ]
        );
    }
}
