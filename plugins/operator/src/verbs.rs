//! The engine's own verbs: schedules, and their runs.

mod run;
mod schedule;

use broker_engine::{Act, ActRequest, Error, Report, Result, Settings};

use crate::Operator;

impl Act for Operator {
    fn act(request: ActRequest) -> Result<Report> {
        match request.verb.as_str() {
            "schedules" => schedule::show(request.text("name")),
            "schedule" => schedule::set(
                request.required_text("name")?,
                request.required_text("cron")?,
            ),
            "suspend" => schedule::suspend(request.required_text("name")?, true),
            "resume" => schedule::suspend(request.required_text("name")?, false),
            "run" => run::run(&request),
            other => Err(Error::unsupported(format!(
                "the operator has no verb {other:?}"
            ))),
        }
    }
}
