/// A number of bytes for people: `12.0GiB`.
#[must_use]
pub fn size(bytes: u64) -> String {
    let (mut unit, mut name) = (1, "B");
    for next in ["KiB", "MiB", "GiB", "TiB", "PiB"] {
        if bytes / unit < 1024 {
            break;
        }
        (unit, name) = (unit * 1024, next);
    }
    let tenths = u128::from(bytes) * 10 / u128::from(unit);
    if unit == 1 {
        format!("{bytes}{name}")
    } else {
        format!("{}.{}{name}", tenths / 10, tenths % 10)
    }
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
            (12 << 30, "12.0GiB"),
            (u64::MAX, "16383.9PiB"),
        ] {
            assert_eq!(size(bytes), shown);
        }
    }
}
