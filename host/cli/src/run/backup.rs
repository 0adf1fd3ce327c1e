//! A Backup: create, copy, check.

use std::collections::BTreeMap;
use std::sync::Arc;

use broker_manifest::Operation;
use host_base::text;
use host_cluster::Cluster;
use host_driver::{
    CreateRequest, DownloadRequest, Downloaded, Finished, Ongoing, OpsError, Place, Session,
    StoreObserver, StorePlace, StoredCopy, Task, Which, begin_create, create, download, identities,
    person,
};
use host_store::{Copy, Store, VerifyOrder};
use host_transfer::Progress;
use operator_api::{Attempt, Backup, CopyRecord, Fault, VerifyMode};

use super::live::{Live, SENT, read};
use super::watched::Watched;
use super::{RunArgs, request, wrong};
use crate::Context;
use crate::error::CliError;

/// The maximum number of details in a status, and the maximum length of each in characters.
const MAX_DETAILS: usize = 64;
const MAX_DETAIL: usize = 1024;

/// Number of retries without progress before giving up on a copy.
const RETRIES: u32 = 6;

pub(super) async fn run(args: &RunArgs, context: &Context<'_>) -> Result<(), CliError> {
    let cluster = Cluster::connect(&context.connect)
        .await
        .map_err(OpsError::from)?;
    let (ty, object) = read::<Backup>(&cluster, "Backup", &args.object.name).await?;
    let live = Live::begin(cluster, ty, &object, context.ui).await?;
    let work = Box::pin(steps(&object, &live, args, context));
    live.attempt(&object.spec.work, work).await
}

async fn steps(
    object: &Backup,
    live: &Live<Backup>,
    args: &RunArgs,
    context: &Context<'_>,
) -> Result<(), CliError> {
    let spec = &object.spec;
    let place = match &spec.store {
        Some(store) => Some(StorePlace {
            store: context
                .opener
                .open(&format!("backupstore/{}", store.name))
                .await?,
            cluster: spec.work.target.cluster.clone(),
            is_forced: false,
        }),
        None => None,
    };
    let status = object.status.clone().unwrap_or_default();
    let mut copy = status.copy;
    if copy.is_none() {
        let host = request::host(context, &live.moved);
        let request = request::of_work(&spec.work, Operation::Create, args, context)?;
        let session = Session::open(&host, request).await?;
        let made = Making {
            object,
            live,
            session: &session,
            place: place.clone(),
        };
        copy = Box::pin(made.make(status.task, status.backup_id)).await?;
    }
    let (Some(place), Some(copy)) = (place, copy) else {
        return Ok(());
    };
    verify(object, live, &place.store, &copy, args, context).await
}

/// Makes the backup and its copy.
struct Making<'a> {
    object: &'a Backup,
    live: &'a Live<Backup>,
    session: &'a Session,
    place: Option<StorePlace>,
}

impl Making<'_> {
    fn request(&self) -> CreateRequest {
        CreateRequest {
            waiting: request::waiting(&self.object.spec.work),
            limit: None,
            place: match &self.place {
                Some(place) => Place::Store(place.clone()),
                // An engine that returns the backup refuses stdout together with a store that is missing.
                None => Place::Output,
            },
            accept_unproven: false,
            place_flag: None,
        }
    }

    async fn make(
        &self,
        task: Option<String>,
        id: Option<String>,
    ) -> Result<Option<CopyRecord>, CliError> {
        if task.as_deref() == Some(SENT) {
            self.live
                .update("create", |status| note_unknown(&mut status.run.attempts))
                .await?;
        }
        let task = task.and_then(|task| serde_json::from_str::<Task>(&task).ok());
        let ongoing = match task {
            Some(task) => Ongoing::take_up(self.session, task).await?,
            // It had ended before, and only the copy is missing.
            None if let Some(id) = id => return self.copy(id).await,
            None => {
                self.note_task("create", Some(SENT.to_owned())).await?;
                match begin_create(self.session, &self.request()).await {
                    Ok(ongoing) => ongoing,
                    Err(OpsError::NothingToLeave { .. }) => {
                        self.note_task("copy", None).await?;
                        return self.stream().await;
                    }
                    Err(error) => {
                        // This attempt reports itself what it does not know.
                        self.note_task("create", None).await?;
                        return Err(error.into());
                    }
                }
            }
        };
        let id = Box::pin(self.follow(ongoing)).await?;
        self.copy(id).await
    }

    async fn note_task(&self, step: &str, task: Option<String>) -> Result<(), CliError> {
        self.live.update(step, |status| status.task = task).await
    }

    /// Follows a backup to its end in the backend.
    async fn follow(&self, mut ongoing: Ongoing) -> Result<String, CliError> {
        let id = ongoing.task().id.clone();
        let task = serde_json::to_string(ongoing.task()).ok();
        self.live
            .update("wait", |status| {
                status.backup_id = Some(id.clone());
                status.task = task;
            })
            .await?;
        let waiting = request::waiting(&self.object.spec.work);
        let waited = ongoing.wait(self.session, waiting).await;
        if let Err(error) = waited {
            if matches!(error, OpsError::EndedBadly { .. }) {
                // Another attempt makes another backup.
                self.live
                    .update("wait", |status| {
                        status.backup_id = None;
                        status.task = None;
                    })
                    .await?;
            }
            return Err(error.into());
        }
        let finished = ongoing.finish().await?;
        let id = finished.backup.id.clone();
        let details = details(&finished);
        self.live
            .update("wait", |status| {
                status.backup_id = Some(id.clone());
                status.details = details;
                status.task = None;
            })
            .await?;
        Ok(id)
    }

    /// Copies a backup that its backend has to the store.
    async fn copy(&self, id: String) -> Result<Option<CopyRecord>, CliError> {
        let Some(place) = &self.place else {
            return Ok(None);
        };
        self.live.step("copy").await?;
        let request = DownloadRequest {
            which: Which::Id(id),
            place: Place::Store(place.clone()),
            timeout: None,
            retries: RETRIES,
            accept_unproven: false,
        };
        match download(self.session, request).await? {
            Downloaded::Copy(copied) => Ok(Some(self.record(place, &copied.copy).await?)),
            Downloaded::Files(_) | Downloaded::Output => Ok(None),
        }
    }

    /// Makes a backup that the backend returns in its answer. It can't be asked for again, so another attempt makes
    /// another one.
    async fn stream(&self) -> Result<Option<CopyRecord>, CliError> {
        let Some(place) = &self.place else {
            return Err(wrong(
                format!(
                    "engine {} returns the backup, and spec.store is not set",
                    self.object.spec.work.engine.name
                ),
                "Name a BackupStore in spec.store",
            ));
        };
        self.live.step("copy").await?;
        let created = create(self.session, self.request()).await?;
        let Some(copy) = created.and_then(|created| created.copy) else {
            return Ok(None);
        };
        Ok(Some(self.record(place, &copy).await?))
    }

    async fn record(&self, place: &StorePlace, copy: &StoredCopy) -> Result<CopyRecord, CliError> {
        // Another run may have made the same bytes in the same second. Only the list of all copies shows that.
        let name = copy.manifest.name();
        let copies = place.store.copies().await?;
        let listed = copies.iter().find(|it| Some(&it.name) == name.as_ref());
        let reference = listed.map_or_else(|| copy.reference(), Copy::reference);
        let store = self.object.spec.store.as_ref();
        let record = CopyRecord {
            store: store.map(|it| it.name.clone()).unwrap_or_default(),
            reference,
            bytes: i64::try_from(copy.manifest.length).unwrap_or(i64::MAX),
            sha256: copy.manifest.sha256.clone(),
            verified_at: None,
        };
        self.live
            .update("copy", |status| {
                status.backup_id = Some(copy.manifest.id.clone());
                status.copy = Some(record.clone());
            })
            .await?;
        Ok(record)
    }
}

/// Notes that the attempt before this one may have left a backup in the backend. Most engines take no id that was
/// chosen before, so that this attempt could ask for the same backup.
fn note_unknown(attempts: &mut [Attempt]) {
    if let Some(before) = attempts.iter_mut().rev().nth(1) {
        let message = "the pod ended after it could send the request, and before it noted the id: the backend may keep a backup that no object names";
        let hint = "Compare `kubectl broker backup list` with `kubectl get backups`";
        before.failure = Some(Fault {
            code: "BackupUnknown".to_owned(),
            exit_code: None,
            message: message.to_owned(),
            hint: Some(hint.to_owned()),
        });
    }
}

/// Returns what the engine says about a backup, as far as it fits into an object.
fn details(finished: &Finished) -> BTreeMap<String, String> {
    let fields = finished.backup.fields.iter();
    let details = finished.details.iter().map(|(name, value)| (name, value));
    let all = fields.chain(details).map(|(name, value)| {
        let text = |text: &str, longest| text::printable(text, longest).into_owned();
        (text(name, 63), text(value, MAX_DETAIL))
    });
    all.take(MAX_DETAILS).collect()
}

/// Checks the copy, and notes the result beside it.
async fn verify(
    object: &Backup,
    live: &Live<Backup>,
    store: &Arc<Store>,
    copy: &CopyRecord,
    args: &RunArgs,
    context: &Context<'_>,
) -> Result<(), CliError> {
    let is_deep = match object.spec.verify {
        VerifyMode::None => return Ok(()),
        VerifyMode::Cheap => false,
        VerifyMode::Deep => true,
    };
    live.step("verify").await?;
    let order = VerifyOrder {
        is_deep,
        // Without a need, a pod does not ask for the Secret of a store.
        identities: if is_deep {
            identities(&args.identity.sources(store), &context.connect).await?
        } else {
            None
        },
    };
    let found = store.find(&copy.reference).await?;
    let watched = Watched {
        ui: context.ui,
        moved: Arc::clone(&live.moved),
    };
    let progress: Arc<dyn Progress> = Arc::new(StoreObserver::new(Arc::new(watched), "Read"));
    let verified = store.verify(found, &order, &progress).await?;
    if let Err(error) = store
        .note_check(&verified.copy, &verified.mark(&person()))
        .await
    {
        context.ui.warn(&format!(
            "The result can't be written to the store: {error}"
        ));
    }
    if let Some(check) = verified.failed() {
        return Err(CliError::BadCopy {
            reference: copy.reference.clone(),
            store: copy.store.clone(),
            problem: format!(
                "{}: {}",
                check.name,
                check.message.as_deref().unwrap_or("failed")
            ),
        });
    }
    live.update("verify", |status| {
        if let Some(copy) = &mut status.copy {
            copy.verified_at = Some(verified.time);
        }
    })
    .await?;
    Ok(())
}
