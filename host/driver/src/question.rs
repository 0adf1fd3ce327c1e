//! The question before an operation that can't be undone.

use host_base::text;

use super::running::Running;
use super::{OpsError, Session};

/// Longest name in a question, in characters.
const MAX_NAME: usize = 200;

/// Asks the user to type the name `target`, unless the user has agreed before. `doing` says what will be done.
pub(super) async fn confirm(
    session: &Session,
    running: &Running,
    doing: &str,
    target: &str,
    is_confirmed: bool,
) -> Result<(), OpsError> {
    let what = question(session, running, doing);
    let reporter = session.reporter();
    if is_confirmed {
        reporter.note(&what);
        return Ok(());
    }
    let typed = reporter.confirm(&what, target).await;
    let typed = typed.map_err(|error| OpsError::Worker {
        reason: error.to_string(),
    });
    match typed? {
        None => Err(OpsError::NotConfirmed { what }),
        Some(typed) if typed == target => Ok(()),
        Some(typed) => Err(OpsError::WrongName {
            typed,
            wanted: target.to_owned(),
        }),
    }
}

/// Returns the text that the user confirms: `doing`, and every fact that the user may be mistaken about,
/// whether set by a flag or not. The operation then runs in the pod that the text names.
fn question(session: &Session, running: &Running, doing: &str) -> String {
    let cluster = &session.cluster;
    let named = |what: &str, name: &str| format!("{what} {}", text::printable(name, MAX_NAME));
    let in_cluster = |fact: String| (!cluster.is_absent()).then_some(fact);
    let facts = [
        in_cluster(match cluster.context() {
            Some(context) => named("context", context),
            None => "the service account of this pod".to_owned(),
        }),
        in_cluster(named("server", cluster.server())),
        in_cluster(named("namespace", cluster.namespace())),
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
