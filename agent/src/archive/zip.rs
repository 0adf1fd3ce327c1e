use std::fs::Metadata;
use std::io::{self, Seek, Write};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use super::file::Exact;
use super::select::{Entry, Kind};
use super::tar::changed;
use super::{ArchiveError, FileArchive};
use crate::config::Compression;

/// The size, in bytes, from which a file uses the larger fields of Zip64. It is well below 4 GiB, because
/// compression can make a file larger.
const LARGE: u64 = 0xF000_0000;
/// The last second of the year 2107, in seconds since 1970.
const LATEST: i64 = 4_354_819_199;

/// Writes a zip. Symbolic links are left out and reported, because few programs that unpack a zip support
/// them.
pub fn write<W: Write + Seek>(
    entries: &[Entry],
    archive: &FileArchive,
    to: W,
    note: &mut dyn FnMut(String),
) -> Result<W, ArchiveError> {
    let mut writer = ZipWriter::new(to);
    let mut is_empty = true;
    for entry in entries {
        let name = entry.name.to_str().ok_or_else(|| ArchiveError::Name {
            path: entry.source.clone(),
        })?;
        match entry.kind {
            Kind::Link { .. } => {
                note(format!(
                    "{} is left out: zip has no links",
                    entry.source.display()
                ));
                continue;
            }
            Kind::Folder => {
                let options = options(&entry.metadata, Compression::Store);
                writer.add_directory(name, options).map_err(failed)?;
            }
            Kind::File => add_file(&mut writer, entry, name, archive)?,
        }
        is_empty = false;
    }
    if is_empty {
        return Err(ArchiveError::NoMatch);
    }
    writer.finish().map_err(failed)
}

fn add_file<W: Write + Seek>(
    writer: &mut ZipWriter<W>,
    entry: &Entry,
    name: &str,
    archive: &FileArchive,
) -> Result<(), ArchiveError> {
    let opened = Exact::open(&entry.source, archive.follow_symlinks)?;
    let (mut file, metadata) = opened.ok_or_else(|| changed(entry))?;
    let options = options(&metadata, archive.compression);
    writer.start_file(name, options).map_err(failed)?;
    io::copy(&mut file, writer)?;
    Ok(())
}

fn options(metadata: &Metadata, compression: Compression) -> SimpleFileOptions {
    let method = match compression {
        Compression::Store => CompressionMethod::Stored,
        _ => CompressionMethod::Deflated,
    };
    SimpleFileOptions::default()
        .compression_method(method)
        .unix_permissions(metadata.permissions().mode() & 0o7777)
        .last_modified_time(modified(metadata.mtime()))
        .large_file(metadata.len() >= LARGE)
}

/// Converts seconds since 1970 to a zip's time in UTC, because a zip has no time zone. A time before 1980 or
/// after 2107 becomes the nearest valid one.
fn modified(seconds: i64) -> DateTime {
    let latest = DateTime::from_date_and_time(2107, 12, 31, 23, 59, 58).unwrap_or_default();
    match in_utc(seconds) {
        Some(time) => time,
        None if seconds > LATEST => latest,
        // The default is the first moment of 1980.
        None => DateTime::default(),
    }
}

fn in_utc(seconds: i64) -> Option<DateTime> {
    let time = Timestamp::from_second(seconds)
        .ok()?
        .to_zoned(TimeZone::UTC);
    let part = |part: i8| u8::try_from(part).ok();
    DateTime::from_date_and_time(
        u16::try_from(time.year()).ok()?,
        part(time.month())?,
        part(time.day())?,
        part(time.hour())?,
        part(time.minute())?,
        part(time.second())?,
    )
    .ok()
}

fn failed(error: zip::result::ZipError) -> ArchiveError {
    ArchiveError::Write(error.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_that_a_zip_can_not_hold_becomes_the_nearest_that_it_can() {
        let shown = |seconds| modified(seconds).to_string();
        for early in [i64::MIN, -302_486_400, 0, 315_532_799] {
            assert_eq!(shown(early), "1980-01-01 00:00:00", "{early}");
        }
        assert_eq!(shown(315_532_802), "1980-01-01 00:00:02");
        assert_eq!(shown(LATEST - 1), "2107-12-31 23:59:58");
        for late in [LATEST + 1, 253_402_300_799, i64::MAX] {
            assert_eq!(shown(late), "2107-12-31 23:59:58", "{late}");
        }
    }
}
