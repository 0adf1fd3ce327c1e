use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A request that an endpoint allows: `GET /api/v1/management/backups/{id}`.
///
/// An engine names the route and passes the parameters separately. The host therefore never has to guess
/// which route a path belongs to.
///
/// A parameter can't become a second path segment. Only `{+key}` at the end may contain slashes, as in RFC
/// 6570, for the keys of object storage. The last segment may end with a verb: `POST /jobs/{id}:cancel`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(try_from = "String", into = "String")]
pub struct Route {
    method: Method,
    template: String,
}

/// An HTTP method.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// `GET`.
    Get,
    /// `HEAD`.
    Head,
    /// `POST`.
    Post,
    /// `PUT`.
    Put,
    /// `PATCH`.
    Patch,
    /// `DELETE`.
    Delete,
}

/// An error in a route or in the values for its parameters.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RouteError {
    /// The route is not of the form `METHOD /path`.
    #[error("`{text}` is not a route: write `METHOD /path`, as in `GET /v1/backups/{{id}}`")]
    Form {
        /// The text of the route.
        text: String,
    },
    /// The method is unknown.
    #[error("`{text}` has no known method; use GET, HEAD, POST, PUT, PATCH or DELETE")]
    Method {
        /// The text of the route.
        text: String,
    },
    /// The path contains invalid characters or an invalid parameter.
    #[error(
        "the path of `{text}` may have only letters, digits, `-._~`, whole `{{parameter}}` segments, and at its end `{{+parameter}}`, `:verb` or a slash"
    )]
    Path {
        /// The text of the route.
        text: String,
    },
    /// A parameter has no value.
    #[error("the request gives no value for `{{{name}}}`")]
    Missing {
        /// The name of the parameter.
        name: String,
    },
    /// A value is for a parameter that the route does not have.
    #[error("the request gives a value for `{{{name}}}`, which the route does not have")]
    Unknown {
        /// The name of the parameter.
        name: String,
    },
    /// A value is not a valid path segment.
    #[error(
        "the {name} can't be a segment of a path: it is empty, a dot segment, too long, or has a slash or a control character"
    )]
    Value {
        /// The name of the parameter.
        name: String,
    },
    /// A value could be taken for one with a verb.
    #[error("the {name} can't have a colon: a route of this endpoint ends with `:verb`")]
    Colon {
        /// The name of the parameter.
        name: String,
    },
    /// A value is not a valid rest of a path.
    #[error(
        "the {name} can't be the rest of a path: it is too long, or one of its segments is empty, a dot segment, or has a backslash or a control character"
    )]
    Rest {
        /// The name of the parameter.
        name: String,
    },
}

/// Maximum length of the value of one path parameter, in bytes, before it is percent-encoded.
const MAX_VALUE: usize = 512;

/// Maximum length of a value with slashes, in bytes: S3 allows keys of this length.
const MAX_REST: usize = 1024;

impl Method {
    /// Returns the name of the method in upper case.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [
            Self::Get,
            Self::Head,
            Self::Post,
            Self::Put,
            Self::Patch,
            Self::Delete,
        ]
        .into_iter()
        .find(|method| method.name() == text)
    }
}

impl Route {
    /// Returns the method.
    #[must_use]
    pub fn method(&self) -> Method {
        self.method
    }

    /// Returns the path with its parameters in braces.
    #[must_use]
    pub fn template(&self) -> &str {
        &self.template
    }

    /// Returns the path with the percent-encoded `parameters` in its template.
    ///
    /// # Errors
    /// Fails if a parameter is missing, unknown, or not a valid path segment.
    pub fn fill(&self, parameters: &[(String, String)]) -> Result<String, RouteError> {
        if let Some((name, _)) = parameters
            .iter()
            .find(|(name, _)| !self.parameters().any(|known| known == name))
        {
            return Err(RouteError::Unknown { name: name.clone() });
        }
        let mut path = String::with_capacity(self.template.len());
        for segment in self.template.split('/').skip(1) {
            path.push('/');
            let (segment, verb) = verb_of(segment);
            let Some(name) = parameter(segment) else {
                path.push_str(segment);
                path.push_str(verb);
                continue;
            };
            let (_, value) = parameters
                .iter()
                .find(|(given, _)| given == name)
                .ok_or_else(|| RouteError::Missing { name: name.into() })?;
            if is_rest(segment) {
                encode_rest(name, value, &mut path)?;
            } else {
                encode(name, value, &mut path)?;
            }
            path.push_str(verb);
        }
        Ok(path)
    }

    /// Returns whether the path ends with a verb.
    #[must_use]
    pub fn has_verb(&self) -> bool {
        !verb_of(&self.template).1.is_empty()
    }

    /// Returns the name of the last parameter, if it may contain slashes.
    #[must_use]
    pub fn rest(&self) -> Option<&str> {
        let (_, last) = self.template.rsplit_once('/')?;
        parameter(last).filter(|_| is_rest(last))
    }

    /// Returns the parameters with which the template becomes `path`, as they are in the path,
    /// percent-encoded. Returns `None` if the path is of another route.
    #[must_use]
    pub fn parameters_of<'a>(&'a self, path: &'a str) -> Option<Vec<(&'a str, &'a str)>> {
        let segments = self.template.split('/').count();
        let is = match self.rest() {
            Some(_) => path.splitn(segments, '/'),
            // The limit is one more than the number of segments, so that a longer path has a different count.
            None => path.splitn(segments + 1, '/'),
        };
        let is: Vec<_> = is.collect();
        if is.len() != segments {
            return None;
        }
        let mut parameters = Vec::new();
        for (known, is) in self.template.split('/').zip(is) {
            let (segment, verb) = verb_of(known);
            match parameter(segment) {
                Some(name) => {
                    let value = is.strip_suffix(verb)?;
                    // A colon of a value is encoded, so this one begins a verb.
                    if value.is_empty() || value.contains(':') {
                        return None;
                    }
                    parameters.push((name, value));
                }
                None if known == is => {}
                None => return None,
            }
        }
        Some(parameters)
    }

    fn parameters(&self) -> impl Iterator<Item = &str> {
        let segments = self.template.split('/');
        segments.filter_map(|segment| parameter(verb_of(segment).0))
    }
}

/// Returns `id` for `{id}`, and `key` for `{+key}`.
fn parameter(segment: &str) -> Option<&str> {
    let inner = segment.strip_prefix('{')?.strip_suffix('}')?;
    Some(inner.strip_prefix('+').unwrap_or(inner))
}

/// Splits `{id}:cancel` into `{id}` and `:cancel`. The second part is empty without a verb.
fn verb_of(segment: &str) -> (&str, &str) {
    segment.split_at(segment.find(':').unwrap_or(segment.len()))
}

fn is_verb(verb: &str) -> bool {
    verb.strip_prefix(':').is_some_and(|name| {
        name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    })
}

fn is_rest(segment: &str) -> bool {
    segment.starts_with("{+")
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

/// Percent-encodes all but RFC 3986's unreserved characters.
///
/// Slashes are rejected, not encoded, because some servers decode `%2F` before they route. A value from a
/// server could then reach another route than the granted one.
fn encode(name: &str, value: &str, path: &mut String) -> Result<(), RouteError> {
    let fits = value.len() <= MAX_VALUE;
    let encoded = encode_segment(value, path).filter(|()| fits);
    encoded.ok_or_else(|| RouteError::Value { name: name.into() })
}

/// Appends the encoded value. Returns `None` if the value is not a valid path segment.
fn encode_segment(value: &str, path: &mut String) -> Option<()> {
    let is_separator = |c: char| c.is_control() || c == '/' || c == '\\';
    if value.is_empty() || value == "." || value == ".." || value.contains(is_separator) {
        return None;
    }
    for byte in value.bytes() {
        if is_unreserved(byte) {
            path.push(char::from(byte));
        } else {
            path.push_str(&format!("%{byte:02X}"));
        }
    }
    Some(())
}

/// Percent-encodes a value with slashes. The slashes stay, and each part between them must be a valid
/// segment.
fn encode_rest(name: &str, value: &str, path: &mut String) -> Result<(), RouteError> {
    let refused = || RouteError::Rest { name: name.into() };
    if value.len() > MAX_REST {
        return Err(refused());
    }
    for (index, segment) in value.split('/').enumerate() {
        if index > 0 {
            path.push('/');
        }
        encode_segment(segment, path).ok_or_else(refused)?;
    }
    Ok(())
}

impl FromStr for Route {
    type Err = RouteError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let Some((method, template)) = text.split_once(' ') else {
            return Err(RouteError::Form { text: text.into() });
        };
        let Some(method) = Method::parse(method) else {
            return Err(RouteError::Method { text: text.into() });
        };
        let Some(segments) = template.strip_prefix('/') else {
            return Err(RouteError::Form { text: text.into() });
        };
        let (named, verb) = verb_of(segments);
        // Some servers know a folder only with the slash at its end.
        let without_slash = if verb.is_empty() {
            named.strip_suffix('/').unwrap_or(named)
        } else {
            named
        };
        let fits = without_slash.split('/').all(|segment| {
            let inner = parameter(segment).unwrap_or(segment);
            !inner.is_empty() && inner != "." && inner != ".." && inner.bytes().all(is_unreserved)
        });
        let (before_the_last, last) = named.rsplit_once('/').unwrap_or(("", named));
        let verb_fits = verb.is_empty() || is_verb(verb) && !is_rest(last);
        let is_root = segments.is_empty();
        if !is_root && (!fits || !verb_fits || before_the_last.split('/').any(is_rest)) {
            return Err(RouteError::Path { text: text.into() });
        }
        Ok(Self {
            method,
            template: template.to_owned(),
        })
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method.name(), self.template)
    }
}

impl TryFrom<String> for Route {
    type Error = RouteError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Route> for String {
    fn from(route: Route) -> Self {
        route.to_string()
    }
}
