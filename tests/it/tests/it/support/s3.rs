//! S3 and RDS with users and their permissions, simulated by moto, which checks each signature.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use serde_json::json;

use super::http::send;
use super::{Invocation, python_with};

/// moto, with the dependencies of its server and its S3.
const PACKAGES: [&str; 3] = ["moto[s3]>=5.1,<6", "flask>=3,<4", "flask-cors>=6,<7"];

/// Returns the headers by which moto recognizes a request to a service.
fn to(service: &str) -> String {
    format!(
        "authorization: AWS4-HMAC-SHA256 Credential=x/20250101/us-east-1/{service}/aws4_request, SignedHeaders=host, Signature=x\r\ncontent-type: application/x-www-form-urlencoded\r\n"
    )
}

/// A server on a loopback port, with one bucket. It ends with the test.
pub struct S3 {
    process: Child,
    address: SocketAddr,
    bucket: String,
}

/// The access key of a user.
pub struct AccessKey {
    pub id: String,
    pub secret: String,
}

impl S3 {
    pub fn with_bucket(bucket: &str) -> Self {
        let programs = python_with("moto", &PACKAGES).join("bin");
        let mut process = Command::new(programs.join("moto_server"))
            .args(["-H", "127.0.0.1", "-p", "0"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("moto starts");
        let mut log = BufReader::new(process.stderr.take().expect("a pipe"));
        let mut said = String::new();
        let address = loop {
            let before = said.len();
            let read = log.read_line(&mut said).expect("a log");
            assert!(read > 0, "moto ended: {said}");
            if let Some((_, address)) = said[before..].split_once("Running on http://") {
                break address.trim().parse().expect("an address");
            }
        };
        // A server whose log is not read would block.
        std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
        let s3 = Self {
            process,
            address,
            bucket: bucket.to_owned(),
        };
        s3.ask(&format!("PUT /{bucket}"), "", b"");
        s3
    }

    /// Puts an object into the bucket.
    pub fn put(&self, key: &str, bytes: &[u8]) {
        let kind = "content-type: application/octet-stream\r\n";
        self.ask(&format!("PUT /{}/{key}", self.bucket), kind, bytes);
    }

    /// Makes a snapshot of a database.
    pub fn snapshot(&self, name: &str) {
        for form in [
            "Action=CreateDBInstance&DBInstanceIdentifier=orders&Engine=postgres&DBInstanceClass=db.t3.micro&AllocatedStorage=20".to_owned(),
            format!("Action=CreateDBSnapshot&DBInstanceIdentifier=orders&DBSnapshotIdentifier={name}"),
        ] {
            let form = format!("Version=2014-10-31&{form}");
            self.ask("POST /", &to("rds"), form.as_bytes());
        }
    }

    /// Creates a user. `rights` are allowed actions, those of S3 on the bucket only.
    pub fn user(&self, name: &str, rights: &[&str]) -> AccessKey {
        self.iam(&format!("Action=CreateUser&UserName={name}"));
        if !rights.is_empty() {
            let allow = |action: &&str| {
                let bucket = format!("arn:aws:s3:::{}", self.bucket);
                let resources = if action.starts_with("s3:") {
                    vec![format!("{bucket}/*"), bucket]
                } else {
                    vec!["*".to_owned()]
                };
                json!({"Effect": "Allow", "Action": action, "Resource": resources})
            };
            let statements: Vec<_> = rights.iter().map(allow).collect();
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
        self.ask("POST /moto-api/reset-auth", kind, b"0");
    }

    /// Returns the program with this S3 as its endpoint.
    pub fn known_to(&self, program: Invocation) -> Invocation {
        let address = format!("http://{}", self.address);
        program
            .env("AWS_ENDPOINT_URL_S3", &address)
            .env("AWS_ENDPOINT_URL_RDS", &address)
    }

    fn iam(&self, form: &str) -> String {
        let form = format!("Version=2010-05-08&{form}");
        self.ask("POST /", &to("iam"), form.as_bytes())
    }

    fn ask(&self, request: &str, headers: &str, body: &[u8]) -> String {
        let answer = send(self.address, request, headers, body);
        let (head, _) = answer.split_once("\r\n").expect("a status");
        assert!(head.contains(" 200 "), "{request}: {answer}");
        answer
    }
}

impl AccessKey {
    /// Returns the program with the credentials of this user.
    pub fn known_to(&self, program: Invocation) -> Invocation {
        program
            .env("AWS_ACCESS_KEY_ID", &self.id)
            .env("AWS_SECRET_ACCESS_KEY", &self.secret)
    }
}

impl Drop for S3 {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
