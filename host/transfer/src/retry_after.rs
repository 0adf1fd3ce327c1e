use std::time::Duration;

use http::HeaderMap;
use http::header::RETRY_AFTER;

/// Returns how long a backend asks to wait (RFC 9110, 10.2.3). A date, the other form of the header, is
/// ignored: it is rare and needs synchronized clocks.
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?;
    Some(Duration::from_secs(seconds.trim().parse().ok()?))
}
