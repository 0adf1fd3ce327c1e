//! The baseline of a download: the same bytes over the same port-forward, by kube's own websocket
//! client, without an engine, hashing or a file.
//!
//! `plain-copy NAMESPACE POD PORT PATH`

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
    let [namespace, pod, port, path] = bench::arguments("NAMESPACE POD PORT PATH")?;
    let port = port.parse()?;
    let pods: Api<Pod> = Api::namespaced(Client::try_default().await?, &namespace);
    let mut forwarder = pods.portforward(&pod, &[port]).await?;
    let mut stream = forwarder.take_stream(port).ok_or("no stream")?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut buffer = vec![0; 256 << 10];
    let mut total = 0_u64;
    loop {
        match stream.read(&mut buffer).await? {
            0 => break,
            count => total += count as u64,
        }
    }
    writeln!(std::io::stdout(), "{total}")?;
    Ok(())
}
