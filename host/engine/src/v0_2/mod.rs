//! Implements version 0.2 of the engine interface: `wit/v0.2`.

mod artifacts;
mod aws;
mod convert;
mod exec;
mod http;
mod operations;
mod plain;
mod requests;
mod resources;
mod storage;
mod target;
mod types;

mod bindings {
    wasmtime::component::bindgen!({
        path: "../../wit/v0.2",
        world: "engine",
        imports: { default: async | trappable },
        exports: { default: async },
        with: {
            "kubectl-broker:engine/types.response": crate::calls::http::Response,
            "kubectl-broker:engine/storage.upload": crate::calls::upload::Upload,
            "kubectl-broker:engine/resources.watcher": crate::calls::resources::Watcher,
            "kubectl-broker:engine/types.artifact": crate::Artifact,
        },
    });
}

pub(super) use operations::link;

use bindings::kubectl_broker::engine::types::Error as WitError;
use convert::to_wit;

/// The version in the names of imports and exports.
pub(super) const VERSION: &str = "0.2.0";

/// The interfaces that a component of this version may import.
pub(super) const PROVIDED: &[&str] = &[
    "types",
    "http",
    "artifacts",
    "storage",
    "aws",
    "exec",
    "resources",
    "log",
    "progress",
    "clock",
    "random",
    "target",
];
