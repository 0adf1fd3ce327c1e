use std::sync::Weak;

use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};

use super::*;
use crate::log::Level;
use crate::redact::{Redactor, Secret};

#[derive(Default)]
struct Kept(Vec<u8>);

impl Output for Kept {
    async fn take(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }
}

struct Full;

impl Output for Full {
    async fn take(&mut self, _: &[u8]) -> io::Result<()> {
        Err(io::Error::from(io::ErrorKind::StorageFull))
    }
}

fn quiet() -> Log {
    let redactor = Redactor::new([&Secret::new("hunter2")], &BTreeMap::new());
    Log::new(Level::Error, redactor)
}

fn shell(text: &str) -> CommandLine {
    CommandLine::Shell(text.to_owned())
}

struct Bench {
    shell: Vec<String>,
    env: BTreeMap<String, String>,
    held: Arc<()>,
}

impl Bench {
    fn new() -> Self {
        Self {
            shell: vec!["/bin/sh".to_owned(), "-c".to_owned()],
            env: [("NAME".to_owned(), "a 'b' $(c)".to_owned())].into(),
            held: Arc::new(()),
        }
    }

    fn order<'a>(&'a self, line: &'a CommandLine) -> Order<'a> {
        Order {
            line,
            shell: &self.shell,
            workdir: Path::new("/"),
            env: &self.env,
            deadline: None,
            kill_after: Duration::ZERO,
            bound: None,
            hold: Arc::clone(&self.held) as Arc<dyn Any + Send + Sync>,
        }
    }

    async fn run<O: Output>(&self, line: &str, output: Option<&mut O>) -> Result<(), CommandError> {
        run(self.order(&shell(line)), output, &quiet()).await
    }

    /// Waits until the last process of every command is gone.
    async fn released(self) {
        let held: Weak<()> = Arc::downgrade(&self.held);
        drop(self);
        while held.strong_count() > 0 {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn what_a_command_writes_is_taken_byte_by_byte() {
    let bench = Bench::new();
    let mut kept = Kept::default();
    bench
        .run(
            "printf '%s|' \"$NAME\"; pwd; echo told >&2",
            Some(&mut kept),
        )
        .await
        .expect("it ends well");
    assert_eq!(kept.0, b"a 'b' $(c)|/\n");
    bench.released().await;
}

#[tokio::test]
async fn words_are_not_read_by_a_shell() {
    let bench = Bench::new();
    let words = ["printf", "%s", "$(id) `id` ; *"]
        .map(str::to_owned)
        .to_vec();
    let mut kept = Kept::default();
    run(
        bench.order(&CommandLine::Words(words)),
        Some(&mut kept),
        &quiet(),
    )
    .await
    .expect("it ends well");
    assert_eq!(kept.0, b"$(id) `id` ; *");
}

#[tokio::test]
async fn a_failure_says_its_code_the_command_and_what_it_told_without_secrets() {
    let error = Bench::new()
        .run::<Kept>("echo first; echo password is hunter2 >&2; exit 7", None)
        .await
        .expect_err("it fails");
    assert_eq!(
        error.to_string(),
        "Command failed with exit code 7: echo first; echo password is hunter2 >&2; exit 7\n\
         first\npassword is ***"
    );
}

#[tokio::test]
async fn an_end_by_a_signal_is_no_success() {
    let error = Bench::new()
        .run::<Kept>("kill -9 $$", None)
        .await
        .expect_err("it fails");
    assert_eq!(
        error.to_string(),
        "Command was ended by signal 9: kill -9 $$"
    );
}

#[tokio::test]
async fn a_program_that_is_missing_is_named() {
    let bench = Bench::new();
    let words = CommandLine::Words(vec!["/no/such/program".to_owned(), "x".to_owned()]);
    let error = run::<Kept>(bench.order(&words), None, &quiet())
        .await
        .expect_err("it fails");
    assert!(
        error
            .to_string()
            .starts_with("Command can't be started: /no/such/program x: "),
        "{error}"
    );
    bench.released().await;
}

#[tokio::test]
async fn what_a_command_leaves_in_the_background_ends_with_it() {
    // The orphaned process becomes a child of this process, so that the test can wait for its end.
    adopt_orphans();
    let bench = Bench::new();
    let mut kept = Kept::default();
    bench
        .run("sleep 1000 & echo $!", Some(&mut kept))
        .await
        .expect("it ends well");
    bench.released().await;
    let id = String::from_utf8(kept.0).expect("a number");
    let id = id
        .trim()
        .parse()
        .ok()
        .and_then(Pid::from_raw)
        .expect("a number");
    assert_eq!(test_kill_process(id), Err(Errno::SRCH));
}

#[tokio::test]
async fn dropping_a_run_ends_all_that_it_started() {
    let bench = Bench::new();
    let folder = tempfile::tempdir().expect("a folder");
    let started = folder.path().join("started");
    let line = shell(&format!(
        "sleep 1000 & sleep 1000 | (touch {}; cat)",
        started.display()
    ));
    {
        let log = quiet();
        let mut running = pin!(run::<Kept>(bench.order(&line), None, &log));
        let seen = async {
            while !started.exists() {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            result = &mut running => panic!("it ended by itself: {result:?}"),
            () = seen => {}
        }
    }
    bench.released().await;
}

#[tokio::test]
async fn a_command_that_ignores_being_told_to_end_is_killed() {
    let bench = Bench::new();
    let line = shell("trap '' TERM; while :; do sleep 1000; done");
    let mut order = bench.order(&line);
    order.kill_after = Duration::from_millis(1);
    order.deadline = Some(Duration::from_millis(1));
    let error = run::<Kept>(order, None, &quiet())
        .await
        .expect_err("it fails");
    assert!(matches!(error, CommandError::TimedOut { .. }), "{error}");
    bench.released().await;
}

#[tokio::test]
async fn a_file_that_grows_too_large_ends_the_command() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("dump");
    let bench = Bench::new();
    let line = shell(&format!("echo 0123456789 > {}; sleep 1000", file.display()));
    let mut order = bench.order(&line);
    order.bound = Some((file, 10));
    let error = run::<Kept>(order, None, &quiet())
        .await
        .expect_err("it fails");
    assert!(
        matches!(error, CommandError::TooLarge { limit: 10 }),
        "{error}"
    );
    bench.released().await;
}

#[tokio::test]
async fn a_full_disk_ends_the_command() {
    let bench = Bench::new();
    let error = bench
        .run("yes", Some(&mut Full))
        .await
        .expect_err("it fails");
    assert!(matches!(error, CommandError::Output { .. }), "{error}");
    bench.released().await;
}

#[tokio::test]
async fn only_the_end_of_what_a_command_tells_is_kept() {
    let error = Bench::new()
        .run::<Kept>(
            "i=0; while [ $i -lt 100 ]; do i=$((i+1)); echo line $i; done; exit 1",
            None,
        )
        .await
        .expect_err("it fails")
        .to_string();
    assert!(
        !error.contains("line 80\n") && error.contains("line 81\n") && error.ends_with("line 100"),
        "{error}"
    );
}
