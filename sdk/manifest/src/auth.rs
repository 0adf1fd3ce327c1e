use std::collections::BTreeMap;
use std::fmt;

use serde::de::value::{MapAccessDeserializer, StrDeserializer};
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::HeaderRule;
use crate::place::{Findings, Place};

/// The credentials that the host adds to each request. The engine never sees them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename_all = "kebab-case")
)]
pub enum Auth {
    /// No credentials.
    #[default]
    None,
    /// HTTP Basic, if the user gave a user name and a password.
    Basic,
    /// `Authorization: Bearer`, if the user gave a token.
    Bearer,
    /// A signature (AWS Signature Version 4) with the user's AWS credentials. Only for `select = "s3"`.
    Aws,
    /// Another form, or credentials with a name of their own.
    #[cfg_attr(feature = "schema", schemars(untagged))]
    Custom(CustomAuth),
}

/// The table form of `auth`.
///
/// `{ header = "X-Vault-Token" }` sends the user's token as a header, and `{ scheme = "ApiKey" }` sends it as
/// `Authorization: ApiKey TOKEN`. `use` names credentials of `[credentials.NAME]`, instead of those that all
/// engines share.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct CustomAuth {
    /// The header with the token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// The scheme before the token in the header `authorization`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheme: Option<String>,
    /// The name of the credentials.
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "use")]
    pub credentials: Option<String>,
}

/// Credentials with a name of their own, `[credentials.NAME]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Credential {
    /// The parts of the credentials.
    pub kind: CredentialKind,
    /// The help text, in one line.
    pub help: String,
}

/// The parts of credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum CredentialKind {
    /// A user name and a password.
    Basic,
    /// A token.
    Token,
}

/// The way in which the host adds the user's credentials to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Login<'a> {
    /// The name of the credentials; `None` for those that all engines share.
    pub credentials: Option<&'a str>,
    /// The form of the credentials in a request.
    pub form: LoginForm<'a>,
}

/// The form of credentials in a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginForm<'a> {
    /// User name and password, as in RFC 7617.
    Basic,
    /// The token in the header `authorization`, after this scheme.
    Scheme(&'a str),
    /// The token in a header of this name.
    Header(&'a str),
}

/// An error in the credentials of an endpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// The table is empty.
    #[error("`auth` says nothing; give `header`, `scheme` or `use`")]
    Empty,
    /// The token would be sent twice.
    #[error("`auth` has both `header` and `scheme`; give one")]
    Twice,
    /// The header is not one for credentials.
    #[error(
        "`auth` can't use the header `{name}`: it has invalid characters, has another meaning, or can turn the request into another one"
    )]
    Header {
        /// The name of the header.
        name: String,
    },
    /// The engine could send the header itself.
    #[error("the header `{name}` is in both `auth` and `headers`; remove it from `headers`")]
    HeaderOfEngine {
        /// The name of the header.
        name: String,
    },
    /// The scheme is invalid.
    #[error(
        "`auth` can't use the scheme `{scheme}`: use 1 to 32 letters, digits and dashes, or `auth = \"basic\"` or `auth = \"bearer\"`"
    )]
    Scheme {
        /// The scheme.
        scheme: String,
    },
    /// The credentials are not declared.
    #[error("`auth` uses the credentials `{name}`; declare them as `[credentials.{name}]`")]
    Unknown {
        /// The name of the credentials.
        name: String,
    },
    /// A user name and a password have one form only.
    #[error(
        "`auth` has `header` or `scheme`, and the credentials `{name}` are no token; set `kind = \"token\"`"
    )]
    NoToken {
        /// The name of the credentials.
        name: String,
    },
}

impl Auth {
    /// Returns how the host adds the user's credentials to a request. Requests to S3 are signed instead.
    #[must_use]
    pub fn login<'a>(&'a self, declared: &BTreeMap<String, Credential>) -> Option<Login<'a>> {
        let shared = |form| {
            Some(Login {
                credentials: None,
                form,
            })
        };
        match self {
            Self::None | Self::Aws => None,
            Self::Basic => shared(LoginForm::Basic),
            Self::Bearer => shared(LoginForm::Scheme("Bearer")),
            Self::Custom(custom) => {
                let credentials = custom.credentials.as_deref();
                let kind = credentials
                    .and_then(|name| declared.get(name))
                    .map(|it| it.kind);
                let form = match (&custom.header, &custom.scheme, kind) {
                    (Some(header), ..) => LoginForm::Header(header),
                    (None, Some(scheme), _) => LoginForm::Scheme(scheme),
                    (None, None, Some(CredentialKind::Basic)) => LoginForm::Basic,
                    (None, None, _) => LoginForm::Scheme("Bearer"),
                };
                Some(Login { credentials, form })
            }
        }
    }

    /// Returns the name of the credentials, if they have one.
    #[must_use]
    pub fn credentials(&self) -> Option<&str> {
        match self {
            Self::Custom(custom) => custom.credentials.as_deref(),
            _ => None,
        }
    }

    /// Checks the table form. `headers` are those that the engine may send itself, and `declared` are the
    /// credentials of the manifest.
    pub(crate) fn check(
        &self,
        headers: &[String],
        declared: &BTreeMap<String, Credential>,
    ) -> Findings<AuthError> {
        let mut found = Findings::new();
        let Self::Custom(custom) = self else {
            return found;
        };
        let has_form = custom.header.is_some() || custom.scheme.is_some();
        if !has_form && custom.credentials.is_none() {
            found.add(Place::default(), AuthError::Empty);
        }
        if custom.header.is_some() && custom.scheme.is_some() {
            found.add(Place::of("scheme"), AuthError::Twice);
        }
        if let Some(name) = &custom.header {
            found.check(Place::of("header"), check_header(name, headers));
        }
        if let Some(scheme) = custom.scheme.as_ref().filter(|scheme| !is_scheme(scheme)) {
            let scheme = scheme.clone();
            found.add(Place::of("scheme"), AuthError::Scheme { scheme });
        }
        if let Some(name) = &custom.credentials {
            found.check(Place::of("use"), check_use(name, has_form, declared));
        }
        found
    }
}

/// Checks that credentials are declared, and that they fit their form.
fn check_use(
    name: &str,
    has_form: bool,
    declared: &BTreeMap<String, Credential>,
) -> Result<(), AuthError> {
    let name = name.to_owned();
    match declared.get(&name) {
        None => Err(AuthError::Unknown { name }),
        Some(credential) if credential.kind == CredentialKind::Basic && has_form => {
            Err(AuthError::NoToken { name })
        }
        Some(_) => Ok(()),
    }
}

/// A header with a token must not be one with a meaning of its own, and the engine must not send it too.
fn check_header(name: &str, headers: &[String]) -> Result<(), AuthError> {
    if HeaderRule::of(name) != HeaderRule::Named {
        return Err(AuthError::Header { name: name.into() });
    }
    if headers.iter().any(|own| own.eq_ignore_ascii_case(name)) {
        return Err(AuthError::HeaderOfEngine { name: name.into() });
    }
    Ok(())
}

/// Returns whether a scheme fits before a token. `Basic` and `Bearer` have forms of their own.
fn is_scheme(text: &str) -> bool {
    (1..=32).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && !["basic", "bearer"].contains(&&*text.to_ascii_lowercase())
}

/// The forms of `auth` in one word.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Word {
    None,
    Basic,
    Bearer,
    Aws,
}

impl Serialize for Auth {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::None => Word::None.serialize(serializer),
            Self::Basic => Word::Basic.serialize(serializer),
            Self::Bearer => Word::Bearer.serialize(serializer),
            Self::Aws => Word::Aws.serialize(serializer),
            Self::Custom(custom) => custom.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Auth {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AuthVisitor)
    }
}

/// Reads a word or a table. An untagged enum would not say which key is wrong.
struct AuthVisitor;

impl<'de> Visitor<'de> for AuthVisitor {
    type Value = Auth;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`none`, `basic`, `bearer`, `aws`, or a table with `header`, `scheme` or `use`")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Auth, E> {
        Ok(match Word::deserialize(StrDeserializer::new(text))? {
            Word::None => Auth::None,
            Word::Basic => Auth::Basic,
            Word::Bearer => Auth::Bearer,
            Word::Aws => Auth::Aws,
        })
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Auth, A::Error> {
        CustomAuth::deserialize(MapAccessDeserializer::new(map)).map(Auth::Custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize, Serialize)]
    struct Table {
        auth: Auth,
    }

    fn read(auth: &str) -> Result<Auth, String> {
        let table: Table =
            toml::from_str(&format!("auth = {auth}")).map_err(|error| error.to_string())?;
        Ok(table.auth)
    }

    fn custom(auth: &str) -> Result<(), AuthError> {
        let auth = read(auth).expect("an auth");
        auth.check(&["X-Own".to_owned()], &declared()).only()
    }

    fn declared() -> BTreeMap<String, Credential> {
        let of = |kind| Credential {
            kind,
            help: "x".to_owned(),
        };
        BTreeMap::from([
            ("admin".to_owned(), of(CredentialKind::Basic)),
            ("key".to_owned(), of(CredentialKind::Token)),
        ])
    }

    #[test]
    fn words_keep_their_bytes_and_tables_come_back_as_they_were() {
        for text in ["none", "basic", "bearer", "aws"] {
            let auth = read(&format!("\"{text}\"")).expect("a word");
            let json = serde_json::to_string(&auth).expect("JSON");
            assert_eq!(json, format!("\"{text}\""));
        }
        for text in [
            r#"{"header":"X-Vault-Token"}"#,
            r#"{"scheme":"ApiKey","use":"key"}"#,
        ] {
            let auth: Auth = serde_json::from_str(text).expect("a table");
            assert_eq!(serde_json::to_string(&auth).expect("JSON"), text);
        }
    }

    #[test]
    fn an_unknown_word_or_key_is_named_with_those_that_exist() {
        let error = read("\"header\"").expect_err("no such word");
        assert!(error.contains("`bearer`"), "{error}");
        let error = read("{ heder = \"x\" }").expect_err("no such key");
        assert!(
            error.contains("`heder`") && error.contains("`header`"),
            "{error}"
        );
        let error = read("7").expect_err("a number");
        assert!(error.contains("or a table with `header`"), "{error}");
    }

    #[test]
    fn a_header_is_one_for_credentials_and_not_of_the_engine() {
        assert_eq!(custom("{ header = \"X-Vault-Token\" }"), Ok(()));
        for name in [
            "Authorization",
            "Cookie",
            "Host",
            "Accept",
            "X-HTTP-Method-Override",
            "X-Forwarded-User",
            "transfer_encoding",
            "",
        ] {
            let refused = Err(AuthError::Header { name: name.into() });
            assert_eq!(custom(&format!("{{ header = \"{name}\" }}")), refused);
        }
        let refused = Err(AuthError::HeaderOfEngine {
            name: "x-own".into(),
        });
        assert_eq!(custom("{ header = \"x-own\" }"), refused);
        assert_eq!(
            custom("{ header = \"X-Key\", scheme = \"Key\" }"),
            Err(AuthError::Twice)
        );
        assert_eq!(custom("{}"), Err(AuthError::Empty));
    }

    #[test]
    fn a_scheme_is_one_word_and_not_one_with_a_form_of_its_own() {
        assert_eq!(custom("{ scheme = \"ApiKey\" }"), Ok(()));
        for scheme in ["", "Api Key", "Basic", "bearer", "9x", "a\\r\\nb", "k=v"] {
            let refused = custom(&format!("{{ scheme = \"{scheme}\" }}"));
            assert!(matches!(refused, Err(AuthError::Scheme { .. })), "{scheme}");
        }
    }

    #[test]
    fn credentials_are_declared_and_have_the_form_of_their_kind() {
        let declared = declared();
        let login = |auth: &str| {
            let auth = read(auth).expect("an auth");
            auth.check(&[], &declared).only()?;
            let login = auth.login(&declared).expect("credentials");
            let form = match login.form {
                LoginForm::Basic => "basic".to_owned(),
                LoginForm::Scheme(scheme) => format!("scheme {scheme}"),
                LoginForm::Header(header) => format!("header {header}"),
            };
            Ok((login.credentials.map(str::to_owned), form))
        };
        let of = |name: Option<&str>, form: &str| Ok((name.map(str::to_owned), form.to_owned()));
        assert_eq!(login("\"bearer\""), of(None, "scheme Bearer"));
        assert_eq!(login("{ header = \"X-K\" }"), of(None, "header X-K"));
        assert_eq!(login("{ use = \"admin\" }"), of(Some("admin"), "basic"));
        assert_eq!(login("{ use = \"key\" }"), of(Some("key"), "scheme Bearer"));
        let scheme = "{ use = \"key\", scheme = \"ApiKey\" }";
        assert_eq!(login(scheme), of(Some("key"), "scheme ApiKey"));
        let unknown = AuthError::Unknown {
            name: "adm".to_owned(),
        };
        assert_eq!(login("{ use = \"adm\" }"), Err(unknown));
        let header = login("{ use = \"admin\", header = \"X-K\" }");
        assert!(matches!(header, Err(AuthError::NoToken { .. })));
        assert_eq!(Auth::Aws.login(&declared), None);
    }
}
