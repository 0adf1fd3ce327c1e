//! The content of backups: bytes that look random and are reproducible.

use std::convert::Infallible;
use std::fmt::Write;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use http_body_util::BodyExt;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use sha2::{Digest, Sha256};

use super::http::Call;
use super::shape::{Shape, shaped};
use crate::faults::Faults;
use crate::faults::download::{DownloadFaults, Framing};
use crate::web::{self, Reply};

/// The length after which the content repeats, in bytes. It is prime, so that a part at a wrong offset
/// doesn't match by accident.
const PERIOD: usize = 1_048_573;
/// Maximum length of a part, in bytes.
const PIECE: usize = 256 * 1024;

/// Generated content of a given size.
#[derive(Debug, Clone)]
pub struct Content {
    size: u64,
    block: Bytes,
}

impl Content {
    /// Returns the content for a name and a size. The same arguments yield the same bytes.
    pub fn new(name: &str, size: u64) -> Self {
        // FNV-1a gives each name its own bytes.
        let mut state = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        }) | 1;
        let mut block = BytesMut::with_capacity(PERIOD + 8);
        while block.len() < PERIOD {
            // The generator is xorshift64.
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            block.extend_from_slice(&state.to_le_bytes());
        }
        block.truncate(PERIOD);
        Self {
            size,
            block: block.freeze(),
        }
    }

    pub fn size(&self) -> u64 {
        self.size
    }

    /// Returns the SHA-256 digest of the whole content, in lower-case hexadecimal. It takes time for large
    /// sizes.
    pub fn sha256(&self) -> String {
        let mut digest = Sha256::new();
        let mut at = 0;
        while let Some(piece) = self.piece(at, self.size) {
            digest.update(&piece);
            at += piece.len() as u64;
        }
        digest
            .finalize()
            .iter()
            .fold(String::new(), |mut text, byte| {
                // Writing to a string never fails.
                let _ = write!(text, "{byte:02x}");
                text
            })
    }

    /// Returns a part that begins at `at` and ends at `end` at the latest, or `None` at the end.
    fn piece(&self, at: u64, end: u64) -> Option<Bytes> {
        let left = usize::try_from(end.checked_sub(at)?).unwrap_or(usize::MAX);
        // A remainder by a usize fits into a usize.
        let start = usize::try_from(at % PERIOD as u64).unwrap_or(0);
        let length = left.min(PIECE).min(PERIOD - start);
        (length > 0).then(|| self.block.slice(start..start + length))
    }

    /// Answers a download as the faults require.
    pub(crate) fn download(&self, call: &Call, faults: &Faults) -> Reply {
        let (faults, cut) = faults.edit(|settings| {
            let cut = settings.download.take_cut();
            (settings.download.clone(), cut)
        });
        if faults.html {
            let page = "<!doctype html>\n<html><body><h1>Please log in</h1></body></html>\n";
            return web::reply(StatusCode::OK, "text/html; charset=utf-8", page);
        }
        let etag = self.etag(&faults);
        let (status, part) = match self.asked(call, &faults, &etag) {
            Asked::Whole => (StatusCode::OK, 0..self.size),
            Asked::Part(part) => (StatusCode::PARTIAL_CONTENT, part),
            Asked::Beyond => return self.beyond(),
        };
        let length = part.end - part.start;
        let body = ContentBody {
            at: part.start,
            end: part.end,
            corrupt: faults.corrupt,
            content: self.clone(),
        };
        let shape = Shape {
            end: cut.map(|percent| length * u64::from(percent) / 100),
            drip: faults.drip,
        };
        let plain = shape.end.is_none() && shape.drip.is_none();
        let body = if plain && faults.framing == Framing::Length {
            body.map_err(|never: Infallible| match never {})
                .boxed_unsync()
        } else {
            let body = body.map_err(|never: Infallible| match never {});
            shaped(body.boxed_unsync(), shape, Arc::clone(&call.flushed))
        };
        let mut reply = Response::new(body);
        *reply.status_mut() = status;
        if faults.framing == Framing::Close {
            // Only in HTTP/1.0 does the end of the connection mark the end of the body.
            *reply.version_mut() = http::Version::HTTP_10;
        }
        self.describe(&mut reply, &faults, &etag, &part);
        reply
    }

    fn beyond(&self) -> Reply {
        let mut reply = web::reply(StatusCode::RANGE_NOT_SATISFIABLE, "text/plain", "");
        let text = format!("bytes */{}", self.size);
        insert(reply.headers_mut(), header::CONTENT_RANGE, &text);
        reply
    }

    fn describe(
        &self,
        reply: &mut Reply,
        faults: &DownloadFaults,
        etag: &HeaderValue,
        part: &Range<u64>,
    ) {
        let partial = reply.status() == StatusCode::PARTIAL_CONTENT;
        let headers = reply.headers_mut();
        let octets = HeaderValue::from_static("application/octet-stream");
        headers.insert(header::CONTENT_TYPE, octets);
        if faults.framing == Framing::Length {
            let length = HeaderValue::from(part.end - part.start);
            headers.insert(header::CONTENT_LENGTH, length);
        }
        if faults.resume {
            headers.insert(header::ETAG, etag.clone());
            headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        }
        if partial {
            let last = part.end.saturating_sub(1);
            let text = format!("bytes {}-{last}/{}", part.start, self.size);
            insert(headers, header::CONTENT_RANGE, &text);
        }
        if faults.checksum {
            let name = header::HeaderName::from_static("x-checksum-sha256");
            insert(headers, name, &self.sha256());
        }
        if let Some(disposition) = &faults.disposition {
            insert(headers, header::CONTENT_DISPOSITION, disposition);
        }
    }

    fn etag(&self, faults: &DownloadFaults) -> HeaderValue {
        let mark = if faults.etag_changes {
            let now = std::time::SystemTime::now();
            let since = now.duration_since(std::time::UNIX_EPOCH);
            since.map_or(0, |since| since.as_nanos())
        } else {
            0
        };
        let text = format!(
            "\"{:02x}{:02x}{:x}-{mark:x}\"",
            self.block[0], self.block[1], self.size
        );
        HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("\"0\""))
    }

    /// Returns the requested range, by RFC 9110 sections 13.1.5 and 14.
    fn asked(&self, call: &Call, faults: &DownloadFaults, etag: &HeaderValue) -> Asked {
        let header = |name| call.headers.get(name);
        let fits = header(header::IF_RANGE).is_none_or(|given| given == etag);
        if !faults.resume || !fits || call.method != Method::GET {
            return Asked::Whole;
        }
        let range = header(header::RANGE).and_then(|value| value.to_str().ok());
        let bounds = range.and_then(|range| range.strip_prefix("bytes=")?.split_once('-'));
        // An invalid range, or several ranges, are answered with the whole content.
        let Some((from, to)) = bounds else {
            return Asked::Whole;
        };
        let size = self.size;
        let part = match (from.parse::<u64>(), to.parse::<u64>()) {
            (Ok(from), Ok(to)) if from <= to => from..size.min(to.saturating_add(1)),
            (Ok(from), Err(_)) if to.is_empty() => from..size,
            (Err(_), Ok(last)) if from.is_empty() => size.saturating_sub(last)..size,
            _ => return Asked::Whole,
        };
        if part.start >= size {
            return Asked::Beyond;
        }
        Asked::Part(part)
    }
}

/// The range that a download requests.
enum Asked {
    Whole,
    Part(Range<u64>),
    /// A range after the end.
    Beyond,
}

/// Sets a header, unless the text is not a valid value.
fn insert(headers: &mut HeaderMap, name: header::HeaderName, text: &str) {
    if let Ok(value) = HeaderValue::from_bytes(text.as_bytes()) {
        headers.insert(name, value);
    }
}

struct ContentBody {
    content: Content,
    at: u64,
    end: u64,
    /// Whether the last byte is wrong.
    corrupt: bool,
}

impl HttpBody for ContentBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let Some(mut piece) = self.content.piece(self.at, self.end) else {
            return Poll::Ready(None);
        };
        self.at += piece.len() as u64;
        if self.corrupt && self.at == self.end {
            let mut wrong = BytesMut::from(&piece[..]);
            if let Some(last) = wrong.last_mut() {
                *last = !*last;
            }
            piece = wrong.freeze();
        }
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.at == self.end
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.end - self.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_is_the_same_each_time_and_its_own_for_each_name() {
        let size = 3 * PERIOD as u64 + 17;
        let one = Content::new("a", size).sha256();
        assert_eq!(one, Content::new("a", size).sha256());
        assert_ne!(one, Content::new("b", size).sha256());
        assert_ne!(one, Content::new("a", size - 1).sha256());
    }
}
