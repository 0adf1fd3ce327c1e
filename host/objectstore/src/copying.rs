//! Copies of objects within S3. The bytes never leave it.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use aws_smithy_xml::decode::{Document, try_data};
use futures_util::{StreamExt as _, stream};
use http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_TYPE, ETAG,
    EXPIRES, HeaderName,
};
use http::{HeaderMap, Request};

use super::S3Error;
use super::client::{Access, S3, WAITS};
use super::error::COPYING;
use super::objects::{Facts, Location, build, hexadecimal, text_of};
use super::parts::{Part, upload_query};
use super::refusal::Refusal;

/// The maximum size of an object that one request copies, in bytes. Source:
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html>
const MAX_AT_ONCE: u64 = 5 << 30;
/// The minimum size of a part of a larger object, in bytes.
const MIN_PART: u64 = 512 << 20;
/// The maximum number of parts. S3 allows 10,000.
const MAX_PARTS: u64 = 9_000;
/// The number of parts that are copied at the same time.
const AT_ONCE: usize = 4;
/// The maximum time for one part or one object. S3 answers when the bytes are copied.
const PATIENCE: Duration = Duration::from_mins(15);

/// Headers of an object that its copy must have.
const KEPT: [HeaderName; 6] = [
    CACHE_CONTROL,
    CONTENT_DISPOSITION,
    CONTENT_ENCODING,
    CONTENT_LANGUAGE,
    CONTENT_TYPE,
    EXPIRES,
];

/// One object to copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copy {
    /// The object to read.
    pub source: Location,
    /// The object to write. An object that exists there is replaced.
    pub target: Location,
    /// Length of the source in bytes, if the caller knows it. Otherwise S3 is asked.
    pub size: Option<u64>,
    /// The entity tag that the source must have.
    pub etag: Option<String>,
}

impl S3 {
    /// Copies an object.
    ///
    /// # Errors
    /// When the source does not exist or has changed, or when S3 refuses. Then there is no new object.
    pub async fn copy(&self, copy: &Copy, first_byte: Duration) -> Result<Facts, S3Error> {
        if let Some(size) = copy.size.filter(|size| *size <= MAX_AT_ONCE) {
            return self.copy_at_once(copy, size).await;
        }
        let head = self
            .head_of(&copy.source, Access::Signed, first_byte)
            .await?;
        let text = |name| head.get(name).and_then(|value| value.to_str().ok());
        let etag = text(ETAG.as_str()).map(str::to_owned);
        let is_other = copy.etag.is_some() && copy.etag != etag;
        let size = text("content-length").and_then(|length| length.parse().ok());
        let what = || copy.source.shown();
        match size {
            _ if is_other => Err(S3Error::Condition { what: what() }),
            None => Err(S3Error::NotUnderstood { what: what() }),
            Some(size) if size <= MAX_AT_ONCE => self.copy_at_once(copy, size).await,
            Some(size) => {
                let copy = Copy {
                    etag,
                    ..copy.clone()
                };
                self.copy_in_parts(&copy, size, &head, first_byte).await
            }
        }
    }

    async fn copy_at_once(&self, copy: &Copy, size: u64) -> Result<Facts, S3Error> {
        let request = Request::put(copy.target.path()).header("x-amz-checksum-algorithm", "SHA256");
        let result = self.copied(copy, request, "CopyObjectResult").await?;
        Ok(Facts {
            key: copy.target.key.clone(),
            size,
            ..result
        })
    }

    /// Copies a part or the whole object, and returns what S3 says about it.
    async fn copied(
        &self,
        copy: &Copy,
        request: http::request::Builder,
        result: &str,
    ) -> Result<Facts, S3Error> {
        let mut request = request.header("x-amz-copy-source", copy.source.path());
        if let Some(etag) = &copy.etag {
            request = request.header("x-amz-copy-source-if-match", etag);
        }
        let request = build(request)?;
        let mut waits = WAITS.iter();
        loop {
            let answer = self.send(request.clone(), Access::Signed, PATIENCE).await?;
            if answer.status().as_u16() == 412 {
                return Err(S3Error::Condition {
                    what: copy.source.shown(),
                });
            }
            let what = copy.target.shown();
            let text = text_of(answer, &what, PATIENCE).await?;
            let Some(refusal) = Refusal::late(&text) else {
                return copy_result(&text, result).ok_or(S3Error::NotUnderstood { what });
            };
            // A copy has the same effect when it is made twice.
            match waits.next().filter(|_| refusal.is_busy()) {
                Some(wait) => tokio::time::sleep(*wait).await,
                None => return Err(S3Error::refused(what, COPYING, None, refusal)),
            }
        }
    }

    async fn copy_in_parts(
        &self,
        copy: &Copy,
        size: u64,
        head: &HeaderMap,
        first_byte: Duration,
    ) -> Result<Facts, S3Error> {
        let path = copy.target.path();
        let mut kept = HeaderMap::new();
        // A copy at once keeps these by itself. Tags would need further permissions, and are left out.
        for (name, value) in head {
            if KEPT.contains(name) || name.as_str().starts_with("x-amz-meta-") {
                kept.append(name, value.clone());
            }
        }
        let upload = self.begin_parts(&copy.target, &kept, first_byte).await?;
        let upload_query = upload_query(&upload);
        let whole = self.copy_parts(copy, size, &path, &upload_query).await;
        let completed = match whole {
            Ok(parts) => {
                let parts: Vec<_> = parts.into_iter().map(Part::of).collect();
                self.complete(&copy.target, &upload, &parts, false).await
            }
            Err(error) => Err(error),
        };
        let etag = match completed {
            Ok(etag) => etag,
            Err(error) => {
                // Parts that belong to no object would cost money for ever. The first error says more than a
                // second one. A command that is stopped leaves them; a lifecycle rule of the bucket removes them.
                let _aborted = self.abort(&copy.target, &upload, first_byte).await;
                return Err(error);
            }
        };
        Ok(Facts {
            key: copy.target.key.clone(),
            size,
            etag: Some(etag),
            ..Facts::default()
        })
    }

    /// Returns the entity tag of each part. After an error no further part is begun. The parts that were begun
    /// are waited for, because an upload can't be aborted as long as S3 writes parts of it.
    async fn copy_parts(
        &self,
        copy: &Copy,
        size: u64,
        path: &str,
        upload: &str,
    ) -> Result<Vec<String>, S3Error> {
        let parts = ranges(size).into_iter().enumerate();
        let has_failed = &AtomicBool::new(false);
        let parts = parts.map(|(index, (first, last))| async move {
            if has_failed.load(Relaxed) {
                return Ok(String::new());
            }
            let request = Request::put(format!("{path}?partNumber={}&{upload}", index + 1))
                .header("x-amz-copy-source-range", format!("bytes={first}-{last}"));
            let part = self.copied(copy, request, "CopyPartResult").await;
            let etag = part.and_then(|part| {
                part.etag.ok_or_else(|| S3Error::NotUnderstood {
                    what: copy.target.shown(),
                })
            });
            has_failed.fetch_or(etag.is_err(), Relaxed);
            etag
        });
        let parts: Vec<_> = stream::iter(parts).buffered(AT_ONCE).collect().await;
        parts.into_iter().collect()
    }
}

/// Returns the first and the last byte of each part.
fn ranges(size: u64) -> Vec<(u64, u64)> {
    let part = size.div_ceil(MAX_PARTS).max(MIN_PART);
    let count = size.div_ceil(part);
    let range = |index: u64| {
        let first = index * part;
        (first, (first + part).min(size) - 1)
    };
    (0..count).map(range).collect()
}

fn copy_result(text: &str, name: &str) -> Option<Facts> {
    let mut document = Document::new(text);
    let mut root = document.root_element().ok()?;
    if !root.start_el().matches(name) {
        return None;
    }
    let mut facts = Facts::default();
    while let Some(mut tag) = root.next_tag() {
        let name = tag.start_el().local().to_owned();
        let value = try_data(&mut tag).ok()?;
        match name.as_str() {
            "ETag" => facts.etag = Some(value.into_owned()),
            "LastModified" => facts.modified = Some(value.into_owned()),
            "ChecksumSHA256" => facts.sha256 = hexadecimal(&value),
            _ => {}
        }
    }
    facts.etag.is_some().then_some(facts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_cover_an_object_once_and_are_few_enough() {
        for size in [MAX_AT_ONCE + 1, 6 << 30, 5 << 40, (5 << 40) - 7] {
            let ranges = ranges(size);
            assert!(ranges.len() <= 10_000, "{size}");
            let mut next = 0;
            for (first, last) in ranges {
                assert_eq!(first, next);
                assert!(last >= first && last - first < MAX_AT_ONCE);
                next = last + 1;
            }
            assert_eq!(next, size);
        }
    }
}
