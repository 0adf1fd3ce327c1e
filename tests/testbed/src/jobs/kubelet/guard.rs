//! A guard that kills the processes of containers when the program of the testbed ends without doing so itself,
//! because it was killed or interrupted.
//!
//! The guard is a shell that reads the process groups from a pipe. The pipe closes with the program.

use std::io::Write;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

/// Keeps the list of live groups. `+ GROUP` adds one and `- GROUP` removes it; at the end the rest are killed.
const SCRIPT: &str = r#"
live=' '
while read -r change group; do
    case $change in
        +) live="$live$group " ;;
        -) live="${live%% "$group" *} ${live#* "$group" }" ;;
    esac
done
for group in $live; do
    kill -9 "-$group"
done
"#;

/// The guard of a testbed, which starts with the first container. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Guard {
    shell: Arc<Mutex<Option<Shell>>>,
}

#[derive(Debug)]
struct Shell(Child);

impl Drop for Shell {
    fn drop(&mut self) {
        // The pipe closes, so that the shell ends.
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

impl Guard {
    pub fn add(&self, group: u32) {
        self.tell('+', group);
    }

    pub fn remove(&self, group: u32) {
        self.tell('-', group);
    }

    /// Without a shell, as on other systems, there is no guard.
    fn tell(&self, change: char, group: u32) {
        let mut shell = self.shell.lock().unwrap_or_else(PoisonError::into_inner);
        if shell.is_none() {
            *shell = start().map(Shell);
        }
        if let Some(stdin) = shell.as_mut().and_then(|shell| shell.0.stdin.as_mut()) {
            let _ = writeln!(stdin, "{change} {group}");
        }
    }
}

fn start() -> Option<Child> {
    let mut command = Command::new("/bin/sh");
    command
        .args(["-c", SCRIPT])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    #[cfg(unix)]
    {
        use std::os::unix::process::CommandExt;
        // An interrupt from the terminal must not end the guard with the program.
        command.process_group(0);
    }
    command.spawn().ok()
}
