//! `--destination`: moves a complete backup to another folder inside its pod.
//!
//! HiveMQ keeps each backup in one folder, named after its id, on one pod of the cluster. With a volume that
//! all pods share, the folder is visible on every pod. No API moves a backup, so the engine runs commands in
//! the pod.

use broker_engine::{Error, ErrorKind, Field, Finish, FinishRequest, Result, exec, log};

use super::prepare::destination;
use super::{HiveMq, folder};

impl Finish for HiveMq {
    fn finish(request: FinishRequest) -> Result<Vec<Field>> {
        let Some(folder) = destination(&request.options)? else {
            return Ok(Vec::new());
        };
        let backup = Place::find(&request.id)?;
        let moved = backup.move_to(&folder).map_err(|error| {
            let hint = error.hint.unwrap_or_default();
            let stays = format!("The backup is at {} in pod {}", backup.path, backup.pod);
            Error {
                hint: Some(if hint.is_empty() {
                    stays
                } else {
                    format!("{stays}. {hint}")
                }),
                ..error
            }
        });
        let field = |name: &str, value: String| Field {
            name: name.to_owned(),
            value,
        };
        Ok(vec![field("path", moved?), field("pod", backup.pod)])
    }
}

/// The place of a backup.
struct Place {
    pod: String,
    /// The folder of all backups.
    folder: String,
    path: String,
    id: String,
}

impl Place {
    fn find(id: &str) -> Result<Self> {
        if matches!(id, "" | "." | "..") || id.contains('/') {
            return Err(Error::protocol(format!(
                "{id:?} can't be the name of a folder"
            )));
        }
        let pods = exec::pods()?;
        let first = pods
            .first()
            .ok_or_else(|| Error::new(ErrorKind::Unavailable, "no pod of the broker runs"))?;
        let folder = folder::of_pod(first)?;
        let path = format!("{folder}/{id}");
        let mut failed = None;
        for pod in &pods {
            match is_there(pod, &path) {
                Ok(true) => {
                    return Ok(Self {
                        pod: pod.clone(),
                        folder,
                        path,
                        id: id.to_owned(),
                    });
                }
                Ok(false) => {}
                Err(error) if error.kind == ErrorKind::Forbidden => return Err(error),
                // Another pod may have the backup.
                Err(error) => {
                    log::debug(&error.message);
                    failed = Some(error);
                }
            }
        }
        Err(failed.unwrap_or_else(|| {
            let pods = pods.join(", ");
            Error::not_found(format!("there is no {path} in any of the pods {pods}")).with_hint(
                "If `--pod` was given, the backup may be on another pod; HIVEMQ_BACKUP_FOLDER in the pod says where HiveMQ keeps backups",
            )
        }))
    }

    /// Moves the backup into `folder`, which must not contain its name, and returns the new path.
    fn move_to(&self, folder: &str) -> Result<String> {
        let target = format!("{folder}/{}", self.id);
        if format!("{folder}/").starts_with(&format!("{}/", self.path)) {
            return Err(Error::new(
                ErrorKind::InvalidArgument,
                format!("{folder} lies within the backup itself"),
            ));
        }
        if is_there(&self.pod, &target)? {
            return Err(Error::new(
                ErrorKind::Conflict,
                format!("{target} exists already in pod {}", self.pod),
            ));
        }
        self.make_writable(folder)?;
        self.check_room(folder)?;
        let moved = self
            .command("move")
            .argument("from", &self.path)
            .argument("folder", folder)
            .run()?
            .expect_success(&format!("{} can't be moved to {folder}", self.path));
        moved.map_err(|error| {
            error.with_hint(format!("A part of it may have been copied to {target}"))
        })?;
        // `mv -n` succeeds even if it moved nothing.
        if is_there(&self.pod, &target)? && !is_there(&self.pod, &self.path)? {
            return Ok(target);
        }
        Err(Error::new(
            ErrorKind::Conflict,
            format!(
                "`mv` reported that it moved {}, but it did not: {target} may have been created in the meantime",
                self.path
            ),
        ))
    }

    fn make_writable(&self, folder: &str) -> Result<()> {
        self.command("make-folder")
            .argument("folder", folder)
            .run()?
            .expect_success(&format!("{folder} can't be created in pod {}", self.pod))?;
        self.command("touch")
            .argument("folder", folder)
            .argument("id", &self.id)
            .run()?
            .expect_success(&format!("{folder} in pod {} can't be written to", self.pod))?;
        self.command("untouch")
            .argument("folder", folder)
            .argument("id", &self.id)
            .run()?
            .expect_success(&format!("{folder} in pod {} can't be written to", self.pod))?;
        Ok(())
    }

    /// Checks the free space, because a move to another file system copies the backup. In an image without
    /// the programs for this, `mv` fails by itself.
    fn check_room(&self, folder: &str) -> Result<()> {
        let asked = self
            .command("spaces")
            .argument("from", &self.folder)
            .argument("to", folder)
            .run();
        let Some(table) = if_present(asked)? else {
            return Ok(());
        };
        let table = table.expect_success(&format!("the free space in {folder} is unknown"))?;
        let disks = folder::disks(table.text()?)?;
        let [here, there] = &disks[..] else {
            return Err(Error::protocol(
                "`df` printed an unexpected number of lines for two folders",
            ));
        };
        if here.is_that_of(there) {
            return Ok(());
        }
        let asked = self.command("size").argument("path", &self.path).run();
        let Some(said) = if_present(asked)? else {
            return Ok(());
        };
        let said = said.expect_success(&format!("the size of {} is unknown", self.path))?;
        let first = said.text()?.split_whitespace().next();
        let kibibytes: u64 = first
            .and_then(|number| number.parse().ok())
            .ok_or_else(|| Error::protocol("`du` printed no size"))?;
        let size = kibibytes.saturating_mul(1024);
        if size > there.free {
            return Err(Error::new(
                ErrorKind::Failed,
                format!(
                    "there is no room in {folder} in pod {}: the backup needs {}, but only {} are free",
                    self.pod,
                    broker_engine::size(size),
                    broker_engine::size(there.free)
                ),
            ));
        }
        Ok(())
    }

    fn command(&self, name: &str) -> exec::Command {
        exec::command(name).in_pod(&self.pod)
    }
}

fn is_there(pod: &str, path: &str) -> Result<bool> {
    let output = exec::command("is-there")
        .in_pod(pod)
        .argument("path", path)
        .run()?;
    match output.exit_code {
        0 => Ok(true),
        1 => Ok(false),
        _ => Err(Error::new(
            ErrorKind::Failed,
            format!(
                "{path} in pod {pod} can't be checked: {}",
                output.complaint()
            ),
        )),
    }
}

/// Returns the output of a program, or `None` if the container does not have it.
pub fn if_present(asked: Result<exec::Output>) -> Result<Option<exec::Output>> {
    match asked {
        Err(error) if error.kind == ErrorKind::Unsupported => {
            log::debug(&error.message);
            Ok(None)
        }
        other => other.map(Some),
    }
}

#[cfg(test)]
mod tests;
