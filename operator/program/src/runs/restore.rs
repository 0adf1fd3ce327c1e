use kube::ResourceExt as _;
use kube::runtime::reflector::ObjectRef;
use operator_api::{Restore, ScheduledBy};

use super::Run;
use crate::context::Context;
use crate::error::OperatorError;
use crate::wakes::Wakes;

impl Run for Restore {
    fn store(&self, context: &Context) -> Option<String> {
        let from = &self.spec.from;
        if let Some(copy) = &from.copy {
            return Some(copy.store.name.clone());
        }
        let backup = from.backup.as_ref()?;
        let key = ObjectRef::new(&backup.name).within(&self.namespace().unwrap_or_default());
        let backup = context.seen.backups.get(&key)?;
        let copy = backup.status.as_ref().and_then(|it| it.copy.as_ref())?;
        Some(copy.store.clone())
    }

    fn decrypts(&self) -> bool {
        true
    }

    fn schedule(&self) -> Option<&ScheduledBy> {
        None
    }

    fn copied(&self) -> Option<i64> {
        None
    }

    fn wakes(context: &Context) -> &Wakes {
        &context.wakes.restores
    }

    fn last_will(&self) -> Option<&'static str> {
        None
    }

    async fn cleanup(&self, _: &Context) -> Result<bool, OperatorError> {
        Ok(true)
    }
}
