//! Parses the address of an API server like kubectl.

use host_base::Secret;
use http::Uri;
use http::uri::Scheme;
use percent_encoding::percent_decode_str;
use url::Url;

/// The address of an API server.
#[derive(Clone, Debug)]
pub(super) struct ServerAddress {
    /// Scheme, host, port, and a path that all requests begin with. It contains no secret.
    pub uri: Uri,
    /// A login in the address itself. Like Go, the client sends it if there are no other credentials.
    pub login: Option<(String, Secret)>,
}

impl ServerAddress {
    /// Returns whether this is the API server of the pod that the program runs in, by the variables that the kubelet sets.
    pub fn is_of_pod(&self, variable: impl Fn(&str) -> Option<String>) -> bool {
        let host = self.uri.host().map(|host| host.trim_matches(['[', ']']));
        let port = self.uri.port_u16().unwrap_or(443);
        let of_pod = variable("KUBERNETES_SERVICE_PORT").and_then(|port| port.parse().ok());
        host.is_some()
            && variable("KUBERNETES_SERVICE_HOST").as_deref() == host
            && of_pod == Some(port)
    }

    /// Parses an address like `rest.DefaultServerURL` of client-go: without a scheme it is http, and then a
    /// path is not allowed. The error does not quote the address, which may contain a password.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        let text = text.trim();
        if text.is_empty() {
            return Err("it has no `server`");
        }
        if text.chars().any(char::is_control) {
            return Err("its `server` has a line break or another control character");
        }
        // The parser is made for addresses of browsers, which ignore slashes in front of a host.
        if text.starts_with(['/', '?', '#']) || text.contains('\\') {
            return Err(NO_ADDRESS);
        }
        let whole = if has_scheme_and_host(text) {
            Url::parse(text)
        } else {
            Url::parse(&format!("http://{text}"))
        };
        let url = whole.map_err(|_| NO_ADDRESS)?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err("its `server` begins with neither https:// nor http://");
        }
        if !has_scheme_and_host(text) && !matches!(url.path(), "" | "/") {
            return Err(NO_ADDRESS);
        }
        let host = url.host_str().ok_or(NO_ADDRESS)?;
        let port = url.port().map_or(String::new(), |port| format!(":{port}"));
        let path = url.path().trim_end_matches('/');
        let uri = format!("{}://{host}{port}{path}", url.scheme())
            .parse()
            .map_err(|_| NO_ADDRESS)?;
        let decoded = |text: &str| percent_decode_str(text).collect::<Vec<u8>>();
        let login = (!url.username().is_empty()).then(|| {
            let user = String::from_utf8_lossy(&decoded(url.username())).into_owned();
            let password = decoded(url.password().unwrap_or_default());
            (user, Secret::from(password))
        });
        Ok(Self { uri, login })
    }

    /// Returns true if the connection is encrypted. Like kubectl, the client sends credentials only then.
    pub(super) fn is_tls(&self) -> bool {
        self.uri.scheme() == Some(&Scheme::HTTPS)
    }

    /// Returns the address in the usual form for people.
    pub(super) fn shown(&self) -> String {
        self.uri.to_string().trim_end_matches('/').to_owned()
    }
}

const NO_ADDRESS: &str =
    "its `server` is not an address such as https://api.example:6443 or HOST:PORT";

/// Returns true if Go finds a scheme and a host in the text.
fn has_scheme_and_host(text: &str) -> bool {
    text.split_once("://").is_some_and(|(scheme, rest)| {
        let plain = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.chars().all(plain)
            && !rest.starts_with(['/', '?', '#'])
            && !rest.is_empty()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Result<String, &'static str> {
        ServerAddress::parse(text).map(|address| address.shown())
    }

    #[test]
    fn the_server_of_a_pod_is_the_one_that_the_kubelet_names() {
        let of_pod = |text: &str, host: &str, port: &str| {
            let address = ServerAddress::parse(text).unwrap();
            address.is_of_pod(|name| match name {
                "KUBERNETES_SERVICE_HOST" => Some(host.to_owned()),
                _ => Some(port.to_owned()),
            })
        };
        assert!(of_pod("https://10.96.0.1", "10.96.0.1", "443"));
        assert!(of_pod("https://[fd00::1]:6443", "fd00::1", "6443"));
        assert!(!of_pod("https://10.96.0.1:6443", "10.96.0.1", "443"));
        assert!(!of_pod("https://other.example", "10.96.0.1", "443"));
        let outside = ServerAddress::parse("https://10.96.0.1").unwrap();
        assert!(!outside.is_of_pod(|_| None));
    }

    #[test]
    fn addresses_are_read_as_kubectl_reads_them() {
        for (text, expected) in [
            ("https://api:6443", "https://api:6443"),
            ("https://api:6443/", "https://api:6443"),
            ("HTTPS://API.Example/", "https://api.example"),
            (
                "https://api/k8s/clusters/c-1/",
                "https://api/k8s/clusters/c-1",
            ),
            ("https://api/a b/ü", "https://api/a%20b/%C3%BC"),
            ("https://api?x=y#z", "https://api"),
            ("https://api:", "https://api"),
            ("https://[::1]:6443", "https://[::1]:6443"),
            ("https://münchen.example", "https://xn--mnchen-3ya.example"),
            (" https://api\n", "https://api"),
            ("127.0.0.1:8001", "http://127.0.0.1:8001"),
            ("localhost:8080", "http://localhost:8080"),
            ("localhost:8080/", "http://localhost:8080"),
            ("localhost", "http://localhost"),
            ("[::1]:80", "http://[::1]"),
            ("api.example:6443", "http://api.example:6443"),
        ] {
            assert_eq!(shown(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_an_error_without_it() {
        for text in [
            "",
            "  ",
            "https://",
            "https:///api",
            "https:/api",
            "//api",
            "/api",
            "host:port",
            "localhost:8080/path",
            "ftp://api",
            "unix:///run/api",
            "https://api:99999",
            "https://a b",
            "https://a\nb",
            "https://[::1",
            "://",
            ":",
            "?",
            "#",
            "@",
            "https:\\\\api",
        ] {
            let error = shown(text).unwrap_err();
            assert!(error.contains("`server`"), "{text}: {error}");
        }
    }

    #[test]
    fn a_login_in_the_address_is_taken_out_of_it() {
        let address = ServerAddress::parse("https://me:ca%6Eary@api:6443").unwrap();
        assert_eq!(address.shown(), "https://api:6443");
        assert!(!format!("{address:?}").contains("canary"));
        let (user, password) = address.login.unwrap();
        assert_eq!((&*user, password.expose()), ("me", &b"canary"[..]));
    }
}
