//! Buckets and objects.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::aws::data::Data;
use crate::aws::digest::{self, Algorithm, base64, hexadecimal};

/// An object, for tests that put or look at one.
#[derive(Debug, Clone)]
pub struct Object {
    pub(super) data: Data,
    /// The entity tag without quotation marks.
    pub(super) etag: String,
    /// Whether the entity tag is the MD5 digest of the data.
    pub(super) is_plain: bool,
    /// The checksum that a client asked for. Without one, S3 has a CRC-64 of each object.
    pub(super) checksum: Option<Checksum>,
    /// The headers that belong to the object, with lower-case names.
    pub(super) headers: BTreeMap<String, String>,
    pub(super) tags: Vec<(String, String)>,
    pub(super) modified: Option<Timestamp>,
}

/// A checksum of an object.
#[derive(Debug, Clone)]
pub(super) struct Checksum {
    pub(super) algorithm: Algorithm,
    /// The digest in Base64; for a digest of digests with `-PARTS`.
    pub(super) value: String,
    pub(super) is_composite: bool,
}

impl Checksum {
    pub(super) fn whole(algorithm: Algorithm, data: &Data) -> Self {
        Self {
            algorithm,
            value: base64(&data.digest(algorithm)),
            is_composite: false,
        }
    }

    /// Returns the digest of the digests of parts.
    pub(super) fn composite(algorithm: Algorithm, parts: &[Vec<u8>]) -> Self {
        let digest = digest::digest(algorithm, &parts.concat());
        Self {
            algorithm,
            value: format!("{}-{}", base64(&digest), parts.len()),
            is_composite: true,
        }
    }

    pub(super) fn kind(&self) -> &'static str {
        if self.is_composite {
            "COMPOSITE"
        } else {
            "FULL_OBJECT"
        }
    }
}

impl Object {
    /// Returns an object that was written by one request without a checksum.
    pub fn new(data: impl Into<Data>) -> Self {
        let data = data.into();
        Self {
            etag: hexadecimal(&data.digest(Algorithm::Md5)),
            is_plain: true,
            checksum: None,
            headers: BTreeMap::new(),
            tags: Vec::new(),
            modified: None,
            data,
        }
    }

    /// Returns an object that was written in parts of this length in bytes.
    ///
    /// # Panics
    /// When `length` is 0.
    pub fn in_parts(data: impl Into<Data>, length: u64) -> Self {
        let data = data.into();
        let parts = data.len().div_ceil(length).max(1);
        let digests: Vec<_> = (0..parts)
            .map(|index| {
                let part = index * length..data.len().min((index + 1) * length);
                data.part(part).digest(Algorithm::Md5)
            })
            .collect();
        Self::of_parts(data, &digests)
    }

    /// Returns an object whose parts have these MD5 digests.
    pub(super) fn of_parts(data: Data, digests: &[Vec<u8>]) -> Self {
        let whole = digest::digest(Algorithm::Md5, &digests.concat());
        Self {
            etag: format!("{}-{}", hexadecimal(&whole), digests.len()),
            is_plain: false,
            checksum: None,
            headers: BTreeMap::new(),
            tags: Vec::new(),
            modified: None,
            data,
        }
    }

    /// Returns an object with the data of another one, as S3 makes it by one request.
    pub(super) fn copied(source: &Self) -> Self {
        if source.is_plain {
            // The digest of the data is known already.
            return Self {
                checksum: None,
                headers: BTreeMap::new(),
                tags: Vec::new(),
                modified: None,
                ..source.clone()
            };
        }
        Self::new(source.data.clone())
    }

    /// Sets an entity tag that is no MD5 digest, as objects have that are encrypted with a key of KMS.
    #[must_use]
    pub fn with_etag(mut self, etag: &str) -> Self {
        etag.clone_into(&mut self.etag);
        self.is_plain = false;
        self
    }

    /// Adds the SHA-256 of the object, as if the client had sent it.
    #[must_use]
    pub fn with_sha256(mut self) -> Self {
        self.checksum = Some(Checksum::whole(Algorithm::Sha256, &self.data));
        self
    }

    /// Adds a header of the object, such as `content-type` or `x-amz-meta-author`.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers
            .insert(name.to_ascii_lowercase(), value.to_owned());
        self
    }

    /// Adds a tag.
    #[must_use]
    pub fn tag(mut self, key: &str, value: &str) -> Self {
        self.tags.push((key.to_owned(), value.to_owned()));
        self
    }

    /// Sets the time of the last change. By default it is that of the clock when the object is put.
    #[must_use]
    pub fn modified(mut self, time: Timestamp) -> Self {
        self.modified = Some(time);
        self
    }

    /// Returns the bytes.
    pub fn data(&self) -> &Data {
        &self.data
    }

    /// Returns the entity tag in quotation marks.
    pub fn etag(&self) -> String {
        format!("\"{}\"", self.etag)
    }

    /// Returns the SHA-256 of the data in lower-case hexadecimal. See [`Data::sparse`] for long data.
    pub fn sha256(&self) -> String {
        hexadecimal(&self.data.digest(Algorithm::Sha256))
    }

    /// Returns the stored checksum as S3 writes it, such as `SHA256 …-3 COMPOSITE`.
    pub fn stored_checksum(&self) -> String {
        let checksum = self.checksum();
        let name = checksum.algorithm.name();
        format!("{name} {} {}", checksum.value, checksum.kind())
    }

    /// Returns a header of the object.
    pub fn header_value(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// Returns the tags.
    pub fn tags(&self) -> &[(String, String)] {
        &self.tags
    }

    /// Returns the time of the last change, if the object is in a bucket.
    pub fn modified_at(&self) -> Option<Timestamp> {
        self.modified
    }

    pub(super) fn algorithm(&self) -> (Algorithm, &'static str) {
        let checksum = self.checksum.as_ref();
        checksum.map_or((Algorithm::Crc64Nvme, "FULL_OBJECT"), |it| {
            (it.algorithm, it.kind())
        })
    }

    pub(super) fn checksum(&self) -> Checksum {
        let default = || Checksum::whole(Algorithm::Crc64Nvme, &self.data);
        self.checksum.clone().unwrap_or_else(default)
    }
}

/// A bucket, for tests that create one.
#[derive(Debug, Clone)]
pub struct Bucket {
    pub(super) name: String,
    pub(super) region: Option<String>,
    pub(super) is_foreign: bool,
    pub(super) is_public: bool,
    pub(super) objects: BTreeMap<String, Object>,
}

impl Bucket {
    /// Returns an empty bucket of this account.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            region: None,
            is_foreign: false,
            is_public: false,
            objects: BTreeMap::new(),
        }
    }

    /// Sets the region. By default it is [`REGION`](crate::aws::REGION).
    #[must_use]
    pub fn region(mut self, region: &str) -> Self {
        self.region = Some(region.to_owned());
        self
    }

    /// Makes it a bucket of another account, which refuses everything.
    #[must_use]
    pub fn foreign(mut self) -> Self {
        self.is_foreign = true;
        self
    }

    /// Lets requests without a signature list and read.
    #[must_use]
    pub fn public(mut self) -> Self {
        self.is_public = true;
        self
    }

    /// Adds many objects.
    #[must_use]
    pub fn objects(mut self, objects: impl IntoIterator<Item = (String, Object)>) -> Self {
        self.objects.extend(objects);
        self
    }

    /// Adds an object.
    #[must_use]
    pub fn object(mut self, key: &str, object: Object) -> Self {
        self.objects.insert(key.to_owned(), object);
        self
    }
}

/// An upload in parts.
#[derive(Debug, Clone)]
pub(super) struct Upload {
    pub(super) key: String,
    pub(super) begun: Timestamp,
    pub(super) algorithm: Option<Algorithm>,
    /// Whether its checksum will be a digest of digests.
    pub(super) is_composite: bool,
    pub(super) headers: BTreeMap<String, String>,
    pub(super) tags: Vec<(String, String)>,
    pub(super) parts: BTreeMap<u32, Part>,
}

#[derive(Debug, Clone)]
pub(super) struct Part {
    pub(super) data: Data,
    pub(super) md5: Vec<u8>,
    /// The digest by the algorithm of the upload.
    pub(super) digest: Option<Vec<u8>>,
    pub(super) modified: Timestamp,
}

impl Part {
    pub(super) fn etag(&self) -> String {
        format!("\"{}\"", hexadecimal(&self.md5))
    }
}

impl Upload {
    /// Returns the type of its checksum.
    pub(super) fn kind(&self) -> &'static str {
        if self.is_composite {
            "COMPOSITE"
        } else {
            "FULL_OBJECT"
        }
    }
}

/// A bucket of the running service.
#[derive(Debug, Default)]
pub(in crate::aws) struct Store {
    pub(in crate::aws) region: String,
    pub(super) is_foreign: bool,
    pub(super) is_public: bool,
    pub(in crate::aws) objects: BTreeMap<String, Object>,
    /// The uploads by their ids.
    pub(super) uploads: BTreeMap<String, Upload>,
    pub(super) created: Timestamp,
}

impl Store {
    pub(in crate::aws) fn new(bucket: Bucket, region: &str, now: Timestamp) -> (String, Self) {
        let mut store = Self {
            region: bucket.region.unwrap_or_else(|| region.to_owned()),
            is_foreign: bucket.is_foreign,
            is_public: bucket.is_public,
            created: now,
            ..Self::default()
        };
        for (key, object) in bucket.objects {
            store.put(&key, object, now);
        }
        (bucket.name, store)
    }

    pub(in crate::aws) fn put(&mut self, key: &str, mut object: Object, now: Timestamp) {
        object.modified = object.modified.or(Some(now));
        self.objects.insert(key.to_owned(), object);
    }

    /// Returns the key of each upload that is neither completed nor aborted.
    pub(in crate::aws) fn open_uploads(&self) -> Vec<String> {
        let mut keys: Vec<_> = self.uploads.values().map(|it| it.key.clone()).collect();
        keys.sort();
        keys
    }
}
