//! Identifiers, markers, filters and numbered parameters.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::{Action, Refusal, invalid};

/// Returns the identifier that a parameter names, which may be an ARN, too.
pub(super) fn plain(text: &str) -> String {
    let last = match text.strip_prefix("arn:") {
        Some(rest) => rest.rsplit(':').next().unwrap_or_default(),
        None => text,
    };
    // RDS stores identifiers in lower case.
    last.to_ascii_lowercase()
}

pub(super) fn marker(id: &str) -> String {
    BASE64_STANDARD.encode(format!("m{id}"))
}

pub(super) fn read_marker(text: &str) -> Option<String> {
    let bytes = BASE64_STANDARD.decode(text).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    text.strip_prefix('m').map(str::to_owned)
}

/// Returns an identifier for something new, in lower case.
pub(super) fn checked(name: &str, text: &str, longest: usize) -> Result<String, Refusal> {
    let is_valid = text.len() <= longest
        && text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text
            .chars()
            .all(|it| it.is_ascii_alphanumeric() || it == '-')
        && !text.ends_with('-')
        && !text.contains("--");
    if is_valid {
        return Ok(text.to_ascii_lowercase());
    }
    Err(invalid(format!(
        "The parameter {name} is not a valid identifier. Identifiers must begin with a letter; must contain only \
         ASCII letters, digits, and hyphens; and must not end with a hyphen or contain two consecutive hyphens."
    )))
}

/// Returns the values of `NAME.1`, `NAME.2` and so on, up to the first number that is missing.
pub(super) fn numbered<T>(read: impl Fn(usize) -> Option<T>) -> Vec<T> {
    (1..).map_while(read).collect()
}

impl Action<'_> {
    pub(super) fn tags(&self) -> Result<Vec<(String, String)>, Refusal> {
        let query = &self.call.query;
        let tags = numbered(|number| {
            let key = query.get(&format!("Tags.Tag.{number}.Key"))?;
            let value = query.get(&format!("Tags.Tag.{number}.Value"));
            Some((key.to_owned(), value.unwrap_or_default().to_owned()))
        });
        for (key, value) in &tags {
            let is_long =
                key.is_empty() || key.chars().count() > 128 || value.chars().count() > 256;
            let is_legal =
                |it: char| it.is_alphanumeric() || it.is_whitespace() || "_.:/=+-@".contains(it);
            if is_long || !key.chars().chain(value.chars()).all(is_legal) {
                return Err(invalid(format!("Invalid tag: {key}={value}")));
            }
            if key.to_ascii_lowercase().starts_with("aws:") {
                return Err(invalid(
                    "aws: prefixed tag key names are not allowed for external use.".to_owned(),
                ));
            }
        }
        if tags.len() > 50 {
            return Err(invalid("Too many tags: at most 50 are allowed.".to_owned()));
        }
        Ok(tags)
    }

    /// Returns the filters: each has a name and the allowed values.
    pub(super) fn filters(&self) -> Vec<(String, Vec<String>)> {
        let query = &self.call.query;
        numbered(|number| {
            let name = query.get(&format!("Filters.Filter.{number}.Name"))?;
            let values = numbered(|value| {
                let name = format!("Filters.Filter.{number}.Values.Value.{value}");
                query.get(&name).map(plain)
            });
            Some((name.to_owned(), values))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_letters_digits_and_single_hyphens() {
        let is_valid = |text: &str| checked("DBSnapshotIdentifier", text, 20).is_ok();
        assert_eq!(checked("X", "Retail-Prd-1", 20).unwrap(), "retail-prd-1");
        for text in [
            "",
            "1a",
            "a--b",
            "a-",
            "a_b",
            "a.b",
            "ü",
            "a23456789012345678901",
        ] {
            assert!(!is_valid(text), "{text}");
        }
    }

    #[test]
    fn an_arn_names_what_its_end_names() {
        assert_eq!(
            plain("arn:aws:rds:eu-west-1:123456789012:snapshot:a-b"),
            "a-b"
        );
        assert_eq!(plain("A-b"), "a-b");
        assert_eq!(read_marker(&marker("a")).as_deref(), Some("a"));
        assert_eq!(read_marker("a"), None);
    }
}
