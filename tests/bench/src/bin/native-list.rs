//! The baseline: the same request over the same tunnel, in plain native code, without an engine.

use std::io::Write;
use std::process::ExitCode;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use kubectl_broker::cluster::{Cluster, ConnectOptions, Deadlines, EndpointSpec, Target};
use serde::Deserialize;

type Failed = Box<dyn std::error::Error>;

#[derive(Deserialize)]
struct List {
    backups: Vec<Backup>,
}

#[derive(Deserialize)]
struct Backup {
    key: String,
    last_modified: String,
    size_bytes: i64,
}

fn main() -> ExitCode {
    // The runtime of the program that this is compared with.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let result = runtime
        .map_err(Failed::from)
        .and_then(|runtime| runtime.block_on(list()));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}

async fn list() -> Result<(), Failed> {
    let cluster = Cluster::connect(&ConnectOptions::default()).await?;
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
            numbers: vec![8085.try_into()?],
        },
        explicit_port: None,
    };
    let backend = cluster.backend(&target, &spec).await?;
    let request = http::Request::get("/v1/backup/list-remote").body(Full::new(Bytes::new()))?;
    let response = backend.send(request, &Deadlines::default()).await?;
    let body = response.into_body().collect().await?.to_bytes();
    let mut list: List = serde_json::from_slice(&body)?;
    list.backups
        .sort_by(|a, b| b.last_modified.cmp(&a.last_modified));
    let mut text = String::new();
    for backup in &list.backups {
        text.push_str(&format!(
            "{:40} {:12} {}\n",
            backup.key, backup.size_bytes, backup.last_modified
        ));
    }
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(())
}
