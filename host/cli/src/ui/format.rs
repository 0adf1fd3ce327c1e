use std::time::Duration;

use jiff::Timestamp;

/// The output formats of a result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    #[default]
    Table,
    /// The table with more columns.
    Wide,
    Json,
    Yaml,
    /// One name a line.
    Name,
}

impl Format {
    /// Returns whether people read the output.
    #[must_use]
    pub fn is_table(self) -> bool {
        matches!(self, Self::Table | Self::Wide)
    }
}

/// Returns the time since `created` as kubectl writes it: `45s`, `7m30s`, `3h`, `2d5h`, `40d`, `2y10d`.
pub(super) fn age(created: Timestamp, now: Timestamp) -> String {
    let seconds = now.duration_since(created).as_secs();
    let Ok(seconds) = u64::try_from(seconds) else {
        // The clock of the server is ahead of the local clock.
        return "0s".to_owned();
    };
    duration(Duration::from_secs(seconds))
}

/// Formats a duration by the rules of `HumanDuration` in k8s.io/apimachinery `pkg/util/duration`.
pub(super) fn duration(length: Duration) -> String {
    let seconds = length.as_secs();
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    let years = days / 365;
    let two = |big: u64, unit: char, small: u64, small_unit: char| {
        if small == 0 {
            format!("{big}{unit}")
        } else {
            format!("{big}{unit}{small}{small_unit}")
        }
    };
    if seconds < 120 {
        format!("{seconds}s")
    } else if minutes < 10 {
        two(minutes, 'm', seconds % 60, 's')
    } else if minutes < 180 {
        format!("{minutes}m")
    } else if hours < 8 {
        two(hours, 'h', minutes % 60, 'm')
    } else if hours < 48 {
        format!("{hours}h")
    } else if days < 8 {
        two(days, 'd', hours % 24, 'h')
    } else if years < 2 {
        format!("{days}d")
    } else if years < 8 {
        two(years, 'y', days % 365, 'd')
    } else {
        format!("{years}y")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_those_of_kubectl() {
        for (seconds, shown) in [
            (0, "0s"),
            (119, "119s"),
            (120, "2m"),
            (450, "7m30s"),
            (600, "10m"),
            (10_800, "3h"),
            (12_600, "3h30m"),
            (172_799, "47h"),
            (190_800, "2d5h"),
            (40 * 86_400, "40d"),
            (740 * 86_400, "2y10d"),
            (9 * 365 * 86_400, "9y"),
        ] {
            assert_eq!(duration(Duration::from_secs(seconds)), shown);
        }
    }

    #[test]
    fn a_clock_that_is_ahead_gives_no_negative_age() {
        let now = Timestamp::UNIX_EPOCH;
        assert_eq!(age(now + Duration::from_secs(5), now), "0s");
    }
}
