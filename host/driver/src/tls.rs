//! TLS of an endpoint: the settings of the manifest, and those of the user, which win.

use std::collections::BTreeMap;

use broker_manifest::{Endpoint, Tls};
use host_cluster::{Authorities, PemSource, ServerNames, TlsSpec};

/// The user's settings of TLS with one endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsRequest {
    /// Whether to speak TLS. None leaves it to the manifest.
    pub with_tls: Option<bool>,
    /// The trusted authorities. None leaves them to the manifest.
    pub authorities: Option<Authorities>,
    /// The name that the certificate must have. None leaves it to the manifest.
    pub server_name: Option<String>,
    /// The client certificate with its key.
    pub client: Option<PemSource>,
    /// Whether to accept any certificate.
    pub accepts_anything: bool,
}

/// Returns how TLS is spoken with an endpoint. `given` has the user's settings by port flag.
pub(super) fn spec(endpoint: &Endpoint, given: &BTreeMap<String, TlsRequest>) -> Option<TlsSpec> {
    let flags = endpoint.tls_flags()?;
    let given = given.get(endpoint.port_flag()?);
    let given = given.cloned().unwrap_or_default();
    let of_manifest = || match &endpoint.tls_ca {
        Some(ca) => Authorities::OfManifest(ca.clone()),
        None => Authorities::System,
    };
    let names = match (given.server_name, &endpoint.tls_name) {
        (Some(name), _) => ServerNames::Given(name),
        (None, Some(pattern)) => ServerNames::Pattern(pattern.clone()),
        (None, None) => ServerNames::OfTarget,
    };
    Some(TlsSpec {
        mode: match given.with_tls {
            None => endpoint.tls,
            Some(true) => Tls::Yes,
            Some(false) => Tls::No,
        },
        authorities: given.authorities.unwrap_or_else(of_manifest),
        names,
        client: given.client.filter(|_| endpoint.tls_client),
        accepts_anything: given.accepts_anything,
        flags,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(more: &str) -> Endpoint {
        toml::from_str(&format!(
            "select = \"pod\"\nport = {{ flag = \"api-port\", numbers = [80] }}\nallow = [\"GET /\"]\n{more}"
        ))
        .expect("an endpoint")
    }

    fn given(request: TlsRequest) -> BTreeMap<String, TlsRequest> {
        BTreeMap::from([("api-port".to_owned(), request)])
    }

    #[test]
    fn the_user_wins_over_the_manifest_and_others_change_nothing() {
        let full =
            endpoint("tls = \"auto\"\ntls-ca = { secret = \"certs\" }\ntls-name = \"a.svc\"");
        let of_manifest = spec(&full, &BTreeMap::new()).expect("TLS");
        assert_eq!(of_manifest.mode, Tls::Auto);
        assert!(matches!(
            of_manifest.authorities,
            Authorities::OfManifest(_)
        ));
        assert!(matches!(of_manifest.names, ServerNames::Pattern(_)));
        let file = PemSource::File("ca.pem".into());
        let all = TlsRequest {
            with_tls: Some(false),
            authorities: Some(Authorities::Pem(file.clone())),
            server_name: Some("b".to_owned()),
            client: Some(file.clone()),
            accepts_anything: true,
        };
        let of_user = spec(&full, &given(all.clone())).expect("TLS");
        assert_eq!(of_user.mode, Tls::No);
        assert_eq!(of_user.authorities, Authorities::Pem(file.clone()));
        assert_eq!(of_user.names, ServerNames::Given("b".to_owned()));
        assert!(of_user.accepts_anything);
        assert_eq!(
            of_user.client, None,
            "the manifest does not provide for one"
        );
        let with_client = endpoint("tls = \"yes\"\ntls-client = true");
        let of_user = spec(&with_client, &given(all)).expect("TLS");
        assert_eq!(of_user.client, Some(file));
        assert_eq!(spec(&endpoint(""), &given(TlsRequest::default())), None);
    }
}
