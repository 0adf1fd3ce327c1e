//! The bytes of objects. A long object of equal bytes needs no memory.

use std::fmt;
use std::io;
use std::ops::Range;

use bytes::{Bytes, BytesMut};
use futures_util::stream;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;

use super::digest::{Algorithm, Hasher};
use crate::web::Body;

/// The maximum length of one piece of a body, in bytes.
const PIECE: u64 = 256 * 1024;
/// The maximum length of sparse data whose digests are the true ones, in bytes.
const DIGESTED: u64 = 1 << 20;

/// The bytes of an object. Clones share them.
#[derive(Clone, Default)]
pub struct Data {
    pieces: Vec<Piece>,
}

#[derive(Clone)]
enum Piece {
    Bytes(Bytes),
    Fill { byte: u8, length: u64 },
}

impl Piece {
    fn length(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Fill { length, .. } => *length,
        }
    }

    /// Returns whether a piece of the same length has the same bytes.
    fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Bytes(one), Self::Bytes(two)) => one == two,
            (Self::Fill { byte: one, .. }, Self::Fill { byte: two, .. }) => one == two,
            (Self::Bytes(bytes), Self::Fill { byte, .. })
            | (Self::Fill { byte, .. }, Self::Bytes(bytes)) => bytes.iter().all(|it| it == byte),
        }
    }

    fn part(&self, range: Range<u64>) -> Self {
        match self {
            Self::Bytes(bytes) => {
                // The range is within the bytes.
                let at = |offset: u64| usize::try_from(offset).unwrap_or(usize::MAX);
                Self::Bytes(bytes.slice(at(range.start)..at(range.end)))
            }
            Self::Fill { byte, .. } => Self::Fill {
                byte: *byte,
                length: range.end - range.start,
            },
        }
    }
}

impl Data {
    /// Returns data that is stored as it is.
    pub fn new(bytes: impl Into<Bytes>) -> Self {
        let mut data = Self::default();
        data.push(Piece::Bytes(bytes.into()));
        data
    }

    /// Returns `length` equal bytes, which need no memory.
    ///
    /// The digests of more than 1 MiB are no digests of the bytes, because these would take minutes. They are
    /// stand-ins, which are equal for equal runs of bytes.
    pub fn sparse(length: u64, byte: u8) -> Self {
        let mut data = Self::default();
        data.push(Piece::Fill { byte, length });
        data
    }

    /// Returns the length in bytes.
    pub fn len(&self) -> u64 {
        self.pieces.iter().map(Piece::length).sum()
    }

    /// Returns whether there is no byte.
    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// Returns the bytes in memory.
    ///
    /// # Panics
    /// When sparse data is longer than 64 MiB.
    pub fn to_bytes(&self) -> Bytes {
        assert!(self.len() <= 64 << 20, "{self:?} is too long for memory");
        if let [Piece::Bytes(bytes)] = &self.pieces[..] {
            return bytes.clone();
        }
        let mut whole = BytesMut::new();
        for piece in self.frames(0..self.len()) {
            whole.extend_from_slice(&piece);
        }
        whole.freeze()
    }

    /// Appends other data.
    pub fn append(&mut self, other: Self) {
        for piece in other.pieces {
            self.push(piece);
        }
    }

    /// Returns a part. The range must be within the data.
    pub(super) fn part(&self, range: Range<u64>) -> Self {
        let mut found = Self::default();
        let mut at = 0;
        for piece in &self.pieces {
            let end = at + piece.length();
            let from = range.start.clamp(at, end);
            let to = range.end.clamp(at, end);
            if from < to {
                found.push(piece.part(from - at..to - at));
            }
            at = end;
        }
        found
    }

    /// Returns the digest by an algorithm. See [`Data::sparse`] for digests of long data.
    pub(super) fn digest(&self, algorithm: Algorithm) -> Vec<u8> {
        let mut hasher = Hasher::new(algorithm);
        let is_sparse = |piece: &Piece| matches!(piece, Piece::Fill { .. });
        if self.len() > DIGESTED && self.pieces.iter().any(is_sparse) {
            self.stand_in(&mut hasher);
        } else {
            for bytes in self.frames(0..self.len()) {
                hasher.update(&bytes);
            }
        }
        hasher.finish()
    }

    fn stand_in(&self, hasher: &mut Hasher) {
        let mut run = 0;
        for piece in &self.pieces {
            match piece {
                Piece::Bytes(bytes) => {
                    hasher.update(bytes);
                    run += bytes.len() as u64;
                }
                Piece::Fill { byte, length } => {
                    hasher.update(&run.to_le_bytes());
                    hasher.update(&[*byte]);
                    hasher.update(&length.to_le_bytes());
                    run = 0;
                }
            }
        }
        hasher.update(&run.to_le_bytes());
    }

    /// Returns the part as a body.
    pub(super) fn body(&self, range: Range<u64>) -> Body {
        let frames = self.frames(range);
        let frames = frames.map(|bytes| Ok::<_, io::Error>(Frame::data(bytes)));
        StreamBody::new(stream::iter(frames)).boxed_unsync()
    }

    fn frames(&self, range: Range<u64>) -> impl Iterator<Item = Bytes> + Send + 'static {
        let pieces = self.part(range).pieces.into_iter();
        pieces.flat_map(|piece| {
            let length = piece.length();
            let fill = match &piece {
                Piece::Bytes(_) => Bytes::new(),
                Piece::Fill { byte, length } => {
                    let most = usize::try_from(PIECE.min(*length)).unwrap_or_default();
                    Bytes::from(vec![*byte; most])
                }
            };
            (0..length.div_ceil(PIECE)).map(move |index| {
                let from = index * PIECE;
                let to = length.min(from + PIECE);
                match piece.part(from..to) {
                    Piece::Bytes(bytes) => bytes,
                    Piece::Fill { length, .. } => {
                        fill.slice(..usize::try_from(length).unwrap_or_default())
                    }
                }
            })
        })
    }

    /// Appends a piece. Runs of the same byte become one, so that the copy of sparse data in parts is like the whole.
    fn push(&mut self, piece: Piece) {
        if piece.length() == 0 {
            return;
        }
        match (self.pieces.last_mut(), &piece) {
            (
                Some(Piece::Fill { byte, length }),
                Piece::Fill {
                    byte: next,
                    length: more,
                },
            ) if byte == next => {
                *length += more;
            }
            _ => self.pieces.push(piece),
        }
    }
}

impl PartialEq for Data {
    fn eq(&self, other: &Self) -> bool {
        if self.len() != other.len() {
            return false;
        }
        let (mut left, mut right) = (self.pieces.iter().cloned(), other.pieces.iter().cloned());
        let (mut one, mut two) = (left.next(), right.next());
        while let (Some(a), Some(b)) = (&one, &two) {
            let length = a.length().min(b.length());
            if !a.part(0..length).is_same(&b.part(0..length)) {
                return false;
            }
            let rest = |piece: &Piece| {
                let end = piece.length();
                (length < end).then(|| piece.part(length..end))
            };
            (one, two) = (
                rest(a).or_else(|| left.next()),
                rest(b).or_else(|| right.next()),
            );
        }
        true
    }
}

impl Eq for Data {}

impl<T: Into<Bytes>> From<T> for Data {
    fn from(bytes: T) -> Self {
        Self::new(bytes)
    }
}

impl fmt::Debug for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Data({} bytes)", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_is_equal_if_its_bytes_are() {
        let mut parts = Data::new("aab");
        parts.append(Data::sparse(3, b'b'));
        parts.append(Data::new("c"));
        assert_eq!(parts, Data::new("aabbbbc"));
        assert_eq!(parts.to_bytes(), "aabbbbc");
        assert_ne!(parts, Data::new("aabbbbd"));
        assert_ne!(parts, Data::new("aabbbb"));
        assert_eq!(parts.part(1..5), Data::new("abbb"));
        assert_eq!(Data::sparse(0, 1), Data::default());
    }

    #[test]
    fn the_parts_of_sparse_data_make_the_whole() {
        let whole = Data::sparse(6 << 30, 7);
        let mut copy = whole.part(0..5 << 30);
        copy.append(whole.part(5 << 30..6 << 30));
        assert_eq!(copy, whole);
        let digest = |data: &Data| data.digest(Algorithm::Sha256);
        assert_eq!(digest(&copy), digest(&whole));
        for other in [Data::sparse(6 << 30, 8), Data::sparse((6 << 30) - 1, 7)] {
            assert_ne!(digest(&other), digest(&whole));
        }
    }

    #[test]
    fn short_sparse_data_has_the_digest_of_its_bytes() {
        let digest = |data: &Data| data.digest(Algorithm::Sha256);
        let bytes = Data::new(vec![7; 600_000]);
        assert_eq!(digest(&Data::sparse(600_000, 7)), digest(&bytes));
    }
}
