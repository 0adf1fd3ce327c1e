//! Accesses one repository of a registry, with the credentials that it demands.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use host_base::{Secret, Sha256};
use host_web::is_loopback;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, StatusCode, Uri};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use sha2::{Digest as _, Sha512};

use super::super::client::{Answer, shown};
use super::super::{Network, SourceError};
use super::challenge::{self, Challenge};
use super::docker_config::Credentials;
use super::manifest::{self, Descriptor, Document};
use crate::signature::digest;
use crate::{OciVersion, Reference};

/// The maximum size of a manifest, in bytes: the size that the specification asks registries to accept.
pub(super) const MAX_MANIFEST: u64 = 4 * 1024 * 1024;

/// The maximum size of a response with a token, in bytes.
const MAX_TOKEN: u64 = 256 * 1024;

/// The names of docker's registry: people write one name, its API has another, and its password is stored
/// under a third. References use the first.
const DOCKER: &str = "docker.io";
const DOCKER_API: &str = "registry-1.docker.io";
const DOCKER_LOGIN: &str = "https://index.docker.io/v1/";

const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_');

pub(super) struct Remote<'a> {
    network: &'a Network,
    registry: &'a str,
    /// The repository as people write it, for messages.
    repository: &'a str,
    /// The base URL: `https://HOST/v2/REPOSITORY`.
    base: String,
    /// The repository as the registry names it.
    path: String,
    authorization: Option<HeaderValue>,
}

/// The authentication for a registry that has refused an anonymous request.
struct Login {
    authorization: Option<HeaderValue>,
    /// The reason why the user's login is missing. It matters only if the registry refuses requests without
    /// one.
    problem: Option<SourceError>,
}

/// A manifest whose bytes have this digest.
pub(super) struct Manifest {
    pub(super) bytes: Vec<u8>,
    pub(super) digest: Sha256,
}

impl<'a> Remote<'a> {
    pub(super) fn new(network: &'a Network, registry: &'a str, repository: &'a str) -> Self {
        let scheme = if network.client.is_insecure(registry) {
            "http"
        } else {
            "https"
        };
        let (host, path) = if registry != DOCKER {
            (registry, repository.to_owned())
        } else if repository.contains('/') {
            (DOCKER_API, repository.to_owned())
        } else {
            (DOCKER_API, format!("library/{repository}"))
        };
        Self {
            network,
            registry,
            repository,
            base: format!("{scheme}://{host}/v2/{path}"),
            path,
            authorization: None,
        }
    }

    /// Returns the reference of `version`, for messages.
    pub(super) fn name(&self, version: &OciVersion) -> String {
        Reference::Oci {
            registry: self.registry.to_owned(),
            repository: self.repository.to_owned(),
            version: version.clone(),
        }
        .to_string()
    }

    /// Returns the repository, for messages.
    pub(super) fn place(&self) -> String {
        format!("oci://{}/{}", self.registry, self.repository)
    }

    /// Fetches the manifest of `version`. Its digest must be the requested one, or the one that the registry
    /// states.
    pub(super) async fn manifest(&mut self, version: &OciVersion) -> Result<Manifest, SourceError> {
        let what = self.name(version);
        let answer = self.ask_for_manifest(version).await?.successful(&what)?;
        checked(&what, version, answer)
    }

    /// Fetches the manifest of `version`; none if there is no such tag.
    pub(super) async fn manifest_if_there(
        &mut self,
        tag: &str,
    ) -> Result<Option<Manifest>, SourceError> {
        let version = OciVersion::Tag(tag.to_owned());
        let what = self.name(&version);
        let answer = self.ask_for_manifest(&version).await?;
        if matches!(answer.status, StatusCode::NOT_FOUND | StatusCode::GONE) {
            return Ok(None);
        }
        checked(&what, &version, answer.successful(&what)?).map(Some)
    }

    async fn ask_for_manifest(&mut self, version: &OciVersion) -> Result<Answer, SourceError> {
        let path = match version {
            OciVersion::Tag(tag) => format!("manifests/{tag}"),
            OciVersion::Digest(hex) => format!("manifests/sha256:{hex}"),
            OciVersion::Sha512(hex) => format!("manifests/sha512:{hex}"),
        };
        self.get(&path, manifest::ACCEPT, MAX_MANIFEST).await
    }

    pub(super) fn parse(&self, bytes: &[u8], digest: Sha256) -> Result<Document, SourceError> {
        manifest::parse(bytes).map_err(|reason| SourceError::Broken {
            what: self.name(&super::version_of(digest)),
            reason,
        })
    }

    pub(super) fn digest_of(&self, descriptor: &Descriptor) -> Result<Sha256, SourceError> {
        descriptor.sha256().ok_or_else(|| SourceError::Broken {
            what: self.place(),
            reason: "something in it is not named by a SHA-256 digest".to_owned(),
        })
    }

    /// Fetches a blob of the stated size and digest.
    pub(super) async fn blob(
        &mut self,
        expected: Sha256,
        size: u64,
        limit: u64,
    ) -> Result<Vec<u8>, SourceError> {
        let what = format!("the layer sha256:{expected} of {}", self.place());
        if size > limit {
            return Err(SourceError::TooLong { what, limit });
        }
        let path = format!("blobs/sha256:{expected}");
        // A blob that is longer than stated can't have the digest, so its rest is not read.
        let answer = self.get(&path, "*/*", size).await?.successful(&what)?;
        verified(what, expected, answer.body)
    }

    /// Returns the referrers of a manifest as an index; none if the registry does not support the request.
    pub(super) async fn referrers(
        &mut self,
        digest: Sha256,
    ) -> Result<Option<Vec<Descriptor>>, SourceError> {
        let path = format!("referrers/sha256:{digest}");
        let answer = self.get(&path, manifest::ACCEPT, MAX_MANIFEST).await?;
        if matches!(answer.status.as_u16(), 400 | 404 | 405) {
            return Ok(None);
        }
        let what = format!("referrers of {}", self.name(&super::version_of(digest)));
        let answer = answer.successful(&what)?;
        match manifest::parse(&answer.body) {
            Ok(Document::Index(entries)) => Ok(Some(entries)),
            Ok(Document::Image(_)) => Err(SourceError::Broken {
                what,
                reason: "it is not an index".to_owned(),
            }),
            Err(reason) => Err(SourceError::Broken { what, reason }),
        }
    }

    /// Sends a request, and repeats it with credentials if the registry demands them.
    async fn get(
        &mut self,
        path: &str,
        accept: &'static str,
        limit: u64,
    ) -> Result<Answer, SourceError> {
        let address: Uri =
            format!("{}/{path}", self.base)
                .parse()
                .map_err(|_| SourceError::BadUrl {
                    url: self.place(),
                    reason: "the registry is not a host name",
                })?;
        let answer = self.send(&address, accept, limit).await?;
        if answer.status != StatusCode::UNAUTHORIZED {
            return Ok(answer);
        }
        let Some(challenge) = challenge::of(&answer.headers) else {
            return Ok(answer);
        };
        let login = self.authorize(&address, challenge).await?;
        let answer = match login.authorization {
            Some(authorization) => {
                self.authorization = Some(authorization);
                self.send(&address, accept, limit).await?
            }
            // The registry's refusal says more than an error of this program.
            None => answer,
        };
        match login.problem {
            Some(problem) if is_refusal(answer.status) => Err(problem),
            _ => Ok(answer),
        }
    }

    async fn send(
        &self,
        address: &Uri,
        accept: &'static str,
        limit: u64,
    ) -> Result<Answer, SourceError> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static(accept));
        if let Some(authorization) = &self.authorization {
            headers.insert(AUTHORIZATION, authorization.clone());
        }
        self.network.client.get(address, headers, limit).await
    }

    /// Obtains a login. Only a refused request needs one, so only then a missing login is an error.
    async fn authorize(&self, address: &Uri, challenge: Challenge) -> Result<Login, SourceError> {
        let Challenge::Bearer {
            realm,
            service,
            scope,
        } = challenge
        else {
            let (credentials, problem) = self.credentials(address).await;
            return Ok(Login {
                authorization: match credentials {
                    Some(Credentials::Password { user, password }) => {
                        Some(basic(&user, &password)?)
                    }
                    _ => None,
                },
                problem,
            });
        };
        let realm: Uri = realm.parse().map_err(|_| SourceError::Broken {
            what: self.registry.to_owned(),
            reason: "it names a token server whose address is invalid".to_owned(),
        })?;
        if address.scheme_str() == Some("https") && realm.scheme_str() != Some("https") {
            return Err(SourceError::Downgrade {
                from: shown(address),
                to: shown(&realm),
            });
        }
        let (credentials, problem) = self.credentials(&realm).await;
        if let Some(Credentials::RegistryToken(token)) = &credentials {
            allow_password(address)?;
            let token = token.expose_text().map_err(|_| not_a_header())?;
            return Ok(Login {
                authorization: Some(bearer(token).ok_or_else(not_a_header)?),
                problem,
            });
        }
        let scope = scope.unwrap_or_else(|| format!("repository:{}:pull", self.path));
        let mut query = vec![("scope", scope)];
        query.extend(service.map(|service| ("service", service)));
        match (self.token(&realm, query, credentials).await, problem) {
            (Ok(token), problem) => Ok(Login {
                authorization: Some(token),
                problem,
            }),
            (Err(SourceError::NotAllowed { .. }), Some(problem)) => Err(problem),
            (Err(error), _) => Err(error),
        }
    }

    /// Returns the user's credentials for this registry if they may be sent to `destination`, or the reason
    /// if not.
    async fn credentials(&self, destination: &Uri) -> (Option<Credentials>, Option<SourceError>) {
        let login = if self.registry == DOCKER {
            DOCKER_LOGIN
        } else {
            self.registry
        };
        let found = self.network.docker.credentials(login, &self.path).await;
        match found {
            Ok(None) => (None, None),
            Ok(found) => match allow_password(destination) {
                Ok(()) => (found, None),
                Err(problem) => (None, Some(problem)),
            },
            Err(problem) => (None, Some(problem)),
        }
    }

    /// Requests a token. <https://distribution.github.io/distribution/spec/auth/token/> describes the
    /// request, and <https://distribution.github.io/distribution/spec/auth/oauth/> that with an identity
    /// token.
    async fn token(
        &self,
        realm: &Uri,
        mut query: Vec<(&str, String)>,
        credentials: Option<Credentials>,
    ) -> Result<HeaderValue, SourceError> {
        let client = &self.network.client;
        let mut headers = HeaderMap::new();
        let answer = if let Some(Credentials::IdentityToken(token)) = &credentials {
            let token = token.expose_text().map_err(|_| not_a_header())?;
            query.push(("grant_type", "refresh_token".to_owned()));
            query.push(("client_id", "kubectl-broker".to_owned()));
            query.push(("refresh_token", token.to_owned()));
            let form = HeaderValue::from_static("application/x-www-form-urlencoded");
            headers.insert(CONTENT_TYPE, form);
            client
                .post(realm, headers, encoded(&query), MAX_TOKEN)
                .await?
        } else {
            if let Some(Credentials::Password { user, password }) = &credentials {
                headers.insert(AUTHORIZATION, basic(user, password)?);
            }
            let joint = if realm.query().is_some() { '&' } else { '?' };
            let address = format!("{realm}{joint}{}", encoded(&query));
            let address: Uri = address.parse().map_err(|_| SourceError::Broken {
                what: self.registry.to_owned(),
                reason: "it names a token server whose address is invalid".to_owned(),
            })?;
            client.get(&address, headers, MAX_TOKEN).await?
        };
        let what = format!("a token of {} for {}", shown(realm), self.registry);
        let answer = answer.successful(&what)?;
        Token::read(&answer.body).ok_or(SourceError::Broken {
            what,
            reason: "it has no token".to_owned(),
        })
    }
}

#[derive(Deserialize)]
struct Token {
    token: Option<String>,
    access_token: Option<String>,
}

impl Token {
    fn read(body: &[u8]) -> Option<HeaderValue> {
        let answer: Self = serde_json::from_slice(body).ok()?;
        let token = answer.token.or(answer.access_token)?;
        bearer(&token)
    }
}

fn bearer(token: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(&format!("Bearer {token}")).ok()?;
    value.set_sensitive(true);
    Some(value)
}

fn is_refusal(status: StatusCode) -> bool {
    matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
}

fn checked(what: &str, version: &OciVersion, answer: Answer) -> Result<Manifest, SourceError> {
    let stated = answer
        .headers
        .get("docker-content-digest")
        .and_then(|value| value.to_str().ok()?.strip_prefix("sha256:")?.parse().ok());
    let asked = match version {
        OciVersion::Digest(hex) => hex.parse().ok(),
        OciVersion::Tag(_) | OciVersion::Sha512(_) => None,
    };
    let mut bytes = answer.body;
    if let OciVersion::Sha512(expected) = version {
        let digest = Sha512::digest(&bytes);
        let found: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        if found != *expected {
            return Err(SourceError::Digest {
                what: what.to_owned(),
                expected: format!("sha512:{expected}"),
                found: format!("sha512:{found}"),
            });
        }
    }
    for expected in [asked, stated].into_iter().flatten() {
        bytes = verified(what.to_owned(), expected, bytes)?;
    }
    Ok(Manifest {
        digest: digest(&bytes),
        bytes,
    })
}

fn verified(what: String, expected: Sha256, bytes: Vec<u8>) -> Result<Vec<u8>, SourceError> {
    let found = digest(&bytes);
    if found == expected {
        return Ok(bytes);
    }
    Err(SourceError::Digest {
        what,
        expected: format!("sha256:{expected}"),
        found: format!("sha256:{found}"),
    })
}

/// Checks that a password is sent over TLS, or stays on this machine.
fn allow_password(address: &Uri) -> Result<(), SourceError> {
    if address.scheme_str() == Some("https") || is_loopback(address) {
        return Ok(());
    }
    Err(SourceError::PasswordInClear {
        host: address
            .authority()
            .map_or_else(String::new, ToString::to_string),
    })
}

fn basic(user: &str, password: &Secret) -> Result<HeaderValue, SourceError> {
    let mut login = format!("{user}:").into_bytes();
    login.extend_from_slice(password.expose());
    let mut value = HeaderValue::from_str(&format!("Basic {}", BASE64_STANDARD.encode(login)))
        .map_err(|_| not_a_header())?;
    value.set_sensitive(true);
    Ok(value)
}

fn not_a_header() -> SourceError {
    SourceError::Configuration {
        what: "the credentials of the registry".to_owned(),
        reason: "they have characters that can't be sent".to_owned(),
    }
}

fn encoded(query: &[(&str, String)]) -> String {
    let pairs: Vec<_> = query
        .iter()
        .map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, QUERY)))
        .collect();
    pairs.join("&")
}
