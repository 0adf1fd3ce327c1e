use std::collections::HashMap;
use std::fs::Metadata;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use tar::{Builder, EntryType, Header};

use super::compress::Packed;
use super::file::Exact;
use super::select::{Entry, Identity, Kind, identity};
use super::{ArchiveError, FileArchive};

/// The name of the entry in which GNU tar stores the long name of the next entry.
const LONG_NAME: &[u8] = b"././@LongLink";

/// Writes a tar in GNU's format.
///
/// Owners are numbers, and times have a resolution of one second. Long names and large or negative numbers
/// use GNU's extensions. A file with several names is stored once; its other names are hard links to the
/// first.
pub fn write<W: Write>(entries: &[Entry], archive: &FileArchive, to: W) -> Result<W, ArchiveError> {
    let packed = Packed::new(archive.compression, to)?;
    let mut writer = Writer {
        builder: Builder::new(packed),
        first_names: HashMap::new(),
    };
    for entry in entries {
        writer.add(entry, archive.follow_symlinks)?;
    }
    Ok(writer.builder.into_inner()?.finish()?)
}

struct Writer<'a, W: Write> {
    builder: Builder<W>,
    /// The first name in the archive of each file that has several names.
    first_names: HashMap<Identity, &'a Path>,
}

impl<'a, W: Write> Writer<'a, W> {
    fn add(&mut self, entry: &'a Entry, follow: bool) -> Result<(), ArchiveError> {
        match &entry.kind {
            Kind::Folder => {
                let mut header = header(&entry.metadata, EntryType::Directory);
                self.name(&mut header, &entry.name.join(""))?;
                self.append(&mut header, io::empty())?;
            }
            Kind::Link { target } => {
                let mut header = header(&entry.metadata, EntryType::Symlink);
                self.link(&mut header, target)?;
                self.name(&mut header, &entry.name)?;
                self.append(&mut header, io::empty())?;
            }
            Kind::File => {
                let Some((file, metadata)) = Exact::open(&entry.source, follow)? else {
                    return Err(changed(entry));
                };
                let this = identity(&metadata);
                if let Some(first) = self.first_names.get(&this).copied() {
                    return self.hard_link(entry, &metadata, first);
                }
                if metadata.nlink() > 1 {
                    self.first_names.insert(this, &entry.name);
                }
                let mut header = header(&metadata, EntryType::Regular);
                header.set_size(metadata.len());
                self.name(&mut header, &entry.name)?;
                self.append(&mut header, file)?;
            }
        }
        Ok(())
    }

    fn hard_link(
        &mut self,
        entry: &Entry,
        metadata: &Metadata,
        first: &Path,
    ) -> Result<(), ArchiveError> {
        let mut header = header(metadata, EntryType::Link);
        self.link(&mut header, first)?;
        self.name(&mut header, &entry.name)?;
        Ok(self.append(&mut header, io::empty())?)
    }

    /// Writes the bytes of the name unchanged: a name may be no text, and the target of a link may end with a
    /// slash.
    fn name(&mut self, header: &mut Header, name: &Path) -> io::Result<()> {
        let name = name.as_os_str().as_bytes();
        self.long(EntryType::GNULongName, name, header.as_old().name.len())?;
        put(&mut header.as_old_mut().name, name);
        Ok(())
    }

    fn link(&mut self, header: &mut Header, target: &Path) -> io::Result<()> {
        let target = target.as_os_str().as_bytes();
        self.long(
            EntryType::GNULongLink,
            target,
            header.as_old().linkname.len(),
        )?;
        put(&mut header.as_old_mut().linkname, target);
        Ok(())
    }

    /// Writes a value that is too long for its field as an entry of its own, before the entry that it belongs
    /// to.
    fn long(&mut self, kind: EntryType, text: &[u8], fits: usize) -> io::Result<()> {
        if text.len() <= fits {
            return Ok(());
        }
        let mut header = Header::new_gnu();
        put(&mut header.as_old_mut().name, LONG_NAME);
        header.set_entry_type(kind);
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_size(text.len() as u64 + 1);
        self.append(&mut header, [text, b"\0"].concat().as_slice())
    }

    fn append(&mut self, header: &mut Header, content: impl io::Read) -> io::Result<()> {
        header.set_cksum();
        self.builder.append(header, content)
    }
}

fn header(metadata: &Metadata, kind: EntryType) -> Header {
    let mut header = Header::new_gnu();
    header.set_metadata(metadata);
    header.set_entry_type(kind);
    header.set_size(0);
    set_time(&mut header, metadata.mtime());
    header
}

/// Sets the time in seconds since 1970. GNU tar writes a negative number as a two's complement over the whole
/// field; the crate supports only unsigned numbers.
fn set_time(header: &mut Header, seconds: i64) {
    match u64::try_from(seconds) {
        Ok(seconds) => header.set_mtime(seconds),
        Err(_) => {
            let field = &mut header.as_old_mut().mtime;
            field.fill(0xff);
            let from = field.len() - size_of::<i64>();
            field[from..].copy_from_slice(&seconds.to_be_bytes());
        }
    }
}

/// Writes as much of the text as fits, and fills the rest with null bytes.
fn put(field: &mut [u8], text: &[u8]) {
    field.fill(0);
    let fits = text.len().min(field.len());
    field[..fits].copy_from_slice(&text[..fits]);
}

pub(super) fn changed(entry: &Entry) -> ArchiveError {
    ArchiveError::Read {
        path: entry.source.clone(),
        source: io::Error::other("it is no longer a file"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the bytes of the numbers: owner, group, size and time.
    fn field(write: impl FnOnce(&mut Header)) -> Vec<u8> {
        let mut header = Header::new_gnu();
        write(&mut header);
        header.as_bytes()[108..148].to_vec()
    }

    #[test]
    fn numbers_beyond_the_octal_ones_are_in_the_form_of_gnu_tar() {
        let time = |seconds| field(|header| set_time(header, seconds))[28..40].to_vec();
        assert_eq!(time(0), b"00000000000\0");
        assert_eq!(time(-1), [0xff; 12]);
        // The bytes are from an archive of GNU tar, for `touch -d 1960-06-01T00:00:00Z`.
        assert_eq!(
            time(-302_486_400),
            [
                255, 255, 255, 255, 255, 255, 255, 255, 0xed, 0xf8, 0x6c, 0x80
            ]
        );
        assert_eq!(time(8_589_934_592), [0x80, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0]);
        let size = field(|header| header.set_size(8_589_934_592))[16..28].to_vec();
        assert_eq!(size, [0x80, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0]);
        let owner = field(|header| header.set_uid(4_294_967_294))[..8].to_vec();
        assert_eq!(owner, [0x80, 0, 0, 0, 0xff, 0xff, 0xff, 0xfe]);
    }
}
