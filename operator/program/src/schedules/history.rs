use std::sync::Arc;

use kube::api::{DeleteParams, Preconditions};
use kube::{Api, ResourceExt as _};
use operator_api::{Backup, Phase, RunKind as _};

use super::{Step, phase};
use crate::error::OperatorError;
use crate::finalizers;
use crate::runs::Run as _;

impl Step<'_> {
    /// Deletes the objects of old runs. Their copies stay, whatever the deletion policy says: only the retention decides
    /// about copies.
    pub(super) async fn trim(&self) -> Result<(), OperatorError> {
        let spec = &self.object.spec;
        let count = |limit: i32| usize::try_from(limit).unwrap_or(0);
        let limits = [
            (true, count(spec.successful_history_limit)),
            (false, count(spec.failed_history_limit)),
        ];
        for (succeeded, limit) in limits {
            let mut runs: Vec<&Arc<Backup>> = self
                .runs
                .iter()
                .filter(|run| phase(run).is_terminal() && run.metadata.deletion_timestamp.is_none())
                .filter(|run| (phase(run) == Phase::Succeeded) == succeeded)
                .collect();
            runs.sort_by_key(|run| std::cmp::Reverse(run.run().and_then(|it| it.finished_at)));
            for run in runs.into_iter().skip(limit) {
                self.drop_object(run).await?;
            }
        }
        Ok(())
    }

    async fn drop_object(&self, run: &Backup) -> Result<(), OperatorError> {
        let backups: Api<Backup> = Api::namespaced(self.context.client.clone(), &self.namespace);
        let name = run.name_any();
        let gone = |error: &kube::Error| matches!(error, kube::Error::Api(it) if matches!(it.code, 404 | 409));
        if let Some(finalizer) = run.last_will()
            && !finalizers::set(&backups, run, finalizer, false).await?
        {
            return Ok(());
        }
        let only_it = DeleteParams {
            preconditions: Some(Preconditions {
                uid: run.uid(),
                resource_version: None,
            }),
            ..DeleteParams::background()
        };
        match backups.delete(&name, &only_it).await {
            Err(error) if !gone(&error) => Err(error.into()),
            _ => Ok(()),
        }
    }
}
