//! Objects that are written or copied in parts:
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html>

use std::collections::BTreeMap;
use std::ops::Range;

use http::StatusCode;

use super::object::{Checksum, Object, Part, Upload};
use super::write::{algorithm, headers};
use super::{
    Answer, Answered, MAX_AT_ONCE, Refusal, Request, S3, check, invalid_argument, invalid_request,
    malformed_xml,
};
use crate::aws::data::Data;
use crate::aws::digest::{self, Algorithm, base64, hexadecimal};
use crate::aws::xml::{Element, Xml};

/// The minimum size of a part that is not the last one, in bytes.
const MIN_PART: u64 = 5 << 20;
const MAX_PARTS: u32 = 10_000;

impl Part {
    pub(super) fn digest_element(&self, algorithm: Option<Algorithm>, xml: &mut Xml) {
        if let (Some(algorithm), Some(digest)) = (algorithm, &self.digest) {
            xml.text(&algorithm.element(), base64(digest));
        }
    }
}

impl Request<'_> {
    /// Returns the upload with this id, if it is one for the key of the request.
    pub(super) fn upload(&self, id: &str) -> Result<&Upload, Refusal> {
        let found = self.store()?.uploads.get(id);
        found.filter(|it| it.key == self.call.key()).ok_or_else(|| {
            let message = "The specified multipart upload does not exist. The upload ID may be invalid, \
                           or the upload may have been aborted or completed.";
            Refusal::new(404, "NoSuchUpload", message).with("UploadId", id)
        })
    }

    fn upload_id(&self) -> &str {
        self.call.query.get("uploadId").unwrap_or_default()
    }

    pub(super) fn begin_upload(&mut self) -> Answered {
        let call = self.call;
        let algorithm = call
            .header("x-amz-checksum-algorithm")
            .map(algorithm)
            .transpose()?;
        let kinds = algorithm.unwrap_or(Algorithm::Crc64Nvme).kinds();
        let kind = call.header("x-amz-checksum-type").unwrap_or(kinds[0]);
        if !kinds.contains(&kind) {
            let name = algorithm.map_or("null", Algorithm::name);
            let name = name.to_ascii_lowercase();
            return Err(invalid_request(format!(
                "The {kind} checksum type cannot be used with the {name} checksum algorithm."
            )));
        }
        let upload = Upload {
            key: call.key().to_owned(),
            begun: self.now,
            algorithm,
            is_composite: kind == "COMPOSITE",
            headers: headers(call),
            tags: self.tags()?,
            parts: BTreeMap::new(),
        };
        // Real ids have characters that a query must encode, too.
        let digest = digest::digest(Algorithm::Sha256, self.id.as_bytes());
        let id = format!("{}+/.", base64(&digest).replace('=', "_"));
        let document = Xml::document("InitiateMultipartUploadResult", S3, |xml| {
            xml.text("Bucket", &call.bucket);
            xml.text("Key", call.key());
            xml.text("UploadId", &id);
        });
        let mut answer = Answer::xml(document);
        if let Some(algorithm) = algorithm {
            answer = answer
                .header("x-amz-checksum-algorithm", algorithm.name())
                .header("x-amz-checksum-type", upload.kind());
        }
        self.store_mut()?.uploads.insert(id, upload);
        Ok(answer)
    }

    fn part_number(&self) -> Result<u32, Refusal> {
        let text = self.call.query.get("partNumber").unwrap_or_default();
        let number = text.parse().ok();
        number
            .filter(|it| (1..=MAX_PARTS).contains(it))
            .ok_or_else(|| {
                let message = "Part number must be an integer between 1 and 10000, inclusive";
                invalid_argument(message, "partNumber", text)
            })
    }

    pub(super) fn put_part(&mut self) -> Answered {
        let call = self.call;
        let number = self.part_number()?;
        let upload = self.upload(self.upload_id())?;
        let (expected, is_composite) = (upload.algorithm, upload.is_composite);
        if !call.headers.contains_key("content-length") {
            let message = "You must provide the Content-Length HTTP header.";
            return Err(Refusal::new(411, "MissingContentLength", message));
        }
        let checksum = check::body(call)?;
        let actual = checksum.as_ref().map(|it| it.algorithm);
        // Without a digest of digests, parts may come without theirs.
        let may_lack = !is_composite && actual.is_none();
        // An upload without an algorithm gets a CRC-64 of the whole.
        let is_default = expected.is_none() && actual == Some(Algorithm::Crc64Nvme);
        if expected != actual && !may_lack && !is_default {
            let name =
                |it: Option<Algorithm>| it.map_or("null", Algorithm::name).to_ascii_lowercase();
            return Err(invalid_request(format!(
                "Checksum Type mismatch occurred, expected checksum Type: {}, actual checksum Type: {}",
                name(expected),
                name(actual)
            )));
        }
        let given = checksum
            .as_ref()
            .filter(|it| Some(it.algorithm) == expected);
        let given = given.and_then(|it| it.algorithm.decoded(&it.value));
        let part = self.part(call.body.clone().into(), expected, given);
        let mut answer = Answer::empty(StatusCode::OK)
            .header("etag", &part.etag())
            .header("x-amz-server-side-encryption", "AES256");
        if let Some(checksum) = checksum {
            answer = answer.header(&checksum.algorithm.header(), &checksum.value);
        }
        self.keep(number, part)?;
        Ok(answer)
    }

    pub(super) fn copy_part(&mut self) -> Answered {
        let number = self.part_number()?;
        let expected = self.upload(self.upload_id())?.algorithm;
        let (_, _, source) = self.source()?;
        let range = self.copied_range(source.data.len())?;
        if range.end - range.start > MAX_AT_ONCE {
            return Err(invalid_request(format!(
                "The specified copy source is larger than the maximum allowable size for a copy source: {MAX_AT_ONCE}"
            )));
        }
        let part = self.part(source.data.part(range), expected, None);
        let document = self.copied("CopyPartResult", &part.etag(), |xml| {
            part.digest_element(expected, xml);
        });
        self.keep(number, part)?;
        Ok(Answer::xml(document).header("x-amz-server-side-encryption", "AES256"))
    }

    fn copied_range(&self, size: u64) -> Result<Range<u64>, Refusal> {
        const NAME: &str = "x-amz-copy-source-range";
        let Some(text) = self.call.header(NAME) else {
            return Ok(0..size);
        };
        let bounds = text
            .strip_prefix("bytes=")
            .and_then(|it| it.split_once('-'));
        let parsed = bounds
            .and_then(|(from, to)| Some((from.parse::<u64>().ok()?, to.parse::<u64>().ok()?)));
        match parsed {
            Some((from, to)) if from <= to && to < size => Ok(from..to + 1),
            Some((from, to)) if from <= to => {
                let message =
                    format!("Range specified is not valid for source object of size: {size}");
                Err(invalid_argument(&message, NAME, text))
            }
            _ => {
                let message = "The x-amz-copy-source-range value must be of the form bytes=first-last \
                               where first and last are the zero-based offsets of the first and last bytes to copy";
                Err(invalid_argument(message, NAME, text))
            }
        }
    }

    /// Returns a part. Its digest by the algorithm is computed unless it is known.
    fn part(&self, data: Data, algorithm: Option<Algorithm>, known: Option<Vec<u8>>) -> Part {
        Part {
            md5: data.digest(Algorithm::Md5),
            digest: known.or_else(|| Some(data.digest(algorithm?))),
            modified: self.now,
            data,
        }
    }

    fn keep(&mut self, number: u32, part: Part) -> Result<(), Refusal> {
        let id = self.upload_id().to_owned();
        if let Some(upload) = self.store_mut()?.uploads.get_mut(&id) {
            upload.parts.insert(number, part);
        }
        Ok(())
    }

    pub(super) fn complete(&mut self) -> Answered {
        let call = self.call;
        let id = self.upload_id().to_owned();
        let upload = self.upload(&id)?;
        let root = Element::parse(&call.body).filter(|it| it.name == "CompleteMultipartUpload");
        let root = root.ok_or_else(malformed_xml)?;
        let numbers: Option<Vec<u32>> = root
            .children("Part")
            .map(|it| it.child("PartNumber")?.trim().parse().ok())
            .collect();
        let numbers = numbers
            .filter(|it| !it.is_empty())
            .ok_or_else(malformed_xml)?;
        if numbers.windows(2).any(|pair| pair[0] >= pair[1]) {
            let message = "The list of parts was not in ascending order. Parts must be ordered by part number.";
            return Err(Refusal::new(400, "InvalidPartOrder", message).with("UploadId", &id));
        }
        let mut parts = Vec::new();
        for (number, named) in numbers.iter().zip(root.children("Part")) {
            parts.push((*number, checked(upload, *number, named)?));
        }
        let inner = &parts[..parts.len() - 1];
        if let Some((number, part)) = inner.iter().find(|(_, it)| it.data.len() < MIN_PART) {
            let message = "Your proposed upload is smaller than the minimum allowed size";
            return Err(Refusal::new(400, "EntityTooSmall", message)
                .with("ProposedSize", part.data.len())
                .with("MinSizeAllowed", MIN_PART)
                .with("PartNumber", number)
                .with("ETag", hexadecimal(&part.md5)));
        }
        let mut data = Data::default();
        for (_, part) in &parts {
            data.append(part.data.clone());
        }
        if let Some(size) = call.header("x-amz-mp-object-size")
            && size != data.len().to_string()
        {
            return Err(invalid_request(
                "The provided 'x-amz-mp-object-size' header does not match what was computed.",
            ));
        }
        check::target(call, self.store()?.objects.get(call.key()))?;
        let md5s: Vec<_> = parts.iter().map(|(_, it)| it.md5.clone()).collect();
        let mut object = Object::of_parts(data, &md5s);
        object.headers = upload.headers.clone();
        object.tags.clone_from(&upload.tags);
        object.checksum = upload.algorithm.map(|algorithm| {
            if upload.is_composite {
                let digests = parts.iter().filter_map(|(_, it)| it.digest.clone());
                Checksum::composite(algorithm, &digests.collect::<Vec<_>>())
            } else {
                Checksum::whole(algorithm, &object.data)
            }
        });
        let host = call.header("host").unwrap_or_default();
        let document = Xml::document("CompleteMultipartUploadResult", S3, |xml| {
            let checksum = object.checksum();
            xml.text("Location", format!("http://{host}{}", call.path));
            xml.text("Bucket", &call.bucket);
            xml.text("Key", call.key());
            xml.text("ETag", object.etag());
            xml.text(&checksum.algorithm.element(), &checksum.value);
            xml.text("ChecksumType", checksum.kind());
        });
        let now = self.now;
        let store = self.store_mut()?;
        store.uploads.remove(&id);
        store.put(call.key(), object, now);
        Ok(Answer::xml(document).header("x-amz-server-side-encryption", "AES256"))
    }

    pub(super) fn abort(&mut self) -> Answered {
        let id = self.upload_id().to_owned();
        self.upload(&id)?;
        self.store_mut()?.uploads.remove(&id);
        Ok(Answer::empty(StatusCode::NO_CONTENT))
    }
}

/// Returns the part that the client names, if it is the one that S3 has.
fn checked<'a>(upload: &'a Upload, number: u32, named: &Element) -> Result<&'a Part, Refusal> {
    let invalid = || {
        let message = "One or more of the specified parts could not be found. The part may not have been uploaded, \
                       or the specified entity tag may not match the part's entity tag.";
        Refusal::new(400, "InvalidPart", message).with("PartNumber", number)
    };
    let part = upload.parts.get(&number).ok_or_else(invalid)?;
    let etag = named.child("ETag").ok_or_else(malformed_xml)?;
    if etag.trim().trim_matches('"') != hexadecimal(&part.md5) {
        return Err(invalid().with("ETag", etag));
    }
    let Some(algorithm) = upload.algorithm else {
        return Ok(part);
    };
    let digest = part.digest.as_deref().map(base64);
    match named.child(&algorithm.element()) {
        Some(given) if Some(given.trim()) == digest.as_deref() => Ok(part),
        Some(_) => Err(invalid()),
        None if !upload.is_composite => Ok(part),
        None => {
            let name = algorithm.name().to_ascii_lowercase();
            Err(invalid_request(format!(
                "The upload was created using a {name} checksum. The complete request must include the checksum \
                 for each part. It was missing for part {number} in the request."
            )))
        }
    }
}
