//! The program. Everything it does is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    broker_agent::main(std::env::args_os())
}
