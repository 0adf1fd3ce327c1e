//! The program `testbed`. Its code is in [`testbed::cli`].
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    testbed::cli::main()
}
