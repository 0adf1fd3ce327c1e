//! The program. The library contains all of its code.

use std::process::ExitCode;

fn main() -> ExitCode {
    broker_agent::main(std::env::args_os())
}
