//! The programs under test and the hostile engines, built once per test process.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use lzma_rust2::XzReader;

use super::{Component, Folders, Invocation, accepting};
use crate::{FROZEN, INSTALLED};

/// The publisher of engines that are bundled in other tests. It is as long as the real publisher.
pub const THIRD_PARTY: &str = "acme-engineers";

/// The paths of the built programs.
pub struct Programs {
    /// The released program, except for the profile. Tests install engines on it.
    pub kubectl_broker: PathBuf,
    /// The same program with additional engines.
    pub with_engines: PathBuf,
    /// The strategy sidecar.
    pub agent: PathBuf,
    /// The operator.
    pub operator: PathBuf,
    /// The component of `tests/hostile`.
    pub hostile: PathBuf,
    /// The component of `tests/hostile/small`, which compiles quickly.
    pub small: PathBuf,
    /// The component of `tests/hostile/hang`, whose start never ends.
    pub hang: PathBuf,
    /// The component of `tests/hostile/sleep`, whose start never ends either.
    pub sleep: PathBuf,
    /// The component of `tests/hostile/objects`, whose backups are Kubernetes objects.
    pub objects: PathBuf,
    /// The component of `tests/hostile/depot`, which saves several files.
    pub depot: PathBuf,
    /// The cache that all tests share, so that each engine is compiled to native code once.
    pub folders: Folders,
}

/// Builds the missing programs, once. If the build fails, every test reports the reason.
pub fn programs() -> &'static Programs {
    static PROGRAMS: OnceLock<Result<Programs, String>> = OnceLock::new();
    match PROGRAMS.get_or_init(build) {
        Ok(programs) => programs,
        Err(reason) => panic!("{reason}"),
    }
}

fn build() -> Result<Programs, String> {
    let profile = profile_folder();
    let target = profile.parent().expect("a target folder");
    build_host(&profile, target)?;
    let engines = build_engines(&target.join("hostile"))?;
    let with_engines = PathBuf::from(env!("CARGO_BIN_EXE_with-engines"));
    let kubectl_broker = if FROZEN.is_none() {
        profile.join("kubectl-broker")
    } else {
        with_engines.clone()
    };
    if let Some(version) = FROZEN {
        thaw(version)?;
    }
    let mut programs = Programs {
        kubectl_broker,
        agent: profile.join("broker-agent"),
        operator: profile.join("broker-operator"),
        with_engines,
        hostile: match FROZEN {
            None => engines.join("engine_hostile.wasm"),
            Some(_) => frozen_folder().join("hostile.wasm"),
        },
        small: engines.join("engine_small.wasm"),
        hang: engines.join("engine_hang.wasm"),
        sleep: engines.join("engine_sleep.wasm"),
        objects: engines.join("engine_objects.wasm"),
        depot: engines.join("engine_depot.wasm"),
        folders: Folders::shared(&profile.join("it")),
    };
    warm(&programs)?;
    if !INSTALLED.is_empty() {
        install(&mut programs, &profile.join("frozen/data"))?;
    }
    Ok(programs)
}

/// Returns the path of stock kubectl.
pub fn stock_kubectl() -> PathBuf {
    let places = ["/usr/local/bin/kubectl", "/usr/bin/kubectl", "/bin/kubectl"];
    let path = places.iter().map(PathBuf::from).find(|path| path.exists());
    path.expect("these tests need kubectl in /usr/local/bin or /usr/bin")
}

/// Returns `target/debug`, derived from `target/debug/deps/it-…`.
pub fn profile_folder() -> PathBuf {
    let test = std::env::current_exe().expect("the path of this test");
    let folder = test.ancestors().nth(2).expect("a profile's folder");
    folder.to_owned()
}

/// Builds the host together with the package of these tests. The features of all dependencies are then those
/// that cargo has just built, so nothing is compiled twice.
fn build_host(profile: &Path, target: &Path) -> Result<(), String> {
    let name = profile.file_name().expect("a profile").to_string_lossy();
    let name = if name == "debug" { "dev" } else { &*name };
    let mut command = Command::new(env!("CARGO"));
    command
        .current_dir(workspace())
        .args([
            "build",
            "--package",
            "kubectl-broker",
            "--package",
            "broker-agent",
            "--package",
            "broker-operator",
        ])
        .args(["--package", "it", "--bins", "--profile", name])
        .arg("--target-dir")
        .arg(target);
    // Build scripts that look at these would run again, and all that depends on them would be compiled again.
    let own = ["CARGO_PKG_", "CARGO_MANIFEST_"];
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if own.iter().any(|start| text.starts_with(start)) {
            command.env_remove(&name);
        }
    }
    cargo(&mut command)
}

/// Returns cargo without the flags and wrappers of the outer cargo.
pub fn plain_cargo() -> Command {
    without_outer_cargo(Command::new(env!("CARGO")))
}

/// Removes the variables that cargo sets for this test and this workspace.
pub fn without_outer_cargo(mut command: Command) -> Command {
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        let begins = |starts: &[&str]| starts.iter().any(|start| text.starts_with(start));
        let stays = begins(&["CARGO_HOME", "CARGO_NET", "CARGO_HTTP", "CARGO_REGISTR"]);
        if !stays && begins(&["CARGO", "RUSTFLAGS", "RUSTC"]) {
            command.env_remove(&name);
        }
    }
    command
}

/// Builds the engines for WebAssembly.
fn build_engines(target: &Path) -> Result<PathBuf, String> {
    let mut command = plain_cargo();
    command
        .current_dir(workspace().join("tests/hostile"))
        .args(["build", "--locked", "--workspace", "--profile", "engine"])
        .args(["--target", "wasm32-wasip2", "--target-dir"])
        .arg(target);
    cargo(&mut command)?;
    Ok(target.join("wasm32-wasip2/engine"))
}

fn cargo(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    let folder = command.get_current_dir().unwrap_or(Path::new("."));
    Err(format!(
        "cargo failed in {}:\n{}",
        folder.display(),
        String::from_utf8_lossy(&output.stderr)
    ))
}

pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Returns the folder of the components that [`thaw`] has unpacked.
pub fn frozen_folder() -> PathBuf {
    profile_folder().join("frozen/engines")
}

/// Unpacks the components that were built for an interface version once.
fn thaw(version: &str) -> Result<(), String> {
    let fixtures = workspace().join("tests/fixtures").join(version);
    fs::create_dir_all(frozen_folder()).map_err(|error| error.to_string())?;
    for entry in fs::read_dir(&fixtures).map_err(|error| error.to_string())? {
        let packed = entry.map_err(|error| error.to_string())?.path();
        if packed.extension().is_none_or(|extension| extension != "xz") {
            continue;
        }
        let bytes = fs::read(&packed).map_err(|error| error.to_string())?;
        let mut component = Vec::new();
        XzReader::new(&bytes[..], false)
            .read_to_end(&mut component)
            .map_err(|error| format!("{}: {error}", packed.display()))?;
        let name = packed.file_stem().expect("a name that ends with .xz");
        fs::write(frozen_folder().join(name), component).map_err(|error| error.to_string())?;
    }
    Ok(())
}

/// Installs engines from their files in a new folder, and grants all their capabilities.
fn install(programs: &mut Programs, folder: &Path) -> Result<(), String> {
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(|error| error.to_string())?;
    }
    programs.folders = programs.folders.with_data_in(folder);
    for name in INSTALLED {
        let id = format!("kubectl-broker/{name}");
        let path = folder.join(format!("{name}.wasm"));
        let bytes = fs::read(frozen_folder().join(format!("{name}.wasm")));
        let bytes = bytes.map_err(|error| error.to_string())?;
        // Only kubectl-broker's own engines may have its publisher.
        let theirs = Component::of(&bytes).replace(&id, &format!("{THIRD_PARTY}/{name}"));
        fs::write(&path, theirs.bytes()).map_err(|error| error.to_string())?;
        let program = Invocation::new(&programs.kubectl_broker, &programs.folders);
        let command = format!("plugin install {}", path.display());
        let refused = program.run(&command);
        let accepted = program.run(&format!("{command} {}", accepting(&refused)));
        if accepted.code != 0 {
            return Err(accepted.stderr);
        }
    }
    Ok(())
}

/// Compiles every engine to native code once. Otherwise concurrent tests would each do it.
fn warm(programs: &Programs) -> Result<(), String> {
    let run = Invocation::new(&programs.with_engines, &programs.folders)
        .engines([&programs.hostile])
        .unreachable_cluster()
        .run("engines");
    if run.code == 0 {
        Ok(())
    } else {
        Err(run.stderr)
    }
}
