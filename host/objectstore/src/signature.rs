//! Signs requests with AWS Signature Version 4, in the variants of S3 and of query services.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html>

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
    UriPathNormalizationMode, sign as sign_request,
};
use aws_sigv4::sign::v4::SigningParams;
use bytes::Bytes;
use http::{HeaderValue, Request};

use super::S3Error;

/// The service that a signature is for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Service<'a> {
    S3,
    /// A service with actions, by the name of its endpoints.
    Query(&'a str),
}

/// Adds the headers that identify and authenticate the sender.
pub(super) fn sign(
    request: &mut Request<Bytes>,
    credentials: &Credentials,
    region: &str,
    service: Service<'_>,
) -> Result<(), S3Error> {
    let failed = |reason: String| S3Error::NotSigned { reason };
    let identity = sendable(credentials)?.into();
    if HeaderValue::from_str(region).is_err() {
        return Err(failed("the region has a control character".to_owned()));
    }
    let mut settings = SigningSettings::default();
    let name = match service {
        Service::S3 => {
            // A path of S3 is signed as it is sent: a key may contain parts that other services would normalize.
            settings.percent_encoding_mode = PercentEncodingMode::Single;
            settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
            settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
            "s3"
        }
        Service::Query(name) => name,
    };
    let params = SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name(name)
        .time(SystemTime::now())
        .settings(settings)
        .build()
        .map_err(|error| failed(error.to_string()))?
        .into();
    let headers = request.headers().iter();
    let headers: Vec<_> = headers
        .map(|(name, value)| Ok((name.as_str(), value.to_str()?)))
        .collect::<Result<_, http::header::ToStrError>>()
        .map_err(|error| failed(error.to_string()))?;
    let signable = SignableRequest::new(
        request.method().as_str(),
        request.uri().to_string(),
        headers.into_iter(),
        SignableBody::Bytes(request.body()),
    );
    let signable = signable.map_err(|error| failed(error.to_string()))?;
    let signed = sign_request(signable, &params).map_err(|error| failed(error.to_string()))?;
    signed.into_parts().0.apply_to_request_http1x(request);
    Ok(())
}

/// Returns credentials without surrounding white space, which editing and copying add. The library panics if
/// they contain characters that are invalid in a header.
fn sendable(credentials: &Credentials) -> Result<Credentials, S3Error> {
    let key = credentials.access_key_id().trim();
    let token = credentials.session_token().map(str::trim);
    let is_sendable = |text: &str| HeaderValue::from_str(text).is_ok();
    if !is_sendable(key) || !token.is_none_or(is_sendable) {
        return Err(S3Error::Credentials {
            reason:
                "the access key or the session token has a line break or another control character"
                    .to_owned(),
        });
    }
    Ok(Credentials::new(
        key,
        credentials.secret_access_key().trim(),
        token.filter(|token| !token.is_empty()).map(str::to_owned),
        credentials.expiry(),
        "kubectl-broker",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signed(key: &str, secret: &str, token: Option<&str>) -> Result<Request<Bytes>, S3Error> {
        let mut request = Request::get("https://bucket.s3.amazonaws.com/key")
            .body(Bytes::new())
            .unwrap();
        let token = token.map(str::to_owned);
        let credentials = Credentials::new(key, secret, token, None, "test");
        sign(&mut request, &credentials, "eu-central-1", Service::S3).map(|()| request)
    }

    #[test]
    fn white_space_around_credentials_does_not_count() {
        let request = signed("AKIA\n", " secret\n", Some("token\r\n")).unwrap();
        assert_eq!(request.headers()["x-amz-security-token"], "token");
        let authorization = request.headers()["authorization"].to_str().unwrap();
        assert!(
            authorization.contains("Credential=AKIA/"),
            "{authorization}"
        );
        let request = signed("AKIA", "secret", Some("")).unwrap();
        assert!(!request.headers().contains_key("x-amz-security-token"));
    }

    #[test]
    fn credentials_that_can_not_be_sent_are_refused_and_not_shown() {
        for (key, token) in [
            ("canary\nx", None),
            ("AKIA", Some("canary\0")),
            ("canary\u{7f}x", Some("t")),
        ] {
            let error = signed(key, "secret", token).unwrap_err();
            assert!(matches!(error, S3Error::Credentials { .. }), "{error}");
            assert!(!error.to_string().contains("canary"), "{error}");
        }
    }
}
