//! The question before what can't be undone.

use host_base::text;

use super::Session;
use super::session::Running;

/// Longest name in a question, in characters.
const MAX_NAME: usize = 200;

/// What is to be confirmed: `doing`, and everything that could be another than the user thinks, whether
/// it was given by flags or not. From then on it is done in the pod that is named.
pub(super) fn question(session: &Session, running: &Running, doing: &str) -> String {
    let cluster = &session.cluster;
    let named = |what: &str, name: &str| format!("{what} {}", text::printable(name, MAX_NAME));
    let facts = [
        Some(match cluster.context() {
            Some(context) => named("context", context),
            None => "the service account of this pod".to_owned(),
        }),
        Some(named("server", cluster.server())),
        Some(named("namespace", cluster.namespace())),
        running
            .scope
            .statefulset
            .as_deref()
            .map(|name| named("StatefulSet", name)),
        running.settle_on_pod().map(|pod| named("pod", &pod)),
        Some(named("engine", &running.called)),
    ];
    let facts: Vec<_> = facts.into_iter().flatten().collect();
    format!("{doing}: {}", facts.join(", "))
}
