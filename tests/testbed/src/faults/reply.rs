//! Faults of the answers of any HTTP backend.

use http::StatusCode;

use super::{Row, take_one, value};

/// The kinds of backends behind pods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BackendKind {
    /// HiveMQ's management API.
    Hivemq,
    /// The broker-backup sidecar.
    Sidecar,
    /// The strategy sidecar of an application.
    Strategy,
    /// HiveMQ's health API.
    HivemqHealth,
}

impl BackendKind {
    pub const ALL: [Self; 4] = [
        Self::Sidecar,
        Self::Strategy,
        Self::Hivemq,
        Self::HivemqHealth,
    ];

    /// Returns the prefix of the names of its faults.
    pub(super) fn prefix(self) -> &'static str {
        match self {
            Self::Hivemq => "hivemq-",
            Self::Sidecar => "sidecar-",
            Self::Strategy => "strategy-",
            Self::HivemqHealth => "health-",
        }
    }
}

/// The faults of every answer of a backend.
#[derive(Debug, Clone, Default)]
pub struct ReplyFaults {
    /// The process isn't running, so that its port is closed.
    pub off: bool,
    /// The answer is an error with this status in the backend's own format.
    pub status: Option<StatusCode>,
    /// The answer is a proxy's HTML page with this status.
    pub html: Option<StatusCode>,
    /// The change to the body of a successful answer.
    pub body: Option<BodyFault>,
    /// Bodies arrive at this many bytes per second.
    pub drip: Option<u64>,
    /// Bodies end after this percentage of their length.
    pub cut: Option<u8>,
    /// Lists contain names that attack terminals and file systems.
    pub hostile_names: bool,
    /// Lists are extended to this many items.
    pub count: Option<usize>,
    /// Requests get this status with a `Retry-After` header.
    pub retry_after: Option<RetryAfter>,
    /// Answers contain the request.
    pub echo: Option<Echo>,
}

/// The place in which an answer repeats the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Echo {
    /// The body, as JSON, like servers for debugging.
    Body,
    /// The body, with all headers in base64.
    Base64,
    /// A header of the answer.
    Header,
}

impl std::str::FromStr for Echo {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "body" => Ok(Self::Body),
            "base64" => Ok(Self::Base64),
            "header" => Ok(Self::Header),
            _ => Err("neither `body`, `base64` nor `header`".to_owned()),
        }
    }
}

/// The change to the body of a successful answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyFault {
    /// Incomplete JSON, as text where JSON is expected.
    NotJson,
    /// JSON of an unexpected form.
    WrongShape,
}

/// An answer that asks the client to retry later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryAfter {
    pub status: StatusCode,
    pub seconds: u64,
    /// The number of further requests that get this answer.
    pub remaining: u32,
}

impl std::str::FromStr for RetryAfter {
    type Err = String;

    /// Parses `CODE:SECONDS[:TIMES]`.
    fn from_str(text: &str) -> Result<Self, String> {
        let parts: Vec<&str> = text.split(':').collect();
        let (status, seconds, times) = match parts[..] {
            [status, seconds] => (status, seconds, None),
            [status, seconds, times] => (status, seconds, Some(times)),
            _ => return Err("not two or three parts with colons between them".to_owned()),
        };
        Ok(Self {
            status: value::status(status)?,
            seconds: value::parsed(seconds)?,
            remaining: times.map_or(Ok(u32::MAX), value::parsed)?,
        })
    }
}

/// A change to [`ReplyFaults`].
#[derive(Debug, Clone, Copy)]
pub enum ReplyFault {
    Off,
    Status(StatusCode),
    Html(StatusCode),
    NotJson,
    WrongShape,
    Drip(u64),
    Cut(u8),
    HostileNames,
    Count(usize),
    RetryAfter(RetryAfter),
    Echo(Echo),
}

impl ReplyFaults {
    pub(super) fn apply(&mut self, fault: ReplyFault) {
        match fault {
            ReplyFault::Off => self.off = true,
            ReplyFault::Status(status) => self.status = Some(status),
            ReplyFault::Html(status) => self.html = Some(status),
            ReplyFault::NotJson => self.body = Some(BodyFault::NotJson),
            ReplyFault::WrongShape => self.body = Some(BodyFault::WrongShape),
            ReplyFault::Drip(rate) => self.drip = Some(rate),
            ReplyFault::Cut(percent) => self.cut = Some(percent),
            ReplyFault::HostileNames => self.hostile_names = true,
            ReplyFault::Count(count) => self.count = Some(count),
            ReplyFault::RetryAfter(retry) => self.retry_after = Some(retry),
            ReplyFault::Echo(echo) => self.echo = Some(echo),
        }
    }

    /// Returns the answer that asks the client to retry later, if one is due, and counts it.
    pub(crate) fn take_retry_after(&mut self) -> Option<RetryAfter> {
        let retry = self.retry_after.as_mut()?;
        take_one(&mut retry.remaining).then_some(*retry)
    }
}

/// The rows without the prefix of the kind of backend in their names.
pub(super) const ROWS: &[Row<ReplyFault>] = &[
    Row {
        name: "off",
        value: None,
        about: "the process isn't running: its port is closed",
        parse: |_| Ok(ReplyFault::Off),
    },
    Row {
        name: "status",
        value: Some("CODE"),
        about: "every request gets this status, with an error in the backend's own form",
        parse: |text| value::status(text).map(ReplyFault::Status),
    },
    Row {
        name: "html",
        value: Some("CODE"),
        about: "every request gets this status with a proxy's HTML page",
        parse: |text| value::status(text).map(ReplyFault::Html),
    },
    Row {
        name: "not-json",
        value: None,
        about: "good answers say they are JSON and are not",
        parse: |_| Ok(ReplyFault::NotJson),
    },
    Row {
        name: "wrong-shape",
        value: None,
        about: "good answers are JSON of another shape than promised",
        parse: |_| Ok(ReplyFault::WrongShape),
    },
    Row {
        name: "drip",
        value: Some("BYTES_PER_SECOND"),
        about: "bodies drip at this rate",
        parse: |text| value::at_least_one(text).map(ReplyFault::Drip),
    },
    Row {
        name: "cut",
        value: Some("PERCENT"),
        about: "bodies end after this part of their length",
        parse: |text| value::percent(text).map(ReplyFault::Cut),
    },
    Row {
        name: "hostile-names",
        value: None,
        about: "lists carry names with escape sequences, line breaks, bidi overrides, `../`, …",
        parse: |_| Ok(ReplyFault::HostileNames),
    },
    Row {
        name: "count",
        value: Some("N"),
        about: "lists are filled up to N items",
        parse: |text| value::parsed(text).map(ReplyFault::Count),
    },
    Row {
        name: "retry-after",
        value: Some("CODE:SECONDS[:TIMES]"),
        about: "requests (or the first TIMES of them) get this status and a Retry-After header",
        parse: |text| value::parsed(text).map(ReplyFault::RetryAfter),
    },
    Row {
        name: "echo",
        value: Some("WHERE"),
        about: "every request gets its own headers back, in the `body`, there in `base64`, or in a `header`",
        parse: |text| value::parsed(text).map(ReplyFault::Echo),
    },
];
