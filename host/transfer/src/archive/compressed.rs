//! Checks files that are one compressed stream: gzip, bzip2, xz, Zstandard and LZ4. The whole stream is
//! decompressed, by decoders that check the CRCs, lengths and index of the format. A tar inside is checked,
//! too.
//!
//! The memory is that of one decoder, whatever the file asks for.

use std::io::{self, BufRead, Read};

use bzip2::bufread::BzDecoder;
use flate2::bufread::GzDecoder;
use lz4_flex::frame::FrameDecoder;
use lzma_rust2::XzReader;

use super::counted::{Budget, Counted};
use super::{Fault, Whole, tar};

/// The maximum memory that xz may ask for, in KiB: twice the amount that `xz -9` needs. Zstandard's decoder
/// has its own limit, 128 MiB.
const XZ_MEMORY: u32 = 128 << 10;

/// A compressed format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Gzip,
    Bzip2,
    Xz,
    Zstd,
    Lz4,
}

impl Kind {
    /// Returns the format of a file that begins with `head`.
    pub(super) fn of(head: &[u8]) -> Option<Self> {
        let mut rest = head;
        // Skippable frames may precede frames with content (RFC 8878, 3.1.2).
        while let [0x50..=0x5f, 0x2a, 0x4d, 0x18, a, b, c, d, ..] = *rest {
            let length = usize::try_from(u32::from_le_bytes([a, b, c, d])).ok()?;
            match rest.get(8..)?.get(length..) {
                Some(behind) => rest = behind,
                // `pzstd` and the seekable format begin with short skippable frames.
                None => return Some(Self::Zstd),
            }
        }
        match rest {
            [0x1f, 0x8b, ..] => Some(Self::Gzip),
            [b'B', b'Z', b'h', b'1'..=b'9', ..] => Some(Self::Bzip2),
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Some(Self::Xz),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Self::Zstd),
            [0x04, 0x22, 0x4d, 0x18, ..] => Some(Self::Lz4),
            _ => None,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Bzip2 => "bzip2",
            Self::Xz => "xz",
            Self::Zstd => "Zstandard",
            Self::Lz4 => "LZ4",
        }
    }

    /// Returns what the decoder proved about a stream whose only member begins with `head`.
    fn proven(self, head: &[u8]) -> &'static str {
        // The flags of the frame header are defined in RFC 8878, 3.1.1.1.1, and in the LZ4 frame format
        // (FLG).
        let has_checksum = head.get(4).is_some_and(|flags| flags & 4 != 0);
        match self {
            Self::Gzip => "CRC and length hold",
            Self::Bzip2 => "all CRCs hold",
            Self::Xz if head.get(7).is_some_and(|flags| flags.trailing_zeros() >= 4) => {
                "its index holds; it has no checksum of its content"
            }
            Self::Xz => "its index and checksums hold",
            Self::Zstd | Self::Lz4 if has_checksum => "checksum of its content holds",
            Self::Zstd | Self::Lz4 => "all blocks are there; it has no checksum of its content",
        }
    }
}

/// Decompresses the whole file.
pub(super) fn check(kind: Kind, file: impl BufRead, mut budget: Budget) -> Result<Whole, Fault> {
    let name = kind.name();
    let what = format!("its {name} stream is damaged");
    let failed = |error| Fault::of(error, &what);
    let mut members = Members {
        kind,
        rest: Some(file),
        member: None,
        count: 0,
        first: Vec::new(),
    };
    let mut expanded = Counted::new(&mut members, &mut budget);
    let mut head = Vec::new();
    (&mut expanded)
        .take(512)
        .read_to_end(&mut head)
        .map_err(failed)?;
    let inside = if tar::is_header(&head) {
        let mut rest = io::Cursor::new(head).chain(expanded);
        Some(tar::check(&mut rest)?)
    } else {
        io::copy(&mut expanded, &mut io::sink()).map_err(failed)?;
        None
    };
    let proven = match members.count {
        0 | 1 => format!("{name}, {}", kind.proven(&members.first)),
        // The frames are not inspected for checksums.
        count if matches!(kind, Kind::Zstd | Kind::Lz4) => {
            format!("{name}, {count} frames, all of them whole")
        }
        _ => format!("{name}, {}", kind.proven(&members.first)),
    };
    let ends = members.count == 1 || inside.is_some();
    Ok(Whole {
        message: match inside {
            Some(tar) => format!("{proven}; tar, {tar}"),
            None => proven,
        },
        ends,
    })
}

/// The members of a file one after the other, as `gzip -d` and similar tools decompress them.
///
/// Like those tools, it accepts zeros after a member, because tapes and block devices pad with zeros. Any
/// other bytes are not part of the file.
struct Members<R: BufRead> {
    kind: Kind,
    /// The input between two members; `None` within a member.
    rest: Option<R>,
    member: Option<Decoder<R>>,
    count: u64,
    /// The first bytes of the first member.
    first: Vec<u8>,
}

impl<R: BufRead> Members<R> {
    /// Begins the next member. Returns false at the end of the file.
    fn begin(&mut self) -> io::Result<bool> {
        let Some(mut rest) = self.rest.take() else {
            return Ok(false);
        };
        if self.count > 0 {
            let padding = skip_zeros(&mut rest)?;
            let next = peek(&mut rest)?;
            match next.first() {
                None => return Ok(false),
                // The padding between two xz streams is a multiple of four bytes.
                Some(_) if padding > 0 && (self.kind != Kind::Xz || padding % 4 != 0) => {
                    return Err(io::Error::other("more than padding follows its end"));
                }
                Some(byte) if !self.may_begin(*byte) => {
                    return Err(io::Error::other("more than padding follows its end"));
                }
                Some(_) => {}
            }
        } else {
            let head = peek(&mut rest)?;
            self.first = head[..head.len().min(16)].to_vec();
        }
        self.member = Some(Decoder::new(self.kind, rest)?);
        self.count += 1;
        Ok(true)
    }

    /// Returns true if a member may begin with this byte.
    const fn may_begin(&self, byte: u8) -> bool {
        match self.kind {
            Kind::Gzip => byte == 0x1f,
            Kind::Bzip2 => byte == b'B',
            Kind::Xz => byte == 0xfd,
            // A skippable frame may also begin here.
            Kind::Zstd => byte == 0x28 || matches!(byte, 0x50..=0x5f),
            Kind::Lz4 => byte == 0x04 || matches!(byte, 0x50..=0x5f),
        }
    }
}

impl<R: BufRead> Read for Members<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            if let Some(member) = &mut self.member {
                let count = member.read(buffer)?;
                if count > 0 {
                    return Ok(count);
                }
                self.rest = self.member.take().map(Decoder::into_rest);
            }
            if !self.begin()? {
                return Ok(0);
            }
        }
    }
}

/// The decoder of one member. None of the decoders reads a byte after its member.
enum Decoder<R: BufRead> {
    Gzip(GzDecoder<R>),
    Bzip2(BzDecoder<R>),
    Xz(Box<XzReader<R>>),
    Zstd(zstd::Decoder<'static, R>),
    Lz4(Box<FrameDecoder<Endless<R>>>),
}

/// The input of a decoder that would accept the end of its input as the end of a frame, wherever it is.
struct Endless<R>(R);

impl<R: Read> Read for Endless<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.0.read(buffer)? {
            0 if !buffer.is_empty() => Err(io::Error::other("it ends too early")),
            count => Ok(count),
        }
    }
}

impl<R: BufRead> Decoder<R> {
    fn new(kind: Kind, from: R) -> io::Result<Self> {
        Ok(match kind {
            Kind::Gzip => Self::Gzip(GzDecoder::new(from)),
            Kind::Bzip2 => Self::Bzip2(BzDecoder::new(from)),
            Kind::Xz => Self::Xz(Box::new(XzReader::new_mem_limit(from, false, XZ_MEMORY))),
            Kind::Zstd => Self::Zstd(zstd::Decoder::with_buffer(from)?.single_frame()),
            Kind::Lz4 => Self::Lz4(Box::new(FrameDecoder::new(Endless(from)))),
        })
    }

    fn into_rest(self) -> R {
        match self {
            Self::Gzip(member) => member.into_inner(),
            Self::Bzip2(member) => member.into_inner(),
            Self::Xz(member) => member.into_inner(),
            Self::Zstd(member) => member.finish(),
            Self::Lz4(member) => member.into_inner().0,
        }
    }
}

impl<R: BufRead> Read for Decoder<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Gzip(member) => member.read(buffer),
            Self::Bzip2(member) => member.read(buffer),
            Self::Xz(member) => member.read(buffer).map_err(of_xz),
            Self::Zstd(member) => member.read(buffer).map_err(of_zstd),
            Self::Lz4(member) => member.read(buffer),
        }
    }
}

/// Converts an error of the xz decoder. A file that needs too much memory, or an unknown feature, is not
/// damaged.
fn of_xz(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::OutOfMemory => unsupported("it needs more memory than a check may use"),
        _ => error,
    }
}

fn of_zstd(error: io::Error) -> io::Error {
    // The library gives no other sign of two errors: `ZSTD_error_frameParameter_windowTooLarge`, and a frame
    // that was made with a dictionary.
    let text = error.to_string();
    if text.contains("too much memory") {
        unsupported("it needs more memory than a check may use")
    } else if text.contains("Dictionary mismatch") {
        unsupported("it was made with a dictionary")
    } else {
        error
    }
}

fn unsupported(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, why)
}

fn peek(rest: &mut impl BufRead) -> io::Result<&[u8]> {
    loop {
        match rest.fill_buf() {
            Ok(_) => return rest.fill_buf(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Skips zeros and returns their number.
fn skip_zeros(rest: &mut impl BufRead) -> io::Result<u64> {
    let mut skipped = 0;
    loop {
        let bytes = peek(rest)?;
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        let ended = zeros < bytes.len() || bytes.is_empty();
        rest.consume(zeros);
        skipped += zeros as u64;
        if ended {
            return Ok(skipped);
        }
    }
}
