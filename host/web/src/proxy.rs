//! Decides which proxy a server is reached through, by the rules of kubectl.
//!
//! A cluster's `proxy-url` always applies. Otherwise Go's `net/http.ProxyFromEnvironment` decides.
//! `HTTPS_PROXY` applies to https and `HTTP_PROXY` to http (or their lower-case forms), unless `NO_PROXY`
//! names the server's host. A loopback host is never reached through a proxy. Source:
//! `golang.org/x/net/http/httpproxy`.

use std::net::IpAddr;

use host_base::text::printable;
use http::Uri;

/// An error: the address of a proxy is invalid.
#[derive(Debug, thiserror::Error)]
#[error(
    "the proxy {} from {origin} can't be used: {reason}",
    printable(url, 300)
)]
pub struct BadProxy {
    /// The address without its password.
    url: String,
    origin: String,
    reason: &'static str,
}

/// Returns the proxy for `server`, including a login in its address. `configured` is the cluster's
/// `proxy-url`.
pub(crate) fn proxy_for(
    server: &Uri,
    configured: Option<&str>,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Option<Uri>, BadProxy> {
    let set = |name: &str| {
        [name.to_owned(), name.to_ascii_lowercase()]
            .into_iter()
            .find_map(|name| {
                variable(&name)
                    .filter(|value| !value.trim().is_empty())
                    .map(|value| (name, value))
            })
    };
    if let Some(url) = configured.filter(|url| !url.trim().is_empty()) {
        return parse(url, "`proxy-url` of the cluster").map(Some);
    }
    let name = if server.scheme_str() == Some("http") {
        "HTTP_PROXY"
    } else {
        "HTTPS_PROXY"
    };
    let Some((name, url)) = set(name) else {
        return Ok(None);
    };
    let exceptions = set("NO_PROXY").map(|(_, list)| list).unwrap_or_default();
    if is_exempt(server, &exceptions) {
        return Ok(None);
    }
    parse(&url, &format!("the variable {name}")).map(Some)
}

fn parse(url: &str, origin: &str) -> Result<Uri, BadProxy> {
    let refuse = |reason| BadProxy {
        url: without_password(url),
        origin: origin.to_owned(),
        reason,
    };
    let url = url.trim();
    // Go reads `proxy:3128` as `http://proxy:3128`, and always resolves names at a SOCKS proxy.
    let whole = match url.split_once("://") {
        None => format!("http://{url}"),
        Some(("socks5h", rest)) => format!("socks5://{rest}"),
        Some(_) => url.to_owned(),
    };
    let uri: Uri = whole.parse().map_err(|_| refuse("it is not a URL"))?;
    match uri.scheme_str() {
        _ if uri.host().is_none_or(str::is_empty) => Err(refuse("it names no host")),
        Some("http" | "https" | "socks5") => Ok(uri),
        _ => Err(refuse("only http, https and socks5 are known")),
    }
}

fn without_password(url: &str) -> String {
    match url.rsplit_once('@') {
        Some((before, host)) => match before.split_once("://") {
            Some((scheme, _)) => format!("{scheme}://***@{host}"),
            None => format!("***@{host}"),
        },
        None => url.to_owned(),
    }
}

/// Implements `config.useProxy` of Go's package, line by line.
fn is_exempt(server: &Uri, exceptions: &str) -> bool {
    let host = server
        .host()
        .unwrap_or_default()
        .trim_matches(['[', ']'])
        .to_ascii_lowercase();
    let port = server.port_u16().unwrap_or(match server.scheme_str() {
        Some("http") => 80,
        _ => 443,
    });
    let address = host.parse().ok().map(plain);
    if host == "localhost" || address.is_some_and(|address| address.is_loopback()) {
        return true;
    }
    exceptions
        .split(',')
        .map(|rule| rule.trim().to_lowercase())
        .any(|rule| matches(&rule, &host, address, port))
}

/// Matches one entry of the list, in lower case. An invalid entry matches nothing.
fn matches(rule: &str, host: &str, address: Option<IpAddr>, port: u16) -> bool {
    if rule == "*" {
        return true;
    }
    if let Some((network, bits)) = rule.split_once('/')
        && let (Ok(network), Ok(bits)) = (network.parse(), bits.parse())
    {
        return address.is_some_and(|address| contains(network, bits, address));
    }
    let (name, wanted) = split_port(rule);
    let right_port = wanted.is_empty() || wanted.parse() == Ok(port);
    if let Ok(rule) = name.parse::<IpAddr>() {
        return right_port && address == Some(plain(rule));
    }
    let name = if name.starts_with("*.") {
        &name[1..]
    } else {
        name
    };
    let found = match name.strip_prefix('.') {
        _ if name.is_empty() => false,
        Some(_) => host.ends_with(name),
        None => {
            host == name
                || host
                    .strip_suffix(name)
                    .is_some_and(|rest| rest.ends_with('.'))
        }
    };
    found && right_port
}

/// Splits like `net.SplitHostPort`; text that Go would refuse is a host without a port.
fn split_port(rule: &str) -> (&str, &str) {
    match rule.rsplit_once(':') {
        Some((host, port)) if host.starts_with('[') => match host[1..].strip_suffix(']') {
            Some(host) => (host, port),
            None => (rule, ""),
        },
        Some((host, port)) if !host.contains(':') => (host, port),
        _ => (rule, ""),
    }
}

/// Converts an IPv4 address in IPv6 form, because Go treats both as the same address.
fn plain(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

fn contains(network: IpAddr, bits: u32, address: IpAddr) -> bool {
    match (network, address) {
        (IpAddr::V4(network), IpAddr::V4(address)) if bits <= 32 => {
            let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
            network.to_bits() & mask == address.to_bits() & mask
        }
        (IpAddr::V6(network), IpAddr::V6(address)) if bits <= 128 => {
            let mask = u128::MAX.checked_shl(128 - bits).unwrap_or(0);
            network.to_bits() & mask == address.to_bits() & mask
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxy(
        server: &str,
        configured: Option<&str>,
        environment: &[(&str, &str)],
    ) -> Option<String> {
        let server = server.parse().unwrap();
        let variable = |name: &str| {
            let found = environment.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        proxy_for(&server, configured, variable)
            .unwrap()
            .map(|uri| uri.to_string())
    }

    #[test]
    fn the_variable_follows_the_scheme_of_the_server() {
        let environment = [
            ("HTTPS_PROXY", "secure:1"),
            ("http_proxy", "http://plain:2"),
        ];
        assert_eq!(
            proxy("https://api", None, &environment).unwrap(),
            "http://secure:1/"
        );
        assert_eq!(
            proxy("http://api", None, &environment).unwrap(),
            "http://plain:2/"
        );
        assert_eq!(proxy("https://api", None, &[]), None);
    }

    #[test]
    fn the_kubeconfig_goes_before_the_environment_and_its_exceptions() {
        let environment = [("HTTPS_PROXY", "http://other"), ("NO_PROXY", "*")];
        let found = proxy(
            "https://api",
            Some("socks5h://configured:1080"),
            &environment,
        );
        assert_eq!(found.unwrap(), "socks5://configured:1080/");
    }

    #[test]
    fn exceptions_follow_the_rules_of_go() {
        for (server, exceptions, exempt) in [
            ("https://api.example.com", "example.com", true),
            ("https://example.com", "example.com", true),
            ("https://badexample.com", "example.com", false),
            ("https://api.example.com", ".example.com", true),
            ("https://example.com", ".example.com", false),
            ("https://api.example.com", "*.example.com", true),
            ("https://api.example.com:6443", "api.example.com:6443", true),
            ("https://api.example.com:6443", "api.example.com:443", false),
            ("https://10.1.2.3:6443", "192.168.0.0/16, 10.0.0.0/8", true),
            ("https://11.1.2.3", "10.0.0.0/8", false),
            ("https://[fd00::1]:6443", "fd00::/8", true),
            ("https://10.1.2.3", "10.1.2.3", true),
            ("https://api", "*", true),
            ("https://127.0.0.1:6443", "", true),
            ("https://localhost", "", true),
            // Invalid entries are ignored, wherever they are.
            ("https://api.example", "localhost,", false),
            ("https://api.example", ",, ,api.example", true),
            (
                "https://api.example",
                "http://api.example, api.example:, :443, /8",
                true,
            ),
            ("https://api.example", ":443", false),
            ("https://api.example", ":", false),
            ("https://api.example", "[::1", false),
            ("https://api.example", "10.0.0.0/33", false),
            ("https://api.example", "10.0.0.0/x", false),
            ("https://api.example", "API.Example", true),
            ("https://API.example", "api.EXAMPLE", true),
            ("https://api.example", "a, *", true),
            ("https://api.example", "*example", false),
            ("https://api.example", "api.example:https", false),
            ("https://api.example.", "api.example", false),
            ("https://10.1.2.3:6443", "10.1.2.3:6443", true),
            ("https://10.1.2.3:6443", "10.1.2.3:443", false),
            ("https://10.1.2.3", "::ffff:10.1.2.3", true),
            ("https://[fd00::1]:6443", "[fd00::1]:6443", true),
            ("https://[fd00::1]:6443", "fd00::1", true),
            ("https://[fd00::1]:6443", "[fd00::1]:443", false),
            ("https://[fd00::1]:6443", "[fd00::1]", false),
            ("https://api.example", "fd00::/8", false),
        ] {
            let environment = [("HTTPS_PROXY", "http://proxy"), ("no_proxy", exceptions)];
            let found = proxy(server, None, &environment);
            assert_eq!(found.is_none(), exempt, "{server} with {exceptions}");
        }
    }

    #[test]
    fn a_proxy_that_cannot_be_used_is_named_without_its_password() {
        let server = "https://api".parse().unwrap();
        let error = proxy_for(&server, Some("ftp://me:canary@proxy"), |_| None).unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("ftp://***@proxy") && !text.contains("canary"),
            "{text}"
        );
    }
}
