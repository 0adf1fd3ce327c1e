//! Containers as processes of this machine.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use tokio::sync::mpsc::UnboundedSender;

use super::guard::Guard;
use super::output::Output;
use super::signals::{self, Signal};
use crate::tasks::Tasks;

/// A container that is ready to start.
#[derive(Debug)]
pub struct Plan {
    /// The program and its arguments.
    pub line: Vec<String>,
    pub env: BTreeMap<String, String>,
    pub folder: PathBuf,
}

/// The end of a container.
#[derive(Debug)]
pub struct Exit {
    /// The `uid` of its pod.
    pub pod: String,
    pub code: i32,
}

/// Starts a container, and returns its process group. `exits` gets its end after its last output.
pub fn start(
    plan: &Plan,
    pod: &str,
    output: Arc<Output>,
    exits: UnboundedSender<Exit>,
    tasks: &Tasks,
    guard: &Guard,
) -> io::Result<u32> {
    let (program, arguments) = plan.line.split_first().ok_or(io::ErrorKind::InvalidInput)?;
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env_clear()
        .envs(&plan.env)
        .current_dir(&plan.folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    #[cfg(unix)]
    command.process_group(0);
    let child = command.spawn()?;
    let group = child.id().ok_or(io::ErrorKind::NotFound)?;
    guard.add(group);
    let (pod, guard) = (pod.to_owned(), guard.clone());
    tasks.spawn(async move {
        let code = attend(child, group, &output).await;
        guard.remove(group);
        output.end();
        // The testbed may have ended.
        let _ = exits.send(Exit { pod, code });
    });
    Ok(group)
}

/// Waits for the end of a process, and collects its output.
async fn attend(mut child: Child, group: u32, output: &Output) -> i32 {
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let mut pumps = Box::pin(async { tokio::join!(pump(stdout, output), pump(stderr, output)) });
    let status = tokio::select! {
        status = child.wait() => {
            // The first process of a container takes all the others with it.
            signals::send(group, Signal::Kill);
            pumps.await;
            status
        }
        _ = &mut pumps => child.wait().await,
    };
    status.map_or(255, exit_code)
}

async fn pump(stream: Option<impl AsyncRead + Unpin>, output: &Output) {
    let Some(mut stream) = stream else {
        return;
    };
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(read @ 1..) = stream.read(&mut buffer).await {
        output.add(&buffer[..read]);
    }
}

/// Returns the code as a container runtime reports it: 128 and the number of a signal.
fn exit_code(status: ExitStatus) -> i32 {
    #[cfg(unix)]
    {
        use std::os::unix::process::ExitStatusExt;
        if let Some(signal) = status.signal() {
            return 128 + signal;
        }
    }
    status.code().unwrap_or(255)
}
