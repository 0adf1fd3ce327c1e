//! Times in RFC 3339, in the forms that users write.

use broker_engine::{Error, ErrorKind, Result};
use jiff::Timestamp;
use jiff::fmt::temporal::Pieces;

/// Seconds of a day.
const DAY: i32 = 86_400;

/// Parses a time in RFC 3339.
///
/// # Errors
/// The message names the flag whose value is not such a time.
pub fn parse(flag: &str, text: &str) -> Result<Timestamp> {
    read(text).ok_or_else(|| {
        Error::new(
            ErrorKind::InvalidArgument,
            format!("--{flag} {text:?} is not an RFC 3339 time"),
        )
        .with_hint(
            "Write it like 2025-09-06T12:00:00Z, or with an offset: 2025-09-06T14:00:00+02:00",
        )
    })
}

/// Rejects texts that Jiff accepts and RFC 3339 does not: a space instead of the T, and offsets of a day or
/// more.
fn read(text: &str) -> Option<Timestamp> {
    let has_t = matches!(text.as_bytes().get(10), Some(b'T' | b't'));
    let pieces = Pieces::parse(text).ok()?;
    let offset = pieces.to_numeric_offset()?;
    if !has_t || offset.seconds().abs() >= DAY {
        return None;
    }
    let time = pieces.date().to_datetime(pieces.time()?);
    offset.to_timestamp(time).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_an_offset_and_perhaps_a_fraction() {
        let at = |text| parse("to-time", text).map(Timestamp::as_millisecond).ok();
        assert_eq!(at("2025-09-06T12:00:00Z"), Some(1_757_160_000_000));
        assert_eq!(at("2025-09-06T14:00:00.5+02:00"), Some(1_757_160_000_500));
        assert_eq!(at("2024-02-29T23:59:59z"), Some(1_709_251_199_000));
    }

    #[test]
    fn what_is_no_time_is_refused_with_its_flag() {
        for text in [
            "",
            "2025-09-06",
            "2025-09-06 12:00:00Z",
            "2025-09-06T12:00:00",
            "2025-02-29T12:00:00Z",
            "2025-13-01T12:00:00Z",
            "2025-09-06T24:00:00Z",
            "2025-09-06T12:00:00+25:00",
            "2025-09-06T12:00:00.Z1",
            "yesterday",
        ] {
            let error = parse("to-time", text).unwrap_err();
            assert!(error.message.starts_with("--to-time "), "{text}");
        }
    }
}
