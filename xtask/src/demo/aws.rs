//! A BackupRequest in a simulated cluster, with moto as the cloud, and a real PostgreSQL for the history.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::{Result, shell, target};

const PACKAGES: [&str; 3] = ["moto[s3,rds]>=5.1,<6", "flask>=3,<4", "flask-cors>=6,<7"];
const IMAGE: &str = "registry.demo/kubectl-broker:1";
const NAMESPACE: &str = "liferay";
const NAME: &str = "retail-nightly";
/// The longest wait for anything. It is only reached if something is wrong.
const PATIENCE: Duration = Duration::from_mins(2);

/// Makes the database and the documents.
const PREPARE: &str = r#"
import boto3, sys
endpoint = sys.argv[1]
s3, rds = (boto3.client(it, endpoint_url=endpoint) for it in ("s3", "rds"))
for bucket in ("documents", "backups"):
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
for number in range(5):
    s3.put_object(Bucket="documents", Key=f"20097/{number}.pdf", Body=b"document %d" % number)
rds.create_db_instance(DBInstanceIdentifier="retail-prd-db", DBInstanceClass="db.t3.micro", Engine="postgres",
                       AllocatedStorage=20, MasterUsername="app", MasterUserPassword="not-a-secret")
"#;

/// Shows what the cloud has, with the library of the cloud itself.
const SHOW: &str = r#"
import boto3, sys
endpoint = sys.argv[1]
s3, rds = (boto3.client(it, endpoint_url=endpoint) for it in ("s3", "rds"))
for it in rds.describe_db_snapshots()["DBSnapshots"]:
    print("snapshot", it["DBSnapshotIdentifier"], it["Status"])
for it in s3.list_objects_v2(Bucket="backups")["Contents"]:
    print("object  ", it["Key"], it["Size"])
"#;

/// Runs the demonstration.
pub(super) fn run() -> Result {
    target::ensure()?;
    target::build_programs(&["broker-operator"])?;
    let programs = shell::programs("debug")?;
    let folder = shell::root()?.join("target/demo");
    fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let python = python(&folder)?;

    let port = free_port()?.to_string();
    let mut moto = Command::new(&python);
    moto.args(["-m", "moto.server", "-H", "127.0.0.1", "-p", &port]);
    let _moto = Running::start(moto, &folder.join("moto.log"))?;
    until("moto", || {
        TcpStream::connect(format!("127.0.0.1:{port}")).ok()
    })?;
    let endpoint = format!("http://127.0.0.1:{port}");
    let script = |text: &str| {
        let mut script = Command::new(&python);
        script.args(["-c", text, &endpoint]).envs(keys(&endpoint));
        shell::output(script)
    };
    script(PREPARE)?;

    let testbed = programs.join("testbed");
    let mut postgres = Command::new(&testbed);
    postgres.arg("postgres");
    let (_postgres, [database, psql]) = Running::saying(postgres)?;

    let request = folder.join("request.yaml");
    write(&request, &request_text())?;
    let mut cluster = Command::new(&testbed);
    let image = format!(
        "image={IMAGE}={}",
        programs.join("kubectl-broker").display()
    );
    // The operator works on the requests, and not the simulated controller.
    cluster.args(["serve", "--set", &image, "--set", "operators=off"]);
    for file in ["crds.yaml", "liferay-crds.yaml", "operator-liferay.yaml"] {
        cluster.arg("--apply").arg(manifest(file)?);
    }
    cluster.arg("--apply").arg(&request);
    let runner = format!("{}={NAMESPACE}", manifest("runner.yaml")?.display());
    cluster.args(["--apply", &runner]);
    let (_cluster, [kubeconfig]) = Running::saying(cluster)?;

    let env =
        keys(&endpoint).map(|(name, value)| format!(r#"{{"name":"{name}","value":"{value}"}}"#));
    let mut operator = Command::new(programs.join("broker-operator"));
    operator
        .args(["--image", IMAGE, "--listen", "127.0.0.1:0"])
        .args(["--lease-namespace", "kubectl-broker"])
        .arg("--controllers=backup,liferay")
        .arg(format!(r#"--request-job={{"env":[{}]}}"#, env.join(",")))
        .env("KUBECONFIG", &kubeconfig)
        .env("POD_NAME", "broker-operator-demo")
        .env("BROKER_OPERATOR_HISTORY", &database);
    let _operator = Running::start(operator, &folder.join("operator.log"))?;

    let broker = |arguments: &str| {
        let mut broker = Command::new(programs.join("kubectl-broker"));
        broker
            .args(arguments.split(' '))
            .env("KUBECONFIG", &kubeconfig)
            .envs(keys(&endpoint));
        broker
    };
    let status = format!("backup status --engine operator -n {NAMESPACE} --id {NAME}");
    until("a Backup of the request", || {
        shell::output(broker(&status)).ok()
    })?;
    shell::run(broker(&format!("{status} --watch")))?;
    shell::say("\nWhat the cloud has:");
    shell::say(&script(SHOW)?);
    let list = "backup list --engine aws --destination-bucket backups";
    shell::run(broker(list))?;
    let id = shell::output(broker(&format!("{list} -o name")))?;
    let id = id.trim();
    shell::run(broker(&format!(
        "backup verify --engine aws --id {id} --deep"
    )))?;
    shell::run(broker(&format!("backup manifest --engine aws {id}")))?;
    shell::say("\nIts row in PostgreSQL:");
    let row = until("a row", || {
        let mut row = Command::new(&psql);
        row.args(["--dbname", &database, "--expanded", "--command"])
            .arg("select * from backup_requests");
        let row = shell::output(row).ok()?;
        row.contains(NAME).then_some(row)
    })?;
    shell::say(&row);
    Ok(())
}

fn request_text() -> String {
    format!(
        "apiVersion: v1
kind: Namespace
metadata:
  name: {NAMESPACE}
---
apiVersion: backup.liferay.cloud/v1alpha1
kind: BackupRequest
metadata:
  name: {NAME}
  namespace: {NAMESPACE}
spec:
  projectId: retail
  environment: prd
  database: {{instanceId: retail-prd-db}}
  documentLibrary: {{sourceBucket: documents, destinationBucket: backups}}
"
    )
}

/// Returns the variables of the cloud. moto takes every key.
fn keys(endpoint: &str) -> [(&'static str, String); 4] {
    [
        ("AWS_ENDPOINT_URL", endpoint.to_owned()),
        ("AWS_DEFAULT_REGION", "eu-west-1".to_owned()),
        ("AWS_ACCESS_KEY_ID", "demo".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "demo".to_owned()),
    ]
}

fn manifest(file: &str) -> Result<PathBuf> {
    Ok(shell::root()?.join("deploy/operator").join(file))
}

/// Returns Python with moto, in an environment of its own.
fn python(folder: &Path) -> Result<PathBuf> {
    let environment = folder.join("moto");
    let python = environment.join("bin/python");
    let mut has = Command::new(&python);
    has.args(["-c", "import moto.server, boto3"]);
    if shell::output(has).is_ok() {
        return Ok(python);
    }
    let mut make = Command::new("python3");
    make.args(["-m", "venv"]).arg(&environment);
    shell::run(make)?;
    let mut install = Command::new(&python);
    install
        .args(["-m", "pip", "install", "--quiet"])
        .args(PACKAGES);
    shell::run(install)?;
    Ok(python)
}

fn free_port() -> Result<u16> {
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    let address = free.and_then(|it| it.local_addr());
    address
        .map(|it| it.port())
        .map_err(|e| format!("there is no free port: {e}"))
}

fn write(path: &Path, text: &str) -> Result {
    fs::write(path, text).map_err(|e| format!("{}: {e}", path.display()))
}

/// Waits until something is there.
fn until<T>(what: &str, look: impl Fn() -> Option<T>) -> Result<T> {
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end {
        if let Some(found) = look() {
            return Ok(found);
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    Err(format!("not in time: {what}; the logs are in target/demo"))
}

/// A server that is stopped on drop.
struct Running(Child);

impl Running {
    /// Starts a server whose output goes into a file.
    fn start(mut command: Command, log: &Path) -> Result<Self> {
        let failed = |e| format!("{}: {e}", log.display());
        let file = fs::File::create(log).map_err(failed)?;
        let other = file.try_clone().map_err(failed)?;
        let child = command.stdin(Stdio::null()).stdout(file).stderr(other);
        Ok(Self(child.spawn().map_err(|e| {
            format!("{} can't be started: {e}", command.get_program().display())
        })?))
    }

    /// Starts a server that says so many lines when it is ready, and returns them.
    fn saying<const LINES: usize>(mut command: Command) -> Result<(Self, [String; LINES])> {
        let shown = command.get_program().display().to_string();
        let started = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
        let mut running = Self(started.map_err(|e| format!("{shown} can't be started: {e}"))?);
        let output = running.0.stdout.take();
        let mut lines = BufReader::new(output.ok_or("no output")?).lines();
        let mut said = [const { String::new() }; LINES];
        for line in &mut said {
            *line = lines
                .next()
                .and_then(std::result::Result::ok)
                .ok_or_else(|| format!("{shown} has ended"))?;
        }
        Ok((running, said))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Servers have servers of their own, which only a signal that can be handled stops.
        let stopped = Command::new("kill").arg(self.0.id().to_string()).status();
        if !stopped.is_ok_and(|it| it.success()) {
            let _ = self.0.kill();
        }
        let _ = self.0.wait();
    }
}
