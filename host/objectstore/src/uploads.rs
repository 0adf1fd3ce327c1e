//! Uploads in parts that were begun and not completed, and the retention of objects.

use std::time::Duration;

use aws_smithy_xml::decode::{Document, ScopedDecoder, try_data};
use http::Request;
use percent_encoding::{percent_decode_str, utf8_percent_encode};

use super::S3Error;
use super::client::{Access, IDLE, S3};
use super::objects::{Location, QUERY, build, text_of};

/// An upload in parts that is not completed. Its parts cost money, and no list of objects shows them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OpenUpload {
    /// Key of the object that it would become.
    pub key: String,
    /// Id of the upload.
    pub id: String,
    /// When it was begun, as RFC 3339. Some servers give no true time.
    pub begun: Option<String>,
}

/// A part of an upload.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UploadedPart {
    /// Its number, from 1.
    pub number: u64,
    /// Its entity tag, in quotation marks.
    pub etag: String,
    /// Its length in bytes.
    pub size: u64,
}

/// The protection of one object against deletion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retention {
    /// `GOVERNANCE` or `COMPLIANCE`.
    pub mode: String,
    /// Until when, as RFC 3339.
    pub until: String,
}

impl S3 {
    /// Returns the uploads that were begun for keys with this beginning.
    ///
    /// # Errors
    /// When S3 refuses, or the response is not such a list.
    pub async fn open_uploads(
        &self,
        bucket: &str,
        prefix: &str,
        first_byte: Duration,
    ) -> Result<Vec<OpenUpload>, S3Error> {
        let mut found = Vec::new();
        let mut after: Option<(String, String)> = None;
        loop {
            let mut query = vec![("encoding-type", "url"), ("prefix", prefix)];
            if let Some((key, id)) = &after {
                query.extend([("key-marker", key.as_str()), ("upload-id-marker", id)]);
            }
            let target = format!("/{bucket}/?uploads=&{}", encoded(&query));
            let what = format!("s3://{bucket}");
            let text = self.document(&target, &what, first_byte).await?;
            let page = uploads(&text).ok_or(S3Error::NotUnderstood { what })?;
            // Some servers ignore the prefix.
            found.extend(
                page.uploads
                    .into_iter()
                    .filter(|it| it.key.starts_with(prefix)),
            );
            match page.next {
                Some(next) if after.as_ref() != Some(&next) => after = Some(next),
                _ => return Ok(found),
            }
        }
    }

    /// Returns the parts of an upload, in their order. None if there is no such upload any more.
    ///
    /// # Errors
    /// When S3 refuses, or the response is not such a list.
    pub async fn parts(
        &self,
        at: &Location,
        upload: &str,
        first_byte: Duration,
    ) -> Result<Option<Vec<UploadedPart>>, S3Error> {
        let mut found = Vec::new();
        let mut after = String::from("0");
        loop {
            let query = encoded(&[("part-number-marker", after.as_str()), ("uploadId", upload)]);
            let target = format!("{}?{query}", at.path());
            let text = match self.document(&target, &at.shown(), first_byte).await {
                Err(S3Error::Refused { status: 404, .. }) => return Ok(None),
                text => text?,
            };
            let what = || S3Error::NotUnderstood { what: at.shown() };
            let page = parts(&text).ok_or_else(what)?;
            found.extend(page.parts);
            match page.next {
                Some(next) if next != after => after = next,
                _ => return Ok(Some(found)),
            }
        }
    }

    /// Discards an upload and its parts. It is no error if there is none.
    ///
    /// # Errors
    /// When S3 refuses.
    pub async fn abort(
        &self,
        at: &Location,
        upload: &str,
        first_byte: Duration,
    ) -> Result<(), S3Error> {
        let query = encoded(&[("uploadId", upload)]);
        let request = build(Request::delete(format!("{}?{query}", at.path())))?;
        match self.send(request, Access::Signed, first_byte).await {
            Err(S3Error::Refused { status: 404, .. }) => Ok(()),
            answer => answer.map(drop),
        }
    }

    /// Returns the retention of an object. None if it has none, or its bucket has no lock for objects.
    ///
    /// # Errors
    /// When S3 refuses for another reason, such as a missing permission `s3:GetObjectRetention`.
    pub async fn retention(
        &self,
        at: &Location,
        first_byte: Duration,
    ) -> Result<Option<Retention>, S3Error> {
        let target = format!("{}?retention=", at.path());
        match self.document(&target, &at.shown(), first_byte).await {
            Ok(text) => {
                let value = |name| child_of(&text, "Retention", name);
                Ok(value("Mode")
                    .zip(value("RetainUntilDate"))
                    .map(|(mode, until)| Retention { mode, until }))
            }
            Err(S3Error::Refused { status, code, .. })
                if status == 404
                    || code == "InvalidRequest"
                    || code == "NoSuchObjectLockConfiguration" =>
            {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Returns whether objects of a bucket can be locked.
    ///
    /// # Errors
    /// When S3 refuses for another reason than that they can't.
    pub async fn can_lock(&self, bucket: &str, first_byte: Duration) -> Result<bool, S3Error> {
        let target = format!("/{bucket}/?object-lock=");
        let what = format!("s3://{bucket}");
        match self.document(&target, &what, first_byte).await {
            Ok(text) => {
                let enabled = child_of(&text, "ObjectLockConfiguration", "ObjectLockEnabled");
                Ok(enabled.as_deref() == Some("Enabled"))
            }
            Err(S3Error::Refused {
                status: 400 | 404 | 501,
                ..
            }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn document(
        &self,
        target: &str,
        what: &str,
        first_byte: Duration,
    ) -> Result<String, S3Error> {
        let request = build(Request::get(target))?;
        let answer = self.send(request, Access::Signed, first_byte).await?;
        text_of(answer, what, IDLE).await
    }
}

fn encoded(query: &[(&str, &str)]) -> String {
    let pairs: Vec<_> = query
        .iter()
        .map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, QUERY)))
        .collect();
    pairs.join("&")
}

struct Uploads {
    uploads: Vec<OpenUpload>,
    /// The key and the id of the last upload, if there are more.
    next: Option<(String, String)>,
}

struct Parts {
    parts: Vec<UploadedPart>,
    next: Option<String>,
}

fn uploads(text: &str) -> Option<Uploads> {
    let mut document = Document::new(text);
    let mut root = document.root_element().ok()?;
    let is_whole = text.trim_end().ends_with("</ListMultipartUploadsResult>");
    if !root.start_el().matches("ListMultipartUploadsResult") || !is_whole {
        return None;
    }
    let mut found = Vec::new();
    let (mut is_truncated, mut is_encoded) = (false, false);
    let (mut key, mut id) = (None, None);
    while let Some(mut tag) = root.next_tag() {
        match tag.start_el().local() {
            "Upload" => found.push(upload(&mut tag)?),
            "EncodingType" => is_encoded = try_data(&mut tag).ok()? == "url",
            "IsTruncated" => is_truncated = try_data(&mut tag).ok()? == "true",
            "NextKeyMarker" => key = Some(try_data(&mut tag).ok()?.into_owned()),
            "NextUploadIdMarker" => id = Some(try_data(&mut tag).ok()?.into_owned()),
            _ => {}
        }
    }
    if is_encoded {
        for key in found.iter_mut().map(|it| &mut it.key).chain(&mut key) {
            *key = percent_decode_str(&key.replace('+', " "))
                .decode_utf8()
                .ok()?
                .into_owned();
        }
    }
    let next = if is_truncated {
        Some((key?, id?))
    } else {
        None
    };
    Some(Uploads {
        uploads: found,
        next,
    })
}

fn upload(entry: &mut ScopedDecoder<'_, '_>) -> Option<OpenUpload> {
    let mut found = OpenUpload::default();
    while let Some(mut tag) = entry.next_tag() {
        let name = tag.start_el().local().to_owned();
        let mut value = || Some(try_data(&mut tag).ok()?.into_owned());
        match name.as_str() {
            "Key" => found.key = value()?,
            "UploadId" => found.id = value()?,
            "Initiated" => found.begun = value(),
            _ => {}
        }
    }
    (!found.key.is_empty() && !found.id.is_empty()).then_some(found)
}

fn parts(text: &str) -> Option<Parts> {
    let mut document = Document::new(text);
    let mut root = document.root_element().ok()?;
    // moto calls it differently: <https://github.com/getmoto/moto/blob/master/moto/s3/responses.py>
    let names = ["ListPartsResult", "ListPartsResponse"];
    let name = names.into_iter().find(|it| root.start_el().matches(it))?;
    if !text.trim_end().ends_with(&format!("</{name}>")) {
        return None;
    }
    let mut found = Vec::new();
    let mut is_truncated = false;
    let mut next = None;
    while let Some(mut tag) = root.next_tag() {
        match tag.start_el().local() {
            "Part" => found.push(part(&mut tag)?),
            "IsTruncated" => is_truncated = try_data(&mut tag).ok()? == "true",
            "NextPartNumberMarker" => next = Some(try_data(&mut tag).ok()?.into_owned()),
            _ => {}
        }
    }
    let next = if is_truncated { Some(next?) } else { None };
    Some(Parts { parts: found, next })
}

fn part(entry: &mut ScopedDecoder<'_, '_>) -> Option<UploadedPart> {
    let mut found = UploadedPart::default();
    while let Some(mut tag) = entry.next_tag() {
        let name = tag.start_el().local().to_owned();
        let mut value = || Some(try_data(&mut tag).ok()?.into_owned());
        match name.as_str() {
            "PartNumber" => found.number = value()?.parse().ok()?,
            "ETag" => found.etag = value()?,
            "Size" => found.size = value()?.parse().ok()?,
            _ => {}
        }
    }
    (found.number > 0).then_some(found)
}

/// Returns the text of one child of the root.
pub(super) fn child_of(text: &str, root: &str, name: &str) -> Option<String> {
    let mut document = Document::new(text);
    let mut found = document.root_element().ok()?;
    if !found.start_el().matches(root) {
        return None;
    }
    while let Some(mut tag) = found.next_tag() {
        if tag.start_el().matches(name) {
            return Some(try_data(&mut tag).ok()?.into_owned());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_of_uploads_says_where_the_next_one_begins() {
        let text = "<ListMultipartUploadsResult><EncodingType>url</EncodingType>\
            <IsTruncated>true</IsTruncated><NextKeyMarker>a%2Bb</NextKeyMarker>\
            <NextUploadIdMarker>7</NextUploadIdMarker><Upload><Key>a%2Bb</Key>\
            <UploadId>7</UploadId><Initiated>2026-01-02T03:04:05Z</Initiated></Upload>\
            </ListMultipartUploadsResult>";
        let page = uploads(text).unwrap();
        assert_eq!(page.next, Some(("a+b".to_owned(), "7".to_owned())));
        assert_eq!(page.uploads[0].key, "a+b");
        // A response that was cut is never a shorter list.
        assert!(uploads(&text[..text.len() - 3]).is_none());
        let lost = text.replace("<NextKeyMarker>a%2Bb</NextKeyMarker>", "");
        assert!(uploads(&lost).is_none());
    }

    #[test]
    fn a_page_of_parts_has_their_numbers_and_sizes() {
        let text = "<ListPartsResult><IsTruncated>false</IsTruncated><Part><PartNumber>1</PartNumber>\
            <ETag>\"x\"</ETag><Size>5242880</Size></Part></ListPartsResult>";
        let page = parts(text).unwrap();
        assert_eq!(page.next, None);
        let part = UploadedPart {
            number: 1,
            etag: "\"x\"".to_owned(),
            size: 5 << 20,
        };
        assert_eq!(page.parts, [part]);
        let other = text.replace("ListPartsResult", "ListPartsResponse");
        assert_eq!(parts(&other).unwrap().parts.len(), 1);
        assert!(parts(&text.replace("ListPartsResult", "Error")).is_none());
        assert!(parts(&text[..text.len() - 3]).is_none());
    }
}
