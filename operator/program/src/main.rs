use std::process::ExitCode;

fn main() -> ExitCode {
    broker_operator::main()
}
