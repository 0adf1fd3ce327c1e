//! The folder in which HiveMQ keeps its backups, as it is inside the pods.

use broker_engine::{Error, ErrorKind, Result, exec, log};

/// Where no variable names another.
const DEFAULT: &str = "/opt/hivemq/backup";

/// A file system, as `df -Pk` tells of it.
#[derive(Debug, PartialEq, Eq)]
pub struct Disk {
    device: String,
    mount: String,
    /// Bytes.
    pub free: u64,
}

impl Disk {
    /// Whether a move between the two is a matter of names only. Two mounts of one device are two
    /// places to `rename(2)`.
    pub fn is_that_of(&self, other: &Self) -> bool {
        (&self.device, &self.mount) == (&other.device, &other.mount)
    }
}

/// Reads the table of `df -Pk`: one line for each path, its columns divided by spaces, of which the
/// first and the last may hold more of them.
pub fn disks(table: &str) -> Result<Vec<Disk>> {
    let read = |line: &str| {
        let words: Vec<_> = line.split_whitespace().collect();
        let percent = words.iter().position(|word| word.ends_with('%'))?;
        let free = words.get(percent.checked_sub(1)?)?.parse::<u64>().ok()?;
        Some(Disk {
            device: words.get(..percent.checked_sub(3)?)?.join(" "),
            mount: words.get(percent + 1..)?.join(" "),
            free: free.saturating_mul(1024),
        })
    };
    let disks = table.lines().skip(1).map(read);
    disks
        .collect::<Option<_>>()
        .ok_or_else(|| Error::protocol("`df` printed a table of another form than POSIX's"))
}

/// A path without dots and doubled slashes, if it is absolute and leads nowhere else than it says.
pub fn clean(path: &str) -> Option<String> {
    let below = path.strip_prefix('/')?;
    let parts = below
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".");
    let parts: Vec<_> = parts.collect();
    let fits = !parts.is_empty()
        && !parts.contains(&"..")
        // Longer names are in no file system of Linux.
        && parts.iter().all(|part| part.len() <= 255)
        && path.len() <= 2048
        && !path.chars().any(char::is_control);
    fits.then(|| format!("/{}", parts.join("/")))
}

/// The folder of backups in a pod: what `HIVEMQ_BACKUP_FOLDER` names there, else HiveMQ's own.
pub fn of_pod(pod: &str) -> Result<String> {
    let asked = exec::command("backup-folder").in_pod(pod).run();
    let output = match asked {
        Err(error) if error.kind == ErrorKind::Unsupported => {
            log::debug(&format!("{}; taking {DEFAULT}", error.message));
            return Ok(DEFAULT.to_owned());
        }
        other => other?,
    };
    let named = output.text()?;
    if !output.is_success() || named.is_empty() {
        return Ok(DEFAULT.to_owned());
    }
    clean(named).ok_or_else(|| {
        Error::protocol(format!(
            "HIVEMQ_BACKUP_FOLDER in pod {pod} is no absolute path: {named:?}"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_absolute_and_leads_where_it_says() {
        for (path, expected) in [
            ("/mnt", "/mnt"),
            ("/mnt//./a b/", "/mnt/a b"),
            ("/a..b/...", "/a..b/..."),
        ] {
            assert_eq!(clean(path).as_deref(), Some(expected));
        }
        let long = "/x".repeat(2000);
        let long_name = format!("/{}", "x".repeat(256));
        for path in [
            "",
            "/",
            "//.",
            "mnt",
            "./mnt",
            "/mnt/../etc",
            "/a\nb",
            &long,
            &long_name,
        ] {
            assert_eq!(clean(path), None, "{path:?}");
        }
    }

    #[test]
    fn names_with_spaces_do_not_shift_the_columns_of_df() {
        let table = "Filesystem     1024-blocks Used Available Capacity Mounted on\n\
            //nas/my share    20971520 9 12582912      40% /mnt/my backups\n";
        let disk = Disk {
            device: "//nas/my share".to_owned(),
            mount: "/mnt/my backups".to_owned(),
            free: 12 << 30,
        };
        assert_eq!(disks(table).unwrap(), [disk]);
        for broken in ["h\nx", "h\n1 2 3", "h\n40% /", "h\nx 1 2 - 40% /"] {
            assert!(disks(broken).is_err(), "{broken}");
        }
    }
}
