//! moto, which plays S3.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;

use super::python::python_with;
use super::server::Server;

/// The packages of the project's other tests, with the same versions.
const PACKAGES: [&str; 3] = ["moto[s3]>=5.1,<6", "flask>=3,<4", "flask-cors>=6,<7"];

pub struct S3 {
    _server: Server,
    pub address: SocketAddr,
}

impl S3 {
    pub fn with_bucket(bucket: &str) -> Self {
        let mut command = Command::new(python_with("moto", &PACKAGES).join("bin/moto_server"));
        command.args(["-H", "127.0.0.1", "-p", "0"]);
        let ready = |line: &str| {
            let (_, address) = line.split_once("Running on http://")?;
            address.trim().parse().ok()
        };
        let (server, address) =
            Server::start(&command, &[], ready).unwrap_or_else(|reason| panic!("{reason}"));
        let s3 = Self {
            _server: server,
            address,
        };
        let mut connection = TcpStream::connect(address).expect("moto");
        write!(connection, "PUT /{bucket} HTTP/1.1\r\nhost: {address}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").expect("a request");
        let mut answer = String::new();
        connection.read_to_string(&mut answer).expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        s3
    }

    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }
}
