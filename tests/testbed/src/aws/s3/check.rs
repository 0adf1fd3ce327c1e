//! Conditions and digests that a client sends with a request.

use std::cell::LazyCell;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::object::{Checksum, Object};
use super::{Refusal, invalid_request, not_implemented};
use crate::aws::data::Data;
use crate::aws::digest::{Algorithm, CHECKSUMS, hexadecimal};
use crate::aws::request::Call;

/// Returns whether a condition names the entity tag.
pub(super) fn names(condition: &str, etag: &str) -> bool {
    let mut tags = condition.split(',').map(str::trim);
    tags.any(|it| it == "*" || it.trim_matches('"') == etag)
}

pub(super) fn precondition_failed(condition: &str) -> Refusal {
    let message = "At least one of the pre-conditions you specified did not hold";
    Refusal::new(412, "PreconditionFailed", message).with("Condition", condition)
}

/// Checks the conditions on the object that is to be written.
pub(super) fn target(call: &Call, existing: Option<&Object>) -> Result<(), Refusal> {
    match call.header("if-none-match") {
        Some("*") if existing.is_some() => return Err(precondition_failed("If-None-Match")),
        None | Some("*") => {}
        Some(_) => return Err(not_implemented().with("Header", "If-None-Match")),
    }
    match (call.header("if-match"), existing) {
        (None, _) => Ok(()),
        (Some(_), None) => {
            let message = "The specified key does not exist.";
            Err(Refusal::new(404, "NoSuchKey", message).with("Key", call.key()))
        }
        (Some(condition), Some(object)) if names(condition, &object.etag) => Ok(()),
        (Some(_), Some(_)) => Err(precondition_failed("If-Match")),
    }
}

/// Checks the digests of a body, and returns the checksum that is to be stored.
pub(super) fn body(call: &Call) -> Result<Option<Checksum>, Refusal> {
    let data = Data::new(call.body.clone());
    // Most clients send it twice: as a checksum, and for the signature.
    let sha256 = LazyCell::new(|| data.digest(Algorithm::Sha256));
    if let Some(text) = call.header("content-md5") {
        let given = BASE64_STANDARD.decode(text).unwrap_or_default();
        if given.len() != 16 {
            let message = "The Content-MD5 you specified was invalid.";
            return Err(Refusal::new(400, "InvalidDigest", message));
        }
        if given != data.digest(Algorithm::Md5) {
            let message = "The Content-MD5 you specified did not match what we received.";
            return Err(Refusal::new(400, "BadDigest", message));
        }
    }
    let signed = call.header("x-amz-content-sha256").unwrap_or_default();
    if signed.starts_with("STREAMING-") {
        return Err(not_implemented());
    }
    let is_digest = signed.len() == 64;
    if is_digest && signed != hexadecimal(&sha256) {
        let message =
            "The provided 'x-amz-content-sha256' header does not match what was computed.";
        return Err(Refusal::new(400, "XAmzContentSHA256Mismatch", message));
    }
    checksum(call, |algorithm| match algorithm {
        Algorithm::Sha256 => sha256.clone(),
        other => data.digest(other),
    })
}

fn checksum(
    call: &Call,
    digest: impl FnOnce(Algorithm) -> Vec<u8>,
) -> Result<Option<Checksum>, Refusal> {
    const OTHERS: [&str; 3] = [
        "x-amz-checksum-algorithm",
        "x-amz-checksum-mode",
        "x-amz-checksum-type",
    ];
    let names = call.headers.keys().map(http::HeaderName::as_str);
    let given: Vec<_> = names
        .filter(|it| it.starts_with("x-amz-checksum-") && !OTHERS.contains(it))
        .collect();
    let name = match given[..] {
        [] if call.headers.contains_key("x-amz-sdk-checksum-algorithm") => {
            return Err(invalid_request(
                "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* \
                 or x-amz-trailer headers were found.",
            ));
        }
        [] => return Ok(None),
        [name] => name,
        _ => {
            return Err(invalid_request(
                "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.",
            ));
        }
    };
    let algorithm = CHECKSUMS.into_iter().find(|it| it.header() == name);
    let algorithm = algorithm.ok_or_else(not_implemented)?;
    let text = call.header(name).unwrap_or_default();
    let Some(given) = algorithm.decoded(text) else {
        let message = format!("Value for {name} header is invalid.");
        return Err(invalid_request(message));
    };
    if given != digest(algorithm) {
        let message = format!(
            "The {} you specified did not match the calculated checksum.",
            algorithm.name()
        );
        return Err(Refusal::new(400, "BadDigest", message));
    }
    Ok(Some(Checksum {
        algorithm,
        value: text.to_owned(),
        is_composite: false,
    }))
}
