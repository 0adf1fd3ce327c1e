//! Builds the bundled engines and embeds them in the binary.
//!
//! `KUBECTL_BROKER_ENGINES` may name a folder with a `.wasm` file for each engine. The engines are then taken
//! from there and nothing is built.
//!
//! The script also embeds the SDK, for `plugin new`.

#[path = "build/sdk.rs"]
mod sdk;

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use sha2::{Digest, Sha256};

/// The bundled engines, in the order of their names.
const ENGINES: &[&str] = &[
    "aws",
    "backuprequest",
    "hivemq",
    "kafka",
    "operator",
    "sidecar",
    "strategy",
];
const TARGET: &str = "wasm32-wasip2";
const PREBUILT: &str = "KUBECTL_BROKER_ENGINES";

fn main() -> ExitCode {
    match bundle().and_then(|()| sdk::embed()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            for line in problem.lines() {
                println!("cargo::error={line}");
            }
            ExitCode::FAILURE
        }
    }
}

fn bundle() -> Result<(), String> {
    let out = PathBuf::from(variable("OUT_DIR")?);
    let workspace = PathBuf::from(variable("CARGO_MANIFEST_DIR")?).join("../..");
    println!("cargo::rerun-if-env-changed={PREBUILT}");
    let folder = match env::var_os(PREBUILT) {
        Some(folder) => {
            println!("cargo::rerun-if-changed={}", folder.display());
            PathBuf::from(folder)
        }
        None => build(&workspace, &out)?,
    };
    let mut source = String::from(
        "/// The bundled engines in order of their names: the name, the component, and its SHA-256.\npub static ENGINES: &[(&str, &[u8], [u8; 32])] = &[\n",
    );
    for name in ENGINES {
        let file = folder.join(format!("{name}.wasm"));
        let file = file
            .canonicalize()
            .map_err(|e| format!("no engine {}: {e}", file.display()))?;
        let bytes = fs::read(&file).map_err(|e| format!("{}: {e}", file.display()))?;
        let digest: [u8; 32] = Sha256::digest(bytes).into();
        let file = file
            .to_str()
            .ok_or_else(|| format!("the path {} is not Unicode", file.display()))?;
        // Writing to a String can't fail.
        let _ = writeln!(
            source,
            "    ({name:?}, include_bytes!({file:?}), {digest:?}),"
        );
    }
    source.push_str("];\n");
    let destination = out.join("bundled.rs");
    fs::write(&destination, source).map_err(|e| format!("{}: {e}", destination.display()))
}

/// Builds the engines with a separate cargo process and a separate target folder: the outer cargo locks the
/// usual one.
fn build(workspace: &Path, out: &Path) -> Result<PathBuf, String> {
    for part in ["plugins", "sdk", "wit", "Cargo.toml", "Cargo.lock"] {
        println!("cargo::rerun-if-changed={}", workspace.join(part).display());
    }
    require_target()?;
    let target = out.join("engines");
    let mut cargo = Command::new(variable("CARGO")?);
    cargo
        .current_dir(workspace)
        .args([
            "build",
            "--locked",
            "--profile",
            "engine",
            "--target",
            TARGET,
        ])
        .arg("--target-dir")
        .arg(&target);
    for name in ENGINES {
        cargo.args(["--package", &format!("engine-{name}")]);
    }
    // Settings of the outer cargo must not affect the inner one: flags, profiles, wrappers.
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        let leaks = text.starts_with("CARGO")
            && text != "CARGO_HOME"
            && !text.starts_with("CARGO_NET")
            && !text.starts_with("CARGO_HTTP")
            && !text.starts_with("CARGO_REGISTR");
        if leaks || text == "RUSTFLAGS" || text.starts_with("RUSTC") {
            cargo.env_remove(&name);
        }
    }
    let output = cargo
        .output()
        .map_err(|e| format!("cargo can't be started: {e}"))?;
    if !output.status.success() {
        return Err(format!(
            "the bundled engines can't be built:\n{}",
            String::from_utf8_lossy(&output.stderr)
        ));
    }
    let built = target.join(TARGET).join("engine");
    for name in ENGINES {
        let from = built.join(format!("engine_{name}.wasm"));
        let to = out.join(format!("{name}.wasm"));
        fs::copy(&from, &to).map_err(|e| format!("{}: {e}", from.display()))?;
    }
    Ok(out.to_owned())
}

/// Returns an error with the command that installs the target's standard library, if it is missing.
fn require_target() -> Result<(), String> {
    let output = Command::new(variable("RUSTC")?)
        .args(["--print", "target-libdir", "--target", TARGET])
        .output()
        .map_err(|e| format!("rustc can't be started: {e}"))?;
    let folder = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if output.status.success() && Path::new(&folder).is_dir() {
        return Ok(());
    }
    Err(format!(
        "The bundled engines are WebAssembly, and the target {TARGET} is not installed.\nRun: rustup target add {TARGET}"
    ))
}

fn variable(name: &str) -> Result<String, String> {
    env::var(name).map_err(|_| format!("{name} is not set; build with cargo"))
}
