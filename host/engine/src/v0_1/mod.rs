//! Implements version 0.1 of the engine interface: `wit/v0.1`.

mod artifacts;
mod exec;
mod http;
mod operations;
mod plain;
mod requests;
mod resources;
mod results;

use host_base::{Report, ReportKind};
mod bindings {
    wasmtime::component::bindgen!({
        path: "../../wit/v0.1",
        world: "engine",
        imports: { default: async | trappable },
        exports: { default: async },
        with: {
            "kubectl-broker:engine/http.response": super::http::Response,
            "kubectl-broker:engine/resources.watcher": super::resources::Watcher,
            "kubectl-broker:engine/types.artifact": crate::Artifact,
        },
    });
}

pub(super) use operations::link;

use bindings::kubectl_broker::engine::types::{Error as WitError, ErrorKind as WitErrorKind};

fn to_wit(report: Report) -> WitError {
    WitError {
        kind: match report.kind {
            ReportKind::Unsupported => WitErrorKind::Unsupported,
            ReportKind::InvalidArgument => WitErrorKind::InvalidArgument,
            ReportKind::NotFound => WitErrorKind::NotFound,
            ReportKind::Conflict => WitErrorKind::Conflict,
            ReportKind::Unauthenticated => WitErrorKind::Unauthenticated,
            ReportKind::Forbidden => WitErrorKind::Forbidden,
            ReportKind::Denied => WitErrorKind::Denied,
            ReportKind::Unavailable => WitErrorKind::Unavailable,
            ReportKind::TimedOut => WitErrorKind::TimedOut,
            ReportKind::Cancelled => WitErrorKind::Cancelled,
            ReportKind::Integrity => WitErrorKind::Integrity,
            ReportKind::Protocol => WitErrorKind::Protocol,
            ReportKind::Failed => WitErrorKind::Failed,
        },
        message: report.message,
        hint: report.hint,
        retryable: report.retryable,
    }
}

fn from_wit(error: WitError) -> Report {
    Report {
        kind: match error.kind {
            WitErrorKind::Unsupported => ReportKind::Unsupported,
            WitErrorKind::InvalidArgument => ReportKind::InvalidArgument,
            WitErrorKind::NotFound => ReportKind::NotFound,
            WitErrorKind::Conflict => ReportKind::Conflict,
            WitErrorKind::Unauthenticated => ReportKind::Unauthenticated,
            WitErrorKind::Forbidden => ReportKind::Forbidden,
            WitErrorKind::Denied => ReportKind::Denied,
            WitErrorKind::Unavailable => ReportKind::Unavailable,
            WitErrorKind::TimedOut => ReportKind::TimedOut,
            WitErrorKind::Cancelled => ReportKind::Cancelled,
            WitErrorKind::Integrity => ReportKind::Integrity,
            WitErrorKind::Protocol => ReportKind::Protocol,
            WitErrorKind::Failed => ReportKind::Failed,
        },
        message: error.message,
        hint: error.hint,
        retryable: error.retryable,
        origin: None,
    }
}
