/// Formats a number of bytes for display, in the same way as the host: `12.0GiB`.
#[must_use]
pub fn size(bytes: u64) -> String {
    if bytes < 1024 {
        return format!("{bytes}B");
    }
    let tenths = |unit: u128| (u128::from(bytes) * 10 + unit / 2) / unit;
    let (mut unit, mut name) = (1024, "KiB");
    for next in ["MiB", "GiB", "TiB", "PiB", "EiB"] {
        // The comparison uses the rounded number, so that no size is shown as 1024.0 of a unit.
        if tenths(unit) < 10_240 {
            break;
        }
        (unit, name) = (unit * 1024, next);
    }
    format!("{}.{}{name}", tenths(unit) / 10, tenths(unit) % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_told_with_one_digit_behind_the_point() {
        for (bytes, shown) in [
            (0, "0B"),
            (1023, "1023B"),
            (1536, "1.5KiB"),
            ((1 << 20) - 1, "1.0MiB"),
            (1_500_000_000, "1.4GiB"),
            (12 << 30, "12.0GiB"),
            (u64::MAX, "16.0EiB"),
        ] {
            assert_eq!(size(bytes), shown);
        }
    }
}
