//! Times as the interface wants them: RFC 3339.

use crate::log;

/// The text of a time that a server gave, in UTC; none when it is no RFC 3339 time.
///
/// One backup with a broken date should not hide all the others, so a time that can't be read is
/// left out, and said.
#[must_use]
pub fn from_server(field: &str, text: &str) -> Option<String> {
    match text.parse::<jiff::Timestamp>() {
        Ok(time) => Some(time.to_string()),
        Err(_) => {
            log::warn(&format!(
                "{field} is no RFC 3339 time and is left out: {text:?}"
            ));
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::from_server;
    use crate::mock;

    #[test]
    fn times_with_and_without_milliseconds_or_offset_become_utc() {
        for (text, utc) in [
            ("2020-05-06T08:13:17Z", "2020-05-06T08:13:17Z"),
            ("2020-05-06T08:13:17.000Z", "2020-05-06T08:13:17Z"),
            ("2020-05-06T10:13:17.5+02:00", "2020-05-06T08:13:17.5Z"),
        ] {
            assert_eq!(from_server("createdAt", text).as_deref(), Some(utc));
        }
    }

    #[test]
    fn what_is_no_time_is_left_out_and_said() {
        let host = mock::Host::without_manifest();
        assert_eq!(host.run(|| from_server("createdAt", "yesterday")), None);
        assert!(host.warnings()[0].contains("yesterday"));
    }
}
