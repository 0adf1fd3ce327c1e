//! Manifest files that the controller has compressed.

use std::io::Read;

use broker_engine::{Error, ErrorKind, Result};
use flate2::read::MultiGzDecoder;

/// The first bytes of a gzip file (RFC 1952, 2.3.1).
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// Maximum length of a decompressed manifest, in bytes: a list of about 100,000 files. A small archive can
/// contain far more bytes than that.
const MAX: u64 = 16 << 20;

pub(super) fn text(bytes: Vec<u8>) -> Result<String> {
    let broken = |reason: &str| {
        let message = format!("the manifest that was fetched {reason}");
        Error::new(ErrorKind::Integrity, message)
    };
    let bytes = if bytes.starts_with(&GZIP) {
        let mut unpacked = Vec::new();
        MultiGzDecoder::new(bytes.as_slice())
            .take(MAX + 1)
            .read_to_end(&mut unpacked)
            .map_err(|error| broken(&format!("can't be unpacked: {error}")))?;
        if unpacked.len() as u64 > MAX {
            return Err(broken("has over 16 MiB when it is unpacked"));
        }
        unpacked
    } else {
        bytes
    };
    String::from_utf8(bytes).map_err(|_| broken("is not text in UTF-8"))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn packed(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).expect("into memory");
        encoder.finish().expect("into memory")
    }

    #[test]
    fn what_is_compressed_is_unpacked_and_what_is_not_stays() {
        assert_eq!(text(b"{}".to_vec()).unwrap(), "{}");
        assert_eq!(text(packed(b"{}")).unwrap(), "{}");
        assert_eq!(text([packed(b"{"), packed(b"}")].concat()).unwrap(), "{}");
    }

    #[test]
    fn what_is_cut_too_long_or_no_text_is_an_error() {
        let whole = packed(b"{\"version\": \"1.0\"}");
        for length in 2..whole.len() {
            assert!(text(whole[..length].to_vec()).is_err(), "{length}");
        }
        let bomb = packed(&vec![b' '; 17 << 20]);
        let error = text(bomb).unwrap_err();
        assert!(error.message.contains("over 16 MiB"), "{}", error.message);
        assert!(text(vec![0xff]).is_err());
    }
}
