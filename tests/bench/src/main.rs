//! The benchmark: the cost of the engines, the sandbox, the tunnel and the operator.
//!
//! `cargo xtask bench` builds everything in release mode and runs it. The arguments `process`, `installed`,
//! `sandbox`, `download`, `stores`, `aws` and `operator` select single parts. Absolute times depend on the machine, so
//! most targets are ratios to a baseline that was measured in alternation. Those of the operator are absolute: a
//! prototype on a real cluster gave them.

mod aws;
mod download;
mod figures;
mod installed;
mod object_storage;
mod operator;
mod process;
mod sandbox;
mod stores;

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

pub(crate) type Failed = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("the benchmark failed: {error}"));
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Failed> {
    let programs = programs()?;
    let wanted: Vec<_> = std::env::args().skip(1).collect();
    let is_wanted = |part: &str| wanted.is_empty() || wanted.iter().any(|name| name == part);
    if is_wanted("process") {
        process::help_against_version(&programs)?;
        process::list_against_native(&programs).await?;
        process::requests_of_one_list(&programs).await?;
    }
    if is_wanted("installed") {
        installed::commands_with_many_engines(&programs)?;
    }
    if is_wanted("sandbox") {
        sandbox::load_and_call().await?;
    }
    if is_wanted("download") {
        download::large_download(&programs).await?;
    }
    if is_wanted("stores") {
        stores::copies(&programs).await?;
    }
    if is_wanted("aws") {
        aws::copies(&programs).await?;
    }
    if is_wanted("operator") {
        operator::many_schedules(&programs).await?;
    }
    Ok(())
}

/// Returns the folder of this program, which contains the other programs.
fn programs() -> Result<PathBuf, Failed> {
    let mut folder = std::env::current_exe()?;
    folder.pop();
    Ok(folder)
}

pub(crate) fn say(text: &str) {
    // A closed stdout ends the benchmark soon anyway.
    let _ = writeln!(io::stdout(), "{text}");
}
