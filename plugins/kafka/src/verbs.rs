//! The engine's own verbs, and the code that verbs with an object share.

mod offsets;
mod schedule;
mod validate;

use broker_engine::{Act, ActRequest, Error, ErrorKind, Report, Result, Settings};
use serde_json::{Value, json};

use crate::flags::invalid;
use crate::object::Object;
use crate::work::Work;
use crate::{Kafka, wait};

impl Act for Kafka {
    fn act(request: ActRequest) -> Result<Report> {
        match request.verb.as_str() {
            "schedule" => schedule::schedule(
                request.required_text("name")?,
                request.required_text("cron")?,
            ),
            "suspend" => schedule::suspend(request.required_text("name")?, true),
            "resume" => schedule::suspend(request.required_text("name")?, false),
            "validate" => validate::validate(&request),
            "offset-reset" => offsets::reset(&request),
            "offset-rollback" => offsets::rollback(&request),
            other => Err(Error::unsupported(format!(
                "the operator has no verb {other:?}"
            ))),
        }
    }
}

fn cluster(object: &Object, work: Work) -> Result<Value> {
    object.cluster().cloned().ok_or_else(|| {
        let name = &object.metadata.name;
        invalid(format!("{} {name} names no Kafka cluster", work.name()))
    })
}

/// Creates an object, waits for its end if the user wants that, and reports the result.
fn run(
    request: &ActRequest,
    work: Work,
    prefix: &str,
    spec: &Value,
    told: impl Fn(&Object) -> Result<String>,
) -> Result<Report> {
    let object = json!({ "metadata": { "generateName": prefix }, "spec": spec });
    let created: Object = work.kind().create(&object)?;
    let name = &created.metadata.name;
    if request.boolean("no-wait") {
        let text = format!(
            "{} {name} is created.\n{}.",
            work.name(),
            wait::look(work, name)
        );
        return Ok(Report::text(text));
    }
    wait::begins(work, name);
    let Some(ended) = wait::until_ended(work, name)? else {
        return Err(Error::new(
            ErrorKind::TimedOut,
            format!(
                "{} {name} has not ended; it continues in the cluster",
                work.name()
            ),
        )
        .with_hint(wait::look(work, name)));
    };
    if ended.status.phase.as_deref() == Some("Failed") {
        let reason = ended.status.message.as_deref().unwrap_or("no reason given");
        return Err(Error::new(
            ErrorKind::Failed,
            format!("{} {name} failed: {reason}", work.name()),
        )
        .with_hint("Check the operator's log"));
    }
    told(&ended).map(Report::text)
}
