use host_driver::Created;
use serde_json::Value;

use super::download::{file_fields, file_summary};
use crate::ui::document::Document;

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

    fn document(&self) -> Value {
        let mut document = self.backup.document();
        let details: serde_json::Map<_, _> = self
            .details
            .iter()
            .map(|(name, value)| (name.clone(), value.clone().into()))
            .collect();
        if let Value::Object(fields) = &mut document {
            fields.insert("details".to_owned(), details.into());
            if let Some(file) = &self.file {
                fields.insert("file".to_owned(), file_fields(file));
            }
        }
        document
    }

    fn summary(&self) -> Option<String> {
        self.file.as_ref().map(file_summary)
    }
}
