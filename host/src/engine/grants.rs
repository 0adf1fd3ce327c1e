use broker_manifest::{Auth, Endpoint, Manifest, Method, Route};
use std::collections::BTreeMap;

use crate::model::{Report, ReportKind};

/// What an engine may do. Every host call asks here first; nothing else decides.
#[derive(Clone, Debug)]
pub struct Grants {
    endpoints: BTreeMap<String, Endpoint>,
}

/// A request that is granted.
#[derive(Debug, PartialEq, Eq)]
pub struct Granted {
    pub method: Method,
    /// The path with its parameters filled in and encoded.
    pub path: String,
    pub auth: Auth,
}

/// Headers that belong to the host: they frame the message, carry credentials, or name the target.
const OWNED_HEADERS: &[&str] = &[
    "authorization",
    "connection",
    "content-length",
    "cookie",
    "expect",
    "forwarded",
    "host",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

impl Grants {
    /// All that the manifest asks for. The bundled engines need no other consent: they come with
    /// the host.
    #[must_use]
    pub fn all_of(manifest: &Manifest) -> Self {
        Self {
            endpoints: manifest.endpoints.clone(),
        }
    }

    /// Whether a request may be sent, and where to.
    ///
    /// # Errors
    /// `denied` when it is not granted, `invalid-argument` when a parameter can't be sent.
    pub fn check_request(
        &self,
        endpoint: &str,
        method: Method,
        route: &str,
        parameters: &[(String, String)],
    ) -> Result<Granted, Report> {
        let Some(grant) = self.endpoints.get(endpoint) else {
            return Err(Report::new(
                ReportKind::Denied,
                format!("the manifest names no endpoint `{endpoint}`"),
            ));
        };
        let allowed = grant
            .allow
            .iter()
            .find(|allowed| allowed.method() == method && allowed.template() == route);
        let Some(allowed) = allowed else {
            return Err(Report::new(
                ReportKind::Denied,
                format!(
                    "the manifest does not allow `{} {route}` on endpoint `{endpoint}`",
                    method.name()
                ),
            ));
        };
        Ok(Granted {
            method,
            path: fill(allowed, parameters)?,
            auth: grant.auth,
        })
    }

    /// Whether an engine may set a header.
    ///
    /// # Errors
    /// `denied` when the header is the host's own.
    pub fn check_header(name: &str) -> Result<(), Report> {
        let lower = name.to_ascii_lowercase();
        if OWNED_HEADERS.contains(&lower.as_str())
            || lower.starts_with("proxy-")
            || lower.starts_with("x-forwarded-")
        {
            return Err(Report::new(
                ReportKind::Denied,
                format!("an engine can't set the header `{name}`; the host owns it"),
            ));
        }
        Ok(())
    }
}

fn fill(route: &Route, parameters: &[(String, String)]) -> Result<String, Report> {
    route
        .fill(parameters)
        .map_err(|e| Report::new(ReportKind::InvalidArgument, e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grants() -> Grants {
        let manifest = Manifest::from_toml(
            r#"
            id = "acme/vault"
            version = "1.0.0"
            summary = "x"
            [operations.detect]
            [endpoints.api]
            select = "pod"
            port = { numbers = [80] }
            allow = ["GET /b", "GET /b/{id}"]
            "#,
        )
        .expect("a valid manifest");
        Grants::all_of(&manifest)
    }

    fn check(
        endpoint: &str,
        method: Method,
        route: &str,
        id: Option<&str>,
    ) -> Result<String, ReportKind> {
        let parameters: Vec<_> = id
            .map(|id| ("id".to_owned(), id.to_owned()))
            .into_iter()
            .collect();
        grants()
            .check_request(endpoint, method, route, &parameters)
            .map(|granted| granted.path)
            .map_err(|report| report.kind)
    }

    #[test]
    fn only_the_named_endpoint_method_and_route_are_granted() {
        let denied = Err(ReportKind::Denied);
        assert_eq!(check("api", Method::Get, "/b", None), Ok("/b".into()));
        assert_eq!(check("other", Method::Get, "/b", None), denied);
        assert_eq!(check("api", Method::Post, "/b", None), denied);
        assert_eq!(check("api", Method::Get, "/c", None), denied);
        assert_eq!(check("api", Method::Get, "/b/../c", None), denied);
        assert_eq!(check("api", Method::Get, "/b/7", None), denied);
    }

    #[test]
    fn a_parameter_that_would_leave_its_segment_is_no_denial_but_a_bad_argument() {
        assert_eq!(
            check("api", Method::Get, "/b/{id}", Some("7")),
            Ok("/b/7".into())
        );
        assert_eq!(
            check("api", Method::Get, "/b/{id}", Some("../x")),
            Err(ReportKind::InvalidArgument)
        );
    }

    #[test]
    fn headers_of_the_host_are_denied_in_any_case() {
        for name in [
            "Host",
            "AUTHORIZATION",
            "x-forwarded-for",
            "Proxy-Foo",
            "transfer-encoding",
        ] {
            assert!(Grants::check_header(name).is_err(), "{name}");
        }
        assert!(Grants::check_header("accept").is_ok());
    }
}
