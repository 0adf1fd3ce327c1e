//! A simulation of Google Cloud Storage: moto's S3 with what the XML API of Google has instead.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use http::{HeaderName, HeaderValue, Method, Request, StatusCode, header};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::Mutex;

use super::Cloud;
use super::proxy::{Answer, Proxy, forward, full, refusal, streamed};
use crate::support::{Invocation, S3, s3::unchecked};

/// The current generation of an object.
const GENERATION: &str = "x-goog-generation";
/// A condition: the object has this generation, or does not exist if it is 0.
const CONDITION: &str = "x-goog-if-generation-match";

/// A bucket behind a loopback port. It ends with the test.
///
/// This is a simulation. No server from a registry has Google's XML API with multipart uploads. Simulated are
/// objects, lists, copies, ranges, multipart uploads, generations with their precondition, and the refusal to
/// delete a missing object. Not simulated are tokens, permissions, retention, and the JSON API. Follows
/// <https://cloud.google.com/storage/docs/xml-api/reference-headers>.
pub struct Gcs {
    moto: S3,
    proxy: Proxy,
    bucket: String,
    folder: TempDir,
}

#[derive(Default)]
struct Generations {
    current: HashMap<String, u64>,
    last: u64,
}

impl Gcs {
    pub fn with_bucket(bucket: &str) -> Self {
        let moto = S3::with_bucket(bucket);
        let server = moto.address();
        let generations = Arc::new(Mutex::new(Generations::default()));
        let proxy = Proxy::start(move |request| answer(server, Arc::clone(&generations), request));
        Self {
            moto,
            proxy,
            bucket: bucket.to_owned(),
            folder: tempfile::tempdir().expect("a folder"),
        }
    }
}

impl Cloud for Gcs {
    fn url(&self) -> String {
        format!("gs://{}/copies", self.bucket)
    }

    fn address(&self) -> SocketAddr {
        self.proxy.address
    }

    fn known_at(&self, program: Invocation, address: SocketAddr) -> Invocation {
        let path = self.folder.path().join(format!("{}.json", address.port()));
        let account = json!({
            "type": "service_account",
            "project_id": "tests",
            "client_email": "tests@tests.iam.gserviceaccount.com",
            "private_key_id": "none",
            "private_key": "none",
            // Both are keys of the crate object_store.
            "gcs_base_url": format!("http://{address}"),
            "disable_oauth": true,
        });
        std::fs::write(&path, account.to_string()).expect("a file for the account");
        program.env("GOOGLE_SERVICE_ACCOUNT", path)
    }

    // Google's XML API also serves the library of S3.
    fn place_at(&self, address: SocketAddr) -> Value {
        self.moto.place_at(address)
    }
}

async fn answer(
    server: SocketAddr,
    generations: Arc<Mutex<Generations>>,
    request: Request<Incoming>,
) -> Answer {
    let (mut parts, body) = request.into_parts();
    let path = parts.uri.path().to_owned();
    let query = parts.uri.query().unwrap_or_default().to_owned();
    let has = |name: &str| query.split('&').any(|pair| name_of(pair) == name);
    let object = path.trim_matches('/').contains('/');
    let condition = number(parts.headers.remove(CONDITION));
    translate(&mut parts.headers);
    let writes = match parts.method {
        Method::PUT => !has("partNumber"),
        Method::POST => has("uploadId"),
        Method::DELETE => !has("uploadId"),
        _ => false,
    };
    if !(object && writes) {
        let wanted = query
            .split('&')
            .find_map(|pair| pair.strip_prefix("generation="));
        let current = generations.lock().await.current.get(&path).copied();
        if wanted.is_some() && wanted.and_then(|wanted| wanted.parse().ok()) != current {
            return Ok(refusal(StatusCode::NOT_FOUND, "NoSuchKey"));
        }
        let mut answer = forward(server, Request::from_parts(parts, streamed(body))).await?;
        if let Some(current) = current {
            answer.headers_mut().insert(GENERATION, current.into());
        }
        return Ok(answer);
    }
    let body = body.collect().await?.to_bytes();
    let deletes = parts.method == Method::DELETE;
    // A condition and its write are one step, so writes follow each other.
    let mut generations = generations.lock().await;
    let current = generations.current.get(&path).copied();
    if condition.is_some_and(|condition| condition != current.unwrap_or(0)) {
        return Ok(refusal(
            StatusCode::PRECONDITION_FAILED,
            "PreconditionFailed",
        ));
    }
    if deletes && current.is_none() {
        return Ok(refusal(StatusCode::NOT_FOUND, "NoSuchKey"));
    }
    let mut answer = forward(server, Request::from_parts(parts, full(body))).await?;
    if !answer.status().is_success() {
        return Ok(answer);
    }
    if deletes {
        generations.current.remove(&path);
    } else {
        generations.last += 1;
        let new = generations.last;
        generations.current.insert(path, new);
        answer.headers_mut().insert(GENERATION, new.into());
    }
    Ok(answer)
}

fn name_of(pair: &str) -> &str {
    pair.split_once('=').map_or(pair, |(name, _)| name)
}

fn number(value: Option<HeaderValue>) -> Option<u64> {
    value?.to_str().ok()?.parse().ok()
}

/// Replaces Google's headers by those of S3.
fn translate(headers: &mut http::HeaderMap) {
    // An account without OAuth sends no token at all.
    let is_google = |value: &HeaderValue| value.as_bytes().starts_with(b"Bearer");
    if headers.get(header::AUTHORIZATION).is_none_or(is_google) {
        let unchecked = HeaderValue::try_from(unchecked("s3")).expect("a header");
        headers.insert(header::AUTHORIZATION, unchecked);
    }
    let theirs: Vec<_> = headers
        .keys()
        .filter(|name| {
            name.as_str() == "x-goog-copy-source" || name.as_str().starts_with("x-goog-meta-")
        })
        .cloned()
        .collect();
    for name in theirs {
        let ours = name.as_str().replacen("goog", "amz", 1);
        let ours = HeaderName::try_from(ours).expect("a header");
        if let Some(value) = headers.remove(name) {
            headers.insert(ours, value);
        }
    }
}
