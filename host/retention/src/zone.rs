use jiff::tz::{TimeZone, TimeZoneDatabase};

use crate::RetentionError;

/// Returns the time zone with a name of the IANA database, such as `Europe/Berlin`. Case does not matter.
///
/// The zone comes from the database in the program, never from the machine. So the same program decides the same on a
/// laptop and in a container without `/usr/share/zoneinfo`.
///
/// # Errors
///
/// [`RetentionError::UnknownZone`] if the database has no such zone.
pub fn zone(name: &str) -> Result<TimeZone, RetentionError> {
    let found = TimeZoneDatabase::bundled().get(name).ok();
    // jiff takes `Etc/Unknown` for a zone that behaves like UTC.
    found
        .filter(|zone| !zone.is_unknown())
        .ok_or_else(|| RetentionError::UnknownZone {
            name: name.to_owned(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_are_found_by_name_in_any_case() {
        for (text, name) in [
            ("UTC", "UTC"),
            ("Europe/Berlin", "Europe/Berlin"),
            ("australia/lord_howe", "Australia/Lord_Howe"),
        ] {
            let zone = zone(text).expect("a zone");
            assert_eq!(zone.iana_name(), Some(name));
        }
    }

    #[test]
    fn names_without_a_zone_are_refused() {
        for name in [
            "",
            "Etc/Unknown",
            "Berlin",
            "local",
            "../../etc/passwd",
            "/usr/share/zoneinfo/UTC",
            "Europe/Berlin\0",
        ] {
            let refused = zone(name).expect_err(name);
            let name = name.to_owned();
            assert_eq!(refused, RetentionError::UnknownZone { name });
        }
    }

    #[test]
    fn an_unknown_name_is_shown_escaped() {
        let refused = zone("a\u{1b}[2Jb").expect_err("no zone");
        assert_eq!(
            refused.to_string(),
            "unknown time zone \"a\\u{1b}[2Jb\": use a name of the IANA database, such as UTC or Europe/Berlin"
        );
    }
}
