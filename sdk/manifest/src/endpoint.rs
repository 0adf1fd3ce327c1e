use serde::{Deserialize, Serialize};

use crate::{HeaderRule, Method, Port, Route};

/// A place that an engine may talk to over HTTP.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Endpoint {
    pub select: Select,
    /// In the pods; S3 has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<Port>,
    /// `METHOD /path/{parameter}`: the only requests that are let through.
    pub allow: Vec<Route>,
    #[serde(default)]
    pub auth: Auth,
    /// Headers that its requests may have beside those that every engine may send; see [`HeaderRule`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<String>,
    /// Of an endpoint in pods; read it with [`Endpoint::ready`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready: Option<Ready>,
}

/// What has to be ready in a pod before it is asked for anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ready {
    /// The container that declares the endpoint's port. Where no container declares it, the pod.
    #[default]
    Container,
    /// The pod: all its containers, and its readiness gates.
    Pod,
}

/// What is behind an endpoint, and how it is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Select {
    /// A ready pod of the StatefulSet, through a port-forward that the host owns.
    Pod,
    /// A ready endpoint of a Service in front of the StatefulSet, in the same way.
    Service,
    /// Object storage that speaks S3, outside the cluster: Amazon's, or the one that the user's AWS
    /// configuration names. It is only read. Routes begin with the bucket: `GET /{bucket}/{+key}`.
    S3,
}

/// The credentials that the host adds to each request. The engine never sees them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Auth {
    #[default]
    None,
    /// HTTP Basic, where a user name and a password were given.
    Basic,
    /// `Authorization: Bearer`, where a token was given.
    Bearer,
    /// A signature (AWS Signature Version 4) with the user's AWS credentials; only of S3.
    Aws,
}

/// Why an endpoint is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    #[error("it names no port; give `port.names` or `port.numbers`")]
    NoPort,
    #[error("it allows no request; name each in `allow`")]
    NothingAllowed,
    #[error(
        "no engine may send the header `{name}`: it is not in letters, digits and dashes, or it belongs to the host, or it can make another request of the one that is allowed"
    )]
    HeaderOfHost { name: String },
    #[error("the header `{name}` need not be named: every engine may send it")]
    HeaderOfAll { name: String },
    #[error("the header `{name}` stands twice in it")]
    HeaderTwice { name: String },
    #[error("S3 has no port")]
    PortOfS3,
    #[error("S3 is in no pod, so that `ready` says nothing about it")]
    ReadyOfS3,
    #[error("`auth` of S3 is `aws`, or `none` for buckets that everybody may read")]
    AuthOfS3,
    #[error("`auth = \"aws\"` is for S3 alone")]
    AwsOfPods,
    #[error("S3 is only read, with GET and HEAD, so that `{route}` can't be")]
    WritesToS3 { route: Route },
    #[error(
        "`{route}` can't be: only a key of S3 may have slashes; use `{{{name}}}` for one segment"
    )]
    SlashesInPods { route: Route, name: String },
}

impl Endpoint {
    /// Whether it is in the pods of the target, and not elsewhere.
    #[must_use]
    pub fn is_in_pods(&self) -> bool {
        match self.select {
            Select::Pod | Select::Service => true,
            Select::S3 => false,
        }
    }

    /// The flag with which the user sets its port.
    #[must_use]
    pub fn port_flag(&self) -> Option<&str> {
        self.port.as_ref()?.flag.as_deref()
    }

    /// What has to be ready in a pod before it is asked for anything.
    #[must_use]
    pub fn ready(&self) -> Ready {
        self.ready.unwrap_or_default()
    }

    pub(crate) fn check(&self) -> Result<(), EndpointError> {
        if self.allow.is_empty() {
            return Err(EndpointError::NothingAllowed);
        }
        self.check_headers()?;
        if self.is_in_pods() {
            self.check_in_pods()
        } else {
            self.check_s3()
        }
    }

    /// Whether its requests may have a header of this name.
    #[must_use]
    pub fn may_send(&self, name: &str) -> bool {
        match HeaderRule::of(name) {
            HeaderRule::Always => true,
            HeaderRule::Named => self.names(name),
            HeaderRule::Never => false,
        }
    }

    fn names(&self, header: &str) -> bool {
        self.headers
            .iter()
            .any(|name| name.eq_ignore_ascii_case(header))
    }

    fn check_headers(&self) -> Result<(), EndpointError> {
        for (at, name) in self.headers.iter().enumerate() {
            let name = name.clone();
            match HeaderRule::of(&name) {
                HeaderRule::Never => return Err(EndpointError::HeaderOfHost { name }),
                HeaderRule::Always => return Err(EndpointError::HeaderOfAll { name }),
                HeaderRule::Named => {}
            }
            let mut before = self.headers[..at].iter();
            if before.any(|other| other.eq_ignore_ascii_case(&name)) {
                return Err(EndpointError::HeaderTwice { name });
            }
        }
        Ok(())
    }

    fn check_in_pods(&self) -> Result<(), EndpointError> {
        let is_named = |port: &Port| !port.names.is_empty() || !port.numbers.is_empty();
        if !self.port.as_ref().is_some_and(is_named) {
            return Err(EndpointError::NoPort);
        }
        if self.auth == Auth::Aws {
            return Err(EndpointError::AwsOfPods);
        }
        for route in &self.allow {
            if let Some(name) = route.rest() {
                return Err(EndpointError::SlashesInPods {
                    route: route.clone(),
                    name: name.to_owned(),
                });
            }
        }
        Ok(())
    }

    /// A route of S3 does not say what a request does: `PUT /bucket/key?acl` makes an object public, and
    /// one with the header `x-amz-copy-source` reads another bucket. So nothing is sent there.
    fn check_s3(&self) -> Result<(), EndpointError> {
        if self.port.is_some() {
            return Err(EndpointError::PortOfS3);
        }
        if self.ready.is_some() {
            return Err(EndpointError::ReadyOfS3);
        }
        if !matches!(self.auth, Auth::None | Auth::Aws) {
            return Err(EndpointError::AuthOfS3);
        }
        let reads = |route: &&Route| matches!(route.method(), Method::Get | Method::Head);
        match self.allow.iter().find(|route| !reads(route)) {
            None => Ok(()),
            Some(route) => Err(EndpointError::WritesToS3 {
                route: route.clone(),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> Result<(), EndpointError> {
        let endpoint: Endpoint = toml::from_str(text).expect("a table of an endpoint");
        endpoint.check()
    }

    #[test]
    fn an_endpoint_in_pods_has_a_port_and_allows_something() {
        let with = |rest: &str| check(&format!("select = \"pod\"\n{rest}"));
        let port = "port = { numbers = [80] }\n";
        assert_eq!(with(&format!("{port}allow = [\"GET /b\"]")), Ok(()));
        assert_eq!(with("allow = [\"GET /b\"]"), Err(EndpointError::NoPort));
        assert_eq!(
            with("port = { flag = \"p\" }\nallow = [\"GET /b\"]"),
            Err(EndpointError::NoPort)
        );
        assert_eq!(
            with(&format!("{port}allow = []")),
            Err(EndpointError::NothingAllowed)
        );
        assert_eq!(
            with(&format!("{port}auth = \"aws\"\nallow = [\"GET /b\"]")),
            Err(EndpointError::AwsOfPods)
        );
        assert!(matches!(
            with(&format!("{port}allow = [\"GET /b\", \"GET /{{+path}}\"]")),
            Err(EndpointError::SlashesInPods { name, .. }) if name == "path"
        ));
    }

    #[test]
    fn headers_are_named_once_and_none_is_of_the_host() {
        let with = |headers: &str| {
            check(&format!(
                "select = \"pod\"\nport = {{ numbers = [80] }}\nallow = [\"GET /b\"]\nheaders = [{headers}]"
            ))
        };
        assert_eq!(with("\"X-Request-Id\", \"x-trace\""), Ok(()));
        let name = |name: &str| name.to_owned();
        for (headers, refused) in [
            (
                "\"transfer_encoding\"",
                EndpointError::HeaderOfHost {
                    name: name("transfer_encoding"),
                },
            ),
            (
                "\"X-Original-URL\"",
                EndpointError::HeaderOfHost {
                    name: name("X-Original-URL"),
                },
            ),
            (
                "\"Accept\"",
                EndpointError::HeaderOfAll {
                    name: name("Accept"),
                },
            ),
            (
                "\"x-a\", \"X-A\"",
                EndpointError::HeaderTwice { name: name("X-A") },
            ),
        ] {
            assert_eq!(with(headers), Err(refused));
        }
    }

    #[test]
    fn an_endpoint_needs_its_own_container_ready_unless_it_asks_for_the_pod() {
        let plain = "select = \"pod\"\nport = { numbers = [80] }\nallow = [\"GET /b\"]\n";
        let ready = |rest: &str| {
            let endpoint = toml::from_str::<Endpoint>(&format!("{plain}{rest}"));
            endpoint.map(|endpoint| endpoint.ready())
        };
        assert_eq!(ready(""), Ok(Ready::Container));
        assert_eq!(ready("ready = \"container\""), Ok(Ready::Container));
        assert_eq!(ready("ready = \"pod\""), Ok(Ready::Pod));
        let error = ready("ready = \"node\"").expect_err("no such readiness");
        assert!(error.to_string().contains("`container`"), "{error}");
        // Outlines of engines that were installed before stay as they are.
        let endpoint: Endpoint = toml::from_str(plain).expect("an endpoint");
        let kept = toml::to_string(&endpoint).expect("a table");
        assert!(!kept.contains("ready"), "{kept}");
    }

    #[test]
    fn s3_is_read_and_nothing_else() {
        let with = |rest: &str| check(&format!("select = \"s3\"\n{rest}"));
        let get = "allow = [\"GET /{bucket}/{+key}\", \"HEAD /acme/{+key}\"]\n";
        assert_eq!(with(&format!("{get}auth = \"aws\"")), Ok(()));
        assert_eq!(with(get), Ok(()));
        for (more, refused) in [
            ("auth = \"basic\"", EndpointError::AuthOfS3),
            ("port = { numbers = [443] }", EndpointError::PortOfS3),
            ("ready = \"pod\"", EndpointError::ReadyOfS3),
            ("ready = \"container\"", EndpointError::ReadyOfS3),
        ] {
            assert_eq!(with(&format!("{get}{more}")), Err(refused), "{more}");
        }
        for method in ["PUT", "POST", "DELETE", "PATCH"] {
            let route = format!("{method} /acme/x");
            let allow = format!("allow = [\"GET /acme/x\", \"{route}\"]");
            let route = route.parse().expect("a route");
            assert_eq!(with(&allow), Err(EndpointError::WritesToS3 { route }));
        }
    }
}
