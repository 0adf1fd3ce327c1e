use std::sync::Arc;
use std::time::Duration;

use broker_manifest::{Manifest, Operation};
use host_base::{Backup, ReportKind, State, text};
use host_engine::{EngineError, Instance, Observer as _};

use super::OpsError;
use super::error::NotAuthenticated;
use super::network::{Demand, Endpoints};
use super::notes::Notes;
use super::objects::ClusterObjects;
use super::observer::UiObserver;
use super::passing::Passed;
use super::saving::Saving;
use crate::results::Scope;

/// Longest reported state that a sentence repeats, in characters.
const MAX_STATE: usize = 60;
/// Longest warning of a backup, in characters.
const MAX_WARNING: usize = 400;
/// Longest reason of a manifest for a missing operation, in characters.
const MAX_LACKS: usize = 300;

/// A running engine and its network.
pub(super) struct Running {
    pub(super) instance: Instance,
    pub(super) network: Arc<Endpoints>,
    pub(super) objects: Arc<ClusterObjects>,
    pub(super) saving: Arc<Saving>,
    pub(super) manifest: Manifest,
    /// The engine, as `--engine` accepts it.
    pub(super) called: String,
    pub(super) scope: Scope,
    /// Whether the engine is built for an older version of the interface.
    pub(super) is_older: bool,
    /// Whether the id of the backup came from the backend and not from the user.
    pub(super) named_by_backend: bool,
    pub(super) notes: Notes,
}

/// Text of an engine is marked as the engine's own, unless the engine is bundled.
impl Running {
    /// Returns a sentence of the engine on one line, marked as the engine's own.
    pub(super) fn said(&self, sentence: &str, max_chars: usize) -> String {
        if self.scope.is_bundled {
            return text::printable(sentence, max_chars).into_owned();
        }
        let sentence = text::one_line(sentence, max_chars);
        format!("engine {} says: {sentence}", self.scope.engine)
    }

    /// Returns the state as the engine reports it. A single word needs no mark.
    pub(super) fn state_of(&self, backup: &Backup) -> String {
        let state = backup.reported_state.as_deref();
        let state = state.unwrap_or(backup.state.name());
        let is_word = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
        if state.chars().all(is_word) {
            return text::printable(state, MAX_STATE).into_owned();
        }
        self.said(state, MAX_STATE)
    }

    /// Tells the user what a backup says about itself: its progress while it runs, and its warnings.
    pub(super) fn tell(&self, backup: &Backup) {
        for warning in &backup.warnings {
            self.notes.warn(&self.said(warning, MAX_WARNING));
        }
        if let (State::Running, Some(amount)) = (backup.state, &backup.progress) {
            let id = text::printable(&backup.id, 120);
            let step = amount.step.as_deref().map_or_else(
                || format!("Backup {id}"),
                |step| format!("Backup {id}: {}", self.said(step, MAX_STATE)),
            );
            let observer = UiObserver(self.notes.clone());
            observer.progress(&self.scope.engine, &step, amount.done, amount.total);
        }
    }

    /// Returns the reason that the manifest gives for a missing operation.
    pub(super) fn lacks(&self, operation: Operation) -> Option<String> {
        let reason = self.manifest.lacks.get(&operation)?;
        Some(self.said(reason, MAX_LACKS))
    }

    pub(super) fn instance(&mut self) -> &mut Instance {
        &mut self.instance
    }

    /// Returns whether the next pause ends as soon as an observed object changes.
    pub(super) fn is_watched(&self) -> bool {
        self.objects.is_watched()
    }

    /// Waits until an observed object changes, but no longer than `longest`.
    pub(super) async fn pause(&self, longest: Duration) {
        self.objects.pause(longest).await;
    }

    /// Returns what a result is about. It names the pod that answered if each pod answers only for itself.
    pub(super) fn scope(&self) -> Scope {
        let is_one = self.manifest.answers_by_pod() || self.network.target().pod.is_some();
        Scope {
            pod: is_one.then(|| self.network.answered()).flatten(),
            ..self.scope.clone()
        }
    }

    /// Returns the pod that an operation acts on, if a single one is meant. All later requests go to that pod.
    pub(super) fn settle_on_pod(&self) -> Option<String> {
        let target = self.network.target();
        if self.manifest.answers_by_pod() {
            self.network.settle_on_pod()
        } else {
            target.pod.clone().filter(|_| self.manifest.has_target())
        }
    }

    /// Returns whether the backend has accepted a request, but the engine could not read the answer. Then the
    /// work may have begun.
    pub(super) fn answer_was_unreadable(&self, error: &OpsError) -> bool {
        let unreadable = matches!(
            error,
            OpsError::Engine(EngineError::Reported { report, .. }) if report.kind == ReportKind::Protocol
        );
        unreadable && self.network.has_accepted()
    }

    /// Returns whether the engine has sent something that may have changed the backend.
    pub(super) fn may_have_changed(&self) -> bool {
        self.network.may_have_changed() || self.objects.may_have_changed()
    }

    /// Adds the host's advice if the backend demands credentials and the engine says nothing about that. Only
    /// the host knows which credentials the user gave.
    fn with_advice(&self, error: EngineError) -> OpsError {
        let is_silent = matches!(
            &error,
            EngineError::Reported { report, .. }
                if report.hint.is_none()
                    && matches!(report.kind, ReportKind::Unauthenticated | ReportKind::Failed)
                    && !report.retryable
        );
        match self.network.demand().filter(|_| is_silent) {
            Some(Demand { auth, were_sent }) => {
                OpsError::NotAuthenticated(Box::new(NotAuthenticated {
                    error,
                    auth,
                    were_sent,
                }))
            }
            None => OpsError::Engine(error),
        }
    }

    /// Replaces an error that the engine only passed on with the original error. It also shows the notes of
    /// the network.
    pub(super) fn original<T>(&self, result: Result<T, EngineError>) -> Result<T, OpsError> {
        for note in self.network.take_notes() {
            self.notes.note(&note);
        }
        result.map_err(|error| {
            if let EngineError::Reported { report, .. } = &error {
                if let Some(original) = self.saving.original_of(report) {
                    return in_context(original, error);
                }
                if let Some(original) = self.network.original_of(report) {
                    return in_context(original, error);
                }
                if self.named_by_backend
                    && let Some(refusal) = self.instance.refusal_in(&report.message)
                {
                    return OpsError::UnusableId {
                        engine: self.called.clone(),
                        reason: text::printable(refusal, 300).into_owned(),
                    };
                }
            }
            self.with_advice(error)
        })
    }
}

/// Returns the original of an error that an engine passed on. The words of the engine are kept.
fn in_context<E: Into<OpsError>>(passed: Passed<E>, said: EngineError) -> OpsError {
    let EngineError::Reported { report, .. } = &said else {
        return passed.into_error().into();
    };
    if !passed.is_changed_in(report) {
        return passed.into_error().into();
    }
    let has_hint = passed.has_other_hint(report);
    OpsError::InContext {
        said: Box::new(said),
        has_hint,
        source: Box::new(passed.into_error().into()),
    }
}
