//! Object storage that takes everything at once: a server that speaks enough of S3 for one store, and keeps lengths
//! instead of bytes.
//!
//! It is no part of any test: the program's behaviour is tested against real servers. Here a server must cost as
//! little as possible. `testbed::aws` computes the digests of all bytes, and would be measured with the program.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use crate::Failed;

const MODIFIED: &str = "2026-11-27T01:00:00.000Z";
const MODIFIED_HEADER: &str = "Fri, 27 Nov 2026 01:00:00 GMT";
/// The longest object whose bytes are kept.
const KEPT: usize = 64 << 10;
const PAGE: usize = 1000;

/// A server on loopback, with one bucket. It ends with the process.
#[derive(Clone)]
pub(crate) struct ObjectStorage {
    pub(crate) address: SocketAddr,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    objects: BTreeMap<String, Object>,
    /// The length of each upload in parts, by its id.
    uploads: BTreeMap<String, u64>,
    requests: u64,
}

#[derive(Clone, Default)]
struct Object {
    length: u64,
    bytes: Bytes,
}

impl ObjectStorage {
    pub(crate) async fn start() -> Result<Self, Failed> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let storage = Self {
            address: listener.local_addr()?,
            state: Arc::default(),
        };
        let serving = storage.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let _ = stream.set_nodelay(true);
                let storage = serving.clone();
                let answer = service_fn(move |request| {
                    let storage = storage.clone();
                    async move { Ok::<_, Infallible>(storage.answer(request).await) }
                });
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
            }
        });
        Ok(storage)
    }

    /// Puts an empty object.
    pub(crate) fn put(&self, key: &str) {
        self.state()
            .objects
            .insert(key.to_owned(), Object::default());
    }

    /// Returns the number of requests since the last call.
    pub(crate) fn requests(&self) -> u64 {
        std::mem::take(&mut self.state().requests)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[expect(clippy::too_many_lines, reason = "one arm for each request")]
    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (head, mut body) = request.into_parts();
        let key = head
            .uri
            .path()
            .splitn(3, '/')
            .nth(2)
            .unwrap_or_default()
            .to_owned();
        let query = head.uri.query().unwrap_or_default();
        let value = |name: &str| {
            let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            pairs
                .into_iter()
                .find(|(found, _)| *found == name)
                .map(|(_, value)| decoded(value))
        };
        let mut length = 0;
        let mut kept = Vec::new();
        while let Some(Ok(frame)) = body.frame().await {
            let Ok(bytes) = frame.into_data() else {
                continue;
            };
            length += bytes.len() as u64;
            if kept.len() + bytes.len() <= KEPT {
                kept.extend_from_slice(&bytes);
            }
        }
        let mut state = self.state();
        state.requests += 1;
        let upload = value("uploadId");
        match (&head.method, upload) {
            (&Method::POST, _) if query.starts_with("uploads") => {
                let id = state.uploads.len().to_string();
                state.uploads.insert(id.clone(), 0);
                xml(&format!(
                    "<InitiateMultipartUploadResult><UploadId>{id}</UploadId></InitiateMultipartUploadResult>"
                ))
            }
            (&Method::PUT, Some(id)) => {
                *state.uploads.entry(id).or_default() += length;
                tagged(Response::builder())
            }
            (&Method::POST, Some(id)) => {
                let length = state.uploads.get(&id).copied().unwrap_or_default();
                state.objects.insert(
                    key,
                    Object {
                        length,
                        bytes: Bytes::new(),
                    },
                );
                xml(
                    "<CompleteMultipartUploadResult><ETag>\"e\"</ETag></CompleteMultipartUploadResult>",
                )
            }
            (&Method::POST, None) => {
                let text = String::from_utf8_lossy(&kept).into_owned();
                let mut answer = String::from("<DeleteResult>");
                for key in text
                    .split("<Key>")
                    .skip(1)
                    .filter_map(|it| it.split("</Key>").next())
                {
                    state.objects.remove(key);
                    answer.push_str(&format!("<Deleted><Key>{key}</Key></Deleted>"));
                }
                xml(&(answer + "</DeleteResult>"))
            }
            (&Method::PUT, None) => {
                if head.headers.contains_key("if-none-match") && state.objects.contains_key(&key) {
                    return status(StatusCode::PRECONDITION_FAILED);
                }
                let bytes = kept.into();
                state.objects.insert(key, Object { length, bytes });
                tagged(Response::builder())
            }
            (&Method::DELETE, _) => {
                state.objects.remove(&key);
                status(StatusCode::NO_CONTENT)
            }
            (&Method::GET, None) if key.is_empty() && query.contains("list-type=2") => {
                let after = value("continuation-token").or(value("start-after"));
                xml(&listing(
                    &state,
                    &value("prefix").unwrap_or_default(),
                    after,
                ))
            }
            (&Method::GET, _) if key.is_empty() && query.starts_with("object-lock") => {
                status(StatusCode::NOT_FOUND)
            }
            (&Method::GET, _) if key.is_empty() => xml(
                "<ListMultipartUploadsResult><IsTruncated>false</IsTruncated></ListMultipartUploadsResult>",
            ),
            (&Method::HEAD | &Method::GET, _) => match state.objects.get(&key) {
                Some(object) => {
                    let answer = Response::builder()
                        .header("content-length", object.length)
                        .header("last-modified", MODIFIED_HEADER)
                        .header("etag", "\"e\"");
                    answer
                        .body(Full::new(object.bytes.clone()))
                        .unwrap_or_default()
                }
                None => status(StatusCode::NOT_FOUND),
            },
            _ => status(StatusCode::NOT_IMPLEMENTED),
        }
    }
}

/// Returns a page of the keys with this beginning.
fn listing(state: &State, prefix: &str, after: Option<String>) -> String {
    let start = after.unwrap_or_else(|| prefix.to_owned());
    let keys = state.objects.range(start.clone()..);
    let keys = keys.take_while(|(key, _)| key.starts_with(prefix));
    let mut keys = keys
        .filter(|(key, _)| **key != start || start == prefix)
        .peekable();
    let mut page = String::from("<ListBucketResult>");
    let mut last = String::new();
    for (key, object) in keys.by_ref().take(PAGE) {
        page.push_str(&format!(
            "<Contents><Key>{key}</Key><LastModified>{MODIFIED}</LastModified><ETag>\"e\"</ETag><Size>{}</Size></Contents>",
            object.length
        ));
        last.clone_from(key);
    }
    let is_truncated = keys.peek().is_some();
    page.push_str(&format!("<IsTruncated>{is_truncated}</IsTruncated>"));
    if is_truncated {
        page.push_str(&format!(
            "<NextContinuationToken>{last}</NextContinuationToken>"
        ));
    }
    page + "</ListBucketResult>"
}

fn decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(text)
        .decode_utf8_lossy()
        .into_owned()
}

fn xml(text: &str) -> Response<Full<Bytes>> {
    Response::new(Full::new(Bytes::from(text.to_owned())))
}

fn tagged(answer: http::response::Builder) -> Response<Full<Bytes>> {
    let answer = answer.header("etag", "\"e\"");
    answer.body(Full::default()).unwrap_or_default()
}

fn status(code: StatusCode) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = code;
    answer
}
