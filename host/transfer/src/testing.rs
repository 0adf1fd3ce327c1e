//! A backend that follows a script.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, StreamExt as _, stream};
use host_base::{Report, ReportKind, Sha256};
use http::{HeaderMap, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};

use super::{
    Answer, Body, Destination, Download, Event, Expectation, FileName, Progress, Retry, Sleeper,
    Source,
};

/// The course of one response.
#[derive(Clone, Debug)]
pub(super) enum Turn {
    /// The stream fails after this number of bytes, and has this ETag.
    CutWith(usize, &'static str),
    /// The stream fails after this number of bytes.
    Cut(usize),
    /// The stream ends as if it were complete after this number of bytes.
    End(usize),
    /// The stream sends this number of bytes, and then hangs forever.
    Hang(usize),
    Status(u16),
    /// The status is 206, whatever was requested, with this `Content-Range`.
    Part(&'static str),
    /// There is no response; the value says whether a retry may help.
    Fail(bool),
}

/// How the end of a body is marked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    Length,
    Chunked,
    Close,
}

pub(super) struct Backend {
    pub(super) content: Mutex<Vec<u8>>,
    pub(super) etag: Mutex<Option<&'static str>>,
    pub(super) last_modified: Option<&'static str>,
    pub(super) framing: Framing,
    pub(super) ranges: bool,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) piece: usize,
    /// One entry for each response. Responses after the last entry succeed.
    pub(super) script: Mutex<VecDeque<Turn>>,
    /// The headers of each request after the first.
    pub(super) requests: Mutex<Vec<HeaderMap>>,
}

impl Backend {
    pub(super) fn new(content: Vec<u8>) -> Self {
        Self {
            content: Mutex::new(content),
            etag: Mutex::new(Some("\"v1\"")),
            last_modified: None,
            framing: Framing::Length,
            ranges: true,
            headers: Vec::new(),
            piece: 1000,
            script: Mutex::default(),
            requests: Mutex::default(),
        }
    }

    pub(super) fn script(self, turns: impl IntoIterator<Item = Turn>) -> Self {
        *lock(&self.script) = turns.into_iter().collect();
        self
    }

    /// Returns the values of a header in all requests after the first.
    pub(super) fn asked(&self, header: &str) -> Vec<Option<String>> {
        let requests = lock(&self.requests);
        let value = |headers: &HeaderMap| Some(headers.get(header)?.to_str().ok()?.to_owned());
        requests.iter().map(value).collect()
    }

    pub(super) fn sha256(&self) -> Sha256 {
        use sha2::Digest as _;
        Sha256::of(sha2::Sha256::new().chain_update(&*lock(&self.content)))
    }

    pub(super) fn download<'a>(&'a self, observer: &'a Observer) -> Download<'a> {
        Download {
            first: self
                .answer(&HeaderMap::new())
                .expect("the first answer comes"),
            source: self,
            expectation: Expectation::default(),
            accept_unproven: false,
            retry: Retry {
                progress: 1,
                ..Retry::default()
            },
            sleeper: observer,
            progress: observer,
        }
    }

    fn answer(&self, asked: &HeaderMap) -> Result<Answer, Report> {
        let turn = lock(&self.script).pop_front();
        let content = lock(&self.content).clone();
        let etag = match turn {
            Some(Turn::CutWith(_, etag)) => Some(etag),
            _ => *lock(&self.etag),
        };
        let text = |name: &str| asked.get(name)?.to_str().ok();
        let validator = text("if-range");
        let matches = validator.is_none() || validator == etag || validator == self.last_modified;
        let start = text("range")
            .and_then(|range| {
                range
                    .strip_prefix("bytes=")?
                    .strip_suffix('-')?
                    .parse()
                    .ok()
            })
            .filter(|_| self.ranges && matches)
            .unwrap_or(0_usize);
        let mut answer = Answer::new(empty());
        let total = content.len();
        let range = match turn {
            Some(Turn::Fail(retryable)) => {
                let report = Report::new(ReportKind::Unavailable, "nothing listens");
                return Err(Report {
                    retryable,
                    ..report
                });
            }
            Some(Turn::Status(status)) => {
                *answer.status_mut() = StatusCode::from_u16(status).expect("a status");
                return Ok(answer);
            }
            Some(Turn::Part(range)) => Some(range.to_owned()),
            _ if start > 0 && start >= total => {
                *answer.status_mut() = StatusCode::RANGE_NOT_SATISFIABLE;
                put(&mut answer, "content-range", &format!("bytes */{total}"));
                return Ok(answer);
            }
            _ if start > 0 => Some(format!("bytes {start}-{}/{total}", total - 1)),
            _ => None,
        };
        *answer.body_mut() = self.body(&content[start..], turn.as_ref());
        if let Some(range) = range {
            *answer.status_mut() = StatusCode::PARTIAL_CONTENT;
            put(&mut answer, "content-range", &range);
        }
        match self.framing {
            Framing::Length => put(&mut answer, "content-length", &(total - start).to_string()),
            Framing::Chunked => put(&mut answer, "transfer-encoding", "chunked"),
            Framing::Close => {}
        }
        let dated = self.last_modified.map(|date| ("last-modified", date));
        for (name, value) in etag.map(|etag| ("etag", etag)).into_iter().chain(dated) {
            put(&mut answer, name, value);
        }
        for (name, value) in &self.headers {
            put(&mut answer, name, value);
        }
        Ok(answer)
    }

    fn body(&self, bytes: &[u8], turn: Option<&Turn>) -> Body {
        let end = match turn {
            Some(Turn::Cut(at) | Turn::CutWith(at, _) | Turn::End(at) | Turn::Hang(at)) => {
                bytes.len().min(*at)
            }
            _ => bytes.len(),
        };
        let pieces: Vec<_> = bytes[..end]
            .chunks(self.piece)
            .map(|piece| Ok(Frame::data(Bytes::copy_from_slice(piece))))
            .collect();
        let pieces = stream::iter(pieces);
        match turn {
            Some(Turn::Cut(_) | Turn::CutWith(..)) => {
                let report = Report {
                    retryable: true,
                    ..Report::new(ReportKind::Failed, "the tunnel broke")
                };
                StreamBody::new(pieces.chain(stream::iter([Err(report)]))).boxed_unsync()
            }
            Some(Turn::Hang(_)) => StreamBody::new(pieces.chain(stream::pending())).boxed_unsync(),
            _ => StreamBody::new(pieces).boxed_unsync(),
        }
    }
}

impl Source for Backend {
    fn identity(&self) -> &'static str {
        "test/backup-1"
    }

    fn open<'a>(&'a self, headers: &'a HeaderMap) -> BoxFuture<'a, Result<Answer, Report>> {
        lock(&self.requests).push(headers.clone());
        async { self.answer(headers) }.boxed()
    }
}

fn empty() -> Body {
    StreamBody::new(stream::empty()).boxed_unsync()
}

fn put(answer: &mut Answer, name: &'static str, value: &str) {
    let value = value.parse().expect("a header value");
    answer.headers_mut().insert(name, value);
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Records everything, and does not wait.
#[derive(Default)]
pub(super) struct Observer {
    pub(super) waits: Mutex<Vec<Duration>>,
    pub(super) events: Mutex<Vec<String>>,
    pub(super) bytes: Mutex<Vec<u64>>,
    /// Notified when this number of bytes has arrived.
    pub(super) reached: Option<(u64, tokio::sync::Notify)>,
}

impl Sleeper for Observer {
    fn sleep(&self, length: Duration) -> BoxFuture<'_, ()> {
        lock(&self.waits).push(length);
        futures_util::future::ready(()).boxed()
    }
}

impl Progress for Observer {
    fn bytes(&self, done: u64, _: Option<u64>) {
        lock(&self.bytes).push(done);
        if let Some((wanted, notify)) = &self.reached
            && done >= *wanted
        {
            notify.notify_one();
        }
    }

    fn event(&self, event: &Event<'_>) {
        lock(&self.events).push(match event {
            Event::Rereading { bytes } => format!("rereading {bytes}"),
            Event::Resumed { offset } => format!("resumed {offset}"),
            Event::Restarted { reason } => format!("restarted: {reason}"),
            Event::Retrying { error, attempt, .. } => format!("retrying {attempt}: {error}"),
        });
    }
}

/// Returns incompressible bytes, the same for the same seed.
pub(super) fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut random = Random(seed);
    (0..length)
        .map(|_| random.next().to_le_bytes()[0])
        .collect()
}

/// A small generator (splitmix64): tests need the same numbers in every run.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(super) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).expect("below a usize")
    }
}

/// Returns the destination `backup.zip` in a folder.
pub(super) fn destination(folder: &std::path::Path, replace: bool) -> Destination {
    Destination {
        folder: folder.to_owned(),
        name: FileName::given("backup.zip").expect("a good name"),
        replace,
    }
}
