//! The program. The library contains all of its code.

use std::process::ExitCode;

fn main() -> ExitCode {
    broker_kafka_worker::main(std::env::args_os())
}
