//! The time in names of objects.

use broker_engine::clock;

/// Now, as `YYYYMMDD-HHMMSS` in UTC.
pub fn stamp() -> String {
    let seconds = clock::now() / 1000;
    let (year, month, day) = date(seconds / 86_400);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{year:04}{month:02}{day:02}-{hour:02}{minute:02}{second:02}")
}

/// The civil date of a day since 1970-01-01, by Howard Hinnant's `civil_from_days`.
fn date(day: u64) -> (u64, u64, u64) {
    // Years begin in March here, so that a leap day is the last of its year.
    let day = day + 719_468;
    let (era, day) = (day / 146_097, day % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let of_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let of_month = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = era * 400 + year + u64::from(month <= 2);
    (year, month, of_month)
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
