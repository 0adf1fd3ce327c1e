use std::time::Duration;

use aws_smithy_xml::decode::{Document, ScopedDecoder, try_data};
use http::Response;
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;

/// The maximum size of a refusal that is read, in bytes.
const MAX_REFUSAL: usize = 64 * 1024;

/// An error response of S3 or of a query service. <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: u16,
    /// Error code such as `NoSuchKey`; empty if the response has none.
    pub(super) code: String,
    pub(super) message: String,
    /// Region of the bucket.
    pub(super) region: Option<String>,
}

impl Refusal {
    /// Reads as much of the refusal as arrives: the status alone is enough.
    pub(super) async fn read(answer: Response<Incoming>, idle: Duration) -> Self {
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, MAX_REFUSAL).collect();
        let body = tokio::time::timeout(idle, body).await;
        let body = body.ok().and_then(Result::ok);
        let bytes = body
            .map(http_body_util::Collected::to_bytes)
            .unwrap_or_default();
        let mut refusal = Self::parse(head.status.as_u16(), &bytes);
        let header = head.headers.get("x-amz-bucket-region");
        let header = header.and_then(|value| value.to_str().ok());
        refusal.region = header.map(str::to_owned).or(refusal.region);
        refusal
    }

    /// Parses the body of a response.
    pub(super) fn parse(status: u16, bytes: &[u8]) -> Self {
        let mut found = Self {
            status,
            ..Self::default()
        };
        let Ok(text) = std::str::from_utf8(bytes) else {
            return found;
        };
        let mut document = Document::new(text);
        let Ok(mut root) = document.root_element() else {
            return found;
        };
        match root.start_el().local() {
            "Error" => found.read_error(&mut root),
            // Query services wrap the error once, and EC2 twice.
            "ErrorResponse" | "Response" => {
                while let Some(mut tag) = root.next_tag() {
                    match tag.start_el().local() {
                        "Error" => found.read_error(&mut tag),
                        "Errors" => {
                            if let Some(mut error) = tag.next_tag() {
                                found.read_error(&mut error);
                            }
                        }
                        _ => {}
                    }
                }
            }
            _ => {}
        }
        found
    }

    /// Returns the refusal in the body of a response whose head said that all was well. Its status is that which its code
    /// has otherwise: <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>
    pub(super) fn late(text: &str) -> Option<Self> {
        let mut refusal = Self::parse(200, text.as_bytes());
        if refusal.code.is_empty() && refusal.message.is_empty() {
            return None;
        }
        refusal.status = match refusal.code.as_str() {
            "InternalError" => 500,
            "ServiceUnavailable" | "SlowDown" => 503,
            _ => 200,
        };
        Some(refusal)
    }

    fn read_error(&mut self, error: &mut ScopedDecoder<'_, '_>) {
        while let Some(mut tag) = error.next_tag() {
            let name = tag.start_el().local().to_owned();
            let Ok(value) = try_data(&mut tag) else {
                continue;
            };
            match name.as_str() {
                "Code" => self.code = value.into_owned(),
                "Message" => self.message = value.into_owned(),
                "Region" => self.region = Some(value.into_owned()),
                _ => {}
            }
        }
    }

    /// Returns true if the same request may succeed a moment later.
    pub(super) fn is_busy(&self) -> bool {
        matches!(self.status, 429 | 500 | 502 | 503 | 504)
    }

    /// Returns true if the server refused the request before it did anything.
    pub(super) fn is_before_work(&self) -> bool {
        matches!(self.status, 429 | 503)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_what_and_where() {
        let text = br#"<?xml version="1.0" encoding="UTF-8"?>
            <Error><Code>AuthorizationHeaderMalformed</Code><Message>expecting &apos;eu-west-1&apos;</Message>
            <Region>eu-west-1</Region><RequestId>4442587FB7D0A2F9</RequestId></Error>"#;
        let refusal = Refusal::parse(400, text);
        assert_eq!(refusal.code, "AuthorizationHeaderMalformed");
        assert_eq!(refusal.message, "expecting 'eu-west-1'");
        assert_eq!(refusal.region.as_deref(), Some("eu-west-1"));
    }

    #[test]
    fn what_is_no_refusal_of_s3_says_nothing() {
        for text in [
            "",
            "<html><Code>x</Code></html>",
            "<Error><Code>x",
            "not xml",
            "{}",
        ] {
            let refusal = Refusal::parse(500, text.as_bytes());
            assert_eq!(
                (refusal.message.as_str(), &refusal.region),
                ("", &None),
                "{text}"
            );
        }
        assert_eq!(Refusal::parse(500, b"\xff").message, "");
    }
}
