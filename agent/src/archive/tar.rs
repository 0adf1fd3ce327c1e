use std::io::{self, Write};

use tar::{Builder, EntryType, Header};

use super::compress::Packed;
use super::file::Exact;
use super::select::{Entry, Kind};
use super::{ArchiveError, FileArchive};

/// Owners are numbers, times are kept, long names are in GNU's form.
pub fn write<W: Write>(entries: &[Entry], archive: &FileArchive, to: W) -> Result<W, ArchiveError> {
    let packed = Packed::new(archive.compression, to)?;
    let mut builder = Builder::new(packed);
    for entry in entries {
        add(&mut builder, entry, archive.follow_symlinks)?;
    }
    Ok(builder.into_inner()?.finish()?)
}

fn add<W: Write>(
    builder: &mut Builder<W>,
    entry: &Entry,
    follow: bool,
) -> Result<(), ArchiveError> {
    let mut header = Header::new_gnu();
    header.set_metadata(&entry.metadata);
    header.set_size(0);
    match &entry.kind {
        Kind::Folder => {
            header.set_entry_type(EntryType::Directory);
            let name = entry.name.join("");
            builder.append_data(&mut header, name, io::empty())?;
        }
        Kind::Link { target } => {
            header.set_entry_type(EntryType::Symlink);
            builder.append_link(&mut header, &entry.name, target)?;
        }
        Kind::File => {
            let Some((file, metadata)) = Exact::open(&entry.source, follow)? else {
                return Err(changed(entry));
            };
            header.set_metadata(&metadata);
            header.set_size(metadata.len());
            header.set_entry_type(EntryType::Regular);
            builder.append_data(&mut header, &entry.name, file)?;
        }
    }
    Ok(())
}

pub(super) fn changed(entry: &Entry) -> ArchiveError {
    ArchiveError::Read {
        path: entry.source.clone(),
        source: io::Error::other("it was a file, and is none any more"),
    }
}
