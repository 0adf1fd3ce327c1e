//! Checks, before the backup, whether it can be moved to the folder of `--destination`.
//!
//! The pod of the backup is not known yet, so the folder must be usable in each pod. The check leaves nothing
//! behind: if the folder is missing, the check tries the nearest existing folder above it.

use std::cell::OnceCell;

use broker_engine::{Error, ErrorKind, Result, exec, log};

use super::finish::if_present;
use super::{folder, prepare};

const NOT_THERE: &str =
    "HiveMQ and its sidecar treat everything in that folder as backups: choose another folder";

/// Checks the folder in every pod that may hold the backup.
///
/// # Errors
/// Returns the reason why a backup can't be moved there.
pub fn check(folder: &str) -> Result<()> {
    let pods = exec::pods()?;
    let size = OnceCell::new();
    for pod in &pods {
        let to = Destination {
            pod,
            folder,
            size: &size,
        };
        to.check().map_err(|error| match error.hint {
            Some(_) => error,
            None => error.with_hint(
                "No backup was begun. Name a folder that can be created and written in each pod, with room for a backup",
            ),
        })?;
    }
    Ok(())
}

struct Destination<'a> {
    pod: &'a str,
    folder: &'a str,
    /// The expected size of the backup in bytes, once it has been read.
    size: &'a OnceCell<Option<u64>>,
}

impl Destination<'_> {
    fn check(&self) -> Result<()> {
        let backups = folder::of_pod(self.pod)?;
        if format!("{}/", self.folder).starts_with(&format!("{backups}/")) {
            let what = "is HiveMQ's own folder for backups, or in it";
            return Err(self.unfit(what).with_hint(NOT_THERE));
        }
        let present = self.nearest_folder()?;
        if self.is_same(&present, &backups)? {
            return Err(self
                .unfit("leads to HiveMQ's own folder for backups")
                .with_hint(NOT_THERE));
        }
        self.try_to_write(&present)?;
        // The result is ignored: this only checks that the container has the program.
        self.command("can-move").run()?;
        self.check_room(&backups, &present)
    }

    /// Returns the destination, or the nearest existing folder above it. The rest of the path can be created
    /// there.
    fn nearest_folder(&self) -> Result<String> {
        let mut path = self.folder;
        loop {
            if self.holds("is-there", path)? {
                return if self.holds("is-folder", path)? {
                    Ok(path.to_owned())
                } else {
                    Err(self.unfit_at(path, "is not a folder"))
                };
            }
            if self.holds("is-link", path)? {
                return Err(self.unfit_at(path, "is a symbolic link without a target"));
            }
            path = match path.rfind('/') {
                Some(0) | None => "/",
                Some(end) => &path[..end],
            };
            if path == "/" {
                return Ok(path.to_owned());
            }
        }
    }

    /// Returns whether two paths are the same folder. A `test` without the operator for this returns another
    /// exit code than 0 and 1.
    fn is_same(&self, path: &str, other: &str) -> Result<bool> {
        let same = self
            .command("is-same")
            .argument("path", path)
            .argument("other", other)
            .run()?;
        Ok(same.exit_code == 0)
    }

    fn try_to_write(&self, present: &str) -> Result<()> {
        for command in ["touch", "untouch"] {
            self.command(command)
                .argument("folder", present)
                .argument("id", "check")
                .run()?
                .expect_success(&format!(
                    "{} in pod {} can't be written to",
                    present, self.pod
                ))?;
        }
        Ok(())
    }

    /// Checks the free space. A move to another file system copies the backup.
    fn check_room(&self, backups: &str, present: &str) -> Result<()> {
        let asked = self
            .command("spaces")
            .argument("from", backups)
            .argument("to", present)
            .run();
        let Some(table) = if_present(asked)? else {
            return Ok(());
        };
        if !table.is_success() {
            log::debug(&table.complaint());
            return Ok(());
        }
        let disks = folder::disks(table.text()?)?;
        let [here, there] = &disks[..] else {
            return Ok(());
        };
        if here.is_that_of(there) {
            return Ok(());
        }
        let size = self.size.get_or_init(|| {
            prepare::newest_size().unwrap_or_else(|error| {
                log::debug(&format!(
                    "the size of the backup can't be guessed: {}",
                    error.message
                ));
                None
            })
        });
        let size = size.unwrap_or(1);
        if size <= there.free {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Failed,
            format!(
                "there is no room in {} in pod {}: {} are free, but the newest backup has {}",
                self.folder,
                self.pod,
                broker_engine::size(there.free),
                broker_engine::size(size)
            ),
        ))
    }

    fn holds(&self, command: &str, path: &str) -> Result<bool> {
        let output = self.command(command).argument("path", path).run()?;
        match output.exit_code {
            0 => Ok(true),
            1 => Ok(false),
            _ => Err(Error::new(
                ErrorKind::Failed,
                format!(
                    "{path} in pod {} can't be checked: {}",
                    self.pod,
                    output.complaint()
                ),
            )),
        }
    }

    fn command(&self, name: &str) -> exec::Command {
        exec::command(name).in_pod(self.pod)
    }

    fn unfit(&self, why: &str) -> Error {
        let Self { pod, folder, .. } = self;
        Error::new(
            ErrorKind::InvalidArgument,
            format!("`--destination {folder}` can't be used: in pod {pod} it {why}"),
        )
    }

    fn unfit_at(&self, path: &str, why: &str) -> Error {
        if path == self.folder {
            return self.unfit(why);
        }
        let Self { pod, folder, .. } = self;
        Error::new(
            ErrorKind::InvalidArgument,
            format!("`--destination {folder}` can't be used: in pod {pod} {path} {why}"),
        )
    }
}

#[cfg(test)]
mod tests {
    use broker_engine::mock::{Host, Ran, Reply};

    use super::super::MANIFEST;
    use super::*;

    const LIST: &str = "GET /api/v1/management/backups";
    const TOUCH: &str = "touch /mnt/.kubectl-broker-check";

    fn disks(free: u64) -> Ran {
        Ran::ok(&format!(
            "header\n/dev/sdb 9 9 9 1% /opt/hivemq/backup\n/dev/sdc 9 9 {free} 1% /mnt\n"
        ))
    }

    /// Returns a host with two pods in which `/mnt` is a folder and `/mnt/kept` is missing.
    fn host() -> Host {
        let item = r#"{"items": [{"id": "b", "createdAt": "2025-09-05T13:02:15Z", "bytes": 2048, "state": "COMPLETED"}]}"#;
        let host = Host::new(MANIFEST)
            .pods(&["broker-0", "broker-1"])
            .answer(LIST, Reply::text(200, item));
        ["broker-0", "broker-1"]
            .into_iter()
            .fold(host, |host, pod| {
                host.runs(pod, "printenv HIVEMQ_BACKUP_FOLDER", Ran::exit(1, ""))
                    .runs(pod, "test -e /mnt/kept", Ran::exit(1, ""))
                    .runs(pod, "test -L /mnt/kept", Ran::exit(1, ""))
                    .runs(pod, "test -e /mnt", Ran::ok(""))
                    .runs(pod, "test -d /mnt", Ran::ok(""))
                    .runs(pod, "test /mnt -ef /opt/hivemq/backup", Ran::exit(1, ""))
                    .runs(pod, TOUCH, Ran::ok(""))
                    .runs(pod, "rm -f /mnt/.kubectl-broker-check", Ran::ok(""))
                    .runs(pod, "mv --help", Ran::exit(1, "unrecognized option"))
                    .runs(pod, "df -Pk /opt/hivemq/backup /mnt", disks(9))
            })
    }

    fn refused(host: &Host, folder: &str) -> (ErrorKind, String) {
        let error = host.run(|| check(folder)).expect_err("it can't be used");
        assert!(error.hint.is_some());
        (error.kind, error.message)
    }

    #[test]
    fn a_folder_that_can_be_made_in_every_pod_will_do() {
        let host = host();
        assert_eq!(host.run(|| check("/mnt/kept")), Ok(()));
        let made = host.ran().iter().any(|line| line.contains("mkdir"));
        assert!(!made, "nothing is left behind");
    }

    #[test]
    fn one_pod_that_can_not_be_written_to_is_enough_to_refuse() {
        let error = "touch: cannot touch: Read-only file system";
        let host = host().runs_instead("broker-1", TOUCH, Ran::exit(1, error));
        let (kind, message) = refused(&host, "/mnt/kept");
        assert_eq!(kind, ErrorKind::Failed);
        assert_eq!(
            message,
            format!("/mnt in pod broker-1 can't be written to: {error}")
        );
    }

    #[test]
    fn the_folder_of_the_backups_is_none_by_any_name() {
        for folder in ["/opt/hivemq/backup", "/opt/hivemq/backup/monthly"] {
            let (kind, message) = refused(&host(), folder);
            assert_eq!(kind, ErrorKind::InvalidArgument);
            assert!(message.contains("HiveMQ's own folder"), "{message}");
        }
        let same = "test /mnt -ef /opt/hivemq/backup";
        let linked = host().runs_instead("broker-0", same, Ran::ok(""));
        assert!(refused(&linked, "/mnt/kept").1.contains("leads to"));
    }

    #[test]
    fn what_is_no_folder_or_a_link_to_nowhere_is_refused() {
        let file = host().runs_instead("broker-0", "test -d /mnt", Ran::exit(1, ""));
        assert_eq!(
            refused(&file, "/mnt/kept").1,
            "`--destination /mnt/kept` can't be used: in pod broker-0 /mnt is not a folder"
        );
        let dangling = host().runs_instead("broker-0", "test -L /mnt/kept", Ran::ok(""));
        assert_eq!(
            refused(&dangling, "/mnt/kept"),
            (
                ErrorKind::InvalidArgument,
                "`--destination /mnt/kept` can't be used: in pod broker-0 it is a symbolic link without a target".to_owned()
            )
        );
    }

    #[test]
    fn another_disk_needs_room_for_what_the_newest_backup_has() {
        let full = host().runs_instead("broker-0", "df -Pk /opt/hivemq/backup /mnt", disks(1));
        let (kind, message) = refused(&full, "/mnt/kept");
        assert_eq!(kind, ErrorKind::Failed);
        assert!(message.ends_with("1.0KiB are free, but the newest backup has 2.0KiB"));
        let missing = Ran::Failure(Error::unsupported("there is no df"));
        let unknown = host().runs_instead("broker-0", "df -Pk /opt/hivemq/backup /mnt", missing);
        assert_eq!(unknown.run(|| check("/mnt/kept")), Ok(()));
    }

    #[test]
    fn an_image_that_can_not_move_anything_is_found_out_before() {
        let missing = Ran::Failure(Error::unsupported("there is no mv"));
        let host = host().runs_instead("broker-1", "mv --help", missing);
        assert_eq!(refused(&host, "/mnt/kept").0, ErrorKind::Unsupported);
    }
}
