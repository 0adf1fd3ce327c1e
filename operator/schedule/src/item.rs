//! One item of a field's list, such as `0-30/10` or `H(0-5)`.

use crate::Field;
use crate::error::{ScheduleError, excerpt};
use crate::hash::hash;

/// The values of an item.
pub(crate) struct Item {
    /// A bit for each value, the lowest for 0.
    pub(crate) values: u64,
    /// Whether the item is `*` or `?` without a step. Days in such a field limit nothing.
    pub(crate) is_star: bool,
    /// The item without `H`, in the form that Kubernetes reads.
    pub(crate) effective: String,
}

impl Item {
    pub(crate) fn parse(field: Field, text: &str, seed: &str) -> Result<Self, ScheduleError> {
        let invalid = || ScheduleError::Value {
            field,
            text: excerpt(text),
        };
        let (range, step) = match text.split_once('/') {
            Some((range, step)) => (range, Some(step)),
            None => (text, None),
        };
        if let Some(hashed) = range.strip_prefix('H') {
            let (low, high) = hash_range(field, hashed).ok_or_else(invalid)??;
            return Self::hashed(field, (low, high), step, seed);
        }
        let number = step.map(|step| {
            number(step)
                .filter(|number| (1..=field.values()).contains(number))
                .ok_or_else(|| ScheduleError::Step {
                    field,
                    text: excerpt(step),
                })
        });
        let number = number.transpose()?;
        let is_all = matches!(range, "*" | "?");
        let (low, high) = if is_all {
            field.bounds()
        } else if let Some((low, high)) = range.split_once('-') {
            span(field, low, high).ok_or_else(invalid)??
        } else {
            let low = value(field, range).ok_or_else(invalid)?;
            // A value with a step is the beginning of a range, as in Kubernetes.
            (
                low,
                if step.is_some() {
                    field.bounds().1
                } else {
                    low
                },
            )
        };
        let step = number.unwrap_or(1);
        Ok(Self {
            values: values(low, high, step),
            is_star: is_all && step == 1,
            effective: text.to_owned(),
        })
    }

    /// Returns the value that the hash chooses between two bounds, or each that is some steps after the chosen first.
    fn hashed(
        field: Field,
        (low, high): (u32, u32),
        step: Option<&str>,
        seed: &str,
    ) -> Result<Self, ScheduleError> {
        let most = high - low + 1;
        let Some(step) = step else {
            let chosen = low + hash(seed, field, most);
            return Ok(Self {
                values: values(chosen, chosen, 1),
                is_star: false,
                effective: chosen.to_string(),
            });
        };
        let number = number(step).filter(|number| (2..=most).contains(number));
        let step = number.ok_or_else(|| ScheduleError::HashStep {
            field,
            text: excerpt(step),
            most,
        })?;
        let first = low + hash(seed, field, step);
        Ok(Self {
            values: values(first, high, step),
            is_star: false,
            effective: format!("{first}-{high}/{step}"),
        })
    }
}

/// Returns the bounds after an `H`: nothing, or a range in brackets.
fn hash_range(field: Field, text: &str) -> Option<Result<(u32, u32), ScheduleError>> {
    if text.is_empty() {
        return Some(Ok(field.hash_bounds()));
    }
    let range = text.strip_prefix('(')?.strip_suffix(')')?;
    let (low, high) = range.split_once('-')?;
    span(field, low, high)
}

/// Returns the bounds of a range.
fn span(field: Field, low: &str, high: &str) -> Option<Result<(u32, u32), ScheduleError>> {
    let (low, high) = (value(field, low)?, value(field, high)?);
    Some(if low <= high {
        Ok((low, high))
    } else {
        Err(ScheduleError::Reversed { field, low, high })
    })
}

fn value(field: Field, text: &str) -> Option<u32> {
    let value = field.named(text).or_else(|| number(text))?;
    let (least, greatest) = field.bounds();
    (least..=greatest).contains(&value).then_some(value)
}

/// Returns a number of digits alone: no sign, as Rust and Go would accept one.
fn number(text: &str) -> Option<u32> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten()
}

fn values(low: u32, high: u32, step: u32) -> u64 {
    let mut values = 0;
    let mut value = low;
    while value <= high {
        values |= 1 << value;
        value += step;
    }
    values
}
