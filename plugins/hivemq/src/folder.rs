//! The folder of HiveMQ's backups inside the pods.

use broker_engine::{Error, ErrorKind, Result, exec, log};

/// The folder if no variable names another.
const DEFAULT: &str = "/opt/hivemq/backup";

/// A file system, as `df -Pk` reports it.
#[derive(Debug, PartialEq, Eq)]
pub struct Disk {
    device: String,
    mount: String,
    /// Free space in bytes.
    pub free: u64,
}

impl Disk {
    /// Returns whether a move between the two file systems only renames. `rename(2)` fails between two mounts
    /// of one device.
    pub fn is_that_of(&self, other: &Self) -> bool {
        (&self.device, &self.mount) == (&other.device, &other.mount)
    }
}

/// Parses the table of `df -Pk`: one line per path, with columns separated by spaces. The first and the last
/// column may contain spaces.
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
        .ok_or_else(|| Error::protocol("`df` printed a table that is not in the POSIX format"))
}

/// Returns the path without `.` and doubled slashes. Returns `None` for a relative path and for a path with
/// `..`.
pub fn clean(path: &str) -> Option<String> {
    let below = path.strip_prefix('/')?;
    let parts = below
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".");
    let parts: Vec<_> = parts.collect();
    let fits = !parts.is_empty()
        && !parts.contains(&"..")
        // File systems of Linux have no longer names.
        && parts.iter().all(|part| part.len() <= 255)
        && path.len() <= 2048
        && !path.chars().any(char::is_control);
    fits.then(|| format!("/{}", parts.join("/")))
}

/// Returns the folder of backups in a pod: the value of `HIVEMQ_BACKUP_FOLDER` there, or HiveMQ's default.
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
            "HIVEMQ_BACKUP_FOLDER in pod {pod} is not an absolute path: {named:?}"
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
