//! The headers that a request of an engine may have.
//!
//! A route decides which method and which path are allowed. Some headers override both at a server or at a
//! proxy in front of it. An unknown header is therefore not harmless.

/// Headers that every engine may send: they describe the answer that it wants, and its body.
const ALWAYS: &[&str] = &[
    "accept",
    "accept-language",
    "cache-control",
    "content-language",
    "content-type",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-unmodified-since",
    "pragma",
    "prefer",
    "range",
];

/// Headers that belong to the host, or that turn the allowed request into another one. Only letters and
/// digits are compared, because servers differ in which spellings they treat as the same name.
const NEVER: &[&str] = &[
    // These headers frame the message or end at the next hop (RFC 9110, 7.6.1; RFC 9112, 6).
    "alt-svc",
    "connection",
    "content-length",
    "expect",
    "http2-settings",
    "keep-alive",
    "max-forwards",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
    // These headers name the server, or carry credentials.
    "authorization",
    "cookie",
    "cookie2",
    "host",
    "set-cookie",
    "x-host",
    // These headers name the sender of the request.
    "client-ip",
    "forwarded",
    "from",
    "origin",
    "referer",
    "true-client-ip",
    "remote-user",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-real-ip",
    "x-remote-addr",
    "x-remote-ip",
    // These headers replace the method or the path.
    "base-url",
    "destination",
    "request-uri",
    "x-http-method",
    "x-method",
    "x-path",
    "x-uri",
    "x-url",
];

/// Prefixes of the names of headers that no engine may send.
const NEVER_BEGIN: &[&str] = &[
    "cf-",
    "fastly-",
    "impersonate-",
    "proxy-",
    "sec-",
    "ssl-client-",
    "x-accel-",
    "x-amz-",
    "x-amzn-",
    "x-auth-request-",
    "x-authenticated-",
    "x-client-cert",
    "x-envoy-",
    "x-forward",
    "x-goog-",
    "x-middleware-",
    "x-ms-",
    "x-original-",
    "x-originating-",
    "x-proxy-",
    "x-remote-",
    "x-replaced-",
    "x-rewrite-",
    "x-sendfile",
    "x-ssl-",
    "x-webauth-",
];

/// Parts of the names of headers that no engine may send.
const NEVER_WITHIN: &[&str] = &["override", "forwarded-"];

/// Parts of the names of query parameters that replace the method. Other overrides are harmless in a query.
const METHOD_OVERRIDES: &[&str] = &["method-override", "override-method"];

/// Maximum length of a header's name, in bytes.
const MAX_NAME: usize = 64;

/// The condition under which an engine may send a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeaderRule {
    /// Every engine may send the header.
    Always,
    /// An engine may send the header if its manifest names it in `headers` of `[endpoints.NAME]`.
    Named,
    /// No engine may send the header.
    Never,
}

impl HeaderRule {
    /// Returns the rule for a header. The name is case-insensitive.
    #[must_use]
    pub fn of(name: &str) -> Self {
        let lower = name.to_ascii_lowercase();
        if ALWAYS.contains(&lower.as_str()) {
            return Self::Always;
        }
        // Some servers read an underscore, or another character, as a dash. Names with such characters are
        // therefore never sent.
        let is_plain = lower
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if !is_plain || lower.is_empty() || lower.len() > MAX_NAME {
            return Self::Never;
        }
        let bare = letters(&lower);
        if NEVER.iter().any(|known| bare == letters(known))
            || NEVER_BEGIN.iter().any(|known| begins(&lower, &bare, known))
            || NEVER_WITHIN
                .iter()
                .any(|known| bare.contains(&letters(known)))
        {
            return Self::Never;
        }
        Self::Named
    }
}

/// Returns whether a name begins with a known prefix.
///
/// Short prefixes are compared with their dashes: without them they would match many other names.
fn begins(lower: &str, bare: &str, known: &str) -> bool {
    let letters = letters(known);
    lower.starts_with(known) || letters.len() > 3 && bare.starts_with(&letters)
}

fn letters(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).collect()
}

/// Returns whether a query parameter replaces the method of the request, which many frameworks support.
#[must_use]
pub fn overrides_method(parameter: &str) -> bool {
    let bare = letters(&parameter.to_ascii_lowercase());
    bare == "method" && parameter.starts_with('_')
        || bare == "xhttpmethod"
        || METHOD_OVERRIDES
            .iter()
            .any(|known| bare.contains(&letters(known)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_reroutes_frames_or_names_somebody_is_never_sent_in_any_spelling() {
        for name in [
            "Host",
            "AUTHORIZATION",
            "Cookie",
            "Connection",
            "Content-Length",
            "content_length",
            "ContentLength",
            "content--length",
            "Transfer-Encoding",
            "transfer_encoding",
            "Transfer-encoding-",
            "TE",
            "Upgrade",
            "Proxy-Authorization",
            "Proxy-Foo",
            "Forwarded",
            "X-Forwarded-For",
            "X-Forwarded-Prefix",
            "x_forwarded_host",
            "X-HTTP-Method-Override",
            "X-Method-Override",
            "X-HTTP-Method",
            "X-Original-URL",
            "X-Original-Uri",
            "X-Rewrite-URL",
            "Impersonate-User",
            "impersonate-extra-scopes",
            "X-Remote-User",
            "X-Amz-Security-Token",
            "x-envoy-original-path",
            "X-Url-Override",
            "X-Host-Override",
            "Override-Uri",
            "Base-Url",
            "Remote_User",
            "Request-Uri",
            "X-Uri",
            "SSL-Client-Cert",
            "X-Client-Cert",
            "X-Client-Certificate",
            "X-Middleware-Subrequest",
            "X-Replaced-Path",
            "X-SSL-Client-Subject",
            "x y",
            "a:b",
            "",
            "ü",
        ] {
            assert_eq!(HeaderRule::of(name), HeaderRule::Never, "{name}");
        }
    }

    #[test]
    fn what_says_what_is_wanted_is_always_sent_and_the_rest_where_it_is_named() {
        for name in ["Accept", "content-type", "If-None-Match", "RANGE"] {
            assert_eq!(HeaderRule::of(name), HeaderRule::Always, "{name}");
        }
        for name in [
            "X-Request-Id",
            "x-drive-folder-id",
            "Idempotency-Key",
            "secret-name",
            "X-Vault-Namespace",
            "X-Client-Id",
        ] {
            assert_eq!(HeaderRule::of(name), HeaderRule::Named, "{name}");
        }
    }

    #[test]
    fn a_query_does_not_exchange_the_method() {
        for name in [
            "_method",
            "_METHOD",
            "X-HTTP-Method-Override",
            "x_http_method",
            "httpMethodOverride",
        ] {
            assert!(overrides_method(name), "{name}");
        }
        for name in ["method", "limit", "compressionMethod", "override"] {
            assert!(!overrides_method(name), "{name}");
        }
    }
}
