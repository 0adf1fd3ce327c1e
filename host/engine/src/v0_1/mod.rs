//! Implements version 0.1 of the engine interface: `wit/v0.1`.

mod artifacts;
mod exec;
mod http;
mod plain;
pub(super) mod requests;
mod resources;
pub(super) mod results;

use host_base::{Report, ReportKind};
use wasmtime::component::{HasSelf, Linker};

use super::instance::HostState;

pub(super) mod bindings {
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

pub(super) use http::MAX_PATIENCE;

pub(super) use bindings::kubectl_broker::engine::types::{
    Error as WitError, ErrorKind as WitErrorKind,
};

/// Links the interfaces that the host provides. [`crate::EngineFile::read`] has already checked which of them
/// a component may import.
pub(super) fn link(linker: &mut Linker<HostState>) -> wasmtime::Result<()> {
    use bindings::kubectl_broker::engine::{
        artifacts, clock, exec, http, log, progress, resources, types,
    };

    types::add_to_linker::<_, HasSelf<_>>(linker, |state| state)?;
    http::add_to_linker::<_, HasSelf<_>>(linker, |state| state)?;
    artifacts::add_to_linker::<_, HasSelf<_>>(linker, |state| state)?;
    resources::add_to_linker::<_, HasSelf<_>>(linker, |state| state)?;
    exec::add_to_linker::<_, HasSelf<_>>(linker, |state| state)?;
    log::add_to_linker::<_, HasSelf<_>>(linker, |state| state)?;
    progress::add_to_linker::<_, HasSelf<_>>(linker, |state| state)?;
    clock::add_to_linker::<_, HasSelf<_>>(linker, |state| state)
}

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
