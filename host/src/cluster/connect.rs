//! From the flags of a command to a client for one cluster. No request is made here.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use http::HeaderValue;
use kube::config::{Config, InClusterError, KubeConfigOptions, KubeconfigError};
use secrecy::ExposeSecret;

use super::context::{Chosen, choose};
use super::kubeconfig::Places;
use super::request::check_name;
use super::{Cluster, ClusterError, Identity, Inner, NamespaceSource, refusal};
use crate::web::proxy_for;

/// How long the API server may take for one request, where no flag says otherwise.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// How long TCP and TLS to the API server may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// kubectl's flags of the same names.
#[derive(Clone, Debug, Default)]
pub struct ConnectOptions {
    /// A list, as in the variable KUBECONFIG; of entries with one name the first wins.
    pub kubeconfig: Option<String>,
    pub context: Option<String>,
    pub cluster: Option<String>,
    pub user: Option<String>,
    pub namespace: Option<String>,
    pub impersonate_user: Option<String>,
    pub impersonate_groups: Vec<String>,
    /// For each request to the API server. Zero means none, as in kubectl; the default is 30 s.
    pub request_timeout: Option<Duration>,
    pub tls_server_name: Option<String>,
    pub insecure_skip_tls_verify: bool,
}

impl Cluster {
    /// Reads the configuration and makes a client, running a credential plugin if one is configured.
    ///
    /// # Errors
    /// When there is no configuration, it can't be used, or the credential plugin fails.
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
        let prepared = match loaded.config {
            Some(config) => from_kubeconfig(choose(config, options)?).await?,
            None => in_cluster(loaded.looked)?,
        };
        prepared.finish(options).await
    }
}

/// A configuration before the flags are laid over it.
struct Prepared {
    config: Config,
    identity: Identity,
    namespace: Option<(String, NamespaceSource)>,
    proxy_url: Option<String>,
}

async fn from_kubeconfig(chosen: Chosen) -> Result<Prepared, ClusterError> {
    let mut kubeconfig = chosen.config;
    let cluster_name = kubeconfig
        .contexts
        .first()
        .and_then(|entry| entry.context.as_ref())
        .map(|context| context.cluster.clone())
        .unwrap_or_default();
    let cluster = kubeconfig
        .clusters
        .iter_mut()
        .find(|entry| entry.name == cluster_name)
        .and_then(|entry| entry.cluster.as_mut());
    let proxy_url = cluster.and_then(|cluster| cluster.proxy_url.take());
    let exec = kubeconfig
        .auth_infos
        .iter()
        .find(|entry| Some(&entry.name) == chosen.user.as_ref())
        .and_then(|entry| entry.auth_info.as_ref())
        .and_then(|user| user.exec.clone());
    let (plugin, plugin_hint) = exec
        .map(|exec| (exec.command, exec.install_hint))
        .unwrap_or_default();
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
        .await
        .map_err(|error| entry_error(&error, &cluster_name, chosen.user.as_deref()))?;
    // kube would put it into a header without looking, and panic.
    let token = config.auth_info.token.as_ref();
    if token.is_some_and(|token| HeaderValue::from_str(token.expose_secret()).is_err()) {
        return Err(ClusterError::Credentials {
            reason: "the token has a line break or another control character".to_owned(),
        });
    }
    Ok(Prepared {
        identity: Identity {
            server: url(&config),
            context: Some(chosen.context),
            user: chosen.user,
            plugin,
            plugin_hint,
        },
        config,
        namespace: chosen
            .namespace
            .map(|name| (name, NamespaceSource::Context)),
        proxy_url,
    })
}

fn in_cluster(looked: Vec<String>) -> Result<Prepared, ClusterError> {
    let config = Config::incluster_env().map_err(|error| ClusterError::NoConfiguration {
        looked: if looked.is_empty() {
            vec!["no file (there is no home folder)".into()]
        } else {
            looked
        },
        in_cluster: match error {
            InClusterError::ReadEnvironmentVariable(_) => {
                "KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set".into()
            }
            other => other.to_string(),
        },
    })?;
    Ok(Prepared {
        identity: Identity {
            server: url(&config),
            ..Identity::default()
        },
        namespace: Some((
            config.default_namespace.clone(),
            NamespaceSource::ServiceAccount,
        )),
        config,
        proxy_url: None,
    })
}

impl Prepared {
    async fn finish(self, options: &ConnectOptions) -> Result<Cluster, ClusterError> {
        let Self {
            mut config,
            identity,
            namespace,
            proxy_url,
        } = self;
        config.proxy_url = proxy_for(&config.cluster_url, proxy_url.as_deref(), |name| {
            std::env::var(name).ok()
        })
        .map_err(ClusterError::Proxy)?;
        config.connect_timeout = Some(CONNECT_TIMEOUT);
        // Retries are ours: kube's own go on for many minutes, and hide why.
        config.default_retry = false;
        if let Some(name) = &options.tls_server_name {
            config.tls_server_name = Some(name.clone());
        }
        if options.insecure_skip_tls_verify {
            config.accept_invalid_certs = true;
        }
        if let Some(user) = &options.impersonate_user {
            config.auth_info.impersonate = Some(user.clone());
            config.auth_info.impersonate_groups = Some(options.impersonate_groups.clone());
        }
        let (namespace, namespace_source) = match (&options.namespace, namespace) {
            (Some(name), _) => (name.clone(), NamespaceSource::Flag),
            (None, Some(found)) => found,
            (None, None) => ("default".to_owned(), NamespaceSource::Default),
        };
        check_name("namespace", &namespace)?;
        let client = client(config, &identity).await?;
        Ok(Cluster(Arc::new(Inner {
            client,
            identity,
            namespace,
            namespace_source,
            request_timeout: match options.request_timeout {
                Some(Duration::ZERO) => None,
                Some(given) => Some(given),
                None => Some(REQUEST_TIMEOUT),
            },
            requests: AtomicUsize::new(0),
        })))
    }
}

/// Makes the client on a thread of its own: kube runs a credential plugin right here, and waits.
async fn client(config: Config, identity: &Identity) -> Result<kube::Client, ClusterError> {
    let made = tokio::task::spawn_blocking(move || kube::Client::try_from(config)).await;
    match made {
        Ok(Ok(client)) => Ok(client),
        Ok(Err(kube::Error::Auth(error))) => Err(refusal::credentials(identity, &error)),
        Ok(Err(error)) => Err(ClusterError::KubeconfigEntry {
            what: format!(
                "context {}",
                identity
                    .context
                    .as_deref()
                    .unwrap_or("of the service account")
            ),
            reason: error.to_string(),
        }),
        Err(error) => Err(ClusterError::Credentials {
            reason: error.to_string(),
        }),
    }
}

fn entry_error(error: &KubeconfigError, cluster: &str, user: Option<&str>) -> ClusterError {
    let of_user = matches!(
        error,
        KubeconfigError::LoadClientCertificate(_) | KubeconfigError::LoadClientKey(_)
    );
    ClusterError::KubeconfigEntry {
        what: match (of_user, user) {
            (true, Some(user)) => format!("user {user}"),
            _ => format!("cluster {cluster}"),
        },
        reason: error.to_string(),
    }
}

/// The server's URL as people write it.
fn url(config: &Config) -> String {
    config
        .cluster_url
        .to_string()
        .trim_end_matches('/')
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Failure, Problem};

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
        assert_eq!(error.hint().unwrap(), "get it with `brew install it`");
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
            // The tests themselves run in a pod, where there is always a configuration.
            return;
        }
        let error = connect("", |_| ()).await.unwrap_err();
        let ClusterError::NoConfiguration { looked, .. } = &error else {
            panic!("{error}")
        };
        assert!(looked[0].ends_with("config"));
        assert!(error.to_string().contains("service account"), "{error}");
    }
}
