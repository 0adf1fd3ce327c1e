use jiff::Timestamp;

/// Returns how long ago a time is, or in how long it comes: `3 h ago`, `in 20 min`.
pub(crate) fn age(now: Timestamp, time: Timestamp) -> String {
    let seconds = now.duration_since(time).as_secs();
    let length = length(seconds.unsigned_abs());
    match seconds {
        0 => "now".to_owned(),
        1.. => format!("{length} ago"),
        _ => format!("in {length}"),
    }
}

/// Returns a length of time in its largest unit that is not too coarse: `90 s`, `47 h`, `12 d`.
pub(crate) fn length(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// Returns a time to the minute, in UTC.
pub(crate) fn minute(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// Returns a number of bytes in a unit with up to four digits.
pub(crate) fn bytes(count: i64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if (0..1024).contains(&count) {
        return format!("{count} B");
    }
    if count < 0 {
        return "unknown".to_owned();
    }
    // Digits that are lost above 2^53 are not shown anyhow.
    #[expect(clippy::cast_precision_loss, reason = "one digit is shown")]
    let mut value = count as f64;
    let mut unit = "B";
    for next in UNITS {
        if value < 1024.0 {
            break;
        }
        value /= 1024.0;
        unit = next;
    }
    format!("{value:.1} {unit}")
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    #[test]
    fn ages_are_in_a_unit_that_people_read() {
        let now: Timestamp = "2026-11-28T12:00:00Z".parse().expect("a time");
        for (seconds, expected) in [
            (0, "now"),
            (59, "59 s ago"),
            (-30, "in 30 s"),
            (120, "2 min ago"),
            (7199, "119 min ago"),
            (7200, "2 h ago"),
            (-3 * 86_400, "in 3 d"),
        ] {
            assert_eq!(age(now, now - SignedDuration::from_secs(seconds)), expected);
        }
        // The status of an object may have any time.
        assert_eq!(age(Timestamp::MIN, Timestamp::MAX), "in 7304481 d");
        assert_eq!(minute(now), "2026-11-28 12:00 UTC");
    }

    #[test]
    fn sizes_have_a_unit() {
        for (count, expected) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1536, "1.5 KiB"),
            (5_368_709_120, "5.0 GiB"),
            (i64::MAX, "8.0 EiB"),
            (-1, "unknown"),
        ] {
            assert_eq!(bytes(count), expected);
        }
    }
}
