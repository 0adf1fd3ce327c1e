//! Reads the TOML of an author, and finds all its problems with their positions.
//!
//! There are three kinds of problems. Each kind is searched for only if there is none of the kind before:
//!
//! - text that is not TOML
//! - the wrong shape: unknown and missing keys, wrong types, invalid values
//! - broken rules

mod shape;
mod stand_in;
mod text;
mod value;

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use self::text::Lines;
use crate::place::{Place, Step};
use crate::problem::{More, Position, Problem, Problems};
use crate::{EngineId, MAX_BYTES, Manifest, ManifestError};

/// A problem in the text of a manifest, with the bytes that it is about.
struct Spot {
    span: Range<usize>,
    error: ManifestError,
}

/// Reads a manifest.
///
/// # Errors
/// Returns all problems in the order of their positions.
pub(crate) fn toml(text: &str) -> Result<Manifest, Problems> {
    if text.len() > MAX_BYTES {
        return Err(ManifestError::TooLong { bytes: text.len() }.into());
    }
    let (table, errors) = DeTable::parse_recoverable(text);
    let spots = errors.iter().map(|error| Spot {
        span: error.span().unwrap_or_default(),
        error: syntax(error.message().to_owned()),
    });
    refuse(text, spots.collect(), More::Counted(0))?;

    let root = Spanned::new(0..0, DeValue::Table(table.into_inner()));
    let manifest = match shape::read(&root) {
        Ok(manifest) => manifest,
        Err((spots, more)) => return refuse(text, spots, more).and(Err(unknown())),
    };
    let spots = manifest.findings().into_inner();
    let spots = spots.into_iter().map(|(place, error)| Spot {
        span: span_of(&root, &place),
        error,
    });
    refuse(text, spots.collect(), More::Counted(0))?;
    Ok(manifest)
}

/// Returns the engine's id and its position.
pub(crate) fn id(text: &str) -> Option<(EngineId, Position)> {
    if text.len() > MAX_BYTES {
        return None;
    }
    let (table, _) = DeTable::parse_recoverable(text);
    let id = table.get_ref().get("id")?;
    let position = Lines::of(text).position(id.span().start);
    Some((id.get_ref().as_str()?.parse().ok()?, position))
}

/// Returns the error of one problem as [`Manifest::from_toml`] reports it: with the line of the text that is no
/// manifest.
pub(crate) fn error(text: &str, problems: Problems) -> ManifestError {
    match (problems.list(), problems.more()) {
        ([only], More::Counted(0)) => match (&only.error, only.position) {
            (ManifestError::Syntax { format, reason }, Some(position)) => ManifestError::Syntax {
                format,
                reason: Lines::of(text).quoted(position, only.length, reason),
            },
            _ => problems.into_error(),
        },
        _ => problems.into_error(),
    }
}

fn refuse(text: &str, mut spots: Vec<Spot>, more: More) -> Result<(), Problems> {
    spots.sort_by_key(|spot| spot.span.start);
    let lines = Lines::of(text);
    let problems = spots.into_iter().map(|spot| Problem {
        position: Some(lines.position(spot.span.start)),
        length: text.get(spot.span).map_or(0, |it| it.chars().count()),
        error: spot.error,
    });
    Problems::of(problems.collect(), more).map_or(Ok(()), Err)
}

fn syntax(reason: String) -> ManifestError {
    ManifestError::Syntax {
        format: "TOML",
        reason,
    }
}

/// A search that ended without a problem must not pass for success.
fn unknown() -> Problems {
    syntax("it can't be read".to_owned()).into()
}

/// Returns the bytes of a place. If a key of it is missing, they are those of the table that lacks it.
fn span_of(root: &Spanned<DeValue<'_>>, place: &Place) -> Range<usize> {
    let mut value = root;
    let mut span = root.span();
    for step in place.steps() {
        let next = match (step, value.get_ref()) {
            (Step::Key(key), DeValue::Table(table)) => {
                table.get_key_value(key.as_str()).map(|(key, value)| {
                    // The text of a table begins with its key.
                    let is_table = matches!(value.get_ref(), DeValue::Table(_));
                    (value, if is_table { key.span() } else { value.span() })
                })
            }
            (Step::Index(index), DeValue::Array(array)) => {
                array.get(*index).map(|value| (value, value.span()))
            }
            _ => None,
        };
        let Some(next) = next else { break };
        (value, span) = next;
    }
    span
}

#[cfg(test)]
mod tests;
