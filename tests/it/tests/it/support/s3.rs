//! S3 and RDS with users and their permissions, simulated by moto, which checks each signature.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

use super::http::send;
use super::server::Server;
use super::{Cloud, Invocation, python_with};

/// moto, with the dependencies of its server and its S3.
const PACKAGES: [&str; 3] = ["moto[s3]>=5.1,<6", "flask>=3,<4", "flask-cors>=6,<7"];

/// Returns an `Authorization` by which moto recognizes a request to a service, and which it checks only after
/// [`S3::close`].
pub fn unchecked(service: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential=x/20250101/us-east-1/{service}/aws4_request, SignedHeaders=host, Signature=x"
    )
}

/// Returns the headers of a form for a service.
fn to(service: &str) -> String {
    let unchecked = unchecked(service);
    format!("authorization: {unchecked}\r\ncontent-type: application/x-www-form-urlencoded\r\n")
}

/// A server on a loopback port, with one bucket. It ends with the test.
pub struct S3 {
    _server: Server,
    address: SocketAddr,
    bucket: String,
    key: Option<AccessKey>,
}

/// The access key of a user.
pub struct AccessKey {
    pub id: String,
    pub secret: String,
}

impl S3 {
    pub fn with_bucket(bucket: &str) -> Self {
        let mut command = Command::new(packages().join("bin/moto_server"));
        command.args(["-H", "127.0.0.1", "-p", "0"]);
        let ready = |line: &str| {
            let (_, address) = line.split_once("Running on http://")?;
            address.trim().parse().ok()
        };
        let started = Server::start(&command, &[], ready);
        let (server, address) = started.unwrap_or_else(|reason| panic!("{reason}"));
        let mut s3 = Self {
            _server: server,
            address,
            bucket: bucket.to_owned(),
            key: None,
        };
        s3.add_bucket(bucket);
        s3.key = Some(s3.user("tests", &["s3:*"]));
        s3
    }

    /// Returns the access key of a user with all permissions for the bucket.
    pub fn key(&self) -> &AccessKey {
        self.key.as_ref().expect("it is made with the bucket")
    }

    /// Creates a further bucket.
    pub fn add_bucket(&self, bucket: &str) {
        self.send(&format!("PUT /{bucket}"), "", b"");
    }

    /// Puts an object into any bucket.
    pub fn add_object(&self, bucket: &str, key: &str, bytes: &[u8]) {
        self.send(&format!("PUT /{bucket}/{key}"), "", bytes);
    }

    /// Creates a database.
    pub fn add_database(&self, name: &str) {
        self.rds(&format!("Action=CreateDBInstance&DBInstanceIdentifier={name}&Engine=postgres&DBInstanceClass=db.t3.micro&AllocatedStorage=20"));
    }

    /// Makes a snapshot of a database.
    pub fn snapshot(&self, name: &str) {
        self.add_database("orders");
        self.rds(&format!(
            "Action=CreateDBSnapshot&DBInstanceIdentifier=orders&DBSnapshotIdentifier={name}"
        ));
    }

    /// Creates a user. `rights` are allowed actions, those of S3 on the bucket only.
    pub fn user(&self, name: &str, rights: &[&str]) -> AccessKey {
        let allow = |action: &&str| {
            let bucket = format!("arn:aws:s3:::{}", self.bucket);
            let resources = if action.starts_with("s3:") {
                vec![format!("{bucket}/*"), bucket]
            } else {
                vec!["*".to_owned()]
            };
            json!({"Effect": "Allow", "Action": action, "Resource": resources})
        };
        self.user_with(name, &rights.iter().map(allow).collect::<Vec<_>>())
    }

    /// Creates a user with the statements of a policy.
    pub fn user_with(&self, name: &str, statements: &[Value]) -> AccessKey {
        self.iam(&format!("Action=CreateUser&UserName={name}"));
        if !statements.is_empty() {
            let policy = json!({"Version": "2012-10-17", "Statement": statements});
            self.iam(&format!(
                "Action=PutUserPolicy&UserName={name}&PolicyName=tests&PolicyDocument={policy}"
            ));
        }
        let answer = self.iam(&format!("Action=CreateAccessKey&UserName={name}"));
        let value = |tag: &str| {
            let (_, rest) = answer.split_once(&format!("<{tag}>")).expect("a key");
            let (value, _) = rest.split_once('<').expect("its end");
            value.to_owned()
        };
        AccessKey {
            id: value("AccessKeyId"),
            secret: value("SecretAccessKey"),
        }
    }

    /// Requires authentication and permissions for all later requests.
    pub fn close(&self) {
        let kind = "content-type: text/plain\r\n";
        self.send("POST /moto-api/reset-auth", kind, b"0");
    }

    /// Returns the program with this S3 as its endpoint, without credentials.
    pub fn without_key(&self, program: Invocation) -> Invocation {
        with_endpoint(program, self.address)
    }

    fn rds(&self, form: &str) {
        let form = format!("Version=2014-10-31&{form}");
        self.send("POST /", &to("rds"), form.as_bytes());
    }

    fn iam(&self, form: &str) -> String {
        let form = format!("Version=2010-05-08&{form}");
        self.send("POST /", &to("iam"), form.as_bytes())
    }

    fn send(&self, request: &str, headers: &str, body: &[u8]) -> String {
        let answer = send(self.address, request, headers, body);
        let (head, _) = answer.split_once("\r\n").expect("a status");
        assert!(head.contains(" 200 "), "{request}: {answer}");
        answer
    }
}

impl Cloud for S3 {
    fn url(&self) -> String {
        format!("s3://{}/copies", self.bucket)
    }

    fn address(&self) -> SocketAddr {
        self.address
    }

    fn known_at(&self, program: Invocation, address: SocketAddr) -> Invocation {
        let program = with_endpoint(program, address).env("AWS_REGION", "us-east-1");
        self.key().known_to(program)
    }

    fn place_at(&self, address: SocketAddr) -> Value {
        self.key().place(address, &self.bucket)
    }
}

fn with_endpoint(program: Invocation, address: SocketAddr) -> Invocation {
    let address = format!("http://{address}");
    program
        .env("AWS_ENDPOINT_URL_S3", &address)
        .env("AWS_ENDPOINT_URL_RDS", &address)
}

/// Returns the Python environment with moto, which needs the client library of AWS itself.
pub fn packages() -> PathBuf {
    python_with("moto", &PACKAGES)
}

impl AccessKey {
    /// Returns a bucket for `witness.py`, which uses this key.
    pub fn place(&self, server: SocketAddr, bucket: &str) -> Value {
        json!({
            "kind": "s3",
            "endpoint": format!("http://{server}"),
            "id": self.id,
            "secret": self.secret,
            "bucket": bucket,
        })
    }

    /// Returns the program with the credentials of this user.
    pub fn known_to(&self, program: Invocation) -> Invocation {
        program
            .env("AWS_ACCESS_KEY_ID", &self.id)
            .env("AWS_SECRET_ACCESS_KEY", &self.secret)
    }
}
