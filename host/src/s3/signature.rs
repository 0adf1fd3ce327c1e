//! AWS Signature Version 4, as S3 wants it.
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html>

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
    UriPathNormalizationMode, sign as sign_request,
};
use aws_sigv4::sign::v4::SigningParams;
use http::Request;

use super::S3Error;

/// Adds the headers that say who asks, and prove it.
pub(super) fn sign(
    request: &mut Request<()>,
    credentials: Credentials,
    region: &str,
) -> Result<(), S3Error> {
    let failed = |reason: String| S3Error::NotSigned { reason };
    let identity = credentials.into();
    let mut settings = SigningSettings::default();
    // A path of S3 is signed as it is sent: a key may have what elsewhere is made shorter.
    settings.percent_encoding_mode = PercentEncodingMode::Single;
    settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    let params = SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name("s3")
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
        SignableBody::Bytes(&[]),
    );
    let signable = signable.map_err(|error| failed(error.to_string()))?;
    let signed = sign_request(signable, &params).map_err(|error| failed(error.to_string()))?;
    signed.into_parts().0.apply_to_request_http1x(request);
    Ok(())
}
