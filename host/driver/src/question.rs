//! The question before an operation that can't be undone.

use host_base::text;

use super::Session;
use super::running::Running;

/// Longest name in a question, in characters.
const MAX_NAME: usize = 200;

/// Returns the text that the user confirms: `doing`, and every fact that the user may be mistaken about,
/// whether set by a flag or not. The operation then runs in the pod that the text names.
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
