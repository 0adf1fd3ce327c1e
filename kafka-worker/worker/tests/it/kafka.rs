//! Apache Kafka as a process of the tests: one node, which is broker and controller.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};

use serde_json::{Value, json};

use super::profile_folder;
use super::server::{Server, free_port};

/// The folder with the versions and the digests of the jars.
const POM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/kafka");
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
    let sums = Path::new(POM).join("SHA256SUMS");
    let wanted = fs::read_to_string(&sums).expect("digests");
    let folder = profile_folder().join("it/kafka");
    let done = folder.join("checked");
    if fs::read_to_string(&done).ok().as_deref() == Some(&wanted) {
        return Some(folder);
    }
    let _ = fs::remove_dir_all(&folder);
    let mut maven = Command::new("mvn");
    maven.current_dir(POM).args([
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
        let (port, controller, secured) = (free_port(), free_port(), free_port());
        let listeners = match security {
            Some(_) => format!("PLAIN://127.0.0.1:{port},SECURED://localhost:{secured},"),
            None => format!("PLAIN://127.0.0.1:{port},"),
        };
        let mut properties = format!(
            "process.roles=broker,controller\nnode.id=1\n\
             controller.quorum.voters=1@127.0.0.1:{controller}\n\
             listeners={listeners}CONTROLLER://127.0.0.1:{controller}\n\
             advertised.listeners={}\n\
             controller.listener.names=CONTROLLER\ninter.broker.listener.name=PLAIN\n\
             listener.security.protocol.map=PLAIN:PLAINTEXT,CONTROLLER:PLAINTEXT,SECURED:SASL_SSL\n\
             log.dirs={}\n\
             offsets.topic.replication.factor=1\noffsets.topic.num.partitions=4\n\
             transaction.state.log.replication.factor=1\ntransaction.state.log.min.isr=1\n\
             transaction.state.log.num.partitions=4\n\
             group.initial.rebalance.delay.ms=0\nauto.create.topics.enable=false\n\
             log.message.timestamp.after.max.ms=9223372036854775807\nlog.retention.ms=-1\nlog.index.size.max.bytes=65536\n",
            listeners.trim_end_matches(','),
            folder.join("data").display(),
        );
        if let Some(security) = security {
            let pem = folder.join("listener.pem");
            fs::write(&pem, format!("{}{}", security.key, security.certificate))
                .expect("a certificate");
            let authority = folder.join("authority.pem");
            fs::write(&authority, &security.authority).expect("an authority");
            properties += &format!(
                "listener.name.secured.ssl.client.auth=required\n\
                 listener.name.secured.ssl.truststore.type=PEM\n\
                 listener.name.secured.ssl.truststore.location={}\n",
                authority.display()
            );
            properties += &format!(
                "listener.name.secured.sasl.enabled.mechanisms=SCRAM-SHA-512\n\
                 listener.name.secured.scram-sha-512.sasl.jaas.config=\
                 org.apache.kafka.common.security.scram.ScramLoginModule required;\n\
                 listener.name.secured.ssl.keystore.type=PEM\n\
                 listener.name.secured.ssl.keystore.location={}\n\
                 authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer\n\
                 super.users=User:admin;User:ANONYMOUS\n",
                pem.display()
            );
        }
        let file = folder.join("server.properties");
        fs::write(&file, properties).expect("a configuration");
        let mut format = java(jars, "128m");
        format
            .args([
                "kafka.tools.StorageTool",
                "format",
                "--cluster-id",
                CLUSTER,
                "--config",
            ])
            .arg(&file);
        for (user, password) in security.iter().flat_map(|security| &security.users) {
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
        let mut server = java(jars, "640m");
        server.arg("kafka.Kafka").arg(&file);
        let ready = |line: &str| line.contains("Kafka Server started").then_some(());
        let (server, ()) = Server::start(&server, std::slice::from_ref(&folder), ready)?;
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
