//! Reading of objects.

use std::ops::Range;

use http::StatusCode;
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;

use super::check::{names, precondition_failed};
use super::object::Object;
use super::{Answer, Answered, Refusal, Request, S3};
use crate::aws::xml::Xml;

/// A time as headers have it.
fn http_date(time: Timestamp) -> String {
    let text = DateTimePrinter::new().timestamp_to_rfc9110_string(&time);
    // Only years above 9999 have no such form.
    text.unwrap_or_default()
}

/// The range that a request asks for.
enum Asked {
    Whole,
    Part(Range<u64>),
    Beyond,
}

/// Parses the header `Range`, by RFC 9110, section 14. S3 ignores what it does not understand, and several ranges.
fn asked(header: Option<&str>, size: u64) -> Asked {
    let bounds = header.and_then(|it| it.strip_prefix("bytes=")?.split_once('-'));
    let Some((from, to)) = bounds else {
        return Asked::Whole;
    };
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

impl Request<'_> {
    /// Returns the object of the request.
    fn object(&self) -> Result<&Object, Refusal> {
        let key = self.call.key();
        let found = self.store()?.objects.get(key);
        found.ok_or_else(|| self.missing(&self.call.bucket, key))
    }

    /// Answers `GetObject` and `HeadObject`.
    pub(super) fn get(&self) -> Answered {
        let object = self.object()?;
        let header = |name| self.call.header(name);
        if header("if-match").is_some_and(|it| !names(it, &object.etag)) {
            return Err(precondition_failed("If-Match"));
        }
        if header("if-none-match").is_some_and(|it| names(it, &object.etag)) {
            let refusal = Refusal::new(304, "NotModified", "Not Modified");
            return Err(refusal.with_header("etag", &object.etag()));
        }
        let size = object.data.len();
        let range = asked(header("range"), size);
        let (status, part) = match range {
            Asked::Whole => (StatusCode::OK, 0..size),
            Asked::Part(part) => (StatusCode::PARTIAL_CONTENT, part),
            Asked::Beyond => {
                let message = "The requested range is not satisfiable";
                let asked = header("range").unwrap_or_default();
                return Err(Refusal::new(416, "InvalidRange", message)
                    .with("RangeRequested", asked)
                    .with("ActualObjectSize", size)
                    .with_header("content-range", &format!("bytes */{size}")));
            }
        };
        let mut answer = Answer::data(status, object.data.clone(), part.clone())
            .header("accept-ranges", "bytes")
            .header("content-type", "binary/octet-stream")
            .header("etag", &object.etag())
            .header("x-amz-server-side-encryption", "AES256");
        if let Some(modified) = object.modified {
            answer = answer.header("last-modified", &http_date(modified));
        }
        if status == StatusCode::PARTIAL_CONTENT {
            let text = format!("bytes {}-{}/{size}", part.start, part.end - 1);
            answer = answer.header("content-range", &text);
        }
        for (name, value) in &object.headers {
            answer = answer.header(name, value);
        }
        if !object.tags.is_empty() {
            answer = answer.header("x-amz-tagging-count", &object.tags.len().to_string());
        }
        let wants_checksum =
            header("x-amz-checksum-mode").is_some_and(|it| it.eq_ignore_ascii_case("enabled"));
        // The checksum is that of the whole object.
        if wants_checksum && status == StatusCode::OK {
            let checksum = object.checksum();
            answer = answer
                .header(&checksum.algorithm.header(), &checksum.value)
                .header("x-amz-checksum-type", checksum.kind());
        }
        Ok(answer)
    }

    pub(super) fn tagging(&self) -> Answered {
        let object = self.object()?;
        let document = Xml::document("Tagging", S3, |xml| {
            xml.element("TagSet", |xml| {
                for (key, value) in &object.tags {
                    xml.element("Tag", |xml| {
                        xml.text("Key", key);
                        xml.text("Value", value);
                    });
                }
            });
        });
        Ok(Answer::xml(document))
    }
}
