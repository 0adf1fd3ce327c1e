use broker_manifest::Operation;
use futures_util::StreamExt as _;
use futures_util::stream;
use host_base::{Backup, Problem as _, newest_first, text};
use host_cluster::Target;
use host_engine::{EngineFile, OptionSetting, Pages};
use jiff::Timestamp;

use super::running::Running;
use super::{OpsError, Session};
use crate::results::{Backups, LeftOut, PerPod, PodFailure};

/// Number of pods that are asked at the same time.
const AT_ONCE: usize = 4;

/// The result of [`list`].
#[expect(
    clippy::large_enum_variant,
    reason = "a command has one of them, and moves it once"
)]
#[derive(Debug)]
pub enum Listing {
    /// All backups.
    Whole(Backups),
    /// The first of several pages. The others are read when they are asked for.
    Pages(Box<BackupPages>),
}

/// The pages of a list whose engine returns the newest backups first.
pub struct BackupPages {
    running: Running,
    pages: Pages,
    options: Vec<OptionSetting>,
    /// The page that was read first.
    first: Option<Vec<Backup>>,
    /// Number of backups that are still wanted.
    left: Option<usize>,
}

/// Lists the backups of one engine, newest first, at most `limit` of them.
///
/// # Errors
/// When no engine can list backups, or when the chosen one failed.
pub async fn list(session: &Session, limit: Option<u32>) -> Result<Listing, OpsError> {
    let mut running = session.engine_for(Operation::List).await?;
    if session.all_pods() {
        let backups = of_all_pods(session, &running, limit).await?;
        return Ok(Listing::Whole(backups));
    }
    let options = session.options(&running.manifest, Operation::List);
    if !running.manifest.lists_newest_first() {
        let mut backups = ask(session, &mut running, limit).await?;
        newest_first(&mut backups);
        let left_out = cut(&mut backups, limit);
        return Ok(Listing::Whole(shown(&running, backups, left_out)));
    }
    let mut pages = Pages::new(limit);
    let first = pages.next(running.instance(), &options).await;
    let mut first = running.original(first)?.unwrap_or_default();
    if pages.has_more() {
        return Ok(Listing::Pages(Box::new(BackupPages {
            running,
            pages,
            options,
            first: Some(first),
            left: limit.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX)),
        })));
    }
    let left_out = match cut(&mut first, limit) {
        LeftOut::Nothing if pages.has_unread() => LeftOut::Unknown,
        left_out => left_out,
    };
    Ok(Listing::Whole(shown(&running, first, left_out)))
}

impl BackupPages {
    /// Returns the next page, or `None` at the end.
    ///
    /// # Errors
    /// When the engine failed. The list is incomplete then.
    pub async fn next(&mut self) -> Result<Option<Backups>, OpsError> {
        if self.left == Some(0) {
            return Ok(None);
        }
        let page = match self.first.take() {
            Some(first) => Some(first),
            None => {
                let page = self.pages.next(self.running.instance(), &self.options);
                let page = page.await;
                self.running.original(page)?
            }
        };
        let Some(mut page) = page else {
            return Ok(None);
        };
        if let Some(left) = &mut self.left {
            page.truncate(*left);
            *left -= page.len();
        }
        let is_last = self.left == Some(0) || !self.pages.has_more();
        let left_out = if is_last && (self.pages.has_more() || self.pages.has_unread()) {
            LeftOut::Unknown
        } else {
            LeftOut::Nothing
        };
        Ok(Some(shown(&self.running, page, left_out)))
    }
}

impl std::fmt::Debug for BackupPages {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BackupPages")
            .field("pages", &self.pages)
            .field("left", &self.left)
            .finish_non_exhaustive()
    }
}

fn shown(running: &Running, backups: Vec<Backup>, left_out: LeftOut) -> Backups {
    Backups {
        columns: running.manifest.table(),
        scope: running.scope(),
        backups,
        per_pod: None,
        left_out,
        is_list: true,
        now: Timestamp::now(),
    }
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
fn cut<T>(items: &mut Vec<T>, limit: Option<u32>) -> LeftOut {
    let wanted = limit.map_or(usize::MAX, |limit| {
        usize::try_from(limit).unwrap_or(usize::MAX)
    });
    let left_out = items.len().saturating_sub(wanted);
    items.truncate(wanted);
    match left_out {
        0 => LeftOut::Nothing,
        number => LeftOut::Number(number),
    }
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
