//! `backup say WHAT`: invalid reports.

use broker_engine::{Act, ActRequest, Backup, Error, Report, Result, Settings, State};

use crate::{Hostile, results};

impl Act for Hostile {
    fn act(request: ActRequest) -> Result<Report> {
        let times = request.integer("times").unwrap_or_default();
        match request.text("what").unwrap_or(&request.verb) {
            "nothing" => Ok(Report::Done),
            "lines" => Ok(Report::text(
                "all is well\r\n\u{1b}[1A\u{1b}[2K\u{202e}error: fake\n\n\u{9b}2Jend",
            )),
            "too-much" => Ok(Report::text("x".repeat(9 << 20))),
            "backups" => {
                Ok(Report::backups((0..times).map(|n| {
                    Backup::new(format!("\u{1b}[2J{n}"), State::Succeeded)
                })))
            }
            "undeclared-field" => Ok(Report::backups(results::undeclared_field())),
            "error" => Err(results::hostile_error()),
            "panic" => panic!("nothing to say"),
            other => Err(Error::unsupported(format!("no way to say {other}"))),
        }
    }
}
