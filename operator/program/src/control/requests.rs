//! The watches and controllers of requests.

use std::sync::Arc;

use futures_util::{Stream, StreamExt as _, stream};
use kube::runtime::controller::Controller;
use operator_api::{Backup, BackupRequest, Restore, RestoreRequest};
use serde::de::DeserializeOwned;
use tokio::task::JoinSet;

use super::{Control, changed, config, drive};
use crate::changes::Changes;
use crate::context::{Context, SeenRequests};
use crate::groups::Grouped;
use crate::history::{History, Row};
use crate::requests::{self, RequestSettings, Requests};
use crate::runs::Run;

/// The requests of projects, as far as their watches show them.
pub(super) struct WatchedRequests {
    settings: RequestSettings,
    backups: Changes<BackupRequest>,
    restores: Changes<RestoreRequest>,
}

impl WatchedRequests {
    /// Watches requests, if they are worked on.
    pub(super) fn watch(control: &Control, tasks: &mut JoinSet<String>) -> Option<Self> {
        let settings = control.requests.clone()?;
        Some(Self {
            settings,
            backups: control.watch_foreign(tasks),
            restores: control.watch_foreign(tasks),
        })
    }

    pub(super) fn seen(&self) -> SeenRequests {
        SeenRequests {
            backups: self.backups.objects().clone(),
            restores: self.restores.objects().clone(),
        }
    }

    /// Returns what the history has of them.
    pub(super) fn rows(&self) -> impl Stream<Item = Option<Row>> + use<> {
        stream::select(
            self.backups.listen().map(|it| Row::of_request(&it)),
            self.restores
                .listen()
                .map(|it| Row::of_restore_request(&it)),
        )
    }

    /// Begins to work on them.
    pub(super) fn work(
        self,
        backups: &Changes<Backup>,
        restores: &Changes<Restore>,
        context: &Arc<Context>,
        history: Option<Arc<History>>,
        tasks: &mut JoinSet<String>,
    ) {
        let seen = self.seen();
        let requests = Requests::new(Arc::clone(context), seen, history, self.settings);
        let requests = Arc::new(requests);
        let controller = owning(&self.backups, backups).reconcile_on(requests.wakes.stream());
        tasks.spawn(drive(controller, requests::reconcile, &requests));
        let controller =
            owning(&self.restores, restores).reconcile_on(requests.restore_wakes.stream());
        tasks.spawn(drive(controller, requests::restore::reconcile, &requests));
        tasks.spawn(async move {
            requests.follow_history().await;
            "writer of the history".to_owned()
        });
    }
}

/// Returns a controller of objects that own runs. A request that waits for an approval is looked at when that comes.
fn owning<K, R>(requests: &Changes<K>, runs: &Changes<R>) -> Controller<K>
where
    K: Grouped + DeserializeOwned + std::fmt::Debug + Send + Sync,
    R: Run,
{
    Controller::for_shared_stream(changed(requests), requests.objects().clone())
        .with_config(config())
        .owns_shared_stream(runs.listen())
}
