//! Creates a client for one cluster from the flags of a command. It makes no request.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use host_base::files;
use host_web::{Anchors, Proxies, ProxySettings, Trust, client_config};
use http::HeaderValue;
use rustls::pki_types::ServerName;

use super::client::{Parts, client, impersonation};
use super::context::{Chosen, choose};
use super::credentials::{
    Authorization, CredentialError, Credentials, basic, check, either, has_credentials,
};
use super::kubeconfig::{ClusterEntry, Places, UserEntry, data};
use super::request::check_name;
use super::server::ServerAddress;
use super::{Cluster, ClusterError, Identity, Inner, NamespaceSource, refusal};

/// Default timeout of one request to the API server.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// Maximum time to connect to the API server with TCP and TLS.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Options that correspond to kubectl's flags of the same names.
#[derive(Clone, Debug, Default)]
pub struct ConnectOptions {
    /// A list of files, as in the variable KUBECONFIG. Of entries with the same name, the first wins.
    pub kubeconfig: Option<String>,
    /// Context of the kubeconfig.
    pub context: Option<String>,
    /// Cluster of the kubeconfig, instead of the context's.
    pub cluster: Option<String>,
    /// User of the kubeconfig, instead of the context's.
    pub user: Option<String>,
    /// Namespace, instead of the context's.
    pub namespace: Option<String>,
    /// The user to impersonate.
    pub impersonate_user: Option<String>,
    /// The groups to impersonate.
    pub impersonate_groups: Vec<String>,
    /// Timeout of each request to the API server. Zero means none, as in kubectl; the default is 30 s.
    pub request_timeout: Option<Duration>,
    /// The name that the server's certificate must have.
    pub tls_server_name: Option<String>,
    /// True to accept any certificate of the server.
    pub insecure_skip_tls_verify: bool,
    /// True to connect to the addresses of pods where they answer, instead of a port-forward. It has an effect only in
    /// a pod, and with the API server that the kubelet names there.
    pub dials_pods: bool,
}

impl Cluster {
    /// Reads the configuration and creates a client. It runs a credential plugin if one is configured.
    ///
    /// # Errors
    /// When there is no configuration, it is unusable, or the credential plugin fails.
    pub async fn connect(options: &ConnectOptions) -> Result<Self, ClusterError> {
        if options.impersonate_user.is_none() && !options.impersonate_groups.is_empty() {
            return Err(ClusterError::GroupsWithoutUser);
        }
        let places = Places {
            flag: options.kubeconfig.clone(),
            variable: std::env::var_os("KUBECONFIG"),
            home: std::env::home_dir(),
        };
        let loaded = places.load()?;
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let prepared = match loaded.config {
            Some(config) => from_kubeconfig(choose(&config, options)?, options)?,
            None => in_cluster(&loaded.looked, Path::new(SERVICE_ACCOUNT), variable)?,
        };
        Self::of(prepared, options, variable).await
    }

    /// Returns a cluster that does not exist, for work that needs none. Each request to it fails.
    ///
    /// # Errors
    /// When a flag is invalid.
    pub async fn absent(options: &ConnectOptions) -> Result<Self, ClusterError> {
        let address = ServerAddress::parse(ABSENT).map_err(|_| ClusterError::NoConfiguration {
            looked: Vec::new(),
            in_cluster: ABSENT.to_owned(),
        })?;
        let prepared = Prepared {
            identity: Identity {
                server: ABSENT.to_owned(),
                ..Identity::default()
            },
            address,
            cluster: ClusterEntry::default(),
            cluster_name: "none".to_owned(),
            user: UserEntry::default(),
            credentials: Credentials::default(),
            leaves_credentials_out: false,
            namespace: None,
        };
        prepared.finish(options, false).await
    }

    async fn of(
        prepared: Prepared,
        options: &ConnectOptions,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, ClusterError> {
        // From elsewhere, the address of a pod may be that of any machine: networks of pods overlap.
        let is_inside = prepared.address.is_of_pod(variable);
        prepared
            .finish(options, options.dials_pods && is_inside)
            .await
    }
}

/// The address of a cluster that does not exist. The domain is reserved for that: RFC 2606.
pub(super) const ABSENT: &str = "https://no-cluster.invalid";
/// The folder where Kubernetes mounts the service account of a pod.
const SERVICE_ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
/// The maximum size of a file of a service account, in bytes.
const MAX_FILE: u64 = 16 << 20;

/// A configuration before the flags override it.
struct Prepared {
    address: ServerAddress,
    /// Settings to verify the server: from a kubeconfig, or the ones that apply inside a pod.
    cluster: ClusterEntry,
    cluster_name: String,
    user: UserEntry,
    credentials: Credentials,
    leaves_credentials_out: bool,
    identity: Identity,
    namespace: Option<(String, NamespaceSource)>,
}

fn from_kubeconfig(chosen: Chosen, options: &ConnectOptions) -> Result<Prepared, ClusterError> {
    let Chosen {
        context,
        cluster_name,
        mut cluster,
        user_name,
        user,
        namespace,
    } = chosen;
    if options.insecure_skip_tls_verify {
        // The flag overrides any certificate authority of the kubeconfig, as in kubectl.
        cluster.insecure_skip_tls_verify = true;
        cluster.certificate_authority.clear();
        cluster.certificate_authority_data.clear();
    }
    let address = ServerAddress::parse(&cluster.server)
        .map_err(|reason| cluster_entry(&cluster_name, reason))?;
    let identity = Identity {
        server: address.shown(),
        context: Some(context),
        cluster: Some(cluster_name.clone()),
        user: user_name,
    };
    let credentials = if address.is_tls() {
        Credentials::of(&user, &cluster)
    } else {
        // Credentials that are not sent are only checked: no file is read and no plugin is run.
        check(&user).map(|()| Credentials::default())
    };
    let credentials = credentials.map_err(|error| refusal::credentials(&identity, &error))?;
    let leaves_credentials_out = !address.is_tls() && has_credentials(&user);
    Ok(Prepared {
        address,
        cluster,
        cluster_name,
        user,
        credentials,
        leaves_credentials_out,
        identity,
        namespace: namespace.map(|name| (name, NamespaceSource::Context)),
    })
}

/// Returns the configuration inside a pod, like `rest.InClusterConfig` of client-go.
fn in_cluster(
    looked: &[String],
    folder: &Path,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Prepared, ClusterError> {
    let missing = |in_cluster: String| ClusterError::NoConfiguration {
        looked: if looked.is_empty() {
            vec!["no file (there is no home folder)".into()]
        } else {
            looked.to_vec()
        },
        in_cluster,
    };
    let host = variable("KUBERNETES_SERVICE_HOST");
    let (Some(host), Some(port)) = (host, variable("KUBERNETES_SERVICE_PORT")) else {
        return Err(missing(
            "KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set".into(),
        ));
    };
    let host = match host.parse() {
        Ok(std::net::IpAddr::V6(address)) => format!("[{address}]"),
        _ => host,
    };
    let address = ServerAddress::parse(&format!("https://{host}:{port}")).map_err(|_| {
        missing("KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT name no server".into())
    })?;
    let credentials = Credentials::of_service_account(folder.join("token"))
        .map_err(|error| missing(error.to_string()))?;
    let authority = folder.join("ca.crt");
    let authority = authority.to_str().filter(|path| Path::new(path).exists());
    let namespace = variable("POD_NAMESPACE").or_else(|| {
        let text = files::read_text(&folder.join("namespace"), MAX_FILE).ok()?;
        Some(text.trim().to_owned()).filter(|name| !name.is_empty())
    });
    Ok(Prepared {
        identity: Identity {
            server: address.shown(),
            ..Identity::default()
        },
        address,
        cluster: ClusterEntry {
            certificate_authority: authority.unwrap_or_default().to_owned(),
            ..ClusterEntry::default()
        },
        cluster_name: "of the service account".to_owned(),
        user: UserEntry::default(),
        credentials,
        leaves_credentials_out: false,
        namespace: namespace.map(|name| (name, NamespaceSource::ServiceAccount)),
    })
}

impl Prepared {
    async fn finish(
        self,
        options: &ConnectOptions,
        dials_pods: bool,
    ) -> Result<Cluster, ClusterError> {
        let Self {
            address,
            mut cluster,
            cluster_name,
            mut user,
            mut credentials,
            leaves_credentials_out,
            identity,
            namespace,
        } = self;
        cluster.insecure_skip_tls_verify |= options.insecure_skip_tls_verify;
        let trust = trust(&cluster).map_err(|reason| cluster_entry(&cluster_name, &reason))?;
        let tls = client_config(trust, credentials.certificate.take())
            .map_err(|reason| cluster_entry(&cluster_name, &reason))?;
        let server_name = options.tls_server_name.as_ref();
        let server_name = server_name.unwrap_or(&cluster.tls_server_name).trim();
        let server_name = match server_name {
            "" => None,
            name => Some(ServerName::try_from(name.to_owned()).map_err(|_| {
                cluster_entry(
                    &cluster_name,
                    "its tls-server-name is neither a name nor an address",
                )
            })?),
        };
        let settings = ProxySettings::from_variables(|name| std::env::var(name).ok());
        let proxies = Proxies::for_server(&address.uri, settings, Some(cluster.proxy_url))
            .map_err(ClusterError::Proxy)?;
        if let Some(name) = &options.impersonate_user {
            user.impersonate.clone_from(name);
            user.impersonate_groups
                .clone_from(&options.impersonate_groups);
        }
        let refuse = |error: CredentialError| refusal::credentials(&identity, &error);
        let headers: Vec<_> = impersonation(&user).map_err(refuse)?;
        let (namespace, namespace_source) = match (&options.namespace, namespace) {
            (Some(name), _) => (name.clone(), NamespaceSource::Flag),
            (None, Some(found)) => found,
            (None, None) => ("default".to_owned(), NamespaceSource::Default),
        };
        check_name("namespace", &namespace)?;
        if let (Authorization::None, Some((user, password))) =
            (&credentials.authorization, &address.login)
        {
            let login: HeaderValue = basic(user, Some(password)).map_err(refuse)?;
            credentials.authorization = Authorization::Fixed(login);
        }
        // The credential plugin runs here, so that its errors are about the kubeconfig and not about a
        // request.
        credentials.authorization.header().await.map_err(refuse)?;
        let client = client(Parts {
            address: address.uri,
            tls,
            server_name,
            proxies,
            connect_timeout: CONNECT_TIMEOUT,
            authorization: credentials.authorization,
            headers,
        });
        Ok(Cluster(Arc::new(Inner {
            client,
            identity,
            namespace,
            namespace_source,
            leaves_credentials_out,
            request_timeout: match options.request_timeout {
                Some(Duration::ZERO) => None,
                Some(given) => Some(given),
                None => Some(REQUEST_TIMEOUT),
            },
            dials_pods,
            requests: Arc::default(),
        })))
    }
}

/// Returns the trusted certificates of this cluster. The error is a sentence.
fn trust(cluster: &ClusterEntry) -> Result<Trust, String> {
    let names = ["certificate-authority-data", "certificate-authority"];
    let embedded = data(cluster.certificate_authority_data.as_bytes())
        .map_err(|reason| format!("{}: {reason}", names[0]))?;
    let has_authority = !embedded.is_empty() || !cluster.certificate_authority.is_empty();
    if cluster.insecure_skip_tls_verify {
        if has_authority {
            return Err(
                "it has insecure-skip-tls-verify and a certificate-authority; only one of the two is allowed"
                    .to_owned(),
            );
        }
        return Ok(Trust::Anything);
    }
    if !has_authority {
        return Ok(Trust::System);
    }
    let pem = either(embedded, &cluster.certificate_authority, names)
        .map_err(|error| error.to_string())?;
    let anchors =
        Anchors::from_pem(&pem).map_err(|reason| format!("certificate-authority: {reason}"))?;
    Ok(Trust::Only(anchors))
}

fn cluster_entry(name: &str, reason: &str) -> ClusterError {
    ClusterError::KubeconfigEntry {
        what: format!("cluster {name}"),
        reason: reason.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use host_base::{Failure, Problem};

    use super::*;

    async fn connect(
        text: &str,
        change: impl FnOnce(&mut ConnectOptions),
    ) -> Result<Cluster, ClusterError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config");
        std::fs::write(&path, text).unwrap();
        let mut options = ConnectOptions {
            kubeconfig: Some(path.to_str().unwrap().to_owned()),
            ..ConnectOptions::default()
        };
        change(&mut options);
        Cluster::connect(&options).await
    }

    #[tokio::test]
    async fn a_kubeconfig_never_leads_to_the_addresses_of_pods() {
        let connected = connect(&config("{}"), |options| options.dials_pods = true).await;
        assert!(!connected.unwrap().0.dials_pods);
    }

    fn config(user: &str) -> String {
        format!(
            "current-context: here\n\
             clusters: [{{name: c, cluster: {{server: 'https://127.0.0.1:1/'}}}}]\n\
             users: [{{name: me, user: {user}}}]\n\
             contexts: [{{name: here, context: {{cluster: c, user: me, namespace: mqtt}}}}]\n"
        )
    }

    #[tokio::test]
    async fn a_context_gives_server_and_namespace_without_any_request() {
        let cluster = connect(&config("{token: t}"), |_| ()).await.unwrap();
        assert_eq!(cluster.server(), "https://127.0.0.1:1");
        assert_eq!(cluster.context(), Some("here"));
        assert_eq!(cluster.namespace(), "mqtt");
        assert_eq!(cluster.namespace_source(), NamespaceSource::Context);
        assert_eq!(cluster.request_count(), 0);
    }

    #[tokio::test]
    async fn the_flag_goes_before_the_context() {
        let cluster = connect(&config("{}"), |options| {
            options.namespace = Some("other".into());
        })
        .await
        .unwrap();
        assert_eq!(cluster.namespace(), "other");
        assert_eq!(cluster.namespace_source(), NamespaceSource::Flag);
    }

    #[tokio::test]
    async fn a_namespace_cannot_be_a_path() {
        let error = connect(&config("{}"), |options| {
            options.namespace = Some("../x".into());
        })
        .await
        .unwrap_err();
        assert!(matches!(error, ClusterError::BadName { .. }));
    }

    #[tokio::test]
    async fn a_missing_credential_plugin_is_named_with_how_to_get_it() {
        let user = "{exec: {apiVersion: client.authentication.k8s.io/v1, command: no-such-plugin, \
                    installHint: 'get it with `brew install it`', interactiveMode: Never}}";
        let error = connect(&config(user), |_| ()).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "the credential plugin `no-such-plugin` is not installed, or not in PATH"
        );
        assert_eq!(error.advice().unwrap(), "get it with `brew install it`");
        assert_eq!(error.failure(), Failure::NotAllowed);
    }

    #[tokio::test]
    async fn what_a_failing_credential_plugin_printed_and_was_given_stays_secret() {
        let user = "{exec: {apiVersion: client.authentication.k8s.io/v1, command: sh, interactiveMode: Never, \
                    args: ['-c', 'echo canary-out; echo Please log in >&2; exit 3 # canary-argument']}}";
        let error = connect(&config(user), |_| ())
            .await
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("`sh`") && error.ends_with("Please log in"),
            "{error}"
        );
        assert!(!error.contains("canary"), "{error}");
    }

    #[tokio::test]
    async fn an_unreadable_certificate_names_its_entry() {
        let text =
            config("{}").replace("server:", "certificate-authority: /nowhere/ca.crt, server:");
        let error = connect(&text, |_| ()).await.unwrap_err().to_string();
        assert!(
            error.starts_with("cluster c of the kubeconfig") && error.contains("/nowhere/ca.crt"),
            "{error}"
        );
    }

    #[tokio::test]
    async fn a_token_that_is_no_header_is_refused_and_not_shown() {
        let error = connect(&config(r#"{token: "canary\ntoken"}"#), |_| ())
            .await
            .unwrap_err();
        assert!(matches!(error, ClusterError::Credentials { .. }));
        assert!(!error.to_string().contains("canary"), "{error}");
    }

    #[tokio::test]
    async fn groups_need_a_user() {
        let error = connect(&config("{}"), |options| {
            options.impersonate_groups = vec!["g".into()];
        })
        .await
        .unwrap_err();
        assert!(matches!(error, ClusterError::GroupsWithoutUser));
    }

    #[tokio::test]
    async fn no_configuration_says_where_it_was_looked_for() {
        if std::env::var_os("KUBERNETES_SERVICE_HOST").is_some() {
            // The tests run in a pod themselves, where a configuration always exists.
            return;
        }
        let error = connect("", |_| ()).await.unwrap_err();
        let ClusterError::NoConfiguration { looked, .. } = &error else {
            panic!("{error}")
        };
        assert!(looked[0].ends_with("config"));
        assert!(error.to_string().contains("service account"), "{error}");
    }

    #[tokio::test]
    async fn a_pod_is_connected_as_its_service_account() {
        let folder = tempfile::tempdir().unwrap();
        let variables = |name: &str| match name {
            "KUBERNETES_SERVICE_HOST" => Some("fd00::1".to_owned()),
            "KUBERNETES_SERVICE_PORT" => Some("443".to_owned()),
            _ => None,
        };
        let connected = |names: fn(&str) -> Option<String>| {
            in_cluster(&[], folder.path(), move |name| {
                names(name).or_else(|| variables(name))
            })
        };
        let error = connected(|_| None).err().unwrap().to_string();
        assert!(error.contains("the token file"), "{error}");
        std::fs::write(folder.path().join("token"), "canary\n").unwrap();
        let found = connected(|_| None).unwrap();
        assert!(found.namespace.is_none());
        std::fs::write(folder.path().join("namespace"), "mqtt\n").unwrap();
        let found = connected(|_| None).unwrap();
        assert_eq!(found.namespace.unwrap().0, "mqtt");
        assert_eq!(found.identity.server, "https://[fd00::1]");
        let token = found.credentials.authorization.header().await.unwrap();
        assert_eq!(token.unwrap(), "Bearer canary");
        let named = |name: &str| (name == "POD_NAMESPACE").then(|| "other".to_owned());
        let found = connected(named).unwrap();
        assert_eq!(found.namespace.unwrap().0, "other");
        let error = in_cluster(&[], folder.path(), |_| None).err();
        assert!(matches!(error, Some(ClusterError::NoConfiguration { .. })));
    }

    #[tokio::test]
    async fn what_excludes_each_other_in_a_cluster_is_refused() {
        for (fields, why) in [
            (
                "insecure-skip-tls-verify: true, certificate-authority-data: YQ==,",
                "insecure-skip-tls-verify",
            ),
            (
                "certificate-authority: /x, certificate-authority-data: YQ==,",
                "only one of the two",
            ),
            ("certificate-authority-data: YQ==,", "no certificate in PEM"),
            ("certificate-authority-data: '!',", "not base64"),
            ("certificate-authority: /dev/zero,", "a device"),
            ("tls-server-name: 'a b',", "tls-server-name"),
        ] {
            let text = config("{}").replace("server:", &format!("{fields} server:"));
            let error = connect(&text, |_| ()).await.unwrap_err();
            assert!(error.to_string().contains(why), "{error}");
            assert_eq!(error.failure(), Failure::Usage);
            if fields.contains("authority") {
                // A user who disables verification needs no certificate authority.
                let flag = |options: &mut ConnectOptions| options.insecure_skip_tls_verify = true;
                connect(&text, flag).await.unwrap();
            }
        }
    }

    #[tokio::test]
    async fn without_tls_no_credentials_are_sent_and_none_are_looked_for() {
        let plugin = "{exec: {apiVersion: v1, command: no-such-plugin}}";
        for user in [
            "{token: t}",
            "{tokenFile: /nowhere}",
            "{username: a}",
            plugin,
        ] {
            for server in ["http://127.0.0.1:1/", "127.0.0.1:1"] {
                let text = config(user).replace("https://127.0.0.1:1/", server);
                let cluster = connect(&text, |_| ()).await.unwrap();
                assert!(cluster.leaves_credentials_out());
                assert_eq!(cluster.server(), "http://127.0.0.1:1");
            }
        }
        let anonymous = config("{}").replace("https:", "http:");
        let cluster = connect(&anonymous, |_| ()).await.unwrap();
        assert!(!cluster.leaves_credentials_out());
        assert!(
            !connect(&config("{token: t}"), |_| ())
                .await
                .unwrap()
                .leaves_credentials_out()
        );
    }
}
