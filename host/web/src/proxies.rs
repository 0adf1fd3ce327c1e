//! Chooses the proxy for a server from the usual environment variables.

use std::collections::BTreeMap;

use http::{HeaderValue, Uri};
use hyper_util::client::proxy::matcher::Matcher;

use super::proxy::proxy_for;
use super::{BadProxy, WebError};

/// The addresses of proxies, as in the environment variables.
#[derive(Clone, Debug, Default)]
pub struct ProxySettings(BTreeMap<&'static str, String>);

impl ProxySettings {
    /// Reads `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY`, and their lower-case forms.
    pub fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Self {
        let names = [
            "HTTP_PROXY",
            "http_proxy",
            "HTTPS_PROXY",
            "https_proxy",
            "NO_PROXY",
            "no_proxy",
        ];
        let set = names
            .into_iter()
            .filter_map(|name| Some((name, variable(name)?)));
        Self(set.collect())
    }
}

/// Chooses the proxy for each address, by the same rules as for the cluster.
#[derive(Debug)]
pub struct Proxies {
    settings: ProxySettings,
    /// The `proxy-url` of a kubeconfig, which overrides the variables.
    configured: Option<String>,
}

/// A proxy and its protocol.
pub(crate) enum Proxy {
    /// A proxy that opens a tunnel for a `CONNECT` request.
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
    /// Checks all values. An invalid value is an error, because ignoring it would bypass the proxy.
    ///
    /// # Errors
    /// When a variable has a value that names no proxy.
    pub fn new(settings: ProxySettings) -> Result<Self, WebError> {
        let proxies = Self {
            settings,
            configured: None,
        };
        for somewhere in ["http://somewhere.invalid", "https://somewhere.invalid"] {
            let is_exception = |name: &str| name.eq_ignore_ascii_case("NO_PROXY");
            proxies.find(&Uri::from_static(somewhere), is_exception)?;
        }
        Ok(proxies)
    }

    /// Returns the proxies for one server, with the proxy that was configured for it, if any. Variables that
    /// don't apply to this server may have any value.
    ///
    /// # Errors
    /// When the proxy for this server is invalid.
    pub fn for_server(
        server: &Uri,
        settings: ProxySettings,
        configured: Option<String>,
    ) -> Result<Self, BadProxy> {
        let proxies = Self {
            settings,
            configured,
        };
        proxies.address(server, |_| false)?;
        Ok(proxies)
    }

    pub(crate) fn of(&self, server: &Uri) -> Result<Option<Proxy>, WebError> {
        self.find(server, |_| false)
    }

    /// Finds the proxy, ignoring the variables that are `left_out`.
    fn find(
        &self,
        server: &Uri,
        left_out: impl Fn(&str) -> bool,
    ) -> Result<Option<Proxy>, WebError> {
        let Some(address) = self.address(server, left_out)? else {
            return Ok(None);
        };
        let proxy = with_login(&address).ok_or_else(|| WebError::Configuration {
            what: "the proxy of the environment".to_owned(),
            reason: "its address can't be read".to_owned(),
        })?;
        Ok(Some(proxy))
    }

    fn address(
        &self,
        server: &Uri,
        left_out: impl Fn(&str) -> bool,
    ) -> Result<Option<Uri>, BadProxy> {
        let variable = |name: &str| {
            let value = self.settings.0.get(name).cloned();
            value.filter(|_| !left_out(name))
        };
        proxy_for(server, self.configured.as_deref(), variable)
    }
}

/// Separates the login from the address of a proxy.
fn with_login(address: &Uri) -> Option<Proxy> {
    let reader = Matcher::builder().all(address.to_string()).build();
    let found = reader.intercept(&Uri::from_static("https://somewhere.invalid"))?;
    let address = found.uri().clone();
    Some(match address.scheme_str() {
        Some("socks5" | "socks5h") => Proxy::Socks {
            login: found
                .raw_auth()
                .map(|(user, password)| (user.to_owned(), password.to_owned())),
            address,
        },
        _ => Proxy::Tunnel {
            authorization: found.basic_auth().cloned(),
            address,
        },
    })
}

/// Returns true if the host is `localhost` or a loopback address.
pub fn is_loopback(uri: &Uri) -> bool {
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    host.eq_ignore_ascii_case("localhost")
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(variables: &[(&str, &str)]) -> Result<Proxies, WebError> {
        let settings = ProxySettings::from_variables(|name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        });
        Proxies::new(settings)
    }

    fn address(variables: &[(&str, &str)], server: &'static str) -> Option<String> {
        let proxy = proxies(variables).unwrap().of(&Uri::from_static(server));
        match proxy.unwrap()? {
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
            (
                "NO_PROXY",
                "internal.example, 10.0.0.0/8, registry.example:5000",
            ),
        ];
        assert!(address(&set, "https://example.com/x").is_some());
        assert!(address(&set, "https://registry.example/x").is_some());
        for direct in [
            "https://registry.internal.example/x",
            "https://10.1.2.3/x",
            "https://registry.example:5000/x",
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
        let found = proxies(&set).unwrap().of(&server).unwrap();
        let Some(Proxy::Tunnel { authorization, .. }) = found else {
            panic!("a tunnel")
        };
        assert_eq!(authorization.unwrap(), "Basic bWU6cGE6c3M=");
    }

    #[test]
    fn a_proxy_that_is_not_understood_is_an_error_and_not_gone_around() {
        for value in ["ftp://proxy", "socks4://me:canary@proxy", "http://", ":::"] {
            let error = proxies(&[("HTTPS_PROXY", value), ("NO_PROXY", "*")]).unwrap_err();
            let text = error.to_string();
            assert!(text.contains("HTTPS_PROXY"), "{text}");
            assert!(!text.contains("canary"), "{text}");
        }
    }
}
