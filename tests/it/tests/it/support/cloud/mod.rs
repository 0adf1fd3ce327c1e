//! Object stores: real servers or simulations on loopback, a way to look into them, and a proxy with faults.

mod azurite;
mod faulty;
mod gcs;
mod proxy;
mod weed;
mod witness;

use std::net::SocketAddr;
use std::path::PathBuf;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use super::{Invocation, python_with};

pub use azurite::Azurite;
pub use faulty::{Faulty, Seen, Then, When};
pub use gcs::Gcs;
pub use weed::Weed;

/// A bucket in an object store.
///
/// The methods that look into the bucket use the vendor's own client library, so they are independent of the
/// program's. Keys are those of the whole bucket. They panic if the object store refuses.
pub trait Cloud {
    /// Returns the URL of the folder `copies` in the bucket.
    fn url(&self) -> String;

    /// Returns the address of the server.
    fn address(&self) -> SocketAddr;

    /// Returns the program with the endpoint `address`, and with credentials that allow everything.
    fn known_at(&self, program: Invocation, address: SocketAddr) -> Invocation;

    /// Returns the bucket, the endpoint `address`, and the credentials, as `witness.py` needs them.
    fn place_at(&self, address: SocketAddr) -> Value;

    /// Returns the program with the endpoint and the credentials of this cloud.
    fn known_to(&self, program: Invocation) -> Invocation {
        self.known_at(program, self.address())
    }

    /// Sends a request to `witness.py`. The error is the HTTP status of a refusal, or 0 if no whole answer came.
    fn ask(&self, request: Value) -> Result<Value, u16> {
        witness::ask(&self.place_at(self.address()), request)
    }

    /// Returns the keys that begin with `prefix`, with their sizes in bytes, in the store's order.
    fn list(&self, prefix: &str) -> Vec<(String, u64)> {
        let list = self.ask(json!({"do": "list", "prefix": prefix}));
        let list = list.expect("a list");
        let object = |object: &Value| {
            let key = object[0].as_str().expect("a key");
            (key.to_owned(), object[1].as_u64().expect("a size"))
        };
        list.as_array()
            .expect("a list")
            .iter()
            .map(object)
            .collect()
    }

    fn get(&self, key: &str) -> Vec<u8> {
        let bytes = self.ask(json!({"do": "get", "key": key}));
        let bytes = bytes.unwrap_or_else(|status| panic!("no object {key}: {status}"));
        let bytes = bytes.as_str().expect("text");
        BASE64_STANDARD.decode(bytes).expect("base64")
    }

    fn put(&self, key: &str, bytes: &[u8]) {
        let body = BASE64_STANDARD.encode(bytes);
        self.ask(json!({"do": "put", "key": key, "body": body}))
            .expect("a new object");
    }

    /// Puts an object if there is none with its key. The error is the HTTP status of a refusal.
    fn create(&self, key: &str, bytes: &[u8]) -> Result<(), u16> {
        let body = BASE64_STANDARD.encode(bytes);
        self.ask(json!({"do": "create", "key": key, "body": body}))?;
        Ok(())
    }

    /// Flips the lowest bit of one byte of an object.
    fn damage(&self, key: &str, offset: usize) {
        let mut bytes = self.get(key);
        bytes[offset] ^= 1;
        self.put(key, &bytes);
    }

    fn delete(&self, key: &str) {
        self.ask(json!({"do": "delete", "key": key}))
            .expect("a deleted object");
    }

    /// Begins a multipart upload with one part, and leaves it open.
    fn begin(&self, key: &str, part: &[u8]) {
        let body = BASE64_STANDARD.encode(part);
        self.ask(json!({"do": "begin", "key": key, "body": body}))
            .expect("an upload");
    }

    /// Returns the open multipart uploads: keys and upload ids. Azure has no upload ids, so they are empty.
    fn uploads(&self) -> Vec<(String, String)> {
        let list = self.ask(json!({"do": "uploads"})).expect("a list");
        let upload = |upload: &Value| {
            let text = |at: usize| upload[at].as_str().expect("text").to_owned();
            (text(0), text(1))
        };
        list.as_array()
            .expect("a list")
            .iter()
            .map(upload)
            .collect()
    }
}

/// Returns stock `aws` of version 1, which takes a second for its start.
pub fn aws_cli() -> PathBuf {
    python_with("awscli", &["awscli>=1.40,<2"]).join("bin/aws")
}
