//! The tunnel alone: the same bytes through the host's own port-forward and HTTP, without an engine,
//! hashing or a file.
//!
//! `native-copy NAMESPACE PORT PATH`

use std::io::Write;
use std::process::ExitCode;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use kubectl_broker::cluster::{Cluster, ConnectOptions, Deadlines, EndpointSpec, Target};

type Failed = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let result = runtime
        .map_err(Failed::from)
        .and_then(|runtime| runtime.block_on(copy()));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}

async fn copy() -> Result<(), Failed> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [namespace, port, path] = &arguments[..] else {
        return Err("give NAMESPACE PORT PATH".into());
    };
    let cluster = Cluster::connect(&ConnectOptions {
        namespace: Some(namespace.clone()),
        ..ConnectOptions::default()
    })
    .await?;
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
            numbers: vec![port.parse()?],
        },
        explicit_port: None,
    };
    let backend = cluster.backend(&target, &spec).await?;
    let request = http::Request::get(path).body(Full::new(Bytes::new()))?;
    let response = backend.send(request, &Deadlines::default()).await?;
    let mut body = response.into_body();
    let mut total = 0_u64;
    while let Some(frame) = body.frame().await {
        if let Ok(bytes) = frame?.into_data() {
            total += bytes.len() as u64;
        }
    }
    writeln!(std::io::stdout(), "{total}")?;
    Ok(())
}
