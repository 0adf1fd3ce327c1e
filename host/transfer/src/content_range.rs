use http::HeaderMap;

use super::claims::text;

/// A `Content-Range` header (RFC 9110, 14.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ContentRange {
    /// Position of the first byte of the part; `None` if the range could not be satisfied.
    pub(super) start: Option<u64>,
    /// Position of the last byte of the part.
    pub(super) end: Option<u64>,
    /// Length of the whole in bytes, if the backend knows it.
    pub(super) total: Option<u64>,
}

impl ContentRange {
    pub(super) fn read(headers: &HeaderMap) -> Option<Self> {
        let value = text(headers, http::header::CONTENT_RANGE.as_str())?;
        let (unit, rest) = value.split_once(' ')?;
        let (range, total) = rest.trim().split_once('/')?;
        if !unit.eq_ignore_ascii_case("bytes") {
            return None;
        }
        let total = match total.trim() {
            "*" => None,
            total => Some(total.parse().ok()?),
        };
        let (start, end) = match range.trim() {
            "*" => (None, None),
            range => {
                let (start, end) = range.split_once('-')?;
                let (start, end): (u64, u64) = (start.parse().ok()?, end.parse().ok()?);
                // The part was requested without an end, so it must extend to the end of the whole.
                if end < start || total.is_some_and(|total| end.checked_add(1) != Some(total)) {
                    return None;
                }
                (Some(start), Some(end))
            }
        };
        Some(Self { start, end, total })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str) -> Option<(Option<u64>, Option<u64>, Option<u64>)> {
        let mut headers = HeaderMap::new();
        headers.insert("content-range", value.parse().expect("a header value"));
        ContentRange::read(&headers).map(|range| (range.start, range.end, range.total))
    }

    #[test]
    fn ranges_are_read() {
        assert_eq!(read("bytes 5-9/10"), Some((Some(5), Some(9), Some(10))));
        assert_eq!(read("Bytes 5-9/*"), Some((Some(5), Some(9), None)));
        assert_eq!(read("bytes */10"), Some((None, None, Some(10))));
    }

    #[test]
    fn what_is_no_range_to_the_end_is_refused() {
        for value in [
            "",
            "bytes",
            "bytes 5-9",
            "items 5-9/10",
            "bytes 9-5/10",
            "bytes 5-8/10",
            "bytes 5-99/10",
            "bytes a-b/c",
            "bytes 0-18446744073709551615/0",
            "bytes -5/10",
        ] {
            assert_eq!(read(value), None, "{value}");
        }
    }
}
