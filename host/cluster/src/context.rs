//! Chooses context, cluster and user, and suggests similar names for one that does not exist.

use super::kubeconfig::{ClusterEntry, ContextEntry, Kubeconfig, UserEntry};
use super::near::near;
use super::{ClusterError, ConnectOptions, EntryKind};

/// The parts of a kubeconfig that a command uses.
#[derive(Debug)]
pub(super) struct Chosen {
    pub context: String,
    pub cluster_name: String,
    pub cluster: ClusterEntry,
    pub user_name: Option<String>,
    /// The user entry; it is empty if no user is named.
    pub user: UserEntry,
    pub namespace: Option<String>,
}

/// The name of the context that `--cluster` and `--user` form without a current context.
const UNNAMED: &str = "(none)";

/// Chooses context, cluster and user by the options.
///
/// # Errors
/// When a name is not in the kubeconfig, or when there is no current context and the flags don't replace it.
pub(super) fn choose(
    config: &Kubeconfig,
    options: &ConnectOptions,
) -> Result<Chosen, ClusterError> {
    let current = some(&config.current_context);
    let (name, mut context) = match options.context.clone().or(current) {
        Some(name) => {
            let found = config.contexts.iter().find(|entry| entry.name == name);
            let context = found.map(|entry| entry.context.clone()).ok_or_else(|| {
                unknown(
                    EntryKind::Context,
                    &name,
                    None,
                    config.contexts.iter().map(|entry| &*entry.name),
                )
            })?;
            (name, context)
        }
        // Like kubectl, this needs no context if the flags name the cluster.
        None if options.cluster.is_some() => (UNNAMED.to_owned(), ContextEntry::default()),
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
    let found = config
        .clusters
        .iter()
        .find(|entry| entry.name == context.cluster);
    let cluster = found.map(|entry| entry.cluster.clone()).ok_or_else(|| {
        unknown(
            EntryKind::Cluster,
            &context.cluster,
            of_context(options.cluster.is_some()),
            config.clusters.iter().map(|entry| &*entry.name),
        )
    })?;
    let user_name = options.user.clone().or_else(|| some(&context.user));
    let user = match &user_name {
        None => UserEntry::default(),
        Some(name) => {
            let found = config.users.iter().find(|entry| entry.name == *name);
            found.map(|entry| entry.user.clone()).ok_or_else(|| {
                unknown(
                    EntryKind::User,
                    name,
                    of_context(options.user.is_some()),
                    config.users.iter().map(|entry| &*entry.name),
                )
            })?
        }
    };
    Ok(Chosen {
        context: name,
        cluster_name: context.cluster,
        cluster,
        user_name,
        user,
        namespace: some(&context.namespace),
    })
}

fn some(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
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
        choose(&Kubeconfig::parse(TWO).unwrap(), &options)
    }

    #[test]
    fn the_current_context_is_the_default() {
        let chosen = with(|_| ()).unwrap();
        assert_eq!(
            (
                &*chosen.context,
                chosen.user_name.as_deref(),
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
        assert_eq!(
            (&*chosen.cluster_name, chosen.user_name.as_deref()),
            ("blue", Some("adam"))
        );
    }

    #[test]
    fn an_unknown_context_comes_with_the_nearest() {
        let error = with(|options| options.context = Some("stagign".into())).unwrap_err();
        assert!(
            matches!(&error, ClusterError::UnknownEntry { near, .. } if *near == ["staging"]),
            "{error}"
        );
    }

    #[test]
    fn a_context_that_names_a_missing_user_is_named_too() {
        let error = with(|options| options.context = Some("production".into())).unwrap_err();
        let ClusterError::UnknownEntry {
            name,
            of_context,
            known,
            ..
        } = error
        else {
            panic!("{error}")
        };
        assert_eq!(
            (&*name, of_context.as_deref()),
            ("gone", Some("production"))
        );
        assert_eq!(known, ["eve", "adam"]);
    }

    #[test]
    fn without_a_current_context_one_must_be_named_or_put_together() {
        let without = || {
            let text = TWO.replace("current-context: staging", "current-context: ''");
            Kubeconfig::parse(&text).unwrap()
        };
        let error = choose(&without(), &ConnectOptions::default()).unwrap_err();
        assert!(error.to_string().contains("staging, production"), "{error}");
        let options = ConnectOptions {
            cluster: Some("blue".into()),
            user: Some("eve".into()),
            ..ConnectOptions::default()
        };
        assert!(choose(&without(), &options).is_ok());
    }
}
