use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use broker_manifest::Auth;
use host_base::Secret;
use host_cluster::Cluster;
use http::HeaderValue;

use super::OpsError;
use super::echo::Echo;

/// The user's credentials for the backend. They are separate from those of the cluster.
#[derive(Clone, Debug, Default)]
pub struct CredentialsRequest {
    /// User name for HTTP basic authentication.
    pub username: Option<String>,
    /// Password for HTTP basic authentication.
    pub password: Option<Secret>,
    /// Bearer token.
    pub token: Option<Secret>,
    /// Name of a Secret in the namespace with the keys `username` and `password`, or `token`.
    pub from_secret: Option<String>,
}

/// Credentials as headers that the host adds to requests. An engine never sees them.
#[derive(Clone, Debug, Default)]
pub(super) struct Credentials {
    basic: Option<HeaderValue>,
    bearer: Option<HeaderValue>,
    /// The credentials in the forms that no answer may contain.
    basic_echo: Echo,
    bearer_echo: Echo,
}

impl Credentials {
    /// Builds the headers, and reads the Secret if the user named one. Flags win over the Secret.
    pub(super) async fn find(
        cluster: &Cluster,
        request: &CredentialsRequest,
    ) -> Result<Self, OpsError> {
        let mut username = request.username.clone().map(Secret::from);
        let mut password = request.password.clone();
        let mut token = request.token.clone();
        if let Some(name) = &request.from_secret {
            let keys = cluster.secret(name).await?;
            token = token.or_else(|| keys.find("token").cloned());
            if token.is_none() {
                username = username.or(Some(one_line(keys.require("username")?)));
                password = password.or(Some(one_line(keys.require("password")?)));
            }
        }
        // The header contains the pair in Base64. A backend that encodes the header again returns it in Base64
        // twice.
        let of_basic = match (&username, &password) {
            (Some(username), Some(password)) => {
                let pair = pair(username, password);
                let sent = Secret::from(BASE64_STANDARD.encode(pair.expose()));
                vec![password.clone(), pair, sent]
            }
            _ => Vec::new(),
        };
        let basic = match (username, password) {
            (Some(username), Some(password)) => Some(basic(&username, &password)?),
            (Some(_), None) => {
                return Err(OpsError::HalfCredentials {
                    missing: "password",
                });
            }
            (None, Some(_)) => {
                return Err(OpsError::HalfCredentials {
                    missing: "user name",
                });
            }
            (None, None) => None,
        };
        let of_bearer = token.as_ref().map(|token| token.expose().trim_ascii());
        let of_bearer = of_bearer.map(|token| Secret::from(token.to_vec()));
        let bearer = token.map(|token| bearer(&token)).transpose()?;
        Ok(Self {
            basic_echo: Echo::of(&of_basic, basic.as_ref()),
            bearer_echo: Echo::of(&of_bearer, bearer.as_ref()),
            basic,
            bearer,
        })
    }

    /// Returns the header for an endpoint's kind of authentication, if there is one.
    pub(super) fn header(&self, auth: Auth) -> Option<&HeaderValue> {
        match auth {
            Auth::None | Auth::Aws => None,
            Auth::Basic => self.basic.as_ref(),
            Auth::Bearer => self.bearer.as_ref(),
        }
    }

    /// Returns the length of the longest text that [`Self::are_in`] looks for, in bytes.
    pub(super) fn longest(&self) -> usize {
        self.basic_echo.longest().max(self.bearer_echo.longest())
    }

    /// Returns whether an answer contains any of the credentials. All are checked, because an engine may send
    /// them to one endpoint and read the answer of another.
    pub(super) fn are_in(&self, text: &[u8]) -> bool {
        self.basic_echo.is_in(text) || self.bearer_echo.is_in(text)
    }
}

fn pair(username: &Secret, password: &Secret) -> Secret {
    Secret::from([username.expose(), b":", password.expose()].concat())
}

/// Removes the line break at the end, which `kubectl create secret --from-file` and password files keep.
fn one_line(secret: &Secret) -> Secret {
    let text = secret.expose();
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    Secret::from(text.strip_suffix(b"\r").unwrap_or(text).to_vec())
}

/// Builds the header of HTTP basic authentication. A user name must not contain a colon, because the colon
/// ends it (RFC 7617).
fn basic(username: &Secret, password: &Secret) -> Result<HeaderValue, OpsError> {
    if username.expose().contains(&b':') {
        return Err(OpsError::BadCredentials {
            what: "the user name has a colon",
        });
    }
    let pair = pair(username, password);
    header(&format!("Basic {}", BASE64_STANDARD.encode(pair.expose())))
}

fn bearer(token: &Secret) -> Result<HeaderValue, OpsError> {
    let token = token.expose_text().map_err(|_| OpsError::BadCredentials {
        what: "the token is not text",
    })?;
    header(&format!("Bearer {}", token.trim()))
}

fn header(text: &str) -> Result<HeaderValue, OpsError> {
    let mut value = HeaderValue::from_str(text).map_err(|_| OpsError::BadCredentials {
        what: "the token has a line break or another control character",
    })?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Secret {
        Secret::from(text.to_owned())
    }

    #[test]
    fn headers_have_the_form_of_their_scheme_and_are_not_shown() {
        let value = basic(&secret("Aladdin"), &secret("open sesame")).unwrap();
        assert_eq!(value, "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        assert_eq!(format!("{value:?}"), "Sensitive");
        assert_eq!(bearer(&secret("abc\n")).unwrap(), "Bearer abc");
    }

    #[test]
    fn a_line_break_at_the_end_is_not_part_of_a_name_or_password() {
        for (text, expected) in [
            ("a\n", "a"),
            ("a\r\n", "a"),
            ("a", "a"),
            ("a\n\n", "a\n"),
            ("", ""),
        ] {
            assert_eq!(one_line(&secret(text)).expose(), expected.as_bytes());
        }
    }

    #[test]
    fn credentials_are_looked_for_whatever_the_endpoint_takes() {
        let (password, token) = (secret("canary-4711"), secret("canary-4712"));
        let credentials = Credentials {
            basic_echo: Echo::of([&password], None),
            bearer_echo: Echo::of([&token], None),
            ..Credentials::default()
        };
        assert!(credentials.are_in(b"it was canary-4711"));
        assert!(credentials.are_in(b"it was canary-4712"));
        assert!(!credentials.are_in(b"it was canary-4713"));
    }

    #[test]
    fn what_can_not_be_sent_is_refused_and_not_repeated() {
        for error in [
            basic(&secret("canary:x"), &secret("y")).unwrap_err(),
            bearer(&secret("canary\nx")).unwrap_err(),
        ] {
            assert!(!error.to_string().contains("canary"), "{error}");
        }
    }
}
