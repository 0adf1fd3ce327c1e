use thiserror::Error;

/// Reasons why copies can't be decided about.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RetentionError {
    /// Every rule is zero or absent.
    #[error(
        "the retention policy keeps nothing: set at least one rule, such as `--keep-last 7` (`keepLast: 7`)"
    )]
    KeepsNothing,
    /// A length of time has a form that is not allowed.
    #[error(
        "invalid length of time {text:?}: use whole numbers with the units y, m (months), w, d and h, in this order, \
         such as 30d, 36h or 1y6m"
    )]
    InvalidWithin {
        /// The refused text.
        text: String,
    },
    /// A length of time has a number that is zero in all or too large.
    #[error(
        "length of time {text:?} is out of range: it must be at least 1h, and each of its numbers at most 1000 years"
    )]
    WithinOutOfRange {
        /// The refused text.
        text: String,
    },
    /// The time zone database has no zone with this name.
    #[error(
        "unknown time zone {name:?}: use a name of the IANA database, such as UTC or Europe/Berlin"
    )]
    UnknownZone {
        /// The refused name.
        name: String,
    },
}
