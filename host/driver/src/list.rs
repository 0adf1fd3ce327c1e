use broker_manifest::Operation;
use futures_util::StreamExt as _;
use futures_util::stream;
use host_base::{Backup, Problem as _, newest_first, text};
use host_cluster::Target;
use host_engine::EngineFile;
use jiff::Timestamp;

use super::running::Running;
use super::{OpsError, Session};
use crate::results::{Backups, PerPod, PodFailure};

/// Number of pods that are asked at the same time.
const AT_ONCE: usize = 4;

/// Lists the backups of one engine, newest first, at most `limit` of them.
///
/// # Errors
/// When no engine can list backups, or when the chosen one failed.
pub async fn list(session: &Session, limit: Option<u32>) -> Result<Backups, OpsError> {
    let mut running = session.engine_for(Operation::List).await?;
    if session.all_pods() {
        return of_all_pods(session, &running, limit).await;
    }
    let mut backups = ask(session, &mut running, limit).await?;
    newest_first(&mut backups);
    let left_out = cut(&mut backups, limit);
    Ok(Backups {
        columns: running.manifest.table(),
        scope: running.scope(),
        backups,
        per_pod: None,
        left_out,
        is_list: true,
        now: Timestamp::now(),
    })
}

async fn ask(
    session: &Session,
    running: &mut Running,
    limit: Option<u32>,
) -> Result<Vec<Backup>, OpsError> {
    let options = session.options(&running.manifest, Operation::List);
    let listed = running.instance().list(limit, &options).await;
    running.original(listed)
}

/// Truncates the list to `limit` items, and returns how many were removed.
fn cut<T>(items: &mut Vec<T>, limit: Option<u32>) -> usize {
    let wanted = limit.map_or(usize::MAX, |limit| {
        usize::try_from(limit).unwrap_or(usize::MAX)
    });
    let left_out = items.len().saturating_sub(wanted);
    items.truncate(wanted);
    left_out
}

/// Asks every pod with a running container, using the chosen engine. The answers of some pods count although
/// others fail.
async fn of_all_pods(
    session: &Session,
    chosen: &Running,
    limit: Option<u32>,
) -> Result<Backups, OpsError> {
    if !chosen.manifest.has_target() {
        return Err(OpsError::NoPods {
            engine: chosen.called.clone(),
        });
    }
    let file = session.file(&chosen.manifest.id)?;
    let pods = session.cluster.pods_of(session.target()).await?;
    let mut asked = Vec::new();
    for pod in pods {
        match pod.problem {
            None => asked.push(pod.name),
            Some(problem) => session.notes().warn(&format!(
                "pod {} is not ready ({}): its backups are left out",
                text::printable(&pod.name, 200),
                text::printable(&problem, 200)
            )),
        }
    }
    let answers = stream::iter(&asked)
        .map(|pod| async move { (pod, of_pod(session, file, pod, limit).await) })
        .buffered(AT_ONCE);
    let answers: Vec<_> = answers.collect().await;
    let (mut found, mut failures, mut first) = (Vec::new(), Vec::new(), None);
    let mut answered = 0;
    for (pod, answer) in answers {
        match answer {
            Ok(backups) => {
                answered += 1;
                found.extend(backups.into_iter().map(|backup| (backup, pod.clone())));
            }
            Err(error) => {
                let message = error.to_string();
                let shown = text::printable(&message, 500);
                session.notes().warn(&format!("pod {pod}: {shown}"));
                failures.push(PodFailure {
                    pod: pod.clone(),
                    failure: error.failure(),
                    message,
                });
                first.get_or_insert(error);
            }
        }
    }
    if let (0, Some(error)) = (answered, first) {
        return Err(error);
    }
    found.sort_by(|(a, pod), (b, other)| {
        (b.created.cmp(&a.created))
            .then_with(|| a.id.cmp(&b.id))
            .then_with(|| pod.cmp(other))
    });
    let left_out = cut(&mut found, limit);
    let (backups, of) = found.into_iter().unzip();
    Ok(Backups {
        columns: chosen.manifest.table(),
        scope: chosen.scope.clone(),
        backups,
        per_pod: Some(PerPod {
            of,
            answered,
            failures,
        }),
        left_out,
        is_list: true,
        now: Timestamp::now(),
    })
}

async fn of_pod(
    session: &Session,
    file: &EngineFile,
    pod: &str,
    limit: Option<u32>,
) -> Result<Vec<Backup>, OpsError> {
    let target = Target {
        pod: Some(pod.to_owned()),
        ..session.target().clone()
    };
    let mut running = session.start_at(file, &target).await?;
    ask(session, &mut running, limit).await
}
