//! Errors of the host that pass through an engine, and are found again on the other side.
//!
//! An engine gets an error as a [`Report`], which says less than the error did. If the engine returns it, the
//! user must see the original, with its exit code and its hint.

use std::sync::atomic::{AtomicU64, Ordering};

use host_base::Report;

/// Identities are never used twice in a process.
static NEXT: AtomicU64 = AtomicU64::new(1);

/// An error that was handed to an engine.
#[derive(Debug)]
pub(super) struct Passed<E> {
    identity: u64,
    message: String,
    hint: Option<String>,
    error: E,
}

impl<E> Passed<E> {
    /// Keeps an error, and marks the report that the engine gets of it.
    pub(super) fn new(error: E, report: &mut Report) -> Self {
        let identity = NEXT.fetch_add(1, Ordering::Relaxed);
        report.origin = Some(identity);
        Self {
            identity,
            message: report.message.clone(),
            hint: report.hint.clone(),
            error,
        }
    }

    /// Whether an engine's report is this error.
    ///
    /// Version 0.1 of the interface has no place for the identity. There, the engine's message must begin or end
    /// with that of the error: engines put a few words before it or after it.
    pub(super) fn is(&self, report: &Report) -> bool {
        match report.origin {
            Some(identity) => identity == self.identity,
            None => {
                !self.message.is_empty()
                    && (report.message.starts_with(&self.message)
                        || report.message.ends_with(&self.message))
            }
        }
    }

    /// Whether an engine passed the error on with another message or another hint. Version 0.1 of the interface
    /// can't tell, because an engine may have added to the message only to say where it was.
    pub(super) fn is_changed_in(&self, report: &Report) -> bool {
        report.origin.is_some() && (report.message != self.message || report.hint != self.hint)
    }

    /// Whether an engine gave another hint.
    pub(super) fn has_other_hint(&self, report: &Report) -> bool {
        report.hint.is_some() && report.hint != self.hint
    }

    /// Returns the error as it was.
    pub(super) fn into_error(self) -> E {
        self.error
    }
}

#[cfg(test)]
mod tests {
    use host_base::ReportKind;

    use super::*;

    fn passed(message: &str) -> (Passed<String>, Report) {
        let mut report = Report::new(ReportKind::Unavailable, message);
        (Passed::new(message.to_owned(), &mut report), report)
    }

    #[test]
    fn an_error_is_found_by_its_identity_whatever_the_engine_makes_of_its_words() {
        let (passed, mut report) = passed("pod broker-0 is gone");
        let (_, other) = self::passed("pod broker-0 is gone");
        assert!(passed.is(&report));
        assert!(!passed.is(&other), "the same words of another error");
        report.message = "la cápsula se fue".to_owned();
        assert!(passed.is(&report));
    }

    #[test]
    fn what_an_engine_changed_is_known_only_with_an_identity() {
        let (passed, mut report) = passed("pod broker-0 is gone");
        assert!(!passed.is_changed_in(&report));
        report.hint = Some("Look there".to_owned());
        assert!(passed.is_changed_in(&report) && passed.has_other_hint(&report));
        report.hint = None;
        report.message = "no list: pod broker-0 is gone".to_owned();
        assert!(passed.is_changed_in(&report) && !passed.has_other_hint(&report));
        report.origin = None;
        assert!(!passed.is_changed_in(&report));
    }

    #[test]
    fn without_an_identity_an_added_word_does_not_hide_it() {
        let (passed, _) = passed("pod broker-0 is gone");
        let said = |message: &str| Report::new(ReportKind::Failed, message);
        for message in [
            "pod broker-0 is gone",
            "list: pod broker-0 is gone",
            "pod broker-0 is gone (twice)",
        ] {
            assert!(passed.is(&said(message)), "{message}");
        }
        for message in ["", "pod", "of 3 pods, pod broker-0 is gone and 2 are not"] {
            assert!(!passed.is(&said(message)), "{message}");
        }
        let (nameless, _) = self::passed("");
        assert!(!nameless.is(&said("anything")));
    }
}
