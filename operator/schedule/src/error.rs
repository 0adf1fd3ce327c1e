use thiserror::Error;

use crate::Field;

/// The most characters of a refused text that an error shows.
const SHOWN: usize = 40;

/// Reasons why a text is no schedule.
///
/// Each text in an error is cut to 40 characters and shown with its control characters escaped.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ScheduleError {
    /// The text has no fields.
    #[error("the schedule is empty: write five fields, such as \"30 2 * * *\", or @daily")]
    Empty,
    /// The text is longer than any schedule needs to be.
    #[error(
        "the schedule has {length} bytes, and must have at most {}: use ranges and steps, such as 0-30/5",
        crate::parse::MAX_LENGTH
    )]
    TooLong {
        /// The length of the refused text in bytes.
        length: usize,
    },
    /// The text does not have five fields.
    #[error(
        "schedule {text:?} must have 5 fields, not {count}: minute, hour, day of month, month and day of week, \
         such as \"30 2 * * *\""
    )]
    FieldCount {
        /// The refused text.
        text: String,
        /// How many fields it has.
        count: usize,
    },
    /// The text begins with a time zone.
    #[error(
        "schedule {text:?} names a time zone: set the zone as `timeZone`, and begin the schedule with its minute"
    )]
    ZoneInText {
        /// The refused text.
        text: String,
    },
    /// The text begins with `@` and is not known.
    #[error(
        "unknown schedule {text:?}: use @hourly, @daily, @midnight, @weekly, @monthly, @yearly, @annually, \
         \"@every 90m\", or five fields such as \"30 2 * * *\""
    )]
    UnknownName {
        /// The refused text.
        text: String,
    },
    /// The length of time after `@every` is not allowed.
    #[error(
        "invalid interval {text:?} after @every: use whole hours and minutes from 1m to 8784h, such as 90m or 1h30m"
    )]
    Every {
        /// The refused length of time.
        text: String,
    },
    /// A field has a text of no known form, or a value that is not allowed.
    #[error(
        "invalid {field} {text:?}: values must be {}, in a form such as {example}",
        field.allowed(),
        example = field.example()
    )]
    Value {
        /// The field.
        field: Field,
        /// The refused text.
        text: String,
    },
    /// A range ends before it begins.
    #[error(
        "{field} range {low}-{high} ends before it begins: write two ranges, such as {low}-{greatest},{least}-{high}",
        greatest = field.bounds().1,
        least = field.bounds().0
    )]
    Reversed {
        /// The field.
        field: Field,
        /// The beginning of the refused range.
        low: u32,
        /// The end of the refused range.
        high: u32,
    },
    /// A step is not a number of the field's size.
    #[error(
        "invalid step {text:?} of {field}: must be 1–{}; for intervals across fields, use @every, such as \"@every 90m\"",
        field.values()
    )]
    Step {
        /// The field.
        field: Field,
        /// The refused step.
        text: String,
    },
    /// A step of `H` leaves no choice, or is larger than the range.
    #[error(
        "invalid step {text:?} of H in {field}: must be at least 2, and at most the number of values ({most}); \
         for every value, write * instead of H"
    )]
    HashStep {
        /// The field.
        field: Field,
        /// The refused step.
        text: String,
        /// The number of values in the range.
        most: u32,
    },
    /// No date has the day and the month.
    #[error(
        "schedule {text:?} never fires: none of its months has such a day; use a day that one of them has, \
         such as 28, which all have"
    )]
    Never {
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

/// Returns the beginning of a text from outside, for an error.
pub(crate) fn excerpt(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
