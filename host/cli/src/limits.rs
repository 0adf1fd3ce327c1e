use std::time::Duration;

use clap::Args;
use host_engine::Limits;

use super::backup::ENGINE_HEADING;
use super::connection::parse_duration;

/// The limits of an engine.
#[derive(Args)]
pub(super) struct LimitsArgs {
    /// Maximum memory of an engine, such as 512Mi or 1Gi; 16Mi to 4Gi [default: 256Mi]
    #[arg(
        long,
        global = true,
        value_name = "SIZE",
        value_parser = parse_memory,
        help_heading = ENGINE_HEADING
    )]
    engine_memory: Option<usize>,
    /// Maximum time for one call of an engine, such as 30s or 1h; 1s to 24h [default: 15m; 5s to detect a
    /// backend]
    #[arg(
        long,
        global = true,
        value_name = "TIME",
        value_parser = parse_timeout,
        help_heading = ENGINE_HEADING
    )]
    engine_timeout: Option<Duration>,
}

const MEMORY: std::ops::RangeInclusive<u64> = 16 << 20..=4 << 30;
const TIMEOUT: std::ops::RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_hours(24);

impl LimitsArgs {
    pub(super) fn limits(&self) -> Limits {
        let mut limits = Limits::default();
        if let Some(memory) = self.engine_memory {
            limits.memory = memory;
        }
        if let Some(timeout) = self.engine_timeout {
            limits.total = timeout;
            limits.detect = timeout;
            limits.start = limits.start.min(timeout);
            limits.answer = limits.answer.min(timeout);
        }
        limits
    }
}

/// Bytes, or a number with a unit of Kubernetes (`Mi`, `Gi`, `M`, `G`), with or without a `B` at its end.
fn parse_memory(text: &str) -> Result<usize, String> {
    let wrong = || "it must be 16Mi to 4Gi, such as 512Mi".to_owned();
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit: u64 = match unit.strip_suffix('B').unwrap_or(unit) {
        "" => 1,
        "K" | "k" => 1000,
        "M" => 1_000_000,
        "G" => 1_000_000_000,
        "Ki" => 1 << 10,
        "Mi" => 1 << 20,
        "Gi" => 1 << 30,
        _ => return Err(wrong()),
    };
    let bytes = number.parse::<u64>().ok().and_then(|n| n.checked_mul(unit));
    let bytes = bytes
        .filter(|bytes| MEMORY.contains(bytes))
        .ok_or_else(wrong)?;
    usize::try_from(bytes).map_err(|_| wrong())
}

fn parse_timeout(text: &str) -> Result<Duration, String> {
    let time = parse_duration(text)?;
    if TIMEOUT.contains(&time) {
        Ok(time)
    } else {
        Err("it must be 1s to 24h".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_has_the_units_of_kubernetes_and_bounds() {
        for (text, bytes) in [
            ("16Mi", 16 << 20),
            ("512Mi", 512 << 20),
            ("512MiB", 512 << 20),
            ("1Gi", 1 << 30),
            ("300M", 300_000_000),
            ("268435456", 256 << 20),
            ("4Gi", 4 << 30),
        ] {
            assert_eq!(parse_memory(text), Ok(bytes), "{text}");
        }
        for text in [
            "",
            "0",
            "1Mi",
            "15Mi",
            "5Gi",
            "-1Gi",
            "1.5Gi",
            "lots",
            "Mi",
            "512mi",
            "99999999999999999999Gi",
            "18446744073709551615Gi",
        ] {
            assert!(parse_memory(text).is_err(), "{text}");
        }
    }

    #[test]
    fn times_have_bounds() {
        assert_eq!(parse_timeout("1m30s"), Ok(Duration::from_secs(90)));
        for text in ["0", "0s", "25h", "soon", "9223372036854775807"] {
            assert!(parse_timeout(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_timeout_holds_for_every_part_of_a_call() {
        let args = |timeout: &str| LimitsArgs {
            engine_memory: None,
            engine_timeout: Some(parse_timeout(timeout).expect("a time")),
        };
        let short = args("10s").limits();
        let seconds = Duration::from_secs;
        assert_eq!(
            (short.total, short.detect, short.start),
            (seconds(10), seconds(10), seconds(10))
        );
        let long = args("1h").limits();
        assert_eq!((long.total, long.start), (seconds(3600), seconds(30)));
    }
}
