//! Reads and writes the bytes of a bundle: a tar file in the format `ustar` (POSIX.1-1988) with a unique
//! form.

use host_base::Sha256;

use super::BEGIN;

const BLOCK: usize = 512;
const END: usize = 2 * BLOCK;
/// The maximum size of an index, in bytes.
const MAX_INDEX: usize = 16 << 20;

type Problem = &'static str;

const CUT: Problem = "it ends too early";
const CHANGED: Problem = "it was changed after it was written";

/// Returns the bytes of a whole bundle.
pub(super) fn write(index: &[u8], components: &[(Sha256, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    append(&mut bytes, &index_name(Sha256::digest(index)), index);
    for (digest, component) in components {
        append(&mut bytes, &component_name(*digest), component);
    }
    bytes.resize(bytes.len() + END, 0);
    bytes
}

/// Returns the index, and the bytes after it.
pub(super) fn index(bytes: &[u8]) -> Result<(&[u8], &[u8]), Problem> {
    let header = bytes.get(..BLOCK).ok_or(CUT)?;
    // Sizes are octal digits with a final zero byte, as in every header of this program.
    let digits = std::str::from_utf8(&header[SIZE..SIZE + 11]).map_err(|_| CHANGED)?;
    let size = usize::from_str_radix(digits, 8).map_err(|_| CHANGED)?;
    if size > MAX_INDEX {
        return Err("its index is too long");
    }
    let mut rest = bytes;
    let content = bytes.get(BLOCK..BLOCK + size).ok_or(CUT)?;
    // The name contains the digest of the content, so a change of either is noticed.
    let name = index_name(Sha256::digest(content));
    let index = entry(&mut rest, &name, size)?;
    Ok((index, rest))
}

/// Returns the next component, which must be the one that the index names.
pub(super) fn component<'a>(
    rest: &mut &'a [u8],
    digest: Sha256,
    size: u64,
) -> Result<&'a [u8], Problem> {
    let size = usize::try_from(size).map_err(|_| CHANGED)?;
    let content = entry(rest, &component_name(digest), size)?;
    if Sha256::digest(content) == digest {
        Ok(content)
    } else {
        Err(CHANGED)
    }
}

/// Checks that nothing follows the last component.
pub(super) fn end(rest: &[u8]) -> Result<(), Problem> {
    match rest.len() {
        END if rest.iter().all(|byte| *byte == 0) => Ok(()),
        0..END => Err(CUT),
        _ => Err(CHANGED),
    }
}

fn index_name(digest: Sha256) -> String {
    format!("{BEGIN}{digest}.json")
}

fn component_name(digest: Sha256) -> String {
    format!("sha256-{digest}.wasm")
}

fn append(bytes: &mut Vec<u8>, name: &str, content: &[u8]) {
    bytes.extend(header(name, content.len()));
    bytes.extend(content);
    bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
}

fn entry<'a>(rest: &mut &'a [u8], name: &str, size: usize) -> Result<&'a [u8], Problem> {
    let padded = size.checked_next_multiple_of(BLOCK).ok_or(CHANGED)?;
    let (found, after) = rest.split_at_checked(BLOCK).ok_or(CUT)?;
    if found != header(name, size) {
        return Err(CHANGED);
    }
    let (content, after) = after.split_at_checked(padded).ok_or(CUT)?;
    let (content, padding) = content.split_at(size);
    if padding.iter().any(|byte| *byte != 0) {
        return Err(CHANGED);
    }
    *rest = after;
    Ok(content)
}

const SIZE: usize = 124;
const CHECKSUM: usize = 148;

/// Returns the header of a plain file without an owner and with time 0.
fn header(name: &str, size: usize) -> [u8; BLOCK] {
    let mut header = [0; BLOCK];
    let mut put = |at: usize, text: &str| {
        header[at..at + text.len()].copy_from_slice(text.as_bytes());
    };
    // Names have at most 91 bytes of 100, and sizes fit: a bundle has fewer than 2^33 bytes.
    put(0, name);
    put(100, "0000644");
    put(108, "0000000");
    put(116, "0000000");
    put(SIZE, &format!("{size:011o}"));
    put(136, "00000000000");
    put(CHECKSUM, "        ");
    put(156, "0");
    put(257, "ustar\u{0}00");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    let sum = format!("{sum:06o}\0 ");
    header[CHECKSUM..CHECKSUM + sum.len()].copy_from_slice(sum.as_bytes());
    header
}
