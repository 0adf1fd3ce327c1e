use host_driver::Created;

use super::BackupBody;
use super::{copies, download};
use crate::ui::document::Document;
use crate::ui::fields::{self, details};
use crate::ui::schema::Body;

impl Document for Created {
    fn table(&self, wide: bool) -> String {
        let mut shown = self.backup.table(wide);
        for (name, value) in &self.details {
            shown.push_str(&self.backup.scope.detail(name, value));
        }
        if let Some(saved) = &self.saved {
            shown.push_str(&download::lines(saved));
        }
        if let Some(copy) = &self.copy {
            shown.push_str(&copies::lines(&crate::store::copied(copy)));
        }
        shown
    }

    fn names(&self) -> String {
        match &self.saved {
            Some(saved) => download::names(saved),
            None => self.backup.names(),
        }
    }

    fn body(&self) -> Body<'_> {
        match self.backup.body() {
            Body::Backup(backup) => Body::Backup(BackupBody {
                details: details(&self.details),
                file: self.saved.as_ref().and_then(|it| Some(it.single()?.into())),
                files: self.saved.as_ref().and_then(fields::many),
                copy: self.copy.as_ref().map(crate::store::copied),
                ..backup
            }),
            other => other,
        }
    }

    fn summary(&self) -> Option<String> {
        let copied = |copy: &host_driver::StoredCopy| format!("SHA-256 {}", copy.manifest.sha256);
        let copied = self.copy.as_ref().map(copied);
        self.saved.as_ref().map(download::summary).or(copied)
    }
}
