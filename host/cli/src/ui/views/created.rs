use host_driver::Created;

use super::BackupBody;
use super::download;
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
                ..backup
            }),
            other => other,
        }
    }

    fn summary(&self) -> Option<String> {
        self.saved.as_ref().map(download::summary)
    }
}
