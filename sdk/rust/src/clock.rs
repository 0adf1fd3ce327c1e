//! The host's clock.

#[cfg(target_family = "wasm")]
use crate::bindings::kubectl_broker::engine::clock as host;
#[cfg(not(target_family = "wasm"))]
use crate::mock::clock as host;

/// Returns the current time in milliseconds since the Unix epoch.
#[must_use]
pub fn now() -> u64 {
    host::now()
}

/// Returns the offset of the user's time zone from UTC at a time in milliseconds since the Unix epoch, in
/// minutes. East of Greenwich is positive.
#[must_use]
pub fn offset(at: u64) -> i32 {
    host::offset(at)
}

/// Returns the current time in UTC in the form used in names of objects: `20250906-120000`. Requires the
/// feature `time`.
#[cfg(feature = "time")]
#[must_use]
pub fn stamp() -> String {
    let now = i64::try_from(now()).unwrap_or_default();
    let now = jiff::Timestamp::from_millisecond(now).unwrap_or_default();
    let now = jiff::tz::Offset::UTC.to_datetime(now);
    // `strftime` would add 200 kB to a component.
    format!(
        "{:04}{:02}{:02}-{:02}{:02}{:02}",
        now.year(),
        now.month(),
        now.day(),
        now.hour(),
        now.minute(),
        now.second()
    )
}

#[cfg(all(test, feature = "time"))]
mod tests {
    use crate::mock::Host;

    use super::*;

    #[test]
    fn a_stamp_is_the_time_of_the_host_in_utc() {
        for (milliseconds, shown) in [
            (0, "19700101-000000"),
            (951_782_400_000, "20000229-000000"),
            (1_762_698_600_999, "20251109-143000"),
            (4_107_542_399_000, "21000228-235959"),
        ] {
            let host = Host::without_manifest().at(milliseconds);
            assert_eq!(host.run(stamp), shown);
        }
    }
}
