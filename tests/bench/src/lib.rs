//! The common parts of the small programs that the benchmark compares with.

use std::io::Write;
use std::process::ExitCode;

use host_cluster::{Backend, Cluster, ConnectOptions, EndpointSpec, Target};

/// The error that ended a program.
pub type Failed = Box<dyn std::error::Error>;

/// Runs a program on the same kind of runtime as the program it is compared with.
pub fn run(program: impl Future<Output = Result<(), Failed>>) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let result = runtime
        .map_err(Failed::from)
        .and_then(|runtime| runtime.block_on(program));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}

/// Returns the arguments. Their number must be that of the words in `usage`.
///
/// # Errors
/// Fails if the number differs.
pub fn arguments<const N: usize>(usage: &str) -> Result<[String; N], Failed> {
    let given: Vec<_> = std::env::args().skip(1).collect();
    given.try_into().map_err(|_| format!("give {usage}").into())
}

/// Returns a port of the pods of the testbed's brokers.
///
/// # Errors
/// Fails if there is no cluster, or if nothing listens.
pub async fn backend(namespace: Option<String>, port: u16) -> Result<Backend, Failed> {
    let options = ConnectOptions {
        namespace,
        ..ConnectOptions::default()
    };
    let cluster = Cluster::connect(&options).await?;
    let target = Target {
        statefulset: "broker".to_owned(),
        pod: None,
    };
    let spec = EndpointSpec {
        name: "api".to_owned(),
        select: broker_manifest::Select::Pod,
        port: broker_manifest::Port {
            flag: None,
            names: Vec::new(),
            numbers: vec![port.try_into()?],
        },
        explicit_port: None,
        tls: None,
        ready: broker_manifest::Ready::default(),
    };
    Ok(cluster.backend(&target, &spec).await?)
}
