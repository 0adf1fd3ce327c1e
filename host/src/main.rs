//! The program. Everything it does is in the library.

use std::process::ExitCode;

use kubectl_broker::{cli, engine::Catalogue};

fn main() -> ExitCode {
    cli::main(Catalogue::bundled(), std::env::args_os())
}
