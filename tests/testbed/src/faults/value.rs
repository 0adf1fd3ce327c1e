//! Parsing of the values of faults.

use std::str::FromStr;
use std::time::Duration;

use http::StatusCode;

/// Parses any type that implements `FromStr`.
pub fn parsed<T: FromStr<Err: std::fmt::Display>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|error: T::Err| error.to_string())
}

pub fn millis(text: &str) -> Result<Duration, String> {
    parsed(text).map(Duration::from_millis)
}

pub fn status(text: &str) -> Result<StatusCode, String> {
    let code = parsed::<u16>(text)?;
    match StatusCode::from_u16(code) {
        Ok(status) if code >= 200 => Ok(status),
        _ => Err("not a status code of HTTP between 200 and 999".to_owned()),
    }
}

/// Parses a percentage from 0 to 99. A cut at 100 would not be a cut.
pub fn percent(text: &str) -> Result<u8, String> {
    match parsed(text)? {
        percent @ 0..=99 => Ok(percent),
        _ => Err("not between 0 and 99".to_owned()),
    }
}

pub fn at_least_one(text: &str) -> Result<u64, String> {
    match parsed(text)? {
        0 => Err("must be 1 or more".to_owned()),
        number => Ok(number),
    }
}

pub fn on_off(text: &str) -> Result<bool, String> {
    match text {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err("neither `on` nor `off`".to_owned()),
    }
}
