//! Faults and options of the transfer of a backup's content.

use super::{Fault, Row, value};

/// The form of the transfer.
#[derive(Debug, Clone)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "faults that don't exclude each other"
)]
pub struct DownloadFaults {
    /// The transfer ends after this percentage.
    pub cut: Option<u8>,
    /// The number of further transfers that are cut.
    pub cuts_remaining: u32,
    pub framing: Framing,
    /// Whether `ETag` is sent and `Range` and `If-Range` are honoured.
    pub resume: bool,
    /// Every content has this many bytes.
    pub size: Option<u64>,
    /// The answer has a successful status but an HTML page instead of the content.
    pub html: bool,
    /// Whether `X-Checksum-Sha256` is sent.
    pub checksum: bool,
    /// The text of `Content-Disposition`, if it is sent.
    pub disposition: Option<String>,
    /// The speed in bytes per second.
    pub drip: Option<u64>,
    /// The last byte is wrong, whatever the headers say.
    pub corrupt: bool,
    /// The `ETag` differs each time.
    pub etag_changes: bool,
}

impl Default for DownloadFaults {
    fn default() -> Self {
        Self {
            cut: None,
            cuts_remaining: 0,
            framing: Framing::Length,
            resume: false,
            size: None,
            html: false,
            checksum: false,
            disposition: None,
            drip: None,
            corrupt: false,
            etag_changes: false,
        }
    }
}

/// The way in which the receiver detects the end of the content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// The header `Content-Length`.
    Length,
    /// The last chunk.
    Chunked,
    /// The end of the connection, as in HTTP/1.0.
    Close,
}

/// A change to [`DownloadFaults`].
#[derive(Debug, Clone)]
pub enum DownloadFault {
    /// The percentage, and the number of transfers.
    Cut(u8, u32),
    Framing(Framing),
    Resume(bool),
    Size(u64),
    Html,
    Checksum(bool),
    Disposition(String),
    Drip(u64),
    Corrupt,
    EtagChanges,
}

impl DownloadFaults {
    /// Returns the percentage to cut this transfer at, if it is to be cut, and counts the transfer.
    pub(crate) fn take_cut(&mut self) -> Option<u8> {
        let percent = self.cut?;
        super::take_one(&mut self.cuts_remaining).then_some(percent)
    }

    pub(super) fn apply(&mut self, fault: DownloadFault) {
        match fault {
            DownloadFault::Cut(percent, times) => {
                self.cut = Some(percent);
                self.cuts_remaining = times;
            }
            DownloadFault::Framing(framing) => self.framing = framing,
            DownloadFault::Resume(resume) => self.resume = resume,
            DownloadFault::Size(bytes) => self.size = Some(bytes),
            DownloadFault::Html => self.html = true,
            DownloadFault::Checksum(checksum) => self.checksum = checksum,
            DownloadFault::Disposition(text) => self.disposition = Some(text),
            DownloadFault::Drip(rate) => self.drip = Some(rate),
            DownloadFault::Corrupt => self.corrupt = true,
            DownloadFault::EtagChanges => self.etag_changes = true,
        }
    }
}

fn cut(text: &str) -> Result<Fault, String> {
    let (percent, times) = match text.split_once(':') {
        Some((percent, times)) => (percent, value::parsed(times)?),
        None => (text, u32::MAX),
    };
    let percent = value::percent(percent)?;
    Ok(Fault::Download(DownloadFault::Cut(percent, times)))
}

fn framing(text: &str) -> Result<Fault, String> {
    let framing = match text {
        "length" => Framing::Length,
        "chunked" => Framing::Chunked,
        "close" => Framing::Close,
        _ => return Err("no such framing".to_owned()),
    };
    Ok(Fault::Download(DownloadFault::Framing(framing)))
}

pub(super) const ROWS: &[Row<Fault>] = &[
    Row {
        name: "download-cut",
        value: Some("PERCENT[:TIMES]"),
        about: "downloads (or the first TIMES of them) break off after this part of what they send",
        parse: cut,
    },
    Row {
        name: "download-framing",
        value: Some("length|chunked|close"),
        about: "how the end of a download is told (length if not set)",
        parse: framing,
    },
    Row {
        name: "download-resume",
        value: Some("on|off"),
        about: "whether downloads have an ETag and honour Range and If-Range (off if not set)",
        parse: |text| Ok(Fault::Download(DownloadFault::Resume(value::on_off(text)?))),
    },
    Row {
        name: "download-size",
        value: Some("BYTES"),
        about: "every backup that can be downloaded has this size",
        parse: |text| Ok(Fault::Download(DownloadFault::Size(value::parsed(text)?))),
    },
    Row {
        name: "download-html",
        value: None,
        about: "downloads are answered 200 with an HTML page",
        parse: |_| Ok(Fault::Download(DownloadFault::Html)),
    },
    Row {
        name: "download-checksum",
        value: Some("on|off"),
        about: "whether downloads carry X-Checksum-Sha256 (off if not set)",
        parse: |text| {
            Ok(Fault::Download(DownloadFault::Checksum(value::on_off(
                text,
            )?)))
        },
    },
    Row {
        name: "download-disposition",
        value: Some("TEXT"),
        about: "the Content-Disposition of downloads (none if not set)",
        parse: |text| {
            Ok(Fault::Download(DownloadFault::Disposition(value::parsed(
                text,
            )?)))
        },
    },
    Row {
        name: "download-drip",
        value: Some("BYTES_PER_SECOND"),
        about: "downloads drip at this rate",
        parse: |text| {
            Ok(Fault::Download(DownloadFault::Drip(value::at_least_one(
                text,
            )?)))
        },
    },
    Row {
        name: "download-corrupt",
        value: None,
        about: "the last byte of a download is wrong, its length and headers are right",
        parse: |_| Ok(Fault::Download(DownloadFault::Corrupt)),
    },
    Row {
        name: "download-etag-changes",
        value: None,
        about: "each download has another ETag, so that none can be resumed",
        parse: |_| Ok(Fault::Download(DownloadFault::EtagChanges)),
    },
];
