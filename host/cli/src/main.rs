//! The program. Everything it does is in the library.

use std::process::ExitCode;

use host_engine::Catalogue;

fn main() -> ExitCode {
    kubectl_broker::main(
        Catalogue::bundled(host_bundled::ENGINES),
        std::env::args_os(),
    )
}
