//! Which headers a request of an engine may have.
//!
//! A route says which method and which path are allowed. Some headers say otherwise to a server or to a
//! proxy before it, so that no header is harmless because it is unknown.

/// Headers that every engine may send: they say what it wants, and what its body is.
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

/// Headers that belong to the host, or that make another request of the one that was allowed. Letters
/// and digits only: servers differ in what they take for the same name.
const NEVER: &[&str] = &[
    // They frame the message or end at the next hop (RFC 9110, 7.6.1; RFC 9112, 6).
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
    // They name the target, or carry credentials.
    "authorization",
    "cookie",
    "cookie2",
    "host",
    "set-cookie",
    "x-host",
    // They say whom the request is from.
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
    // They exchange the method or the path.
    "base-url",
    "destination",
    "request-uri",
    "x-http-method",
    "x-method",
    "x-path",
    "x-uri",
    "x-url",
];

/// What the names of such headers begin with.
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

/// What such names have in them.
const NEVER_WITHIN: &[&str] = &["override", "forwarded-"];

/// What parameters of a query have in them that exchange the method. Other overrides are harmless there.
const METHOD_OVERRIDES: &[&str] = &["method-override", "override-method"];

/// The longest name.
const MAX_NAME: usize = 64;

/// Whether a header may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeaderRule {
    /// By every engine.
    Always,
    /// Where the manifest names it: `[endpoints.NAME]`, `headers`.
    Named,
    /// By no engine.
    Never,
}

impl HeaderRule {
    /// The rule for a name, in any case.
    #[must_use]
    pub fn of(name: &str) -> Self {
        let lower = name.to_ascii_lowercase();
        if ALWAYS.contains(&lower.as_str()) {
            return Self::Always;
        }
        // Some servers read an underscore, or another character, as a dash: what is no plain name is
        // never sent.
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

/// Without its dashes a short beginning would be that of many other names.
fn begins(lower: &str, bare: &str, known: &str) -> bool {
    let letters = letters(known);
    lower.starts_with(known) || letters.len() > 3 && bare.starts_with(&letters)
}

fn letters(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).collect()
}

/// Whether a parameter of a query exchanges the method, as many frameworks let it.
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
