//! Compiling the engines of others in a process of its own, which may only take so much.
//!
//! A component can be made so that its compilation takes minutes, or gigabytes. The process gets the
//! component on its stdin and writes native code to its stdout; it has no environment, no terminal, and
//! no key: what it returns is signed and kept by the process that started it, and came through a pipe that
//! nobody else has.

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError, mpsc};
use std::time::Duration;

use super::EngineError;
use super::runtime::config;

/// The argument with which the program compiles and does nothing else.
const ARGUMENT: &str = "compile-engine-from-stdin";
/// The processor time that every compilation has, and that for each MiB of the component. Engines in
/// Python (18 MB) take 13 s on two processors.
const TIME: Duration = Duration::from_secs(20);
const TIME_PER_MEBIBYTE: Duration = Duration::from_secs(5);
/// How much longer it may take where others use the processors too.
const SHARE: u32 = 4;
/// What the process may allocate, in bytes. Engines in JavaScript take 485 MB, with two threads.
#[cfg(unix)]
const MEMORY: u64 = 1536 << 20;
/// The most threads: each has memory of its own.
const THREADS: usize = 8;
/// The most native code that is taken, in bytes.
const MAX_CODE: u64 = 1 << 30;

/// What the first byte of an answer says.
const CODE: u8 = 0;
const REFUSAL: u8 = 1;

/// Whether this program compiles when it is started with [`ARGUMENT`].
static IS_COMPILER: AtomicBool = AtomicBool::new(false);

/// Held while a process compiles: each may take a gigabyte and every processor, and a command may load many
/// engines at the same time.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Compiles what is on stdin, if these are the arguments for that. A program that calls this before
/// anything else lets [`super::Runtime`] compile in a process of its own.
///
/// A program that never calls it, such as the tests of this library, can't be its own compiler: there,
/// engines are compiled in the process itself, without these limits.
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

/// Native code of a component. Blocks, also while another thread compiles.
///
/// # Errors
/// When it is no valid component, when its compilation takes more than it may, or when the process can't
/// be started: it is never compiled without limits instead.
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
            // In its place: there may be hundreds of megabytes.
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

/// What it was too much of, by what ended the process.
#[cfg(unix)]
fn ended_badly(status: ExitStatus, time: Duration) -> String {
    use std::os::unix::process::ExitStatusExt;

    use rustix::process::Signal;

    if status.signal() == Some(Signal::XCPU.as_raw()) {
        return format!("more than {} s of processor time", time.as_secs());
    }
    // An allocation that fails aborts the process, and a system without memory kills it.
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
        // wasmtime compiles with rayon.
        .env("RAYON_NUM_THREADS", threads.min(THREADS).to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
}

/// This very program, though another file may have its name by now.
fn program() -> io::Result<PathBuf> {
    if cfg!(target_os = "linux") {
        Ok(PathBuf::from("/proc/self/exe"))
    } else {
        std::env::current_exe()
    }
}

/// Hands the component over and waits for what comes back; nothing, if it takes too long.
fn exchange(child: &mut Child, component: &[u8]) -> io::Result<(Option<Vec<u8>>, ExitStatus)> {
    let missing = || io::Error::other("it has no pipes");
    let mut to = child.stdin.take().ok_or_else(missing)?;
    let from = child.stdout.take().ok_or_else(missing)?;
    let (sender, receiver) = mpsc::channel();
    std::thread::scope(|scope| {
        let feeder = scope.spawn(move || {
            // A process that has ended says why with its status.
            let _ = to
                .write_all(&(component.len() as u64).to_le_bytes())
                .and_then(|()| to.write_all(component));
            // Open until the answer is there: its end tells the process that nobody waits any more.
            to
        });
        scope.spawn(move || {
            let mut answer = Vec::new();
            let read = from.take(MAX_CODE).read_to_end(&mut answer);
            // Nobody receives it after the deadline.
            let _ = sender.send(read.map(|_| answer));
        });
        let answer = receiver.recv_timeout(time_for(component.len()) * SHARE);
        if answer.is_err() {
            kill(child);
        }
        // It has closed its stdout: it ends, or never will.
        let status = end(child)?;
        drop(feeder.join());
        Ok((answer.ok().transpose()?, status))
    })
}

/// Waits for a process that has nothing left to do but to give its memory back, for half a minute.
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

/// With all that it has started.
fn kill(child: &mut Child) {
    #[cfg(unix)]
    {
        use rustix::process::{Pid, Signal, kill_process_group};
        // It leads a session of its own, unless it has only just been started.
        let _ = kill_process_group(Pid::from_child(child), Signal::KILL);
    }
    // It may have ended by itself.
    let _ = child.kill();
}

/// What the process does.
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

/// Ends this process when whoever wants its answer is gone.
#[expect(clippy::exit, reason = "nothing else stops a compiler")]
fn end_with_the_other_side() {
    let _ = io::copy(&mut io::stdin(), &mut io::sink());
    std::process::exit(1);
}

/// From now on; and without the terminal.
#[cfg(unix)]
fn limit_memory() {
    use rustix::process::{Resource, setsid};
    // Who leads a group has a session of its own already.
    let _ = setsid();
    // No traces of the component in a core file, and no files at all.
    limit(Resource::Core, 0, 0);
    limit(Resource::Fsize, 0, 0);
    // What is only reserved does not count, as it would for the address space.
    limit(Resource::Data, MEMORY, MEMORY);
}

/// That of all threads together. The signal at the lower limit says what it is about; the one at the
/// higher does not.
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
    // A limit that is lower may always be set.
    let _ = setrlimit(
        resource,
        Rlimit {
            current: within(most),
            maximum: within(never),
        },
    );
}

/// Other systems know no such limits; the deadline holds.
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
