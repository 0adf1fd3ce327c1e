//! Checks of the configuration's paths on this machine, before the first export needs them.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use super::{Config, Problem, Work};

/// Creates missing folders, checks that the agent can write to its folders, and rejects folders in place of
/// files.
///
/// # Errors
///
/// Returns each invalid path with the field that names it.
pub fn prepare(config: &Config) -> Result<(), Vec<Problem>> {
    let mut problems = Vec::new();
    let mut check = |field: &str, path: &Path, checked: io::Result<()>| {
        if let Err(e) = checked {
            problems.push(Problem::new(format!("{field}: {}: {e}", path.display())));
        }
    };
    let paths = &config.paths;
    check("paths.workdir", &paths.workdir, make(&paths.workdir));
    if let Work::Commands(commands) = &config.strategy.work
        && commands.workdir != paths.workdir
    {
        let workdir = &commands.workdir;
        check("strategy.config.workdir", workdir, make(workdir));
    }
    check(
        "paths.artifacts",
        &paths.artifacts,
        writable(&paths.artifacts),
    );
    let temp_folder = paths.temp_dump.parent().unwrap_or(Path::new("."));
    check("paths.temp_dump", temp_folder, writable(temp_folder));
    check(
        "paths.temp_dump",
        &paths.temp_dump,
        no_folder(&paths.temp_dump),
    );
    let artifact = paths.artifacts.join(&config.strategy.artifact.filename);
    check(
        "strategy.artifact.filename",
        &artifact,
        no_folder(&artifact),
    );
    if problems.is_empty() {
        Ok(())
    } else {
        Err(problems)
    }
}

fn make(folder: &Path) -> io::Result<()> {
    // No other user may read backups.
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

fn writable(folder: &Path) -> io::Result<()> {
    make(folder)?;
    let probe = folder.join(format!(".broker-agent-{}", std::process::id()));
    File::create(&probe)?;
    fs::remove_file(&probe)
}

fn no_folder(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => Err(io::Error::from(io::ErrorKind::IsADirectory)),
        Ok(_) => Ok(()),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(e) => Err(e),
    }
}
