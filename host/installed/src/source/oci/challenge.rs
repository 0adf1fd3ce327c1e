//! Parses `WWW-Authenticate`, a registry's response to a request without credentials.
//!
//! RFC 9110, section 11.6.1; the parameters of `Bearer` are those of
//! <https://distribution.github.io/distribution/spec/auth/token/>.

use http::HeaderMap;
use http::header::WWW_AUTHENTICATE;
use http_auth::ChallengeRef;
use http_auth::parser::ChallengeParser;

/// The authentication that the registry demands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Challenge {
    Basic,
    /// A token that another server issues.
    Bearer {
        realm: String,
        service: Option<String>,
        scope: Option<String>,
    },
}

/// Returns the first supported challenge; a token is preferred to a password.
pub(super) fn of(headers: &HeaderMap) -> Option<Challenge> {
    let mut basic = None;
    let values = headers.get_all(WWW_AUTHENTICATE).iter();
    for text in values.filter_map(|value| value.to_str().ok()) {
        // After a syntax error, the rest of a value is not understood.
        for challenge in ChallengeParser::new(text).map_while(Result::ok) {
            if challenge.scheme.eq_ignore_ascii_case("basic") {
                basic = Some(Challenge::Basic);
            } else if challenge.scheme.eq_ignore_ascii_case("bearer")
                && let Some(realm) = parameter(&challenge, "realm")
            {
                return Some(Challenge::Bearer {
                    realm,
                    service: parameter(&challenge, "service"),
                    scope: parameter(&challenge, "scope"),
                });
            }
        }
    }
    basic
}

fn parameter(challenge: &ChallengeRef, name: &str) -> Option<String> {
    let mut parameters = challenge.params.iter();
    let (_, value) = parameters.find(|(known, _)| known.eq_ignore_ascii_case(name))?;
    Some(value.to_unescaped())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(values: &[&'static str]) -> Option<Challenge> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(WWW_AUTHENTICATE, value.parse().unwrap());
        }
        of(&headers)
    }

    fn bearer(realm: &str, service: Option<&str>, scope: Option<&str>) -> Challenge {
        Challenge::Bearer {
            realm: realm.to_owned(),
            service: service.map(str::to_owned),
            scope: scope.map(str::to_owned),
        }
    }

    #[test]
    fn the_forms_that_registries_send_are_read() {
        assert_eq!(
            read(&[
                r#"Bearer realm="https://auth.example/token",service="registry.example",scope="repository:a/b:pull,push""#
            ]),
            Some(bearer(
                "https://auth.example/token",
                Some("registry.example"),
                Some("repository:a/b:pull,push")
            ))
        );
        assert_eq!(
            read(&[r#"bearer Realm = "https://auth.example" , error="in \"valid\"", Service=a"#]),
            Some(bearer("https://auth.example", Some("a"), None))
        );
        assert_eq!(read(&["Basic realm=\"x\""]), Some(Challenge::Basic));
        assert_eq!(read(&["Basic"]), Some(Challenge::Basic));
    }

    #[test]
    fn a_token_goes_before_a_password() {
        let expected = Some(bearer("https://a.example", None, None));
        assert_eq!(
            read(&["Basic realm=x", "Bearer realm=\"https://a.example\""]),
            expected
        );
        assert_eq!(
            read(&["Basic realm=x, Bearer realm=\"https://a.example\""]),
            expected
        );
        assert_eq!(
            read(&["Negotiate", "Bearer realm=\"https://a.example\", Negotiate"]),
            expected
        );
    }

    #[test]
    fn what_is_not_understood_is_no_challenge() {
        for text in [
            "",
            "Negotiate",
            "Bearer",
            "=",
            ",,,",
            "realm=\"x\"",
            "Bearer realm",
            "Bearer realm=\"open",
            "Bearer realm=https://auth.example",
        ] {
            assert_eq!(read(&[text]), None, "{text}");
        }
        assert_eq!(
            read(&["Basic, Bearer realm=\"open"]),
            Some(Challenge::Basic)
        );
    }
}
