//! Copies bytes through the host's own port-forward and HTTP, without an engine, digests or a file. It
//! measures the tunnel alone.
//!
//! Usage: `native-copy NAMESPACE PORT PATH`

use std::io::Write;
use std::process::ExitCode;

use bench::Failed;
use bytes::Bytes;
use host_cluster::Deadlines;
use http_body_util::{BodyExt, Full};

fn main() -> ExitCode {
    bench::run(copy())
}

async fn copy() -> Result<(), Failed> {
    let [namespace, port, path] = bench::arguments("NAMESPACE PORT PATH")?;
    let backend = bench::backend(Some(namespace), port.parse()?).await?;
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
