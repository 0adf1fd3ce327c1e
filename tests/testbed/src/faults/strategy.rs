//! Faults and options of the strategy sidecar.

use super::{Fault, Row, value};

/// The settings of the strategy sidecar.
#[derive(Debug, Clone, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "faults that don't exclude each other"
)]
pub struct StrategyFaults {
    /// The bearer token of its configuration, if it is not the default.
    pub token: Option<String>,
    /// The version of its contract.
    pub version: Option<String>,
    pub headers: HeaderFamily,
    /// The announced checksum is wrong.
    pub bad_checksum: bool,
    /// The size in `X-Size`.
    pub size_header: Option<u64>,
    /// The name of the file.
    pub filename: Option<String>,
    /// The reason why the strategy fails.
    pub fails: Option<String>,
    /// An export ends in an unhandled exception.
    pub broken: bool,
    /// An export is made, then the connection ends without an answer.
    pub lost_answer: bool,
    /// The status URL of deferred exports.
    pub deferred: Option<String>,
    /// The number of polls before a deferred export has ended.
    pub job_looks: u32,
    /// The reason why deferred exports fail.
    pub job_fails: Option<String>,
    /// The answer does not repeat the Drive folder.
    pub no_echo: bool,
}

/// The headers that describe a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HeaderFamily {
    /// The headers `X-Backup-Format` and `X-Checksum-Sha256`.
    #[default]
    Source,
    /// The headers `X-Format`, `X-Checksum-SHA256` and `X-Size`.
    Documents,
    None,
}

/// A change to [`StrategyFaults`].
#[derive(Debug, Clone)]
pub enum StrategyFault {
    Auth(String),
    Version(String),
    Headers(HeaderFamily),
    BadChecksum,
    SizeHeader(u64),
    Filename(String),
    Fails(String),
    Broken,
    LostAnswer,
    Deferred(String),
    JobLooks(u32),
    JobFails(String),
    NoEcho,
}

impl StrategyFaults {
    pub(super) fn apply(&mut self, fault: StrategyFault) {
        match fault {
            StrategyFault::Auth(token) => self.token = Some(token),
            StrategyFault::Version(version) => self.version = Some(version),
            StrategyFault::Headers(family) => self.headers = family,
            StrategyFault::BadChecksum => self.bad_checksum = true,
            StrategyFault::SizeHeader(bytes) => self.size_header = Some(bytes),
            StrategyFault::Filename(name) => self.filename = Some(name),
            StrategyFault::Fails(reason) => self.fails = Some(reason),
            StrategyFault::Broken => self.broken = true,
            StrategyFault::LostAnswer => self.lost_answer = true,
            StrategyFault::Deferred(url) => self.deferred = Some(url),
            StrategyFault::JobLooks(looks) => self.job_looks = looks,
            StrategyFault::JobFails(reason) => self.job_fails = Some(reason),
            StrategyFault::NoEcho => self.no_echo = true,
        }
    }
}

fn text(make: impl Fn(String) -> StrategyFault, text: &str) -> Result<Fault, String> {
    Ok(Fault::Strategy(make(value::parsed(text)?)))
}

fn headers(text: &str) -> Result<Fault, String> {
    let family = match text {
        "source" => HeaderFamily::Source,
        "documents" => HeaderFamily::Documents,
        "none" => HeaderFamily::None,
        _ => return Err("no such family of headers".to_owned()),
    };
    Ok(Fault::Strategy(StrategyFault::Headers(family)))
}

pub(super) const ROWS: &[Row<Fault>] = &[
    Row {
        name: "strategy-auth",
        value: Some("TOKEN"),
        about: "the strategy sidecar wants this bearer token (strategy-testbed-token if not set)",
        parse: |value| text(StrategyFault::Auth, value),
    },
    Row {
        name: "strategy-version",
        value: Some("TEXT"),
        about: "the version of the contract that it says it speaks (v1 if not set)",
        parse: |value| text(StrategyFault::Version, value),
    },
    Row {
        name: "strategy-headers",
        value: Some("source|documents|none"),
        about: "whether backups have the headers of its source or of its documents (source if not set)",
        parse: headers,
    },
    Row {
        name: "strategy-bad-checksum",
        value: None,
        about: "the checksum that it announces is another one",
        parse: |_| Ok(Fault::Strategy(StrategyFault::BadChecksum)),
    },
    Row {
        name: "strategy-size-header",
        value: Some("BYTES"),
        about: "what it says in X-Size, whatever the size is",
        parse: |text| {
            let bytes = value::parsed(text)?;
            Ok(Fault::Strategy(StrategyFault::SizeHeader(bytes)))
        },
    },
    Row {
        name: "strategy-filename",
        value: Some("TEXT"),
        about: "what it calls the file of a backup (app.sql.gz if not set)",
        parse: |value| text(StrategyFault::Filename, value),
    },
    Row {
        name: "strategy-fails",
        value: Some("REASON"),
        about: "exports fail in the strategy (500 with this text)",
        parse: |value| text(StrategyFault::Fails, value),
    },
    Row {
        name: "strategy-broken",
        value: None,
        about: "exports end in an unexpected exception (500 with an HTML page)",
        parse: |_| Ok(Fault::Strategy(StrategyFault::Broken)),
    },
    Row {
        name: "strategy-lost-answer",
        value: None,
        about: "exports are made, then the connection drops without an answer",
        parse: |_| Ok(Fault::Strategy(StrategyFault::LostAnswer)),
    },
    Row {
        name: "strategy-deferred",
        value: Some("URL"),
        about: "exports are answered 202 with this status URL, where the backup is then",
        parse: |value| text(StrategyFault::Deferred, value),
    },
    Row {
        name: "strategy-job-looks",
        value: Some("N"),
        about: "how often a deferred export is looked at before it has ended (0 if not set)",
        parse: |text| {
            let looks = value::parsed(text)?;
            Ok(Fault::Strategy(StrategyFault::JobLooks(looks)))
        },
    },
    Row {
        name: "strategy-job-fails",
        value: Some("REASON"),
        about: "deferred exports fail for this reason",
        parse: |value| text(StrategyFault::JobFails, value),
    },
    Row {
        name: "strategy-no-echo",
        value: None,
        about: "the Drive folder of an export is not confirmed",
        parse: |_| Ok(Fault::Strategy(StrategyFault::NoEcho)),
    },
];
