//! The baseline of a list: the same request over the same tunnel in native code, without an engine.

use std::io::Write;
use std::process::ExitCode;

use bench::Failed;
use bytes::Bytes;
use host_cluster::Deadlines;
use http_body_util::{BodyExt, Full};
use serde::Deserialize;

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
    bench::run(list())
}

async fn list() -> Result<(), Failed> {
    let backend = bench::backend(None, 8085).await?;
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
