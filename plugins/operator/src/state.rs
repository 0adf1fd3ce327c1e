//! The meaning of the operator's phases, and the form in which the host shows an object.

use broker_engine::{Activity, Backup, State, clock};

use crate::kind::Run;
use crate::object::{CopyRecord, Object};
use crate::text::line;

/// How long the operator may need for its first look at an object, in seconds.
const PATIENCE: i64 = 60;

/// The next step if the operator looks at nothing.
pub const CHECK_OPERATOR: &str = "Check that the operator runs and watches this namespace: `kubectl get pods -A -l app.kubernetes.io/name=broker-operator`";

/// Returns the state of a run.
pub fn state(object: &Object) -> State {
    match phase(object) {
        "" | "Queued" | "Starting" => State::Pending,
        "Running" => State::Running,
        "Succeeded" => State::Succeeded,
        "Failed" | "Lost" => State::Failed,
        // A newer operator may have further phases. The conditions are those that `kubectl wait` waits for.
        _ if object.holds("Complete") => State::Succeeded,
        _ if object.holds("Failed") => State::Failed,
        _ => State::Unknown,
    }
}

pub fn phase(object: &Object) -> &str {
    object.status.run.phase.as_deref().unwrap_or_default()
}

/// Returns whether the state is final.
pub fn has_ended(object: &Object) -> bool {
    matches!(state(object), State::Succeeded | State::Failed)
}

/// Returns whether something may be at work for the object: then its Job exists.
pub fn is_at_work(object: &Object) -> bool {
    !has_ended(object) && !matches!(phase(object), "" | "Queued")
}

/// Returns what a run waits for, if it waits.
pub fn waits_for(object: &Object) -> Option<String> {
    let condition = object.condition("Progressing")?;
    let waits = !has_ended(object) && condition.status == "False";
    waits.then(|| condition.told()).filter(|it| !it.is_empty())
}

/// Returns why the run has failed, with the next step for people.
pub fn failure(object: &Object) -> Option<String> {
    let fault = object.status.run.failure.as_ref()?;
    let told = fault.told();
    Some(match fault.hint() {
        Some(hint) => format!("{told}; next step: {hint}"),
        None => told,
    })
}

/// Returns the object in the host's form.
pub fn shown(run: Run, object: &Object) -> Backup {
    let status = &object.status;
    let mut shown = Backup::new(run.id(&object.metadata.name), state(object));
    shown.activity = match run {
        Run::Backup => Activity::Backup,
        Run::Restore => Activity::Restore,
    };
    shown.reported_state = status.run.phase.as_deref().map(line);
    shown
        .created
        .clone_from(&object.metadata.creation_timestamp);
    shown.size = status.copy.as_ref().and_then(|copy| amount(copy.bytes));
    if shown.state == State::Failed {
        shown.failure = failure(object);
    }
    if status.outcome_unknown {
        shown.warnings.push(
            "the backend accepted the restore, and its engine can't tell how it ended".to_owned(),
        );
    }
    let progress = status.run.progress.as_ref();
    if let Some((done, progress)) =
        progress.and_then(|progress| Some((amount(progress.bytes?)?, progress)))
    {
        let total = progress.total_bytes.and_then(amount);
        shown = shown.with_progress(done, total, Some(&line(&progress.step)));
    }
    let is_at_work = is_at_work(object);
    let step = progress.filter(|_| is_at_work).map(|it| line(&it.step));
    let attempts = Some(status.run.attempts.len()).filter(|count| *count > 0);
    let copy = |field: fn(&CopyRecord) -> &String| status.copy.as_ref().map(|it| line(field(it)));
    let fault = status.run.failure.as_ref();
    let fault = fault.filter(|_| shown.state == State::Failed);
    let waiting = waits_for(object).and(object.condition("Progressing"));
    let reason = fault.map(|it| line(&it.code));
    let reason = reason.or_else(|| waiting.map(|it| line(&it.reason)));
    let reason = reason.or_else(|| is_overlooked(object).then(|| "NotLookedAt".to_owned()));
    let message = shown.failure.clone().or_else(|| trouble(run, object));
    shown
        .with_field("schedule", object.made_by().map(line))
        .with_field("engine", object.text("/engine/name").map(line))
        .with_field("target", Some(target(object)))
        .with_field(
            "store",
            copy(|it| &it.store).or_else(|| object.text("/store/name").map(line)),
        )
        .with_field("copy", copy(|it| &it.reference))
        .with_field("backup-id", status.backup_id.as_deref().map(line))
        .with_field("started", status.run.started_at.as_deref().map(line))
        .with_field("finished", status.run.finished_at.as_deref().map(line))
        .with_field("attempts", attempts.map(|count| count.to_string()))
        .with_field("step", step)
        .with_field("reason", reason)
        .with_field("message", message)
}

/// Returns the object with a warning if it does not get on.
pub fn watched(run: Run, object: &Object) -> Backup {
    let shown = shown(run, object);
    let is_in_queue = object
        .condition("Progressing")
        .is_some_and(|it| it.reason == "Queued");
    match trouble(run, object).filter(|_| !is_in_queue) {
        Some(trouble) => shown.with_warning(trouble),
        None => shown,
    }
}

/// Returns why a run does not get on, in a sentence.
fn trouble(run: Run, object: &Object) -> Option<String> {
    let name = &object.metadata.name;
    if is_overlooked(object) {
        return Some(format!(
            "The operator has not looked at {} {name} yet. {CHECK_OPERATOR}",
            run.name()
        ));
    }
    let waiting = waits_for(object)?;
    Some(format!("{} {name} waits: {waiting}", run.name()))
}

/// Returns whether the operator should have looked at the object by now.
fn is_overlooked(object: &Object) -> bool {
    let created = object.metadata.creation_timestamp.as_deref();
    let created = created.and_then(|it| it.parse::<jiff::Timestamp>().ok());
    let now = i64::try_from(clock::now() / 1000).unwrap_or(i64::MAX);
    let age = created.map_or(0, |created| now.saturating_sub(created.as_second()));
    phase(object).is_empty() && age > PATIENCE
}

/// Returns the target of the run: its StatefulSet, with its namespace if that is another one.
pub fn target(object: &Object) -> String {
    let set = line(object.statefulset());
    match object.text("/target/namespace") {
        Some(namespace) => format!("{}/{set}", line(namespace)),
        None => set,
    }
}

fn amount(number: i64) -> Option<u64> {
    u64::try_from(number).ok()
}
