//! Apache Kafka as processes of the tests: one node or several, each a broker and a controller.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::server::{Server, free_port};
use super::{WORKSPACE, profile_folder};

const CLUSTER: &str = "AAAAAAAAAAAAAAAAAAAAAQ";

/// A running Kafka. It ends with the tests.
pub struct Kafka {
    _server: Server,
    pub address: String,
    /// The listener with TLS and SASL, if there is one.
    pub secured: Option<String>,
}

/// Returns the Kafka of all tests, or `None` on a machine that can't run one.
pub fn kafka() -> Option<&'static Kafka> {
    static KAFKA: OnceLock<Option<Kafka>> = OnceLock::new();
    KAFKA
        .get_or_init(|| jars().map(|jars| Kafka::start(&jars, None)))
        .as_ref()
}

/// The settings of a listener with TLS and SASL.
pub struct Security {
    /// The authority of clients, in PEM.
    pub authority: String,
    /// A certificate and its key, in PEM.
    pub certificate: String,
    pub key: String,
    /// The users of SCRAM-SHA-512. `admin` may do everything.
    pub users: Vec<(&'static str, &'static str)>,
}

/// Returns the jars of Kafka, which Maven fetches once.
pub fn jars() -> Option<PathBuf> {
    static FETCHING: Mutex<()> = Mutex::new(());
    let _one = FETCHING.lock().unwrap_or_else(PoisonError::into_inner);
    for program in ["java", "mvn"] {
        let found = Command::new(program)
            .arg("-version")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        if !found.is_ok_and(|status| status.success()) {
            assert!(std::env::var_os("CI").is_none(), "the tests need {program}");
            #[expect(
                clippy::print_stderr,
                reason = "a note for the person who runs the tests"
            )]
            {
                eprintln!(
                    "There is no {program}: tests with Kafka are left out. Install Java 17 and Maven to run them."
                );
            }
            return None;
        }
    }
    // The folder with the versions and the digests of the jars.
    let pom = Path::new(WORKSPACE).join("tests/kafka");
    let sums = pom.join("SHA256SUMS");
    let wanted = fs::read_to_string(&sums).expect("digests");
    let folder = profile_folder().join("it/kafka");
    let done = folder.join("checked");
    if fs::read_to_string(&done).ok().as_deref() == Some(&wanted) {
        return Some(folder);
    }
    let _ = fs::remove_dir_all(&folder);
    let mut maven = Command::new("mvn");
    maven.current_dir(&pom).args([
        "--quiet",
        "--batch-mode",
        "dependency:copy-dependencies",
        "-DincludeScope=runtime",
    ]);
    let output = maven
        .arg(format!("-DoutputDirectory={}", folder.display()))
        .output()
        .expect("mvn");
    assert!(
        output.status.success(),
        "the jars can't be fetched: {}",
        String::from_utf8_lossy(&output.stdout)
    );
    let mut check = Command::new("sha256sum");
    let output = check
        .current_dir(&folder)
        .args(["--check", "--strict", "--quiet"])
        .arg(&sums)
        .output()
        .expect("sha256sum");
    assert!(
        output.status.success(),
        "a jar is not the known one: {}",
        String::from_utf8_lossy(&output.stdout)
    );
    let found = fs::read_dir(&folder).expect("the jars").count();
    assert_eq!(found, wanted.lines().count(), "there are other jars too");
    fs::write(done, wanted).expect("a note");
    Some(folder)
}

impl Kafka {
    pub fn start(jars: &Path, security: Option<&Security>) -> Self {
        // A port may be taken by another process before Kafka opens it.
        for _ in 0..5 {
            match Self::try_start(jars, security) {
                Ok(kafka) => return kafka,
                Err(log) if log.contains("Address already in use") => {}
                Err(log) => panic!("{log}"),
            }
        }
        panic!("Kafka finds no free port");
    }

    fn try_start(jars: &Path, security: Option<&Security>) -> Result<Self, String> {
        let folder = tempfile::Builder::new()
            .prefix("broker-kafka-")
            .tempdir()
            .expect("a folder")
            .keep();
        let (port, secured) = (free_port(), free_port());
        let mut properties = properties(0, &[free_port()], port, &folder);
        if let Some(security) = security {
            properties += &security.properties(port, secured, &folder);
        }
        let file = folder.join("server.properties");
        fs::write(&file, properties).expect("a configuration");
        let users = security.map_or(&[][..], |security| &security.users);
        format(jars, &file, users);
        let server = begin(jars, &file, "640m", std::slice::from_ref(&folder))?;
        Ok(Self {
            _server: server,
            address: format!("127.0.0.1:{port}"),
            secured: security.map(|_| format!("localhost:{secured}")),
        })
    }

    /// Returns the cluster as an object has it.
    pub fn cluster(&self) -> Value {
        json!({ "bootstrapServers": [self.address] })
    }
}

/// Several nodes, each a broker and a controller. They end with this value.
pub struct Nodes {
    jars: PathBuf,
    ports: Vec<u16>,
    servers: Vec<Option<Server>>,
    folder: TempDir,
}

impl Nodes {
    pub fn start(count: usize) -> Option<Self> {
        let jars = jars()?;
        let folder = tempfile::tempdir().expect("a folder");
        let ports: Vec<_> = (0..count).map(|_| free_port()).collect();
        let controllers: Vec<_> = (0..count).map(|_| free_port()).collect();
        for (number, port) in ports.iter().enumerate() {
            let own = folder.path().join(number.to_string());
            fs::create_dir(&own).expect("a folder");
            let file = own.join("server.properties");
            fs::write(&file, properties(number, &controllers, *port, &own))
                .expect("a configuration");
            format(&jars, &file, &[]);
        }
        let mut nodes = Self {
            jars,
            ports,
            servers: Vec::new(),
            folder,
        };
        // None is ready before most of them are.
        let started: Vec<_> = std::thread::scope(|scope| {
            let starting: Vec<_> = (0..count)
                .map(|number| {
                    scope.spawn({
                        let nodes = &nodes;
                        move || nodes.node(number)
                    })
                })
                .collect();
            starting
                .into_iter()
                .map(|node| node.join().expect("a node"))
                .collect()
        });
        nodes.servers = started.into_iter().map(Some).collect();
        Some(nodes)
    }

    fn node(&self, number: usize) -> Server {
        let file = self
            .folder
            .path()
            .join(number.to_string())
            .join("server.properties");
        begin(&self.jars, &file, "400m", &[]).unwrap_or_else(|log| panic!("{log}"))
    }

    /// Kills a node.
    pub fn kill(&mut self, number: usize) {
        self.servers[number] = None;
    }

    /// Starts a node again.
    pub fn revive(&mut self, number: usize) {
        self.servers[number] = Some(self.node(number));
    }

    pub fn addresses(&self) -> Vec<String> {
        self.ports
            .iter()
            .map(|port| format!("127.0.0.1:{port}"))
            .collect()
    }
}

/// Returns the configuration of one of several nodes.
fn properties(number: usize, controllers: &[u16], port: u16, folder: &Path) -> String {
    let (count, least) = (controllers.len(), controllers.len().div_ceil(2));
    let voters = controllers.iter().enumerate();
    let voters: Vec<_> = voters
        .map(|(number, port)| format!("{number}@127.0.0.1:{port}"))
        .collect();
    let controller = controllers[number];
    format!(
        "process.roles=broker,controller\nnode.id={number}\n\
         controller.quorum.voters={}\n\
         listeners=PLAIN://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}\n\
         advertised.listeners=PLAIN://127.0.0.1:{port}\n\
         controller.listener.names=CONTROLLER\ninter.broker.listener.name=PLAIN\n\
         listener.security.protocol.map=PLAIN:PLAINTEXT,CONTROLLER:PLAINTEXT,SECURED:SASL_SSL\n\
         log.dirs={}\n\
         default.replication.factor={count}\nmin.insync.replicas={least}\n\
         offsets.topic.replication.factor={count}\noffsets.topic.num.partitions=4\n\
         transaction.state.log.replication.factor={count}\ntransaction.state.log.min.isr={least}\n\
         transaction.state.log.num.partitions=4\n\
         group.initial.rebalance.delay.ms=0\nauto.create.topics.enable=false\n\
         log.message.timestamp.after.max.ms=9223372036854775807\nlog.retention.ms=-1\n\
         log.index.size.max.bytes=65536\n",
        voters.join(","),
        folder.join("data").display(),
    )
}

impl Security {
    /// Returns the configuration of a listener with TLS and SASL. A later line replaces an earlier one.
    fn properties(&self, port: u16, secured: u16, folder: &Path) -> String {
        let pem = folder.join("listener.pem");
        fs::write(&pem, format!("{}{}", self.key, self.certificate)).expect("a certificate");
        let authority = folder.join("authority.pem");
        fs::write(&authority, &self.authority).expect("an authority");
        let controller = free_port();
        format!(
            "controller.quorum.voters=0@127.0.0.1:{controller}\n\
             listeners=PLAIN://127.0.0.1:{port},SECURED://localhost:{secured},CONTROLLER://127.0.0.1:{controller}\n\
             advertised.listeners=PLAIN://127.0.0.1:{port},SECURED://localhost:{secured}\n\
             listener.name.secured.ssl.client.auth=required\n\
             listener.name.secured.ssl.truststore.type=PEM\n\
             listener.name.secured.ssl.truststore.location={}\n\
             listener.name.secured.sasl.enabled.mechanisms=SCRAM-SHA-512\n\
             listener.name.secured.scram-sha-512.sasl.jaas.config=\
             org.apache.kafka.common.security.scram.ScramLoginModule required;\n\
             listener.name.secured.ssl.keystore.type=PEM\n\
             listener.name.secured.ssl.keystore.location={}\n\
             authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer\n\
             super.users=User:admin;User:ANONYMOUS\n",
            authority.display(),
            pem.display()
        )
    }
}

/// Prepares the folder of a node.
fn format(jars: &Path, file: &Path, users: &[(&str, &str)]) {
    let mut format = java(jars, "128m");
    format
        .args([
            "kafka.tools.StorageTool",
            "format",
            "--cluster-id",
            CLUSTER,
            "--config",
        ])
        .arg(file);
    for (user, password) in users {
        format
            .arg("--add-scram")
            .arg(format!("SCRAM-SHA-512=[name={user},password={password}]"));
    }
    let output = format.output().expect("java");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Starts a node, and waits until it is ready. The error is its log.
fn begin(jars: &Path, file: &Path, memory: &str, leftovers: &[PathBuf]) -> Result<Server, String> {
    let mut server = java(jars, memory);
    server.arg("kafka.Kafka").arg(file);
    let ready = |line: &str| line.contains("Kafka Server started").then_some(());
    let (server, ()) = Server::start(&server, leftovers, ready)?;
    Ok(server)
}

fn java(jars: &Path, memory: &str) -> Command {
    let mut java = Command::new("java");
    // Compiling hot code well takes longer than the tests run.
    java.args([
        &format!("-Xmx{memory}"),
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "-cp",
    ]);
    java.arg(format!("{}/*", jars.display()));
    java
}
