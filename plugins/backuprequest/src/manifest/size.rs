//! Sizes in the form that the controller writes for display: `45.2 GB`.

/// Returns whether a text shows this number of bytes, in units of 1000 or of 1024. The last digit may be
/// rounded or cut. Returns `None` if the text is not a size.
pub fn agrees(shown: &str, bytes: u64) -> Option<bool> {
    let digits = shown.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = shown[digits.len()..].to_ascii_uppercase();
    let digits = digits.trim_end();
    let number: f64 = digits.parse().ok()?;
    let power = match unit.as_str() {
        "" | "B" => 0,
        "KB" | "KIB" | "K" => 1,
        "MB" | "MIB" | "M" => 2,
        "GB" | "GIB" | "G" => 3,
        "TB" | "TIB" | "T" => 4,
        "PB" | "PIB" | "P" => 5,
        _ => return None,
    };
    let decimals = digits.split_once('.').map_or(0, |(_, after)| after.len());
    let step = 10f64.powi(-i32::try_from(decimals).ok()?);
    #[expect(
        clippy::cast_precision_loss,
        reason = "what is compared has few digits"
    )]
    let exact = bytes as f64;
    let fits = |base: f64| (exact / f64::powi(base, power) - number).abs() < step;
    Some(fits(1000.0) || fits(1024.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_agrees_in_units_of_1000_and_of_1024() {
        assert_eq!(agrees("45.2 GB", 45_200_000_000), Some(true));
        assert_eq!(agrees("45.2 GB", 48_586_496_000), Some(true));
        assert_eq!(agrees("45.2GiB", 48_586_496_000), Some(true));
        assert_eq!(agrees("45.2 GB", 47_000_000_000), Some(false));
        assert_eq!(agrees("512 B", 512), Some(true));
        assert_eq!(agrees("1 KB", 4096), Some(false));
    }

    #[test]
    fn what_is_no_size_is_not_compared() {
        for shown in ["", "much", "1 parsec", "GB", "1,5 GB"] {
            assert_eq!(agrees(shown, 1), None, "{shown}");
        }
    }
}
