//! Faults that only the broker-backup sidecar has.

use super::{Fault, Row, value};

/// The settings of the sidecar.
#[derive(Debug, Clone, Default)]
pub struct SidecarFaults {
    /// The bearer token that the sidecar requires.
    pub token: Option<String>,
    /// The reason why a restore fails.
    pub restore_fails: Option<String>,
    /// Restores and purges are answered with 202 and continue. The value decides whether the answer has a
    /// body.
    pub accepts: Option<Accepts>,
}

/// The body of an answer with 202.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accepts {
    /// The same body as with 200.
    Whole,
    Nothing,
}

/// A change to [`SidecarFaults`].
#[derive(Debug, Clone)]
pub enum SidecarFault {
    Auth(String),
    RestoreFails(String),
    Accepts(Accepts),
}

impl SidecarFaults {
    pub(super) fn apply(&mut self, fault: SidecarFault) {
        match fault {
            SidecarFault::Auth(token) => self.token = Some(token),
            SidecarFault::RestoreFails(reason) => self.restore_fails = Some(reason),
            SidecarFault::Accepts(how) => self.accepts = Some(how),
        }
    }
}

pub(super) const ROWS: &[Row<Fault>] = &[
    Row {
        name: "sidecar-auth",
        value: Some("TOKEN"),
        about: "the sidecar wants this bearer token",
        parse: |text| Ok(Fault::Sidecar(SidecarFault::Auth(value::parsed(text)?))),
    },
    Row {
        name: "sidecar-accepts",
        value: Some("whole|nothing"),
        about: "the sidecar answers restores and purges with 202 and this body; a purge is never done",
        parse: |text| {
            let how = match text {
                "whole" => Accepts::Whole,
                "nothing" => Accepts::Nothing,
                _ => return Err("neither `whole` nor `nothing`".to_owned()),
            };
            Ok(Fault::Sidecar(SidecarFault::Accepts(how)))
        },
    },
    Row {
        name: "sidecar-restore-fails",
        value: Some("REASON"),
        about: "the sidecar cannot fetch the object it is told to restore (500 with this text)",
        parse: |text| {
            let reason = value::parsed(text)?;
            Ok(Fault::Sidecar(SidecarFault::RestoreFails(reason)))
        },
    },
];
