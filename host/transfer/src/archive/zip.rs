//! Checks zip archives: the directory at the end, and the length and CRC of each entry.

use std::io::{self, BufReader, Read, Seek, SeekFrom};

use flate2::bufread::DeflateDecoder;

use super::counted::{Budget, Counted};
use super::{Fault, entries as count};

/// The maximum size of the end record, with the longest comment, in bytes.
const LONGEST_END: u64 = 22 + 65_535;

/// The location of the directory.
struct Directory {
    entries: u64,
    start: u64,
    /// The position at which the end records begin.
    end: u64,
}

struct Entry {
    is_encrypted: bool,
    method: u16,
    crc: u32,
    compressed: u64,
    size: u64,
    /// Position of the local header.
    start: u64,
    /// Position of the next entry in the directory.
    next: u64,
}

/// A record of fixed length. All its numbers are little-endian.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    /// Returns the number of `N` bytes at an offset; 0 after the end of the record.
    fn at<const N: usize>(&self, at: usize) -> u64 {
        let bytes = self.0.get(at..at + N).unwrap_or_default();
        bytes
            .iter()
            .rev()
            .fold(0, |number, byte| number << 8 | u64::from(*byte))
    }
}

pub(super) fn check(
    file: &mut (impl Read + Seek),
    length: u64,
    mut budget: Budget,
) -> Result<String, Fault> {
    let directory = find_directory(file, length)?;
    let mut at = directory.start;
    let mut compressed = 0_u64;
    let mut unchecked = 0_u64;
    for number in 1..=directory.entries {
        if at >= directory.end {
            return Err(Fault::damaged(format!(
                "the directory of the zip has {} of {} entries",
                number - 1,
                directory.entries
            )));
        }
        let entry = read_entry(file, at, directory.end, number)?;
        at = entry.next;
        let content = find_content(file, &entry, number, directory.start)?;
        // Overlapping entries are how a small zip expands to petabytes.
        compressed = compressed.saturating_add(entry.compressed);
        if compressed > directory.start {
            return Err(Fault::damaged("entries of the zip overlap"));
        }
        if entry.is_encrypted || !matches!(entry.method, 0 | 8) {
            unchecked += 1;
        } else {
            check_content(file, &entry, content, number, &mut budget)?;
        }
    }
    if at != directory.end {
        return Err(Fault::damaged(format!(
            "the end of the zip says {}, and its directory has more",
            count(directory.entries)
        )));
    }
    let entries = count(directory.entries);
    match unchecked {
        0 if directory.entries == 0 => Ok(format!("zip, {entries}")),
        0 => Ok(format!("zip, {entries}, all lengths and CRCs hold")),
        _ if unchecked == directory.entries => Err(Fault::Unknown(format!(
            "zip, {entries}, encrypted or compressed in a way that is not supported"
        ))),
        _ => Ok(format!(
            "zip, {entries}, {unchecked} of them encrypted or compressed in a way that is not supported; the others hold"
        )),
    }
}

/// Reads `N` bytes, all of which must be before `end`.
fn read_at<const N: usize>(
    file: &mut (impl Read + Seek),
    at: u64,
    end: u64,
) -> Result<[u8; N], Fault> {
    let mut bytes = [0; N];
    if at.checked_add(N as u64).is_none_or(|behind| behind > end) {
        return Err(Fault::damaged("the zip points outside of itself"));
    }
    file.seek(SeekFrom::Start(at))
        .and_then(|_| file.read_exact(&mut bytes))
        .map_err(|error| Fault::of(error, "the zip is cut"))?;
    Ok(bytes)
}

fn find_directory(file: &mut (impl Read + Seek), length: u64) -> Result<Directory, Fault> {
    let tail_start = length.saturating_sub(LONGEST_END);
    let mut tail = Vec::new();
    file.seek(SeekFrom::Start(tail_start))
        .and_then(|_| file.take(LONGEST_END).read_to_end(&mut tail))
        .map_err(Fault::Io)?;
    // The comment must fill the rest exactly. Otherwise the signature is there by chance.
    let at = (0..=tail.len().saturating_sub(22)).rev().find(|at| {
        let end = Fields(&tail[*at..]);
        end.at::<4>(0) == 0x0605_4b50
            && at + 22 + usize::from(low_16(end.at::<2>(20))) == tail.len()
    });
    let at = at.ok_or_else(|| {
        Fault::damaged("the zip has no end: it was cut, or something was added to it")
    })?;
    let end = Fields(&tail[at..]);
    let position = tail_start + at as u64;
    let (mut entries, mut size, mut start) = (end.at::<2>(10), end.at::<4>(12), end.at::<4>(16));
    let mut here = end.at::<2>(8);
    let mut directory_end = position;
    // The zip64 records may be there without need: a program that writes to a stream can't know how long the
    // archive becomes.
    let locator = match position.checked_sub(20) {
        Some(at) => read_at::<20>(file, at, position)?,
        None => [0; 20],
    };
    if Fields(&locator).at::<4>(0) == 0x0706_4b50 {
        directory_end = Fields(&locator).at::<8>(8);
        let record = read_at::<56>(file, directory_end, position)?;
        let record = Fields(&record);
        if record.at::<4>(0) != 0x0606_4b50 {
            return Err(Fault::damaged("the end of the zip is damaged"));
        }
        (entries, size, start) = (record.at::<8>(32), record.at::<8>(40), record.at::<8>(48));
        here = record.at::<8>(24);
    }
    // One count is for this file and one for all files, because archives were once split over disks.
    if here != entries {
        return Err(Fault::damaged("the zip is a part of one in several files"));
    }
    if start.checked_add(size) != Some(directory_end) {
        return Err(Fault::damaged(
            "the directory of the zip is not where its end says",
        ));
    }
    Ok(Directory {
        entries,
        start,
        end: directory_end,
    })
}

fn read_entry(
    file: &mut (impl Read + Seek),
    at: u64,
    end: u64,
    number: u64,
) -> Result<Entry, Fault> {
    let bytes = read_at::<46>(file, at, end)?;
    let fields = Fields(&bytes);
    if fields.at::<4>(0) != 0x0201_4b50 {
        return Err(Fault::damaged(format!(
            "entry {number} of the zip's directory is damaged"
        )));
    }
    let (name, extra, comment) = (fields.at::<2>(28), fields.at::<2>(30), fields.at::<2>(32));
    let mut entry = Entry {
        is_encrypted: fields.at::<2>(8) & 1 == 1,
        method: low_16(fields.at::<2>(10)),
        crc: u32::try_from(fields.at::<4>(16)).unwrap_or_default(),
        compressed: fields.at::<4>(20),
        size: fields.at::<4>(24),
        start: fields.at::<4>(42),
        next: at + 46 + name + extra + comment,
    };
    let mut extras = Vec::new();
    file.seek(SeekFrom::Start(at + 46 + name))
        .and_then(|_| file.take(extra).read_to_end(&mut extras))
        .map_err(Fault::Io)?;
    widen(&mut entry, &extras);
    Ok(entry)
}

/// Reads the numbers that don't fit into 32 bits from the zip64 field.
fn widen(entry: &mut Entry, mut extras: &[u8]) {
    while extras.len() >= 4 {
        let fields = Fields(extras);
        let (tag, length) = (fields.at::<2>(0), usize::from(low_16(fields.at::<2>(2))));
        let body = extras.get(4..4 + length).unwrap_or_default();
        if tag == 1 {
            let mut at = 0;
            // The field contains only the numbers that don't fit, in this order.
            for number in [&mut entry.size, &mut entry.compressed, &mut entry.start] {
                if *number == 0xffff_ffff {
                    *number = Fields(body).at::<8>(at);
                    at += 8;
                }
            }
        }
        extras = extras.get(4 + length..).unwrap_or_default();
    }
}

/// Returns where the content of an entry begins. The content must end before the directory begins.
fn find_content(
    file: &mut (impl Read + Seek),
    entry: &Entry,
    number: u64,
    directory: u64,
) -> Result<u64, Fault> {
    let local = read_at::<30>(file, entry.start, directory)?;
    let local = Fields(&local);
    let content = entry.start + 30 + local.at::<2>(26) + local.at::<2>(28);
    let end = content.saturating_add(entry.compressed);
    if local.at::<4>(0) == 0x0403_4b50 && end <= directory {
        Ok(content)
    } else {
        Err(Fault::damaged(format!(
            "entry {number} of the zip is not where its directory says"
        )))
    }
}

fn check_content(
    file: &mut (impl Read + Seek),
    entry: &Entry,
    content: u64,
    number: u64,
    budget: &mut Budget,
) -> Result<(), Fault> {
    let damaged = format!("entry {number} of the zip is damaged");
    file.seek(SeekFrom::Start(content)).map_err(Fault::Io)?;
    let raw = BufReader::with_capacity(64 << 10, file.take(entry.compressed));
    // One byte more than expected is enough to know that the content is too long.
    let longest = entry.size.saturating_add(1);
    let mut used = entry.compressed;
    let (size, crc) = if entry.method == 0 {
        sum(Counted::new(raw, budget).take(longest))
    } else {
        let mut decoder = DeflateDecoder::new(raw);
        let summed = sum(Counted::new(&mut decoder, budget).take(longest));
        used = decoder.total_in();
        summed
    }
    .map_err(|error| Fault::of(error, &damaged))?;
    if (size, crc, used) == (entry.size, entry.crc, entry.compressed) {
        Ok(())
    } else {
        Err(Fault::damaged(format!(
            "{damaged}: its length or its CRC does not hold"
        )))
    }
}

fn sum(mut content: impl Read) -> io::Result<(u64, u32)> {
    let mut crc = crc32fast::Hasher::new();
    let mut size = 0;
    let mut block = [0; 16 << 10];
    loop {
        match content.read(&mut block) {
            Ok(0) => return Ok((size, crc.finalize())),
            Ok(count) => {
                crc.update(&block[..count]);
                size += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Converts a number that was read from two bytes.
fn low_16(number: u64) -> u16 {
    u16::try_from(number).unwrap_or(u16::MAX)
}
