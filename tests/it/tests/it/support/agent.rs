//! The project's own sidecar behind a port of a pod.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use testbed::{Backend, PodAddress};
use tokio::io::{DuplexStream, copy_bidirectional};
use tokio::net::TcpStream;

use super::programs;

/// The token that the agent asks for.
pub const AGENT_TOKEN: &str = "a-token-of-a-test";

/// A port of a pod that relays to the agent.
struct Relay(SocketAddr);

impl Backend for Relay {
    fn accept(&self, mut connection: DuplexStream, _: &PodAddress) {
        let address = self.0;
        tokio::spawn(async move {
            // If the agent is gone, the connection ends, as in a real pod.
            if let Ok(mut agent) = TcpStream::connect(address).await {
                let _ = copy_bidirectional(&mut connection, &mut agent).await;
            }
        });
    }
}

/// A running agent. It ends when this is dropped.
pub struct Agent {
    child: Child,
    address: SocketAddr,
}

impl Agent {
    /// Starts an agent whose files are in a folder. `strategy` is that section of its configuration.
    pub fn start(folder: &Path, strategy: &str, variables: &[(&str, &str)]) -> Self {
        let root = folder.display();
        let config = format!(
            "app: {{host: 127.0.0.1, port: 0}}\n\
             capabilities: {{version: v1, types: [files], est_seconds: 3, est_size: 20}}\n\
             strategy: {strategy}\n\
             paths: {{workdir: {root}, artifacts: {root}/artifacts, temp_dump: {root}/temp/dump}}\n\
             secrets: {{api_token: {AGENT_TOKEN}}}\n"
        );
        let path = folder.join("config.yaml");
        fs::write(&path, config).expect("written");
        let mut child = Command::new(&programs().agent)
            .arg("--config")
            .arg(&path)
            .envs(variables.iter().copied())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the agent starts");
        let mut log = BufReader::new(child.stderr.take().expect("it is piped")).lines();
        let listens = log.by_ref().map_while(Result::ok).find_map(|line| {
            let (_, address) = line.split_once(" listens on ")?;
            address.parse().ok()
        });
        // An agent whose log is not read would block.
        std::thread::spawn(move || log.count());
        let address = listens.expect("it says where it listens");
        Self { child, address }
    }

    /// Returns a port of a pod that leads to the agent.
    pub fn relay(&self) -> Arc<dyn Backend> {
        Arc::new(Relay(self.address))
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        // The agent may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
