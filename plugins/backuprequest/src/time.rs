//! The time in names of objects.

use broker_engine::clock;
use jiff::Timestamp;
use jiff::tz::Offset;

/// Now, as `YYYYMMDD-HHMMSS` in UTC.
pub fn stamp() -> String {
    let now = i64::try_from(clock::now()).unwrap_or_default();
    let now = Timestamp::from_millisecond(now).unwrap_or_default();
    let now = Offset::UTC.to_datetime(now);
    // `strftime` would make the component 200 kB larger.
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

#[cfg(test)]
mod tests {
    use broker_engine::mock::Host;

    use super::*;

    #[test]
    fn a_stamp_is_the_utc_time() {
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
