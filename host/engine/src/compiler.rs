//! Compiles installed engines in a separate process with limited resources.
//!
//! A hostile component can make its compilation take minutes, or gigabytes of memory. The process reads the
//! component from its stdin and writes native code to its stdout. It has no environment, no terminal and no
//! key. The process that started it signs and keeps the native code. The code arrives through a pipe that no
//! other process holds.

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError, mpsc};
use std::time::Duration;

use super::EngineError;
use super::runtime::config;

/// The command-line argument that makes the program compile one engine and exit.
const ARGUMENT: &str = "compile-engine-from-stdin";
/// The processor time of every compilation, and the additional time for each MiB of the component. Engines in
/// Python (18 MB) take 13 s on two processors.
const TIME: Duration = Duration::from_secs(20);
const TIME_PER_MEBIBYTE: Duration = Duration::from_secs(5);
/// The factor from processor time to wall-clock time: other processes use the processors too.
const SHARE: u32 = 4;
/// The maximum size of the process's data segment, in bytes. Engines in JavaScript take 485 MB with two
/// threads.
#[cfg(unix)]
const MEMORY: u64 = 1536 << 20;
/// The maximum number of threads; each needs memory of its own.
const THREADS: usize = 8;
/// The maximum size of native code that the host reads, in bytes.
const MAX_CODE: u64 = 1 << 30;

/// The first byte of an answer: native code follows, or a message that says why there is none.
const CODE: u8 = 0;
const REFUSAL: u8 = 1;

/// True if this program compiles when it is started with [`ARGUMENT`].
static IS_COMPILER: AtomicBool = AtomicBool::new(false);

/// Held while a process compiles. Each compilation may take a gigabyte of memory and every processor, and a
/// command may load many engines at the same time.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Compiles the component on stdin if the arguments ask for it. A program that calls this function before
/// anything else lets [`super::Runtime`] compile in a separate process.
///
/// A program that never calls it, such as a test of this library, can't act as its own compiler. Its engines
/// are compiled in the process itself, without these limits.
#[must_use]
pub fn compile_if_asked(arguments: &[OsString]) -> Option<ExitCode> {
    IS_COMPILER.store(true, Ordering::Relaxed);
    let asked = arguments
        .get(1)
        .is_some_and(|argument| argument == ARGUMENT);
    asked.then(|| match answer() {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    })
}

pub(super) fn is_available() -> bool {
    IS_COMPILER.load(Ordering::Relaxed)
}

/// Returns the native code of a component. The call blocks, also while another thread compiles.
///
/// # Errors
/// When the bytes are no valid component, when the compilation exceeds its limits, or when the process can't
/// be started. The component is never compiled without limits instead.
pub(super) fn compile(engine: &str, component: &[u8]) -> Result<Vec<u8>, EngineError> {
    let unusable = |error: io::Error| EngineError::Compiler {
        reason: error.to_string(),
    };
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let mut child = start().map_err(unusable)?;
    let (answer, status) = exchange(&mut child, component).map_err(unusable)?;
    let too_costly = |what: String| EngineError::TooCostly {
        engine: engine.to_owned(),
        what,
    };
    let Some(mut answer) = answer else {
        let seconds = (time_for(component.len()) * SHARE).as_secs();
        return Err(too_costly(format!("more than {seconds} s")));
    };
    match answer.first() {
        Some(&CODE) if status.success() => {
            // Removing the byte in place avoids a copy: the code may have hundreds of megabytes.
            answer.remove(0);
            Ok(answer)
        }
        Some(&REFUSAL) if status.success() => Err(EngineError::Compile {
            engine: engine.to_owned(),
            reason: String::from_utf8_lossy(&answer[1..]).into_owned(),
        }),
        _ => Err(too_costly(ended_badly(status, time_for(component.len())))),
    }
}

/// Names the limit that the compilation exceeded, judged by how the process ended.
#[cfg(unix)]
fn ended_badly(status: ExitStatus, time: Duration) -> String {
    use std::os::unix::process::ExitStatusExt;

    use rustix::process::Signal;

    if status.signal() == Some(Signal::XCPU.as_raw()) {
        return format!("more than {} s of processor time", time.as_secs());
    }
    // A failed allocation aborts the process, and a system that is out of memory kills it.
    let of_memory = [Signal::ABORT, Signal::KILL].map(Signal::as_raw);
    if status.signal().is_some_and(|it| of_memory.contains(&it)) {
        return format!("more than {} MiB of memory ({status})", MEMORY >> 20);
    }
    format!("more than the compiler can do ({status})")
}

#[cfg(not(unix))]
fn ended_badly(status: ExitStatus, _: Duration) -> String {
    format!("more than the system allows ({status})")
}

fn time_for(bytes: usize) -> Duration {
    let mebibytes = u32::try_from(bytes.div_ceil(1 << 20)).unwrap_or(u32::MAX);
    TIME + TIME_PER_MEBIBYTE.saturating_mul(mebibytes)
}

fn start() -> io::Result<Child> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    Command::new(program()?)
        .arg(ARGUMENT)
        .env_clear()
        // wasmtime compiles in parallel with rayon, which reads this variable.
        .env("RAYON_NUM_THREADS", threads.min(THREADS).to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
}

/// Returns the path of the running program. On Linux it is right even if another file has taken the program's
/// name.
fn program() -> io::Result<PathBuf> {
    if cfg!(target_os = "linux") {
        Ok(PathBuf::from("/proc/self/exe"))
    } else {
        std::env::current_exe()
    }
}

/// Sends the component and waits for the answer. The answer is `None` if the process takes too long.
fn exchange(child: &mut Child, component: &[u8]) -> io::Result<(Option<Vec<u8>>, ExitStatus)> {
    let missing = || io::Error::other("it has no pipes");
    let mut to = child.stdin.take().ok_or_else(missing)?;
    let from = child.stdout.take().ok_or_else(missing)?;
    let (sender, receiver) = mpsc::channel();
    std::thread::scope(|scope| {
        let feeder = scope.spawn(move || {
            // If the process has ended, its status gives the reason, so a failed write is ignored.
            let _ = to
                .write_all(&(component.len() as u64).to_le_bytes())
                .and_then(|()| to.write_all(component));
            // The pipe stays open until the answer is here: closing it tells the process that its answer is
            // no longer wanted.
            to
        });
        scope.spawn(move || {
            let mut answer = Vec::new();
            let read = from.take(MAX_CODE).read_to_end(&mut answer);
            // After the deadline the receiver is gone, so a failed send is ignored.
            let _ = sender.send(read.map(|_| answer));
        });
        let answer = receiver.recv_timeout(time_for(component.len()) * SHARE);
        if answer.is_err() {
            kill(child);
        }
        // The process has closed its stdout, so it is about to end or hangs.
        let status = end(child)?;
        drop(feeder.join());
        Ok((answer.ok().transpose()?, status))
    })
}

/// Waits up to 30 s for the process to end, then kills it. All that is left to do for the process is to
/// return its memory.
fn end(child: &mut Child) -> io::Result<ExitStatus> {
    const PIECE: Duration = Duration::from_millis(2);
    for _ in 0..15_000 {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        std::thread::sleep(PIECE);
    }
    kill(child);
    child.wait()
}

/// Kills the process and every process that it started.
fn kill(child: &mut Child) {
    #[cfg(unix)]
    {
        use rustix::process::{Pid, Signal, kill_process_group};
        // The process leads a session and a process group, unless it has only just been started.
        let _ = kill_process_group(Pid::from_child(child), Signal::KILL);
    }
    // The process may have ended already, which is fine.
    let _ = child.kill();
}

/// Reads the component from stdin, compiles it and writes the answer to stdout: the work of the process.
fn answer() -> io::Result<()> {
    limit_memory();
    let mut input = io::stdin().lock();
    let mut length = [0; 8];
    input.read_exact(&mut length)?;
    let length = u64::from_le_bytes(length);
    let length = usize::try_from(length).map_err(io::Error::other)?;
    limit_time(time_for(length));
    let mut component = Vec::new();
    input
        .by_ref()
        .take(length as u64)
        .read_to_end(&mut component)?;
    drop(input);
    std::thread::spawn(end_with_the_other_side);
    let compiled =
        wasmtime::Engine::new(&config()).and_then(|engine| engine.precompile_component(&component));
    let mut output = io::stdout().lock();
    match compiled {
        Ok(code) => {
            output.write_all(&[CODE])?;
            output.write_all(&code)?;
        }
        Err(error) => {
            output.write_all(&[REFUSAL])?;
            output.write_all(format!("{error:#}").as_bytes())?;
        }
    }
    output.flush()
}

/// Ends this process when its stdin closes, because the process that wanted the answer is gone.
#[expect(clippy::exit, reason = "nothing else stops a compiler")]
fn end_with_the_other_side() {
    let _ = io::copy(&mut io::stdin(), &mut io::sink());
    std::process::exit(1);
}

/// Limits the memory of this process and detaches it from the terminal.
#[cfg(unix)]
fn limit_memory() {
    use rustix::process::{Resource, setsid};
    // `setsid` fails if the process leads a process group, and then it has its own session already.
    let _ = setsid();
    // The process writes no files, and no core file that would contain parts of the component.
    limit(Resource::Core, 0, 0);
    limit(Resource::Fsize, 0, 0);
    // `RLIMIT_DATA` counts used memory only. `RLIMIT_AS` would also count memory that is only reserved.
    limit(Resource::Data, MEMORY, MEMORY);
}

/// Limits the processor time of all threads together. The signal of the soft limit (`SIGXCPU`) names the
/// reason; that of the hard limit (`SIGKILL`) does not.
#[cfg(unix)]
fn limit_time(time: Duration) {
    limit(
        rustix::process::Resource::Cpu,
        time.as_secs(),
        time.as_secs() + 5,
    );
}

#[cfg(unix)]
fn limit(resource: rustix::process::Resource, most: u64, never: u64) {
    use rustix::process::{Rlimit, getrlimit, setrlimit};
    let allowed = getrlimit(resource).maximum;
    let within = |limit: u64| Some(allowed.map_or(limit, |allowed| allowed.min(limit)));
    // A process may always lower its own limits.
    let _ = setrlimit(
        resource,
        Rlimit {
            current: within(most),
            maximum: within(never),
        },
    );
}

/// Does nothing: this system has no such limits. The deadline of the waiting process still applies.
#[cfg(not(unix))]
fn limit_memory() {}

#[cfg(not(unix))]
fn limit_time(_: Duration) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_engines_have_seconds_and_large_ones_minutes() {
        assert_eq!(time_for(352_000), Duration::from_secs(25));
        assert_eq!(time_for(18_000_000), Duration::from_secs(110));
        assert!(time_for(64 << 20) < Duration::from_mins(6));
    }
}
