//! Reports about a validation, and messages to services.

use std::time::Duration;

use host_base::{Failure, Sha256};
use kafka_backup_core::evidence::{
    EvidenceReport, EvidenceReportParams, build_evidence_report, emit_evidence,
};
use kafka_backup_core::notification::NotificationSender;
use kafka_backup_core::notification::pagerduty::PagerDutyNotifier;
use kafka_backup_core::notification::slack::SlackNotifier;
use kafka_backup_core::validation::config::EvidenceConfig;
use kafka_backup_core::validation::{CheckOutcome, ValidationResult, ValidationSummary};
use kafka_spec::{Evidence, Notifications, ValidationSpec};
use serde_json::json;

use super::Checked;
use crate::error::{During as _, Result, WorkError};
use crate::places::Place;
use crate::set::Set;
use crate::work::{Outcome, State, Work};

/// The folder of the reports in their storage.
const PREFIX: &str = "evidence-reports/";
/// How long a service may take to answer.
const SEND: Duration = Duration::from_secs(30);

/// The report that was written, and what did not succeed.
#[derive(Default)]
pub struct Told {
    path: Option<String>,
    is_signed: bool,
    failure: Option<WorkError>,
    warnings: Vec<String>,
}

impl Told {
    /// Adds the results to the outcome of the checks. A missing report makes a success partial.
    pub fn add_to(self, outcome: &mut Outcome) {
        if let Some(path) = self.path {
            outcome
                .status
                .insert("evidenceReportPath".to_owned(), json!(path));
            outcome
                .status
                .insert("evidenceReportSigned".to_owned(), json!(self.is_signed));
        }
        outcome.warnings.extend(self.warnings);
        let Some(error) = self.failure else { return };
        if outcome.failure.is_none() {
            outcome.state = State::Partial;
            outcome.failure = Some(Failure::Partial);
            outcome.message = format!("{}; {}", outcome.message, error.message);
            outcome.hint = error.hint;
        } else {
            outcome.warnings.push(error.message);
        }
    }
}

/// Writes the report, and tells the services.
pub async fn tell(
    work: &Work,
    spec: &ValidationSpec,
    place: &Place,
    set: &Set,
    checked: &[Checked],
) -> Result<Told> {
    let mut told = Told::default();
    if spec.evidence.is_none() && spec.notifications.is_none() {
        return Ok(told);
    }
    let report = report(work, spec, place, set, checked).await?;
    if let Some(evidence) = &spec.evidence {
        match write(work, evidence, place, &report).await {
            Ok((path, is_signed, warnings)) => {
                told.path = path;
                told.is_signed = is_signed;
                told.warnings.extend(warnings);
            }
            Err(error) => told.failure = Some(error.during("the evidence report was not written")),
        }
    }
    if let Some(notifications) = &spec.notifications {
        let path = told.path.as_deref().unwrap_or_default();
        told.warnings
            .extend(notify(work, notifications, &report, path).await);
    }
    Ok(told)
}

async fn report(
    work: &Work,
    spec: &ValidationSpec,
    place: &Place,
    set: &Set,
    checked: &[Checked],
) -> Result<EvidenceReport> {
    let key = format!("{}/manifest.json", set.id);
    let manifest = place
        .backend
        .get(&key)
        .await
        .during(&format!("reading {key}"))?;
    let identity = format!("{}/{}", work.object.identity(), work.output.started());
    let run = Sha256::digest(identity.as_bytes()).to_string();
    let cluster = spec.kafka_cluster.as_ref();
    Ok(build_evidence_report(EvidenceReportParams {
        run_id: &format!("{}-{}", work.object.metadata.name, &run[..12]),
        tool_version: env!("CARGO_PKG_VERSION"),
        backup_id: &set.id,
        manifest: &set.manifest,
        manifest_sha256: Sha256::digest(&manifest).to_string(),
        storage_backend: place.backend.backend_name().to_owned(),
        pitr_timestamp: None,
        target_bootstrap_servers: cluster
            .map(|it| it.bootstrap_servers.clone())
            .unwrap_or_default(),
        summary: summary(checked),
        retention_days: spec
            .evidence
            .as_ref()
            .map_or(0, |it| u32::try_from(it.retention_days).unwrap_or(u32::MAX)),
        signing_enabled: spec
            .evidence
            .as_ref()
            .and_then(|it| it.signing.as_ref())
            .is_some_and(|it| it.enabled),
        triggered_by: Some(format!(
            "KafkaBackupValidation {}",
            work.object.metadata.name
        )),
    }))
}

fn summary(checked: &[Checked]) -> ValidationSummary {
    let result = |check: &Checked| ValidationResult {
        check_name: check.name.clone(),
        outcome: match check.outcome {
            "Passed" => CheckOutcome::Passed,
            "Failed" => CheckOutcome::Failed,
            "Skipped" => CheckOutcome::Skipped,
            _ => CheckOutcome::Warning,
        },
        detail: check.message.clone(),
        data: json!({}),
        duration_ms: u64::try_from(check.milliseconds).unwrap_or(u64::MAX),
    };
    let results: Vec<_> = checked.iter().map(result).collect();
    let count = |outcome| {
        results
            .iter()
            .filter(|result| result.outcome == outcome)
            .count()
    };
    let (failed, warned) = (count(CheckOutcome::Failed), count(CheckOutcome::Warning));
    ValidationSummary {
        checks_total: results.len(),
        checks_passed: count(CheckOutcome::Passed),
        checks_failed: failed,
        checks_skipped: count(CheckOutcome::Skipped),
        checks_warned: warned,
        overall_result: match (failed, warned) {
            (0, 0) => CheckOutcome::Passed,
            (0, _) => CheckOutcome::Warning,
            _ => CheckOutcome::Failed,
        },
        total_duration_ms: results.iter().map(|result| result.duration_ms).sum(),
        results,
    }
}

/// Writes the report. Returns its key, whether it is signed, and warnings.
async fn write(
    work: &Work,
    evidence: &Evidence,
    place: &Place,
    report: &EvidenceReport,
) -> Result<(Option<String>, bool, Vec<String>)> {
    let other = evidence
        .storage
        .as_ref()
        .map(|storage| work.places.storage(storage))
        .transpose()?;
    let place = other.as_ref().unwrap_or(place);
    let signing = evidence.signing.as_ref().filter(|signing| signing.enabled);
    let key = signing.and_then(|signing| signing.key_secret.as_ref());
    let key = key
        .map(|secret| work.places.key(&secret.name, &secret.private_key_key))
        .transpose()?;
    let config = json!({
        "formats": evidence.formats,
        "signing": { "enabled": key.is_some(), "private_key_path": key },
        "storage": { "prefix": PREFIX, "retention_days": evidence.retention_days },
    });
    let config: EvidenceConfig = serde_json::from_value(config)
        .map_err(|error| WorkError::failed(format!("the report can't be configured: {error}")))?;
    let written = emit_evidence(place.backend.as_ref(), report, &config)
        .await
        .during("writing the report")?;
    Ok((
        written.json_key.or(written.pdf_key),
        written.signed,
        written.warnings,
    ))
}

/// Tells the services about the validation. Returns what did not succeed.
async fn notify(
    work: &Work,
    notifications: &Notifications,
    report: &EvidenceReport,
    path: &str,
) -> Vec<String> {
    let mut senders: Vec<(&str, Result<Box<dyn NotificationSender>>)> = Vec::new();
    if let Some(slack) = &notifications.slack {
        let url = work
            .places
            .secret(&slack.webhook_secret.name, &slack.webhook_secret.key);
        senders.push((
            "Slack",
            url.map(|url| Box::new(SlackNotifier::new(url)) as _),
        ));
    }
    if let Some(pager) = &notifications.pagerduty {
        let key = work.places.secret(
            &pager.routing_key_secret.name,
            &pager.routing_key_secret.key,
        );
        let sender = |key| Box::new(PagerDutyNotifier::new(key, pager.severity.clone())) as _;
        senders.push(("PagerDuty", key.map(sender)));
    }
    let is_good = report.validation.checks_failed == 0;
    let mut problems = Vec::new();
    for (name, sender) in senders {
        let sending = async {
            match sender? {
                sender if is_good => sender.send_success(report, path).await,
                sender => sender.send_failure(report, path).await,
            }
            .map_err(WorkError::from)
        };
        let late = |_| Err(WorkError::failed("it does not answer"));
        let sent = tokio::time::timeout(SEND, sending)
            .await
            .unwrap_or_else(late);
        if let Err(error) = sent {
            problems.push(format!("{name} was not told: {}", error.message));
        }
    }
    problems
}
