//! What this user may do, which commands need it, and what is lost without it.
//!
//! Only a right without which no command of the chosen engines can work is a failure: the program does without all
//! others, and so does its check.

use broker_manifest::Select;
use futures_util::future::join_all;

use super::{Check, Session};
use crate::cluster::{ClusterError, Need, Rights};
use crate::engine::EngineFile;
use crate::model::Failure;
use crate::ui::CheckOutcome;

/// The first version of Kubernetes that asks for `create` when a connection into a pod is opened with GET.
const CREATE_SINCE: (u32, u32) = (1, 35);

/// What the rights are asked for.
pub(super) struct Asked<'a> {
    pub engines: &'a [EngineFile],
    /// Whether the credentials come from a Secret. The right to it may be one to that Secret alone: it is read instead.
    pub from_secret: bool,
    /// Of the API server, where it is known.
    pub version: Option<(u32, u32)>,
}

/// Who needs a right.
pub(super) struct NeededBy<'a> {
    /// The commands, or what else.
    pub what: String,
    /// The verbs without which nothing works.
    pub required: &'a [&'static str],
    /// What is lost without the others, by verb. The first that fits is told.
    pub losses: Vec<(&'a [&'static str], &'static str)>,
}

/// Asks for all rights at once. Returns whether anything else can be asked.
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
        // The rights may be there all the same.
        Err(error @ (ClusterError::Forbidden { .. } | ClusterError::Api { .. })) => {
            let message = format!("not known: {error}");
            let hint = "Every user has the right to ask by the ClusterRole `system:basic-user`, where it is bound as usual";
            checks.push(Check::warned("rights", message, Some(hint.to_owned())));
            true
        }
        Err(error) => {
            checks.push(Check::failed(None, "rights", &error));
            false
        }
    }
}

impl Asked<'_> {
    fn needs(&self) -> Vec<(Need, NeededBy<'static>)> {
        let in_pods = self.engines.iter().any(|file| file.manifest().has_target());
        let by_service = self.with_select(Select::Service);
        let mut needs = Vec::new();
        let mut add = |need, what: String, required, losses| {
            let by = NeededBy {
                what,
                required,
                losses,
            };
            needs.push((need, by));
        };
        if in_pods {
            self.add_pods(&mut add);
        }
        if !by_service.is_empty() {
            add(
                Need::EndpointSlices,
                format!("engine {}", by_service.join(", ")),
                &[],
                vec![(
                    &["list"],
                    "ports are then those that the pods declare, not those of Services",
                )],
            );
        }
        add(
            Need::Leases,
            "`restore`".to_owned(),
            &[],
            vec![(
                &["get", "create", "update", "delete"],
                "a restore then keeps out your own processes on this machine only",
            )],
        );
        if !self.from_secret {
            add(
                Need::Secrets,
                "`--credentials-secret`".to_owned(),
                &[],
                vec![(&["get"], "credentials have to be given in another way")],
            );
        }
        if in_pods {
            let with_commands = self.named(|file| !file.manifest().exec.is_empty());
            let what = match &with_commands[..] {
                [] => "engines that run commands in pods".to_owned(),
                engines => format!("commands in pods of engine {}", engines.join(", ")),
            };
            let lost = "nothing can then be run in pods";
            add(Need::Exec, what, &[], vec![(&["get", "create"], lost)]);
            add(
                Need::Nodes,
                "errors about pods that are not ready".to_owned(),
                &[],
                vec![(
                    &["get"],
                    "an error then can't say what is wrong with a node",
                )],
            );
        }
        needs
    }

    fn add_pods(
        &self,
        add: &mut impl FnMut(
            Need,
            String,
            &'static [&'static str],
            Vec<(&'static [&'static str], &'static str)>,
        ),
    ) {
        let every = "every command that asks a backend";
        let only_by_service = self.with_select(Select::Pod).is_empty()
            && !self.with_select(Select::Service).is_empty();
        add(
            Need::Pods,
            every.to_owned(),
            if only_by_service { &[] } else { &["get"] },
            vec![
                (&["get"], "only pods that a Service names are then found"),
                (
                    &["list"],
                    "where the first pod is not ready no other is then found, and nothing can be run in pods",
                ),
            ],
        );
        add(
            Need::StatefulSets,
            "errors about the target".to_owned(),
            &[],
            vec![(&["get", "list"], "near names can't be suggested")],
        );
        let needs_create = self.version.is_none_or(|version| version >= CREATE_SINCE);
        add(
            Need::PortForward,
            every.to_owned(),
            if needs_create {
                &["get", "create"]
            } else {
                &["get"]
            },
            vec![(&["create"], "Kubernetes asks for it from 1.35 on")],
        );
    }

    /// The engines with an endpoint that is found in this way.
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

/// The check of one right.
pub(super) fn right(rights: &Rights, by: &NeededBy<'_>) -> Check {
    let name = format!("right:{}", rights.on);
    let what = &by.what;
    if rights.missing.is_empty() {
        let allowed = rights.allowed.join(", ");
        return Check::passed(None, &name, format!("may {allowed} (for {what})"));
    }
    let message = format!("may not {} (for {what})", rights.missing.join(", "));
    let hint = Some(format!("Ask for this right: {}", rights.rule));
    let missing = |verbs: &[&'static str]| verbs.iter().any(|verb| rights.missing.contains(verb));
    if missing(by.required) {
        let mut check = Check::warned(&name, message, hint);
        check.row.outcome = CheckOutcome::Failed;
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
