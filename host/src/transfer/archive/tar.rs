use std::io::{self, Read};

use super::Fault;

const BLOCK: usize = 512;

/// Longest extended header that is read into memory. Real ones hold a path and a few attributes.
const LONGEST_EXTENSION: u64 = 1 << 20;

/// Whether this is the header of an entry: its checksum holds.
pub(super) fn is_header(block: &[u8]) -> bool {
    let Some(stored) = block.get(148..156).and_then(number) else {
        return false;
    };
    let sum: u64 = block
        .iter()
        .take(BLOCK)
        .enumerate()
        .map(|(at, byte)| {
            if (148..156).contains(&at) {
                32
            } else {
                u64::from(*byte)
            }
        })
        .sum();
    block.len() >= BLOCK && sum == stored && block[0] != 0
}

/// Follows the headers to the end, and reads what is behind it.
pub(super) fn check(archive: &mut impl Read) -> Result<String, Fault> {
    let mut entries = 0_u64;
    // A size that an extended header gives for the next entry (POSIX pax).
    let mut next_size = None;
    loop {
        let Some(header) = block(archive, entries)? else {
            return Err(Fault::damaged(format!(
                "its tar archive has no end after {entries} entries: it may have been cut"
            )));
        };
        if header.iter().all(|byte| *byte == 0) {
            // Padding; for a compressed archive also the checksum at its end.
            io::copy(archive, &mut io::sink()).map_err(failed)?;
            return Ok(format!("{entries} entries"));
        }
        if !is_header(&header) {
            return Err(Fault::damaged(format!(
                "the header after {entries} tar entries is damaged"
            )));
        }
        let kind = header[156];
        let size = number(&header[124..136])
            .ok_or_else(|| Fault::damaged(format!("tar entry {} has no size", entries + 1)))?;
        if kind == b'x' {
            next_size = extension(archive, size, entries)?;
            continue;
        }
        let mut size = next_size.take().unwrap_or(size);
        if kind == b'S' && header[482] != 0 {
            skip_sparse_map(archive, entries)?;
        }
        // Links, devices and folders have no content, whatever their size says.
        if matches!(kind, b'1'..=b'6') {
            size = 0;
        }
        skip(archive, size, entries)?;
        // Long names of GNU tar and global headers belong to the entries that follow.
        if !matches!(kind, b'L' | b'K' | b'g') {
            entries += 1;
        }
    }
}

fn failed(error: io::Error) -> Fault {
    Fault::of(error, "its tar archive is damaged")
}

fn cut(entries: u64) -> Fault {
    Fault::damaged(format!(
        "its tar archive is cut in or after entry {entries}"
    ))
}

/// The next block; none at the end of the file.
fn block(archive: &mut impl Read, entries: u64) -> Result<Option<[u8; BLOCK]>, Fault> {
    let mut block = [0; BLOCK];
    let mut filled = 0;
    while filled < BLOCK {
        match archive.read(&mut block[filled..]) {
            Ok(0) if filled == 0 => return Ok(None),
            Ok(0) => return Err(cut(entries)),
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(failed(error)),
        }
    }
    Ok(Some(block))
}

fn skip(archive: &mut impl Read, size: u64, entries: u64) -> Result<(), Fault> {
    let padded = size
        .checked_next_multiple_of(BLOCK as u64)
        .ok_or_else(|| cut(entries))?;
    let read = io::copy(&mut archive.take(padded), &mut io::sink()).map_err(failed)?;
    if read == padded {
        Ok(())
    } else {
        Err(cut(entries))
    }
}

/// The size in a pax header of the next entry.
fn extension(archive: &mut impl Read, size: u64, entries: u64) -> Result<Option<u64>, Fault> {
    if size > LONGEST_EXTENSION {
        return Err(Fault::Unknown(format!(
            "an extended header after {entries} tar entries has {size} bytes; it was not followed"
        )));
    }
    let mut text = Vec::new();
    archive.take(size).read_to_end(&mut text).map_err(failed)?;
    if (text.len() as u64) < size {
        return Err(cut(entries));
    }
    skip(archive, size.next_multiple_of(BLOCK as u64) - size, entries)?;
    // Each record is `LENGTH KEY=VALUE\n`; a size has no line break.
    let mut sizes = text.split(|byte| *byte == b'\n').filter_map(|line| {
        let (_, record) = str::from_utf8(line).ok()?.split_once(' ')?;
        record.strip_prefix("size=")?.parse().ok()
    });
    Ok(sizes.next_back())
}

/// The continued map of a sparse file in the old GNU format.
fn skip_sparse_map(archive: &mut impl Read, entries: u64) -> Result<(), Fault> {
    while block(archive, entries)?.ok_or_else(|| cut(entries))?[504] != 0 {}
    Ok(())
}

/// A number in octal digits, or in the binary form of GNU tar.
fn number(field: &[u8]) -> Option<u64> {
    if let Some((0x80, rest)) = field.split_first() {
        let (high, low) = rest.split_at_checked(rest.len().checked_sub(8)?)?;
        let low: [u8; 8] = low.try_into().ok()?;
        return high
            .iter()
            .all(|byte| *byte == 0)
            .then(|| u64::from_be_bytes(low));
    }
    let text = str::from_utf8(field).ok()?;
    let digits = text.trim_matches([' ', '\0']);
    if digits.is_empty() {
        return Some(0);
    }
    u64::from_str_radix(digits, 8).ok()
}
