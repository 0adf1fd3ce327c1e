//! Digests of objects, by the algorithms of S3.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use md5::Md5;
use sha2::{Digest as _, Sha256};

/// An algorithm, by which S3 computes digests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Algorithm {
    /// The algorithm of entity tags. It is none of checksums.
    Md5,
    Sha256,
    Crc32,
    Crc32C,
    /// S3 computes this one for each object without another.
    Crc64Nvme,
}

/// The algorithms of checksums that this fake knows. S3 knows more.
pub(super) const CHECKSUMS: [Algorithm; 4] = [
    Algorithm::Sha256,
    Algorithm::Crc32,
    Algorithm::Crc32C,
    Algorithm::Crc64Nvme,
];

impl Algorithm {
    /// Returns the name in headers and elements, such as `SHA256`.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha256 => "SHA256",
            Self::Crc32 => "CRC32",
            Self::Crc32C => "CRC32C",
            Self::Crc64Nvme => "CRC64NVME",
        }
    }

    pub(super) fn of(name: &str) -> Option<Self> {
        let mut known = CHECKSUMS.into_iter();
        known.find(|it| it.name().eq_ignore_ascii_case(name))
    }

    /// Returns the name of the header with the checksum.
    pub(super) fn header(self) -> String {
        format!("x-amz-checksum-{}", self.name().to_ascii_lowercase())
    }

    /// Returns the name of the element with the checksum.
    pub(super) fn element(self) -> String {
        format!("Checksum{}", self.name())
    }

    /// Returns the types of checksums of objects in parts, the default first. A digest of the whole can be computed
    /// from those of parts with some algorithms only.
    pub(super) fn kinds(self) -> &'static [&'static str] {
        match self {
            Self::Md5 | Self::Sha256 => &["COMPOSITE"],
            Self::Crc32 | Self::Crc32C => &["COMPOSITE", "FULL_OBJECT"],
            Self::Crc64Nvme => &["FULL_OBJECT"],
        }
    }

    fn length(self) -> usize {
        match self {
            Self::Md5 => 16,
            Self::Sha256 => 32,
            Self::Crc32 | Self::Crc32C => 4,
            Self::Crc64Nvme => 8,
        }
    }

    /// Returns the digest that a client sent in Base64, if it may be one.
    pub(super) fn decoded(self, text: &str) -> Option<Vec<u8>> {
        let bytes = BASE64_STANDARD.decode(text).ok()?;
        (bytes.len() == self.length()).then_some(bytes)
    }
}

/// The computation of one digest.
pub(super) enum Hasher {
    Md5(Md5),
    Sha256(Sha256),
    Crc(Crc),
}

/// A cyclic redundancy check of at most 64 bits whose bits are reflected.
pub(super) struct Crc {
    table: Vec<u64>,
    state: u64,
    width: u32,
}

impl Hasher {
    pub(super) fn new(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Md5 => Self::Md5(Md5::new()),
            Algorithm::Sha256 => Self::Sha256(Sha256::new()),
            Algorithm::Crc32 => Self::Crc(Crc::new(0xedb8_8320, 32)),
            Algorithm::Crc32C => Self::Crc(Crc::new(0x82f6_3b78, 32)),
            Algorithm::Crc64Nvme => Self::Crc(Crc::new(0x9a6c_9329_ac4b_c9b5, 64)),
        }
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Md5(digest) => digest.update(bytes),
            Self::Sha256(digest) => digest.update(bytes),
            Self::Crc(crc) => crc.update(bytes),
        }
    }

    pub(super) fn finish(self) -> Vec<u8> {
        match self {
            Self::Md5(digest) => digest.finalize().to_vec(),
            Self::Sha256(digest) => digest.finalize().to_vec(),
            Self::Crc(crc) => crc.finish(),
        }
    }
}

impl Crc {
    fn new(polynomial: u64, width: u32) -> Self {
        let step = |value: u64| (value >> 1) ^ if value & 1 == 1 { polynomial } else { 0 };
        let entry = |index: u64| (0..8).fold(index, |value, _| step(value));
        Self {
            table: (0..256).map(entry).collect(),
            state: u64::MAX >> (64 - width),
            width,
        }
    }

    fn update(&mut self, bytes: &[u8]) {
        for byte in bytes {
            let [low, ..] = self.state.to_le_bytes();
            self.state = self.table[usize::from(low ^ byte)] ^ (self.state >> 8);
        }
    }

    fn finish(self) -> Vec<u8> {
        let value = self.state ^ (u64::MAX >> (64 - self.width));
        let unused = (64 - self.width) / 8;
        let bytes = value.to_be_bytes().into_iter();
        bytes.skip(unused as usize).collect()
    }
}

/// Returns the digest of bytes.
pub(super) fn digest(algorithm: Algorithm, bytes: &[u8]) -> Vec<u8> {
    let mut hasher = Hasher::new(algorithm);
    hasher.update(bytes);
    hasher.finish()
}

pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(super) fn base64(bytes: &[u8]) -> String {
    BASE64_STANDARD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The check values of the catalogues of these algorithms, and of RFC 1321.
    #[test]
    fn digests_are_those_of_the_algorithms() {
        let of = |algorithm| hexadecimal(&digest(algorithm, b"123456789"));
        assert_eq!(of(Algorithm::Crc32), "cbf43926");
        assert_eq!(of(Algorithm::Crc32C), "e3069283");
        assert_eq!(of(Algorithm::Crc64Nvme), "ae8b14860a799888");
        assert_eq!(of(Algorithm::Md5), "25f9e794323b453885f5181f1b624d0b");
        let empty = hexadecimal(&digest(Algorithm::Sha256, b""));
        assert!(empty.starts_with("e3b0c44298fc1c14"), "{empty}");
    }

    #[test]
    fn a_text_of_another_length_is_no_digest() {
        let right = base64(&digest(Algorithm::Sha256, b""));
        assert!(Algorithm::Sha256.decoded(&right).is_some());
        assert!(Algorithm::Crc32.decoded(&right).is_none());
        assert!(Algorithm::Sha256.decoded("x").is_none());
    }
}
