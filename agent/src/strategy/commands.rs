use std::any::Any;
use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::fs::File;
use tokio::io::AsyncWriteExt as _;

use super::{Failure, Job};
use crate::config::{CommandLine, Commands};
use crate::export::Chunks;
use crate::process::{self, CommandError, Order, Output};

/// Runs all commands. The artifact is then in the temporary file.
pub async fn spool(job: &Job, commands: &Commands) -> Result<(), Failure> {
    let runner = Runner::new(job, commands);
    runner.all(&commands.pre).await?;
    if commands.capture_stdout {
        let mut file = Spool::create(job)?;
        for line in &commands.main {
            runner.one(line, Some(&mut file)).await?;
        }
        file.close().await?;
    } else {
        runner.all(&commands.main).await?;
    }
    runner.all(&commands.post).await
}

/// Runs all commands, and sends the output of the main command while it runs. The commands after it run
/// before the last bytes are sent.
pub async fn stream(
    job: &Job,
    commands: &Commands,
    mut chunks: Chunks<Failure>,
) -> Result<Chunks<Failure>, Failure> {
    let runner = Runner::new(job, commands);
    runner.all(&commands.pre).await?;
    for line in &commands.main {
        runner.one(line, Some(&mut chunks)).await?;
    }
    runner.all(&commands.post).await?;
    Ok(chunks)
}

struct Runner<'a> {
    job: &'a Job,
    commands: &'a Commands,
    env: BTreeMap<String, String>,
}

impl<'a> Runner<'a> {
    fn new(job: &'a Job, commands: &'a Commands) -> Self {
        let env = environment(job, commands);
        Self { job, commands, env }
    }

    async fn all(&self, lines: &[CommandLine]) -> Result<(), Failure> {
        for line in lines {
            self.one::<Spool>(line, None).await?;
        }
        Ok(())
    }

    async fn one<O: Output>(
        &self,
        line: &CommandLine,
        output: Option<&mut O>,
    ) -> Result<(), Failure> {
        let limits = &self.job.config.limits;
        // Captured output is counted by its receiver.
        let bound = output
            .is_none()
            .then(|| (self.job.session.places.temp.clone(), limits.artifact));
        let order = Order {
            line,
            shell: &self.commands.shell,
            workdir: &self.commands.workdir,
            env: &self.env,
            deadline: limits.command,
            kill_after: limits.kill,
            bound,
            hold: Arc::clone(&self.job.session) as Arc<dyn Any + Send + Sync>,
        };
        match process::run(order, output, &self.job.log).await {
            Err(CommandError::Output { source, .. })
                if source.kind() == io::ErrorKind::FileTooLarge =>
            {
                let limit = limits.artifact;
                Err(CommandError::TooLarge { limit }.into())
            }
            done => Ok(done?),
        }
    }
}

/// Returns the helper variables, overridden by the variables of the configuration. A request can change
/// nothing else about a command.
fn environment(job: &Job, commands: &Commands) -> BTreeMap<String, String> {
    let Job {
        config, session, ..
    } = job;
    let path = |path: &PathBuf| path.display().to_string();
    let mut env = BTreeMap::from([
        ("SIDE_CAR_WORKDIR".to_owned(), path(&commands.workdir)),
        (
            "SIDE_CAR_ARTIFACTS_DIR".to_owned(),
            path(&config.paths.artifacts),
        ),
        ("SIDE_CAR_TEMP_DUMP".to_owned(), path(&session.places.temp)),
        (
            "SIDE_CAR_STRATEGY".to_owned(),
            config.strategy.name.to_owned(),
        ),
    ]);
    if let Some(folder) = &session.folder {
        env.insert(
            "SIDE_CAR_DRIVE_FOLDER_ID".to_owned(),
            folder.as_str().to_owned(),
        );
    }
    env.extend(commands.env.clone());
    env
}

/// The temporary file that receives a command's output.
struct Spool {
    file: File,
    left: u64,
}

impl Spool {
    fn create(job: &Job) -> Result<Self, Failure> {
        let path = &job.session.places.temp;
        let file = create(path)?;
        Ok(Self {
            file: File::from_std(file),
            left: job.config.limits.artifact,
        })
    }

    /// Flushes the file: an asynchronous write may report its error only later.
    async fn close(mut self) -> io::Result<()> {
        self.file.flush().await
    }
}

impl Output for Spool {
    async fn take(&mut self, bytes: &[u8]) -> io::Result<()> {
        let left = self.left.checked_sub(bytes.len() as u64);
        self.left = left.ok_or(io::ErrorKind::FileTooLarge)?;
        self.file.write_all(bytes).await
    }
}

/// Creates a new file that only this user can read.
pub(super) fn create(path: &PathBuf) -> Result<std::fs::File, Failure> {
    let mut options = std::fs::OpenOptions::new();
    let file = options.write(true).create_new(true).mode(0o600).open(path);
    file.map_err(|e| Failure::File(io::Error::new(e.kind(), format!("{}: {e}", path.display()))))
}
