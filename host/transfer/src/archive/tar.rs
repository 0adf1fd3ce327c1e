use std::io::{self, Read};

use super::{Fault, entries as count};

const BLOCK: usize = 512;

/// The maximum size of an extended header that is read into memory, in bytes. Real ones contain a path and a
/// few attributes.
const LONGEST_EXTENSION: u64 = 1 << 20;

/// Returns true if the block is the header of an entry, judged by its checksum.
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
    // Only the checksum decides: an extended header may have no name.
    block.len() >= BLOCK && sum == stored
}

/// Follows the headers to the end of the archive, and reads the bytes after it.
pub(super) fn check(archive: &mut impl Read) -> Result<String, Fault> {
    let mut entries = 0_u64;
    // The size that an extended header gives for the next entry (POSIX pax).
    let mut next_size = None;
    loop {
        let Some(header) = block(archive, entries)? else {
            return Err(Fault::damaged(format!(
                "its tar archive has no end after {}: it may have been cut",
                count(entries)
            )));
        };
        if header.iter().all(|byte| *byte == 0) {
            only_padding(archive, entries)?;
            return Ok(format!("{}, all headers hold", count(entries)));
        }
        if !is_header(&header) {
            return Err(Fault::damaged(format!(
                "the header of tar entry {} is damaged",
                entries + 1
            )));
        }
        let kind = header[156];
        let size = number(&header[124..136])
            .ok_or_else(|| Fault::damaged(format!("tar entry {} has no size", entries + 1)))?;
        // Solaris writes the type `X`.
        if matches!(kind, b'x' | b'X') {
            next_size = extension(archive, size, entries)?;
            continue;
        }
        // GNU tar's long names and global headers belong to the entries that follow them.
        let is_entry = !matches!(kind, b'L' | b'K' | b'g');
        let mut size = match next_size {
            Some(given) if is_entry => given,
            _ => size,
        };
        if kind == b'S' && header[482] != 0 {
            skip_sparse_map(archive, entries)?;
        }
        // Links, devices and folders have no content, whatever their size field says.
        if matches!(kind, b'1'..=b'6') {
            size = 0;
        }
        skip(archive, size, entries)?;
        if is_entry {
            entries += 1;
            next_size = None;
        }
    }
}

fn failed(error: io::Error) -> Fault {
    Fault::of(error, "its tar archive is damaged")
}

fn cut(entries: u64) -> Fault {
    Fault::damaged(format!("its tar archive is cut in entry {}", entries + 1))
}

/// Returns the next block; none at the end of the file.
fn block(archive: &mut impl Read, entries: u64) -> Result<Option<[u8; BLOCK]>, Fault> {
    match fill(archive)? {
        Some((block, BLOCK)) => Ok(Some(block)),
        Some(_) => Err(Fault::damaged(format!(
            "its tar archive is cut after {}",
            count(entries)
        ))),
        None => Ok(None),
    }
}

/// Returns up to one block and the number of bytes that were read; none at the end of the file.
fn fill(archive: &mut impl Read) -> Result<Option<([u8; BLOCK], usize)>, Fault> {
    let mut block = [0; BLOCK];
    let mut filled = 0;
    while filled < BLOCK {
        match archive.read(&mut block[filled..]) {
            Ok(0) if filled == 0 => return Ok(None),
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(failed(error)),
        }
    }
    Ok(Some((block, filled)))
}

/// Reads the bytes after the end of the archive. For a compressed archive, that includes the checksum at its
/// end.
///
/// Only zeros may be there. A disk that lost blocks returns zeros, too: bytes after those zeros show that
/// they were not the end.
fn only_padding(archive: &mut impl Read, entries: u64) -> Result<(), Fault> {
    while let Some((rest, filled)) = fill(archive)? {
        if rest[..filled].iter().any(|byte| *byte != 0) {
            return Err(Fault::damaged(format!(
                "its tar archive ends after {}, and more than padding follows",
                count(entries)
            )));
        }
    }
    Ok(())
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

/// Returns the size that a pax header gives for the next entry.
fn extension(archive: &mut impl Read, size: u64, entries: u64) -> Result<Option<u64>, Fault> {
    if size > LONGEST_EXTENSION {
        return Err(Fault::Unknown(format!(
            "the extended header of tar entry {} has {size} bytes; it was not inspected",
            entries + 1
        )));
    }
    let padded = size.next_multiple_of(BLOCK as u64);
    let mut text = Vec::new();
    archive
        .take(padded)
        .read_to_end(&mut text)
        .map_err(failed)?;
    if (text.len() as u64) < padded {
        return Err(cut(entries));
    }
    text.truncate(usize::try_from(size).unwrap_or(usize::MAX));
    let mut given = None;
    let mut rest = text.as_slice();
    while !rest.is_empty() {
        let (record, behind) = record(rest).ok_or_else(|| {
            Fault::damaged(format!(
                "the extended header of tar entry {} is damaged",
                entries + 1
            ))
        })?;
        if let Some(value) = record.strip_prefix(b"size=") {
            given = str::from_utf8(value).ok().and_then(|it| it.parse().ok());
        }
        rest = behind;
    }
    Ok(given)
}

/// Returns the `KEY=VALUE` of the first `LENGTH KEY=VALUE\n` and the text after it. The length is that of the
/// whole record, because a value may contain line breaks.
fn record(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let digits = text.iter().position(|byte| *byte == b' ')?;
    let length = str::from_utf8(&text[..digits]).ok()?.parse().ok()?;
    let (record, behind) = text.split_at_checked(length)?;
    Some((record.get(digits + 1..)?.strip_suffix(b"\n")?, behind))
}

/// Skips the continued map of a sparse file in the old GNU format.
fn skip_sparse_map(archive: &mut impl Read, entries: u64) -> Result<(), Fault> {
    while block(archive, entries)?.ok_or_else(|| cut(entries))?[504] != 0 {}
    Ok(())
}

/// Parses a number in octal digits or in GNU tar's binary form.
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
