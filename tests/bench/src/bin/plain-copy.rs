//! The baseline of a download: the same bytes over the same port-forward, by kube's own websocket
//! client, without an engine or hashing.
//!
//! `plain-copy NAMESPACE POD PORT PATH TO`, where TO may be `/dev/null`

use std::fs::File;
use std::io::Write;
use std::process::ExitCode;

use bench::Failed;
use k8s_openapi::api::core::v1::Pod;
use kube::{Api, Client};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

fn main() -> ExitCode {
    bench::run(copy())
}

async fn copy() -> Result<(), Failed> {
    let [namespace, pod, port, path, to] = bench::arguments("NAMESPACE POD PORT PATH TO")?;
    let port = port.parse()?;
    let pods: Api<Pod> = Api::namespaced(Client::try_default().await?, &namespace);
    let mut forwarder = pods.portforward(&pod, &[port]).await?;
    let mut stream = forwarder.take_stream(port).ok_or("no stream")?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut buffer = vec![0; 256 << 10];
    let mut file = File::create(to)?;
    let mut total = 0_u64;
    loop {
        let count = stream.read(&mut buffer).await?;
        if count == 0 {
            break;
        }
        file.write_all(&buffer[..count])?;
        total += count as u64;
    }
    writeln!(std::io::stdout(), "{total}")?;
    Ok(())
}
