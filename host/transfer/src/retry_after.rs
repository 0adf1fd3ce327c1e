use std::time::Duration;

use http::HeaderMap;
use http::header::RETRY_AFTER;

/// How long a backend asks to wait (RFC 9110, 10.2.3). The other form of the header, a date, is rare, and
/// needs a common clock.
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?;
    Some(Duration::from_secs(seconds.trim().parse().ok()?))
}
