//! Parses `WWW-Authenticate`, a registry's response to a request without credentials.
//!
//! RFC 9110, section 11.6.1; the parameters of `Bearer` are those of
//! <https://distribution.github.io/distribution/spec/auth/token/>.

use http::HeaderMap;
use http::header::WWW_AUTHENTICATE;

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
    for value in headers.get_all(WWW_AUTHENTICATE) {
        let Ok(text) = value.to_str() else { continue };
        for (scheme, parameters) in challenges(text) {
            let find = |name: &str| {
                let found = parameters.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| value.clone())
            };
            match (scheme.as_str(), find("realm")) {
                ("bearer", Some(realm)) => {
                    return Some(Challenge::Bearer {
                        realm,
                        service: find("service"),
                        scope: find("scope"),
                    });
                }
                ("basic", _) => basic = Some(Challenge::Basic),
                _ => {}
            }
        }
    }
    basic
}

type Parameters = Vec<(String, String)>;

/// Parses `Scheme name=value, name="value", Scheme …`. A word without `=` after it begins the next challenge.
fn challenges(text: &str) -> Vec<(String, Parameters)> {
    let mut found: Vec<(String, Parameters)> = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let end = rest.find([' ', '\t', ',', '=']).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        if word.is_empty() {
            return found;
        }
        let word = word.to_ascii_lowercase();
        match (after.trim_start().strip_prefix('='), found.last_mut()) {
            (Some(after), Some((_, parameters))) => {
                let (value, after) = value(after.trim_start());
                parameters.push((word, value));
                rest = after;
            }
            (Some(_), None) => return found,
            (None, _) => {
                found.push((word, Vec::new()));
                rest = after;
            }
        }
    }
}

/// Returns a token, or a quoted string without its quotes and backslashes.
fn value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([',', ' ', '\t']).unwrap_or(text.len());
        return (text[..end].to_owned(), &text[end..]);
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (value, &quoted[at + 1..]),
            '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
            other => value.push(other),
        }
    }
    (value, "")
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
            read(&["bearer  Realm = https://auth.example , error=\"in \\\"valid\""]),
            Some(bearer("https://auth.example", None, None))
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
        ] {
            assert_eq!(read(&[text]), None, "{text}");
        }
        assert_eq!(
            read(&["Bearer realm=\"open"]),
            Some(bearer("open", None, None))
        );
    }
}
