//! The outcome of an engine's own verb: its report, and the files that it saved.

use host_base::Failure;
use host_driver::{VerbOutcome, VerbResult};

use super::download;
use super::{BackupListBody, ReportBody};
use crate::ui::document::Document;
use crate::ui::fields;
use crate::ui::schema::Body;

fn report(outcome: &VerbOutcome) -> &dyn Document {
    match &outcome.result {
        VerbResult::Backups(backups) => backups,
        VerbResult::Report(report) => report,
        VerbResult::Items(items) => items,
    }
}

impl Document for VerbOutcome {
    fn table(&self, wide: bool) -> String {
        let mut shown = report(self).table(wide);
        if let Some(saved) = &self.saved {
            shown.push_str(&download::lines(saved));
        }
        shown
    }

    fn names(&self) -> String {
        match &self.saved {
            Some(saved) => download::names(saved),
            None => report(self).names(),
        }
    }

    fn body(&self) -> Body<'_> {
        let files = self.saved.as_ref().map(fields::all);
        match report(self).body() {
            Body::Report(body) => Body::Report(ReportBody { files, ..body }),
            Body::BackupList(body) => Body::BackupList(BackupListBody { files, ..body }),
            other => other,
        }
    }

    fn summary(&self) -> Option<String> {
        let summary = report(self).summary();
        let Some(saved) = &self.saved else {
            return summary;
        };
        let files = download::summary(saved);
        Some(match summary {
            Some(summary) => format!("{summary}; {files}"),
            None => files,
        })
    }

    fn failure(&self) -> Option<Failure> {
        report(self).failure()
    }
}
