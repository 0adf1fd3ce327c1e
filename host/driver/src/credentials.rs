use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use broker_manifest::{Auth, CredentialKind, LoginForm, Manifest};
use futures_util::future::try_join_all;
use host_base::Secret;
use host_cluster::Cluster;
use http::header::AUTHORIZATION;
use http::{HeaderName, HeaderValue};

use super::OpsError;
use super::echo::Echo;

/// One set of credentials of the user for a backend. They are separate from those of the cluster.
#[derive(Clone, Debug, Default)]
pub struct CredentialsRequest {
    /// User name for HTTP basic authentication.
    pub username: Option<String>,
    /// Password for HTTP basic authentication.
    pub password: Option<Secret>,
    /// Bearer token.
    pub token: Option<Secret>,
    /// Name of a Secret in the namespace with the keys `username` and `password`, or `token`, or all three.
    pub from_secret: Option<String>,
}

/// The user's credentials: those that all engines share, and those with a name of their own.
#[derive(Clone, Debug, Default)]
pub(super) struct Credentials {
    shared: Parts,
    named: BTreeMap<String, Parts>,
}

/// The parts of one set of credentials, as they can be sent.
#[derive(Clone, Debug, Default)]
struct Parts {
    /// The value of `authorization` for HTTP Basic.
    basic: Option<HeaderValue>,
    token: Option<Secret>,
    /// True if the user named a Secret for this command. The environment is for other commands too.
    is_of_command: bool,
    /// The secrets in the forms that no answer may contain.
    echo: Echo,
}

/// The credentials that the endpoints of one engine get, as headers. An engine never sees them.
#[derive(Clone, Debug, Default)]
pub(super) struct Logins {
    headers: Vec<(Auth, HeaderName, HeaderValue)>,
    /// The credentials in the forms that no answer may contain.
    echoes: Vec<Echo>,
}

impl Credentials {
    /// Checks the credentials, and reads the Secrets that the user named. Other sources win over a Secret.
    pub(super) async fn find(
        cluster: &Cluster,
        shared: &CredentialsRequest,
        named: &BTreeMap<String, CredentialsRequest>,
    ) -> Result<Self, OpsError> {
        let read = named.iter().map(|(name, request)| async {
            let parts = Parts::find(cluster, request, Some(name)).await?;
            Ok::<_, OpsError>((name.clone(), parts))
        });
        Ok(Self {
            shared: Parts::find(cluster, shared, None).await?,
            named: try_join_all(read).await?.into_iter().collect(),
        })
    }

    /// Checks that the engine takes the credentials that the command names, and that those with a name have the
    /// parts for their kind.
    pub(super) fn check(&self, manifest: &Manifest) -> Result<(), OpsError> {
        for (name, parts) in &self.named {
            let Some(declared) = manifest.credentials.get(name) else {
                if !parts.is_of_command {
                    continue;
                }
                return Err(OpsError::UnknownCredentials {
                    engine: manifest.id.to_string(),
                    name: name.clone(),
                    known: manifest.credentials.keys().cloned().collect(),
                });
            };
            let missing = match declared.kind {
                CredentialKind::Basic if parts.basic.is_none() => "user name and password",
                CredentialKind::Token if parts.token.is_none() => "token",
                _ => continue,
            };
            return Err(OpsError::IncompleteCredentials {
                name: name.clone(),
                missing,
            });
        }
        Ok(())
    }

    /// Returns the headers for the endpoints of an engine.
    pub(super) fn of(&self, manifest: &Manifest) -> Logins {
        let mut logins = Logins {
            headers: Vec::new(),
            // An engine may send credentials to one endpoint and read the answer of another.
            echoes: (self.named.values())
                .chain([&self.shared])
                .map(|parts| parts.echo.clone())
                .collect(),
        };
        for endpoint in manifest.endpoints.values() {
            let Some(login) = endpoint.auth.login(&manifest.credentials) else {
                continue;
            };
            let parts = match login.credentials {
                None => Some(&self.shared),
                Some(name) => self.named.get(name),
            };
            let Some((name, value)) = parts.and_then(|parts| parts.header(login.form)) else {
                continue;
            };
            // A short token is searched for together with its header or its scheme only.
            let sent = match login.form {
                LoginForm::Header(_) => {
                    [name.as_str().as_bytes(), b": ", value.as_bytes()].concat()
                }
                LoginForm::Basic | LoginForm::Scheme(_) => value.as_bytes().to_vec(),
            };
            logins.echoes.push(Echo::of_sent(&sent));
            logins.headers.push((endpoint.auth.clone(), name, value));
        }
        logins
    }
}

impl Parts {
    /// Checks one set of credentials, whose name is for messages.
    async fn find(
        cluster: &Cluster,
        request: &CredentialsRequest,
        name: Option<&str>,
    ) -> Result<Self, OpsError> {
        let mut username = request.username.clone().map(Secret::from);
        let mut password = request.password.clone();
        let mut token = request.token.clone();
        if let Some(secret) = &request.from_secret {
            let keys = cluster.secret(secret).await.map_err(|source| match name {
                None => OpsError::from(source),
                Some(name) => OpsError::NamedSecret {
                    name: name.to_owned(),
                    source: Box::new(source),
                },
            })?;
            token = token.or_else(|| keys.find("token").cloned());
            let found = |key: &str| -> Result<Option<Secret>, OpsError> {
                // A Secret has a user name and a password unless it has a token.
                let value = match token {
                    Some(_) => keys.find(key),
                    None => Some(keys.require(key)?),
                };
                Ok(value.map(one_line))
            };
            let (found_name, found_password) = (found("username")?, found("password")?);
            // One of the two without the other is of no use beside a token.
            if found_name.is_some() && found_password.is_some() {
                username = username.or(found_name);
                password = password.or(found_password);
            }
        }
        if name.is_some() && username.is_some() != password.is_some() {
            // The environment may have half of what another engine needs. `check` refuses it for this one.
            (username, password) = (None, None);
        }
        Ok(Self {
            is_of_command: request.from_secret.is_some(),
            ..Self::of(username, password, token.as_ref())?
        })
    }

    fn of(
        username: Option<Secret>,
        password: Option<Secret>,
        token: Option<&Secret>,
    ) -> Result<Self, OpsError> {
        let half = |missing| OpsError::HalfCredentials { missing };
        let mut secrets = Vec::new();
        let basic = match (username, password) {
            (Some(username), Some(password)) => {
                // The header contains the pair in Base64. A backend that encodes the header again returns it
                // in Base64 twice.
                let pair = pair(&username, &password);
                let sent = Secret::from(BASE64_STANDARD.encode(pair.expose()));
                let basic = basic(&username, &password)?;
                secrets.extend([password, pair, sent]);
                Some(basic)
            }
            (Some(_), None) => return Err(half("password")),
            (None, Some(_)) => return Err(half("user name")),
            (None, None) => None,
        };
        let token = token.map(trimmed).transpose()?;
        secrets.extend(token.clone());
        Ok(Self {
            basic,
            token,
            is_of_command: false,
            echo: Echo::of(&secrets),
        })
    }

    /// Returns the header for a form, if the parts for it are there.
    fn header(&self, form: LoginForm<'_>) -> Option<(HeaderName, HeaderValue)> {
        let token = || self.token.as_ref()?.expose_text().ok();
        let (name, value) = match form {
            LoginForm::Basic => (AUTHORIZATION, self.basic.clone()?),
            LoginForm::Scheme(scheme) => {
                let value = format!("{scheme} {}", token()?);
                (AUTHORIZATION, header(&value).ok()?)
            }
            LoginForm::Header(name) => {
                let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
                (name, header(token()?).ok()?)
            }
        };
        Some((name, value))
    }
}

impl Logins {
    /// Returns the header for an endpoint with this authentication, if there is one.
    pub(super) fn header(&self, auth: &Auth) -> Option<(&HeaderName, &HeaderValue)> {
        let mut headers = self.headers.iter();
        let (_, name, value) = headers.find(|(known, ..)| known == auth)?;
        Some((name, value))
    }

    /// Returns the length of the longest text that [`Self::are_in`] looks for, in bytes.
    pub(super) fn longest(&self) -> usize {
        let lengths = self.echoes.iter().map(Echo::longest);
        lengths.max().unwrap_or_default()
    }

    /// Returns whether an answer contains any of the credentials. All are checked, because an engine may send
    /// them to one endpoint and read the answer of another.
    pub(super) fn are_in(&self, text: &[u8]) -> bool {
        self.echoes.iter().any(|echo| echo.is_in(text))
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

/// Returns a token without the white space around it. It must fit into a header.
fn trimmed(token: &Secret) -> Result<Secret, OpsError> {
    let token = token.expose_text().map_err(|_| OpsError::BadCredentials {
        what: "the token is not text",
    })?;
    header(token.trim())?;
    Ok(Secret::from(token.trim().to_owned()))
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
        assert_eq!(trimmed(&secret("abc\n")).unwrap().expose(), b"abc");
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

    fn manifest(auths: &[&str]) -> Manifest {
        let endpoints = auths.iter().enumerate().map(|(at, auth)| {
            format!(
                "[endpoints.e{at}]\nselect = \"pod\"\nport = {{ numbers = [80] }}\nallow = [\"GET /b\"]\nauth = {auth}\n"
            )
        });
        let text = format!(
            "id = \"acme/vault\"\nversion = \"1.0.0\"\nsummary = \"x\"\n[operations.detect]\n[credentials.admin]\nkind = \"basic\"\nhelp = \"x\"\n[credentials.key]\nkind = \"token\"\nhelp = \"x\"\n[endpoints.a]\nselect = \"pod\"\nport = {{ numbers = [80] }}\nallow = [\"GET /b\"]\nauth = {{ use = \"admin\" }}\n[endpoints.k]\nselect = \"pod\"\nport = {{ numbers = [80] }}\nallow = [\"GET /b\"]\nauth = {{ use = \"key\", header = \"X-Vault-Token\" }}\n{}",
            endpoints.collect::<String>()
        );
        Manifest::from_toml(&text).expect("a manifest")
    }

    fn parts(username: &str, password: &str, token: &str) -> Parts {
        let given = |text: &str| (!text.is_empty()).then(|| secret(text));
        let token = given(token);
        Parts::of(given(username), given(password), token.as_ref()).expect("credentials")
    }

    /// Returns the header of each endpoint.
    fn sent(credentials: &Credentials, manifest: &Manifest) -> Vec<String> {
        let logins = credentials.of(manifest);
        let endpoints = manifest.endpoints.iter();
        let headers = endpoints.map(|(name, endpoint)| match logins.header(&endpoint.auth) {
            Some((header, value)) => format!("{name} {header}: {}", value.to_str().expect("text")),
            None => format!("{name} -"),
        });
        headers.collect()
    }

    #[test]
    fn every_endpoint_gets_the_credentials_of_its_form_and_no_others() {
        let manifest = manifest(&[
            "\"basic\"",
            "\"bearer\"",
            "{ header = \"X-Key\" }",
            "{ scheme = \"ApiKey\" }",
            "\"none\"",
        ]);
        let credentials = Credentials {
            shared: parts("me", "open", "shared-token"),
            named: BTreeMap::from([
                ("admin".to_owned(), parts("root", "sesame", "")),
                ("key".to_owned(), parts("", "", "key-token")),
            ]),
        };
        assert_eq!(
            sent(&credentials, &manifest),
            [
                "a authorization: Basic cm9vdDpzZXNhbWU=",
                "e0 authorization: Basic bWU6b3Blbg==",
                "e1 authorization: Bearer shared-token",
                "e2 x-key: shared-token",
                "e3 authorization: ApiKey shared-token",
                "e4 -",
                "k x-vault-token: key-token",
            ]
        );
        let only_basic = Credentials {
            shared: parts("me", "open", ""),
            named: BTreeMap::new(),
        };
        let without = sent(&only_basic, &manifest);
        let with_header = without.iter().filter(|it| !it.ends_with('-'));
        assert_eq!(with_header.count(), 1, "{without:?}");
        let logins = credentials.of(&manifest);
        for (_, value) in manifest
            .endpoints
            .values()
            .filter_map(|it| logins.header(&it.auth))
        {
            assert!(value.is_sensitive());
        }
    }

    #[test]
    fn credentials_are_looked_for_whatever_the_endpoint_takes() {
        let manifest = manifest(&["{ header = \"X-Key\" }", "{ scheme = \"ApiKey\" }"]);
        let credentials = Credentials {
            shared: parts("me", "canary-4711", "tok1"),
            named: BTreeMap::from([("key".to_owned(), parts("", "", "canary-4712"))]),
        };
        let logins = credentials.of(&manifest);
        for text in [
            "it was canary-4711",
            "it was canary-4712",
            "x-key: tok1",
            "authorization: ApiKey tok1",
        ] {
            assert!(logins.are_in(text.as_bytes()), "{text}");
        }
        for text in ["it was canary-4713", "tok1", "ApiKey"] {
            assert!(!logins.are_in(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn named_credentials_are_those_of_the_engine_and_complete() {
        let manifest = manifest(&[]);
        let check = |name: &str, parts: Parts| {
            let named = BTreeMap::from([(name.to_owned(), parts)]);
            let credentials = Credentials {
                named,
                ..Credentials::default()
            };
            credentials.check(&manifest)
        };
        assert!(check("admin", parts("me", "open", "")).is_ok());
        assert!(check("key", parts("me", "open", "t")).is_ok());
        assert!(check("adm", parts("me", "open", "")).is_ok());
        let of_command = Parts {
            is_of_command: true,
            ..parts("me", "open", "")
        };
        assert!(matches!(
            check("adm", of_command),
            Err(OpsError::UnknownCredentials { known, .. }) if known == ["admin", "key"]
        ));
        for (name, parts, part) in [
            ("admin", parts("", "", "t"), "user name and password"),
            ("key", parts("me", "open", ""), "token"),
        ] {
            assert!(matches!(
                check(name, parts),
                Err(OpsError::IncompleteCredentials { missing, .. }) if missing == part
            ));
        }
        let half = Parts::of(Some(secret("me")), None, None);
        assert!(matches!(half, Err(OpsError::HalfCredentials { .. })));
    }

    #[test]
    fn what_can_not_be_sent_is_refused_and_not_repeated() {
        for error in [
            basic(&secret("canary:x"), &secret("y")).unwrap_err(),
            trimmed(&secret("canary\nx")).unwrap_err(),
        ] {
            assert!(!error.to_string().contains("canary"), "{error}");
        }
    }
}
