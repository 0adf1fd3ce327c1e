use host_driver::Created;

use super::BackupBody;
use super::download::file_summary;
use crate::ui::document::Document;
use crate::ui::fields::details;
use crate::ui::schema::Body;

impl Document for Created {
    fn table(&self, wide: bool) -> String {
        let mut shown = self.backup.table(wide);
        for (name, value) in &self.details {
            shown.push_str(&self.backup.scope.detail(name, value));
        }
        if let Some(file) = &self.file {
            shown.push_str(&format!(
                "file: {}\nverified-by: {}\n",
                file.shown_path(),
                file.verified_by
            ));
        }
        shown
    }

    fn names(&self) -> String {
        match &self.file {
            Some(file) => format!("{}\n", file.shown_path()),
            None => self.backup.names(),
        }
    }

    fn body(&self) -> Body<'_> {
        match self.backup.body() {
            Body::Backup(backup) => Body::Backup(BackupBody {
                details: details(&self.details),
                file: self.file.as_ref().map(Into::into),
                ..backup
            }),
            other => other,
        }
    }

    fn summary(&self) -> Option<String> {
        self.file.as_ref().map(file_summary)
    }
}
