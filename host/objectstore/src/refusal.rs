use std::time::Duration;

use aws_smithy_xml::decode::{Document, try_data};
use http::Response;
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;

/// The maximum size of a refusal that is read, in bytes.
const MAX_REFUSAL: usize = 64 * 1024;

/// A response of S3 without an object. <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>
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
        if !root.start_el().matches("Error") {
            return found;
        }
        while let Some(mut tag) = root.next_tag() {
            let name = tag.start_el().local().to_owned();
            let Ok(value) = try_data(&mut tag) else {
                continue;
            };
            match name.as_str() {
                "Code" => found.code = value.into_owned(),
                "Message" => found.message = value.into_owned(),
                "Region" => found.region = Some(value.into_owned()),
                _ => {}
            }
        }
        found
    }

    /// Returns true if the same request may succeed a moment later.
    pub(super) fn is_busy(&self) -> bool {
        matches!(self.status, 429 | 500 | 502 | 503 | 504)
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
