use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::place::{Findings, Place};
use crate::{
    Auth, AuthError, Credential, HeaderRule, Method, NamePattern, Port, Route, RouteError,
    SecretKey, Tls, TlsFlags,
};

/// A server that an engine may send HTTP requests to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Endpoint {
    /// The kind of server behind the endpoint, and how the host finds it.
    pub select: Select,
    /// The port of an endpoint in pods. S3 endpoints have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<Port>,
    /// The only requests that the host allows, each as `METHOD /path/{parameter}`.
    pub allow: Vec<Route>,
    /// The credentials that the host adds to each request.
    #[serde(default)]
    pub auth: Auth,
    /// Headers that requests may have besides those that every engine may send, such as `accept`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<String>,
    /// The part of a pod that must be ready before the host sends it a request. The default is `container`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready: Option<Ready>,
    /// Whether the engine may ask each pod of the target. Otherwise the host chooses one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub replicas: bool,
    /// Whether the engine works without the endpoint, which is in pods. The host looks for such an endpoint when
    /// the engine uses it, and for all others before the engine runs.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub optional: bool,
    /// Whether the host speaks TLS with an endpoint in pods.
    #[serde(default, skip_serializing_if = "is_plain")]
    pub tls: Tls,
    /// The Secret with the certificate of the authority that signs the server's certificate. By default the
    /// authorities of the user's system are trusted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls_ca: Option<SecretKey>,
    /// The name to verify in the server's certificate, if it is not a name of the Service or the pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls_name: Option<NamePattern>,
    /// Whether the user may give a client certificate for the endpoint.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tls_client: bool,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference"
)]
fn is_plain(tls: &Tls) -> bool {
    *tls == Tls::No
}

/// The part of a pod that must be ready before the host sends it a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Ready {
    /// The container that declares the endpoint's port, or the whole pod if no container declares it.
    #[default]
    Container,
    /// The whole pod: all its containers, and its readiness gates.
    Pod,
}

/// The kind of server behind an endpoint, and how the host finds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Select {
    /// A ready pod of the StatefulSet, through a port-forward that the host owns.
    Pod,
    /// A ready endpoint of a Service in front of the StatefulSet, through a port-forward that the host owns.
    Service,
    /// S3 object storage outside the cluster: Amazon S3, or the server that the user's AWS configuration
    /// names. It is read-only. Routes begin with the bucket: `GET /{bucket}/{+key}`. Only for engines that were
    /// built for interface 0.1; others have `[storage.NAME]`.
    S3,
}

/// An error that makes an endpoint of a manifest invalid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// An endpoint in pods has neither port names nor port numbers.
    #[error("it names no port; give `port.names` or `port.numbers`")]
    NoPort,
    /// The list of allowed requests is empty.
    #[error("it allows no request; name each in `allow`")]
    NothingAllowed,
    /// The manifest asks for a header that no engine may send.
    #[error(
        "no engine may send the header `{name}`: it has invalid characters, belongs to the host, or can turn the allowed request into another one"
    )]
    HeaderOfHost {
        /// The name of the header.
        name: String,
    },
    /// The manifest asks for a header that every engine may send.
    #[error("the header `{name}` need not be named: every engine may send it")]
    HeaderOfAll {
        /// The name of the header.
        name: String,
    },
    /// The manifest names a header twice.
    #[error("the header `{name}` is listed twice")]
    HeaderTwice {
        /// The name of the header.
        name: String,
    },
    /// An S3 endpoint has a port.
    #[error("S3 has no port")]
    PortOfS3,
    /// An S3 endpoint has a readiness condition.
    #[error("`ready` has no meaning for S3, which is not in a pod")]
    ReadyOfS3,
    /// An S3 endpoint has replicas.
    #[error("`replicas` has no meaning for S3, which is not in a pod")]
    ReplicasOfS3,
    /// An S3 endpoint is optional.
    #[error("`optional` has no meaning for S3, which is never looked for before its use")]
    OptionalS3,
    /// An S3 endpoint has other credentials than AWS credentials.
    #[error("`auth` of S3 must be `aws`, or `none` for public buckets")]
    AuthOfS3,
    /// An endpoint in pods has AWS credentials.
    #[error("`auth = \"aws\"` is only for S3")]
    AwsOfPods,
    /// `auth` is invalid.
    #[error(transparent)]
    Auth(#[from] AuthError),
    /// A setting of TLS is for an endpoint without TLS.
    #[error("`{key}` needs `tls = \"yes\"` or `tls = \"auto\"`")]
    NoTls {
        /// The key of the setting.
        key: &'static str,
    },
    /// An endpoint with TLS has no flag for its port.
    #[error(
        "`tls` needs `port.flag`: the flags for certificates are named after it, as `--api-ca` after `--api-port`"
    )]
    TlsWithoutFlag,
    /// The key of a Secret is invalid.
    #[error("`{key}` is not a key of a Secret: use letters, digits and `-._`")]
    BadSecretKey {
        /// The key.
        key: String,
    },
    /// An S3 endpoint has settings of TLS.
    #[error(
        "`tls` has no meaning for S3, which is always reached with the user's AWS configuration"
    )]
    TlsOfS3,
    /// A route of an S3 endpoint names no bucket.
    #[error("`{route}` is not allowed: a route of S3 begins with a bucket")]
    NoBucket {
        /// The route.
        route: Route,
    },
    /// A route of an S3 endpoint has another method than GET and HEAD.
    #[error("`{route}` is not allowed: S3 is only read, with GET and HEAD")]
    WritesToS3 {
        /// The route.
        route: Route,
    },
    /// A route of an endpoint in pods has a parameter that may contain slashes.
    #[error(
        "`{route}` is not allowed: only a key of S3 may have slashes; use `{{{name}}}` for one segment"
    )]
    SlashesInPods {
        /// The route.
        route: Route,
        /// The name of the parameter.
        name: String,
    },
}

type Found = Findings<EndpointError>;

impl Endpoint {
    /// Returns whether the endpoint is in the pods of the target.
    #[must_use]
    pub fn is_in_pods(&self) -> bool {
        match self.select {
            Select::Pod | Select::Service => true,
            Select::S3 => false,
        }
    }

    /// Returns the name of the flag with which the user sets the endpoint's port.
    #[must_use]
    pub fn port_flag(&self) -> Option<&str> {
        self.port.as_ref()?.flag.as_deref()
    }

    /// Returns the flags with which the user sets TLS, if the endpoint may have it.
    #[must_use]
    pub fn tls_flags(&self) -> Option<TlsFlags> {
        if self.tls == Tls::No {
            return None;
        }
        Some(TlsFlags::of(self.port_flag()?, self.tls_client))
    }

    /// Returns the path of a route of this endpoint with its parameters filled in and encoded.
    ///
    /// If the API has verbs (`{id}:cancel`), no value may have a colon: some servers decode `%3A` before they
    /// look for the verb.
    ///
    /// # Errors
    /// Fails if a parameter is missing, unknown, or not valid in a path of this endpoint.
    pub fn fill(
        &self,
        route: &Route,
        parameters: &[(String, String)],
    ) -> Result<String, RouteError> {
        let has_verbs = self.allow.iter().any(Route::has_verb);
        let mut values = parameters.iter();
        match values.find(|(_, value)| has_verbs && value.contains(':')) {
            Some((name, _)) => Err(RouteError::Colon { name: name.clone() }),
            None => route.fill(parameters),
        }
    }

    /// Returns the part of a pod that must be ready before the host sends it a request.
    #[must_use]
    pub fn ready(&self) -> Ready {
        self.ready.unwrap_or_default()
    }

    /// Checks the endpoint. `credentials` are those of the manifest.
    pub(crate) fn check(&self, credentials: &BTreeMap<String, Credential>) -> Found {
        let mut found = Findings::new();
        if self.allow.is_empty() {
            found.add(Place::of("allow"), EndpointError::NothingAllowed);
        }
        self.check_headers(&mut found);
        let auth = self.auth.check(&self.headers, credentials);
        found.include(&Place::of("auth"), auth, EndpointError::Auth);
        if self.is_in_pods() {
            self.check_in_pods(&mut found);
            self.check_tls(&mut found);
        } else {
            self.check_s3(&mut found);
        }
        found
    }

    /// Returns whether requests may have a header of this name.
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

    fn check_headers(&self, found: &mut Found) {
        let mut seen = BTreeSet::new();
        for (at, name) in self.headers.iter().enumerate() {
            let name = name.clone();
            let is_new = seen.insert(name.to_ascii_lowercase());
            let error = match HeaderRule::of(&name) {
                HeaderRule::Never => EndpointError::HeaderOfHost { name },
                HeaderRule::Always => EndpointError::HeaderOfAll { name },
                HeaderRule::Named if is_new => continue,
                HeaderRule::Named => EndpointError::HeaderTwice { name },
            };
            found.add(Place::of("headers").then(at), error);
        }
    }

    fn check_in_pods(&self, found: &mut Found) {
        let is_named = |port: &Port| !port.names.is_empty() || !port.numbers.is_empty();
        if !self.port.as_ref().is_some_and(is_named) {
            found.add(Place::of("port"), EndpointError::NoPort);
        }
        if self.auth == Auth::Aws {
            found.add(Place::of("auth"), EndpointError::AwsOfPods);
        }
        for (at, route) in self.allow.iter().enumerate() {
            if let Some(name) = route.rest() {
                let error = EndpointError::SlashesInPods {
                    route: route.clone(),
                    name: name.to_owned(),
                };
                found.add(Place::of("allow").then(at), error);
            }
        }
    }

    fn check_tls(&self, found: &mut Found) {
        if self.tls == Tls::No {
            for key in self.tls_settings() {
                found.add(Place::of(key), EndpointError::NoTls { key });
            }
        } else if self.port_flag().is_none() {
            found.add(Place::of("tls"), EndpointError::TlsWithoutFlag);
        }
        if let Some(ca) = self
            .tls_ca
            .as_ref()
            .filter(|ca| !SecretKey::is_key(&ca.key))
        {
            let key = ca.key.clone();
            let place = Place::of("tls-ca").then("key");
            found.add(place, EndpointError::BadSecretKey { key });
        }
    }

    /// Returns the keys of the settings that only TLS has.
    fn tls_settings(&self) -> impl Iterator<Item = &'static str> {
        let settings = [
            (self.tls_ca.is_some(), "tls-ca"),
            (self.tls_name.is_some(), "tls-name"),
            (self.tls_client, "tls-client"),
        ];
        let settings = settings.into_iter();
        settings.filter_map(|(is_set, key)| is_set.then_some(key))
    }

    /// Rejects settings of endpoints in pods, and routes that may write.
    ///
    /// The route of an S3 request does not say what the request does. `PUT /bucket/key?acl` makes an object
    /// public, and a PUT with the header `x-amz-copy-source` reads another bucket.
    fn check_s3(&self, found: &mut Found) {
        if self.port.is_some() {
            found.add(Place::of("port"), EndpointError::PortOfS3);
        }
        if self.ready.is_some() {
            found.add(Place::of("ready"), EndpointError::ReadyOfS3);
        }
        if self.replicas {
            found.add(Place::of("replicas"), EndpointError::ReplicasOfS3);
        }
        if self.optional {
            found.add(Place::of("optional"), EndpointError::OptionalS3);
        }
        let tls = (self.tls != Tls::No).then_some("tls");
        if let Some(key) = tls.or_else(|| self.tls_settings().next()) {
            found.add(Place::of(key), EndpointError::TlsOfS3);
        }
        if !matches!(self.auth, Auth::None | Auth::Aws) {
            found.add(Place::of("auth"), EndpointError::AuthOfS3);
        }
        for (at, route) in self.allow.iter().enumerate() {
            let place = Place::of("allow").then(at);
            if route.template() == "/" {
                let route = route.clone();
                found.add(place.clone(), EndpointError::NoBucket { route });
            }
            if !matches!(route.method(), Method::Get | Method::Head) {
                let route = route.clone();
                found.add(place, EndpointError::WritesToS3 { route });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> Result<(), EndpointError> {
        let endpoint: Endpoint = toml::from_str(text).expect("a table of an endpoint");
        endpoint.check(&BTreeMap::new()).only()
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
        // Manifests of installed engines keep their meaning.
        let endpoint: Endpoint = toml::from_str(plain).expect("an endpoint");
        let kept = toml::to_string(&endpoint).expect("a table");
        assert!(!kept.contains("ready"), "{kept}");
    }

    #[test]
    fn tls_has_flags_of_its_own_and_its_settings_need_it() {
        let with = |flag: &str, rest: &str| {
            check(&format!(
                "select = \"pod\"\nport = {{ {flag} numbers = [80] }}\nallow = [\"GET /b\"]\n{rest}"
            ))
        };
        let flag = "flag = \"api-port\",";
        let ca = "tls-ca = { secret = \"{statefulset}-certs\" }";
        let all = format!("tls = \"auto\"\n{ca}\ntls-name = \"x.svc\"\ntls-client = true");
        assert_eq!(with(flag, &all), Ok(()));
        assert_eq!(with("", "tls = \"no\""), Ok(()));
        assert_eq!(
            with("", "tls = \"yes\""),
            Err(EndpointError::TlsWithoutFlag)
        );
        for (rest, key) in [
            (ca, "tls-ca"),
            ("tls-name = \"x\"", "tls-name"),
            ("tls-client = true", "tls-client"),
        ] {
            assert_eq!(with(flag, rest), Err(EndpointError::NoTls { key }));
        }
        let key = "tls = \"yes\"\ntls-ca = { secret = \"x\", key = \"a/b\" }";
        let refused = with(flag, key);
        assert!(matches!(refused, Err(EndpointError::BadSecretKey { .. })));
        let plain: Endpoint =
            toml::from_str("select = \"pod\"\nport = { numbers = [80] }\nallow = [\"GET /b\"]")
                .expect("an endpoint");
        let kept = toml::to_string(&plain).expect("a table");
        assert!(!kept.contains("tls"), "{kept}");
        assert_eq!(plain.tls_flags(), None);
    }

    #[test]
    fn a_value_can_not_choose_a_verb() {
        let endpoint = |routes: &str| -> Endpoint {
            toml::from_str(&format!(
                "select = \"pod\"\nport = {{ numbers = [80] }}\nallow = [{routes}]"
            ))
            .expect("an endpoint")
        };
        let path = |endpoint: &Endpoint, template: &str, id: &str| {
            let parameters = [("id".to_owned(), id.to_owned())];
            let route = format!("POST {template}").parse().expect("a route");
            endpoint.fill(&route, &parameters)
        };
        let with = endpoint("\"POST /b/{id}\", \"POST /b/{id}:cancel\"");
        let filled = path(&with, "/b/{id}:cancel", "a");
        assert_eq!(filled.as_deref(), Ok("/b/a:cancel"));
        for (template, id) in [
            ("/b/{id}", "a:cancel"),
            ("/b/{id}:cancel", "a:delete"),
            ("/b/{id}", ":"),
        ] {
            let refused = RouteError::Colon { name: "id".into() };
            assert_eq!(path(&with, template, id), Err(refused));
        }
        // Without verbs a colon is part of an id, as in a time, and is encoded.
        let without = endpoint("\"POST /b/{id}\"");
        let filled = path(&without, "/b/{id}", "10:00");
        assert_eq!(filled.as_deref(), Ok("/b/10%3A00"));
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
            ("replicas = true", EndpointError::ReplicasOfS3),
            ("optional = true", EndpointError::OptionalS3),
            ("tls = \"yes\"", EndpointError::TlsOfS3),
            ("tls-client = true", EndpointError::TlsOfS3),
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
