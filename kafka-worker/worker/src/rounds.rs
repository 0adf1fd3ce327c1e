//! The same work for many groups. A broker may be away, so groups that failed are tried again.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use host_base::Failure;
use kafka_backup_core::config::KafkaConfig;
use tokio::task::JoinSet;

use crate::error::{Result, WorkError};
use crate::groups::Cluster;
use crate::work::{Patience, Work};

/// The results of the groups that were tried.
#[derive(Debug)]
pub struct Done<T> {
    pub results: BTreeMap<String, Result<T>>,
    /// Whether a signal came. Then groups are missing.
    pub is_stopped: bool,
}

impl<T> Done<T> {
    /// Returns the groups that failed, and why.
    pub fn failures(&self) -> Vec<(&String, &WorkError)> {
        let results = self.results.iter();
        results
            .filter_map(|(group, result)| Some((group, result.as_ref().err()?)))
            .collect()
    }

    /// Returns the number of groups that succeeded.
    pub fn count(&self) -> usize {
        self.results
            .values()
            .filter(|result| result.is_ok())
            .count()
    }
}

/// How groups are worked through.
#[derive(Clone, Copy, Debug)]
pub struct Order {
    /// The number of groups at once.
    pub at_once: usize,
    /// Whether other groups follow after one has failed. Otherwise groups come one after the other.
    pub goes_on: bool,
}

/// Works through groups. `report` gets the number of those that succeeded.
pub async fn each<T, F>(
    work: &Work,
    config: &KafkaConfig,
    cluster: Cluster,
    groups: &[String],
    order: Order,
    doing: impl Fn(Arc<Cluster>, String) -> F,
    mut report: impl FnMut(usize),
) -> Done<T>
where
    T: Send + 'static,
    F: Future<Output = Result<T>> + Send + 'static,
{
    let mut done = Done {
        results: BTreeMap::new(),
        is_stopped: false,
    };
    let mut cluster = Arc::new(cluster);
    let mut patience: Option<Patience> = None;
    loop {
        let left = groups
            .iter()
            .filter(|group| may_pass(done.results.get(*group)))
            .cloned()
            .collect();
        round(work, &cluster, left, order, &doing, &mut done, &mut report).await;
        let passing = done.results.values().find(|result| may_pass(Some(result)));
        let Some(Err(error)) = passing.filter(|_| !done.is_stopped) else {
            return done;
        };
        let progress = u64::try_from(done.count()).unwrap_or(u64::MAX);
        let patience = patience.get_or_insert_with(Patience::new);
        match patience.again(work, error.clone(), progress).await {
            Ok(()) => {}
            Err(error) => {
                done.is_stopped = error.failure == Failure::Interrupted;
                return done;
            }
        }
        if let Some(new) = reconnected(work, config).await {
            cluster = Arc::new(new);
        }
    }
}

/// Does something in a cluster, and tries again when that fails.
///
/// # Errors
/// The last error, or [`Failure::Interrupted`].
pub async fn patiently<T>(
    work: &Work,
    config: &KafkaConfig,
    cluster: &mut Cluster,
    doing: impl AsyncFn(&Cluster) -> Result<T>,
) -> Result<T> {
    let mut patience = Patience::new();
    loop {
        match work.stoppable(doing(cluster)).await {
            Ok(done) => return Ok(done),
            Err(error) => patience.again(work, error, 0).await?,
        }
        if let Some(new) = reconnected(work, config).await {
            *cluster = new;
        }
    }
}

/// Connects again: the first broker of the old connection may be the one that is away.
async fn reconnected(work: &Work, config: &KafkaConfig) -> Option<Cluster> {
    let connecting = Cluster::connect(config.clone());
    work.stoppable(connecting).await.ok()
}

/// Returns whether a group should be tried: it was not yet, or its failure may pass.
fn may_pass<T>(result: Option<&Result<T>>) -> bool {
    match result {
        None => true,
        Some(Ok(_)) => false,
        Some(Err(error)) => matches!(error.failure, Failure::Failed | Failure::TimedOut),
    }
}

/// Tries groups once.
async fn round<T, F>(
    work: &Work,
    cluster: &Arc<Cluster>,
    left: Vec<String>,
    order: Order,
    doing: impl Fn(Arc<Cluster>, String) -> F,
    done: &mut Done<T>,
    report: &mut impl FnMut(usize),
) where
    T: Send + 'static,
    F: Future<Output = Result<T>> + Send + 'static,
{
    let at_once = if order.goes_on { order.at_once } else { 1 };
    let mut left = left.into_iter();
    // Dropping it ends what a signal interrupts.
    let mut running = JoinSet::new();
    let mut names = HashMap::new();
    loop {
        while running.len() < at_once
            && let Some(group) = left.next()
        {
            let task = running.spawn(doing(Arc::clone(cluster), group.clone()));
            names.insert(task.id(), group);
        }
        let next = work.stoppable(async { Ok(running.join_next_with_id().await) });
        let (task, result) = match next.await {
            Err(_) => {
                done.is_stopped = true;
                return;
            }
            Ok(None) => return,
            Ok(Some(Ok((task, result)))) => (task, result),
            Ok(Some(Err(error))) => {
                let message = format!("the work has ended early: {error}");
                (error.id(), Err(WorkError::failed(message)))
            }
        };
        let has_failed = result.is_err();
        if let Some(group) = names.remove(&task) {
            done.results.insert(group, result);
        }
        report(done.count());
        if has_failed && !order.goes_on {
            return;
        }
    }
}
