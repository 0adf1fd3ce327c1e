//! All that is said of connections that did not come about.

use insta::assert_snapshot;
use testbed::messages;

use super::*;
use crate::{BadProxy, Proxies, ProxySettings};

fn bad_proxy() -> BadProxy {
    let server = http::Uri::from_static("https://registry.example");
    let configured = Some("ftp://proxy".to_owned());
    let proxies = Proxies::for_server(&server, ProxySettings::default(), configured);
    proxies.expect_err("no scheme of a proxy")
}

fn text(text: &str) -> String {
    text.to_owned()
}

#[test]
fn what_is_said_of_connections_that_did_not_come_about() {
    let errors = [
        WebError::Configuration {
            what: text("SSL_CERT_FILE"),
            reason: text("it has no certificate"),
        },
        WebError::Proxy(bad_proxy()),
        WebError::Unreachable {
            host: text("registry.example"),
            reason: text("connection refused"),
        },
        WebError::Certificate {
            host: text("registry.example"),
            reason: text("unknown issuer"),
        },
        WebError::TimedOut {
            host: text("registry.example"),
            after: Duration::from_secs(30),
        },
    ];
    let table = messages!(
        WebError {
            Configuration,
            Proxy,
            Unreachable,
            Certificate,
            TimedOut,
        },
        errors
    );
    assert_snapshot!(table, @"
    Configuration, exit 2
      SSL_CERT_FILE can't be used: it has no certificate
      hint: Correct the setting, or remove it
    Proxy, exit 2
      the proxy ftp://proxy from `proxy-url` of the cluster can't be used: only http, https and socks5 are known
      hint: as Configuration
    Unreachable, exit 1
      can't reach registry.example: connection refused
      hint: Check the name, the network, HTTPS_PROXY and NO_PROXY
    Certificate, exit 1
      the certificate of registry.example is not trusted: unknown issuer
      hint: For a certificate authority of your own, set SSL_CERT_FILE to its certificate
    TimedOut, exit 124
      connecting to registry.example timed out after 30s
      hint: Try again later
    ");
}
