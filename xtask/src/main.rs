//! The project's chores: `cargo xtask demo | test | ci | bench | reference | man | image`.

#![forbid(unsafe_code)]

mod bench;
mod ci;
mod demo;
mod image;
#[cfg(test)]
mod layers;
mod programs;
#[cfg(test)]
mod prose;
mod reference;
mod shell;
mod target;
mod test;
mod worker;

use std::process::ExitCode;

const USAGE: &str = "\
cargo xtask <chore>

  demo        build, start the simulated cluster, and run a few commands in it;
              aws for a BackupRequest with moto, PostgreSQL and the operator
  test        all tests
  ci          tests, format, lints, dependency policy, documentation, generated files
  bench       build for release and print the benchmark's ratios; process, installed,
              sandbox, download, stores, aws or operator for these parts alone
  reference   regenerate docs/reference.md from the program's command tree, docs/manifest.md
              and docs/manifest.schema.json from the types of the manifest, and docs/schema
              from the types of the documents
  man         write the man pages into target/man
  image       write an image of a static program as OCI archive, without a daemon";

/// The result of a chore; the error is a message for the developer.
type Result<T = ()> = std::result::Result<T, String>;

fn main() -> ExitCode {
    let chore = std::env::args().nth(1).unwrap_or_default();
    let result = match chore.as_str() {
        "demo" => demo::run(std::env::args().skip(2)),
        "test" => test::run(),
        "ci" => ci::run(),
        "bench" => bench::run(std::env::args().skip(2)),
        "reference" => reference::write(),
        "man" => reference::man(),
        "image" => image::run(std::env::args().skip(2)),
        _ => Err(USAGE.to_owned()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            shell::say(&problem);
            ExitCode::FAILURE
        }
    }
}
