//! Chooses the context, the cluster and the user, and says what is near to one that isn't there.

use kube::config::{Kubeconfig, NamedContext};

use super::near::near;
use super::{ClusterError, ConnectOptions, EntryKind};

/// What a command is going to use of a kubeconfig. All names in it exist.
#[derive(Debug)]
pub(super) struct Chosen {
    /// The whole of it, in a form in which every library finds the chosen names.
    pub config: Kubeconfig,
    pub context: String,
    pub user: Option<String>,
    pub namespace: Option<String>,
}

/// Name for the context of `--cluster` and `--user` where no context is current.
const UNNAMED: &str = "(none)";

/// # Errors
/// When a name is not in the kubeconfig, or no context is current and none can be put together.
pub(super) fn choose(
    mut config: Kubeconfig,
    options: &ConnectOptions,
) -> Result<Chosen, ClusterError> {
    let current = config
        .current_context
        .clone()
        .filter(|name| !name.is_empty());
    let (name, mut context) = match options.context.clone().or(current) {
        Some(name) => {
            let found = config
                .contexts
                .iter()
                .find(|entry| entry.name == name)
                .and_then(|entry| entry.context.clone());
            let context = found.ok_or_else(|| {
                unknown(
                    EntryKind::Context,
                    &name,
                    None,
                    config.contexts.iter().map(|entry| &*entry.name),
                )
            })?;
            (name, context)
        }
        // kubectl, too, needs no context when the flags say everything.
        None if options.cluster.is_some() => (UNNAMED.to_owned(), kube::config::Context::default()),
        None => {
            return Err(ClusterError::NoCurrentContext {
                known: config
                    .contexts
                    .iter()
                    .map(|entry| entry.name.clone())
                    .collect(),
            });
        }
    };
    let of_context = |overridden: bool| (!overridden).then(|| name.clone());
    if let Some(cluster) = &options.cluster {
        context.cluster.clone_from(cluster);
    }
    if !config
        .clusters
        .iter()
        .any(|entry| entry.name == context.cluster)
    {
        return Err(unknown(
            EntryKind::Cluster,
            &context.cluster,
            of_context(options.cluster.is_some()),
            config.clusters.iter().map(|entry| &*entry.name),
        ));
    }
    context.user = options
        .user
        .clone()
        .or(context.user)
        .filter(|user| !user.is_empty());
    if let Some(user) = &context.user
        && !config.auth_infos.iter().any(|entry| &entry.name == user)
    {
        return Err(unknown(
            EntryKind::User,
            user,
            of_context(options.user.is_some()),
            config.auth_infos.iter().map(|entry| &*entry.name),
        ));
    }
    let (user, namespace) = (context.user.clone(), context.namespace.clone());
    config.current_context = Some(name.clone());
    config.contexts = vec![NamedContext {
        name: name.clone(),
        context: Some(context),
        ..NamedContext::default()
    }];
    Ok(Chosen {
        config,
        context: name,
        user,
        namespace: namespace.filter(|namespace| !namespace.is_empty()),
    })
}

fn unknown<'a>(
    kind: EntryKind,
    name: &str,
    of_context: Option<String>,
    known: impl Iterator<Item = &'a str>,
) -> ClusterError {
    let known: Vec<String> = known.map(str::to_owned).collect();
    ClusterError::UnknownEntry {
        kind,
        name: name.to_owned(),
        of_context,
        near: near(name, known.iter().map(String::as_str)),
        known,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Problem;

    const TWO: &str = "
current-context: staging
clusters:
- {name: blue, cluster: {server: 'https://blue'}}
- {name: green, cluster: {server: 'https://green'}}
users:
- {name: eve, user: {token: x}}
- {name: adam, user: {token: y}}
contexts:
- {name: staging, context: {cluster: blue, user: eve, namespace: mqtt}}
- {name: production, context: {cluster: green, user: gone}}
";

    fn with(change: impl FnOnce(&mut ConnectOptions)) -> Result<Chosen, ClusterError> {
        let mut options = ConnectOptions::default();
        change(&mut options);
        choose(Kubeconfig::from_yaml(TWO).unwrap(), &options)
    }

    #[test]
    fn the_current_context_is_the_default() {
        let chosen = with(|_| ()).unwrap();
        assert_eq!(
            (
                &*chosen.context,
                chosen.user.as_deref(),
                chosen.namespace.as_deref()
            ),
            ("staging", Some("eve"), Some("mqtt"))
        );
    }

    #[test]
    fn each_part_can_be_overridden() {
        let chosen = with(|options| {
            options.context = Some("production".into());
            options.user = Some("adam".into());
            options.cluster = Some("blue".into());
        })
        .unwrap();
        let context = chosen.config.contexts[0].context.clone().unwrap();
        assert_eq!(
            (&*context.cluster, context.user.as_deref()),
            ("blue", Some("adam"))
        );
    }

    #[test]
    fn an_unknown_context_comes_with_the_nearest() {
        let error = with(|options| options.context = Some("stagign".into())).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the kubeconfig has no context stagign. Near staging"
        );
        assert_eq!(error.hint().unwrap(), "did you mean `--context staging`?");
    }

    #[test]
    fn a_context_that_names_a_missing_user_is_named_too() {
        let error = with(|options| options.context = Some("production".into())).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the kubeconfig has no user gone, which context production names"
        );
        assert_eq!(error.hint().unwrap(), "it has eve, adam");
    }

    #[test]
    fn without_a_current_context_one_must_be_named_or_put_together() {
        let mut config = Kubeconfig::from_yaml(TWO).unwrap();
        config.current_context = None;
        let error = choose(config.clone(), &ConnectOptions::default()).unwrap_err();
        assert!(error.to_string().contains("staging, production"), "{error}");
        let options = ConnectOptions {
            cluster: Some("blue".into()),
            user: Some("eve".into()),
            ..ConnectOptions::default()
        };
        assert!(choose(config, &options).is_ok());
    }
}
