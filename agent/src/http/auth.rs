use http::{HeaderMap, header};
use subtle::ConstantTimeEq as _;

use crate::redact::Secret;

/// The reason why a request is not authorised. The messages are the same as those of the Python sidecar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denied {
    Missing,
    Wrong,
}

impl Denied {
    pub fn message(self) -> &'static str {
        match self {
            Self::Missing => "Missing Bearer token",
            Self::Wrong => "Invalid authorization token",
        }
    }
}

/// Compares the bearer token. The duration reveals nothing about the token but its length.
///
/// # Errors
///
/// Fails if the token is missing or wrong.
pub fn check(headers: &HeaderMap, token: &Secret) -> Result<(), Denied> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    // Two headers are rejected: two servers in a row could each use a different one.
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(Denied::Missing);
    };
    let value = value.as_bytes();
    let space = value
        .iter()
        .position(|byte| *byte == b' ')
        .ok_or(Denied::Missing)?;
    let (scheme, given) = (&value[..space], value[space..].trim_ascii());
    if !scheme.eq_ignore_ascii_case(b"bearer") || given.is_empty() {
        return Err(Denied::Missing);
    }
    if bool::from(given.ct_eq(token.expose().as_bytes())) {
        Ok(())
    } else {
        Err(Denied::Wrong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn checked(values: &[&'static str]) -> Result<(), Denied> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::AUTHORIZATION, HeaderValue::from_static(value));
        }
        check(&headers, &Secret::new("the-token"))
    }

    #[test]
    fn the_word_of_the_scheme_is_read_in_any_case() {
        for value in [
            "Bearer the-token",
            "bearer the-token",
            "BEARER   the-token ",
        ] {
            assert_eq!(checked(&[value]), Ok(()), "{value}");
        }
    }

    #[test]
    fn what_is_no_bearer_token_counts_as_none() {
        for values in [
            &[][..],
            &[""],
            &["Bearer"],
            &["Bearer "],
            &["the-token"],
            &["Basic the-token"],
            &["Bearerthe-token"],
            &["Bearer the-token", "Bearer the-token"],
        ] {
            assert_eq!(checked(values), Err(Denied::Missing), "{values:?}");
        }
    }

    #[test]
    fn nothing_but_the_whole_token_is_the_token() {
        for value in [
            "Bearer the-toke",
            "Bearer the-token2",
            "Bearer THE-TOKEN",
            "Bearer x",
        ] {
            assert_eq!(checked(&[value]), Err(Denied::Wrong), "{value}");
        }
    }
}
