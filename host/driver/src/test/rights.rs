//! The permissions of this user: which commands need each of them, and what is lost without it.
//!
//! A missing permission fails the test only if no command of the chosen engines works without it. The program
//! tolerates the absence of all others.

use broker_manifest::Select;
use futures_util::future::join_all;
use host_base::Failure;
use host_cluster::{ClusterError, Need, Rights};
use host_engine::EngineFile;

use super::{Check, Session};
use host_base::Outcome;

/// The first version of Kubernetes that requires `create` to open a connection into a pod with GET.
const CREATE_SINCE: (u32, u32) = (1, 35);

/// The facts that decide which permissions are needed.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    /// The chosen engines.
    pub engines: &'a [EngineFile],
    /// Whether the credentials come from a Secret. Its permission is not asked for but tried out, because it
    /// may apply to that Secret alone.
    pub from_secret: bool,
    /// Version of the API server, if it is known.
    pub version: Option<(u32, u32)>,
}

/// The commands that need a permission, and the verbs of it.
pub(super) struct NeededBy<'a> {
    /// The commands, or another description.
    pub what: String,
    /// The verbs without which nothing works.
    pub required: &'a [&'static str],
    /// The loss without each of the other verbs. The first entry that fits is shown.
    pub losses: Vec<(&'a [&'static str], &'static str)>,
}

/// Asks for all permissions at once. Returns whether further checks are possible.
pub(super) async fn rights(session: &Session, asked: Asked<'_>, checks: &mut Vec<Check>) -> bool {
    let needs = asked.needs().into_iter().map(|(need, by)| async move {
        let rights = session.cluster.rights(need).await?;
        Ok(right(&rights, &by))
    });
    let answers: Result<Vec<_>, ClusterError> = join_all(needs).await.into_iter().collect();
    match answers {
        Ok(answers) => {
            checks.extend(answers);
            true
        }
        // The permissions may exist although the user can't ask for them.
        Err(error @ (ClusterError::Forbidden { .. } | ClusterError::Api { .. })) => {
            let message = format!("unknown: {error}");
            let hint = "Bind the ClusterRole `system:basic-user` to this user: it permits these questions, and clusters usually bind it to all";
            checks.push(Check::warned("rights", message, Some(hint.to_owned())));
            true
        }
        Err(error) => {
            checks.push(Check::failed(None, "rights", &error));
            false
        }
    }
}

type Needs = Vec<(Need, NeededBy<'static>)>;

impl NeededBy<'static> {
    fn optional(what: &str, verbs: &'static [&'static str], loss: &'static str) -> Self {
        Self {
            what: what.to_owned(),
            required: &[],
            losses: vec![(verbs, loss)],
        }
    }
}

impl Asked<'_> {
    fn needs(&self) -> Needs {
        let in_pods = self.engines.iter().any(|file| file.manifest().has_target());
        let mut needs = if in_pods { self.of_pods() } else { Vec::new() };
        let by_service = self.with_select(Select::Service);
        if !by_service.is_empty() {
            let what = format!("engine {}", by_service.join(", "));
            let loss = "ports then come from the pods, not from Services";
            needs.push((
                Need::EndpointSlices,
                NeededBy::optional(&what, &["list"], loss),
            ));
        }
        let verbs = &["get", "create", "update", "delete"];
        let loss = "a restore then keeps out your own processes on this machine only";
        needs.push((Need::Leases, NeededBy::optional("`restore`", verbs, loss)));
        if !self.from_secret {
            let loss = "give the credentials in another way";
            let by = NeededBy::optional("`--credentials-secret`", &["get"], loss);
            needs.push((Need::Secrets, by));
        }
        if in_pods {
            let with_commands = self.named(|file| !file.manifest().exec.is_empty());
            let what = match &with_commands[..] {
                [] => "engines that run commands in pods".to_owned(),
                engines => format!("commands in pods of engine {}", engines.join(", ")),
            };
            let loss = "no command can then run in pods";
            let by = NeededBy::optional(&what, &["get", "create"], loss);
            needs.push((Need::Exec, by));
            let what = "errors about pods that are not ready";
            let loss = "errors then don't tell the state of a node";
            needs.push((Need::Nodes, NeededBy::optional(what, &["get"], loss)));
        }
        needs
    }

    fn of_pods(&self) -> Needs {
        let every = "every command that asks a backend";
        let only_by_service = self.with_select(Select::Pod).is_empty()
            && !self.with_select(Select::Service).is_empty();
        let pods = NeededBy {
            what: every.to_owned(),
            required: if only_by_service { &[] } else { &["get"] },
            losses: vec![
                (&["get"], "only pods behind a Service are then found"),
                (
                    &["list"],
                    "if the first pod is not ready, no other pod is then found, and no command can run in pods",
                ),
            ],
        };
        let loss = "similar names can't be suggested";
        let sets = NeededBy::optional("errors about the target", &["get", "list"], loss);
        let needs_create = self.version.is_none_or(|version| version >= CREATE_SINCE);
        let port_forward = NeededBy {
            what: every.to_owned(),
            required: if needs_create {
                &["get", "create"]
            } else {
                &["get"]
            },
            losses: vec![(&["create"], "Kubernetes 1.35 and later require it")],
        };
        vec![
            (Need::Pods, pods),
            (Need::StatefulSets, sets),
            (Need::PortForward, port_forward),
        ]
    }

    /// Returns the engines with an endpoint that is found in this way.
    fn with_select(&self, select: Select) -> Vec<&str> {
        self.named(|file| {
            let mut endpoints = file.manifest().endpoints.values();
            endpoints.any(|endpoint| endpoint.select == select)
        })
    }

    fn named(&self, is_meant: impl Fn(&EngineFile) -> bool) -> Vec<&str> {
        let meant = self.engines.iter().filter(|file| is_meant(file));
        meant.map(|file| file.manifest().id.name()).collect()
    }
}

/// Returns the check of one permission.
pub(super) fn right(rights: &Rights, by: &NeededBy<'_>) -> Check {
    let name = format!("right:{}", rights.on);
    let what = &by.what;
    if rights.missing.is_empty() {
        let allowed = rights.allowed.join(", ");
        return Check::passed(None, &name, format!("may {allowed} (for {what})"));
    }
    let message = format!("may not {} (for {what})", rights.missing.join(", "));
    let hint = Some(format!("Ask for this permission: {}", rights.rule));
    let missing = |verbs: &[&'static str]| verbs.iter().any(|verb| rights.missing.contains(verb));
    if missing(by.required) {
        let mut check = Check::warned(&name, message, hint);
        check.row.outcome = Outcome::Failed;
        check.failure = Some(Failure::NotAllowed);
        return check;
    }
    let loss = by.losses.iter().find(|(verbs, _)| missing(verbs));
    let message = match loss {
        Some((_, loss)) => format!("{message}: {loss}"),
        None => message,
    };
    Check::warned(&name, message, hint)
}
