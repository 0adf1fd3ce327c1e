use futures_util::future::join_all;
use host_engine::{Detection, EngineFile};

use super::{Host, OpsError, Request, Session};
use crate::results::{EngineSummary, Engines};

/// Returns the engines, what each can do, and whether its backend answers at the target.
///
/// A cluster that can't be reached is no error: the engines are listed without answers.
///
/// # Errors
/// When the sandbox can't be set up.
pub async fn engines(host: &Host, request: Request) -> Result<Engines, OpsError> {
    let session = match Session::open(host, request).await {
        Ok(session) => session,
        Err(OpsError::Cluster(reason)) => {
            host.reporter()
                .note(&format!("No cluster was asked: {reason}"));
            let engines = host.engines().iter().map(|file| row(file, None)).collect();
            return Ok(Engines { engines });
        }
        Err(error) => return Err(error),
    };
    let rows = session.host.engines().iter().map(|file| async {
        let answer = detect(&session, file).await.map_err(|e| e.to_string());
        row(file, Some(answer))
    });
    let engines = join_all(rows).await;
    session.note_requests();
    Ok(Engines { engines })
}

async fn detect(session: &Session, file: &EngineFile) -> Result<String, OpsError> {
    Ok(in_words(session.ask(file).await?.answer?))
}

/// Describes in one line which backend answered.
pub(super) fn in_words(detection: Detection) -> String {
    let parts = [
        Some(detection.product),
        detection.version,
        detection.detail.map(|detail| format!("({detail})")),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

fn row(file: &EngineFile, answers: Option<Result<String, String>>) -> EngineSummary {
    let manifest = file.manifest();
    EngineSummary {
        id: manifest.id.to_string(),
        version: manifest.version.to_string(),
        interface: file.outline().interface.clone(),
        // Operations that are only a part of another one have no command, so users can't run them.
        operations: manifest
            .operations
            .keys()
            .copied()
            .filter(|operation| operation.command() == *operation)
            .collect(),
        verbs: manifest.verbs.keys().cloned().collect(),
        summary: manifest.summary.clone(),
        default_for: file.default_for().iter().copied().collect(),
        answers,
    }
}
