//! Which proxy stands between this process and a server, by the variables that every program reads.

use http::{HeaderValue, Uri};
use hyper_util::client::proxy::matcher::{Intercept, Matcher};

use super::SourceError;

/// The addresses of proxies, as the variables of the environment hold them.
#[derive(Clone, Debug, Default)]
pub struct ProxySettings {
    /// `HTTP_PROXY`.
    pub http: Option<String>,
    /// `HTTPS_PROXY`.
    pub https: Option<String>,
    /// `NO_PROXY`: hosts, domains and networks, with commas between them.
    pub exceptions: Option<String>,
}

impl ProxySettings {
    /// The lower-case forms count where the others are not set or empty.
    pub fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name: &str| {
            [name.to_owned(), name.to_ascii_lowercase()]
                .iter()
                .find_map(|name| variable(name).filter(|value| !value.is_empty()))
        };
        Self {
            http: set("HTTP_PROXY"),
            https: set("HTTPS_PROXY"),
            exceptions: set("NO_PROXY"),
        }
    }
}

/// Chooses the proxy for each address. One of loopback is never reached through a proxy.
#[derive(Debug)]
pub(super) struct Proxies(Matcher);

/// A proxy and what it wants to hear.
pub(super) enum Proxy {
    /// It makes a tunnel when asked with `CONNECT`.
    Tunnel {
        address: Uri,
        authorization: Option<HeaderValue>,
    },
    Socks {
        address: Uri,
        login: Option<(String, String)>,
    },
}

impl Proxies {
    /// A value that can't be used is an error here: leaving it out would go around the proxy.
    pub(super) fn new(settings: &ProxySettings) -> Result<Self, SourceError> {
        let mut builder = Matcher::builder();
        for (name, value) in [
            ("HTTP_PROXY", &settings.http),
            ("HTTPS_PROXY", &settings.https),
        ] {
            let Some(value) = value else { continue };
            let probe = Matcher::builder().all(value.clone()).build();
            let found = probe.intercept(&Uri::from_static("https://probe.invalid"));
            if found.as_ref().and_then(understood).is_none() {
                return Err(SourceError::Configuration {
                    what: format!("the proxy of the variable {name}"),
                    reason: "it is no http, https or socks5 address".to_owned(),
                });
            }
            builder = match name {
                "HTTP_PROXY" => builder.http(value.clone()),
                _ => builder.https(value.clone()),
            };
        }
        if let Some(exceptions) = &settings.exceptions {
            builder = builder.no(exceptions.clone());
        }
        Ok(Self(builder.build()))
    }

    pub(super) fn of(&self, server: &Uri) -> Option<Proxy> {
        if is_loopback(server) {
            return None;
        }
        understood(&self.0.intercept(server)?)
    }
}

fn understood(found: &Intercept) -> Option<Proxy> {
    let address = found.uri().clone();
    match address.scheme_str() {
        Some("http" | "https") => Some(Proxy::Tunnel {
            authorization: found.basic_auth().cloned(),
            address,
        }),
        Some("socks5" | "socks5h") => Some(Proxy::Socks {
            login: found
                .raw_auth()
                .map(|(user, password)| (user.to_owned(), password.to_owned())),
            address,
        }),
        _ => None,
    }
}

pub(super) fn is_loopback(uri: &Uri) -> bool {
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    host.eq_ignore_ascii_case("localhost")
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(variables: &[(&str, &str)]) -> Result<Proxies, SourceError> {
        let settings = ProxySettings::from_variables(|name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        });
        Proxies::new(&settings)
    }

    fn address(variables: &[(&str, &str)], server: &'static str) -> Option<String> {
        match proxies(variables).unwrap().of(&Uri::from_static(server))? {
            Proxy::Tunnel { address, .. } | Proxy::Socks { address, .. } => {
                Some(address.to_string())
            }
        }
    }

    #[test]
    fn the_variable_for_the_scheme_counts() {
        let both = [
            ("HTTPS_PROXY", "http://secure:3128"),
            ("http_proxy", "plain:80"),
        ];
        assert_eq!(
            address(&both, "https://example.com/x").as_deref(),
            Some("http://secure:3128/")
        );
        assert_eq!(
            address(&both, "http://example.com/x").as_deref(),
            Some("http://plain:80/")
        );
        assert_eq!(address(&[], "https://example.com/x"), None);
    }

    #[test]
    fn exceptions_and_loopback_are_reached_directly() {
        let set = [
            ("HTTPS_PROXY", "socks5://proxy:1080"),
            ("NO_PROXY", "internal.example, 10.0.0.0/8"),
        ];
        assert!(address(&set, "https://example.com/x").is_some());
        for direct in [
            "https://registry.internal.example/x",
            "https://10.1.2.3/x",
            "https://127.0.0.1:5000/x",
            "https://[::1]:5000/x",
            "https://localhost/x",
        ] {
            assert_eq!(address(&set, direct), None, "{direct}");
        }
    }

    #[test]
    fn a_login_of_the_proxy_is_sent_to_it() {
        let set = [("HTTPS_PROXY", "http://me:pa%3Ass@proxy:3128")];
        let server = Uri::from_static("https://example.com");
        let Some(Proxy::Tunnel { authorization, .. }) = proxies(&set).unwrap().of(&server) else {
            panic!("a tunnel")
        };
        assert_eq!(authorization.unwrap(), "Basic bWU6cGE6c3M=");
    }

    #[test]
    fn a_proxy_that_is_not_understood_is_an_error_and_not_gone_around() {
        for value in ["ftp://proxy", "socks4://proxy", "http://", ":::"] {
            let error = proxies(&[("HTTPS_PROXY", value)]).unwrap_err();
            assert!(error.to_string().contains("HTTPS_PROXY"), "{error}");
        }
    }
}
