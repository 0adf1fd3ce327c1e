//! The real program against the simulated cluster, as its users run it.
#![expect(clippy::expect_used, reason = "a test that can't go on has failed")]

mod support;

mod backend_errors;
mod cache;
mod choice;
mod cluster_errors;
mod create;
mod credentials;
mod delete;
mod destination;
mod download;
mod exit_codes;
mod formats;
mod hostile_text;
mod kubeconfig;
mod large;
mod offline;
mod refused;
mod registries;
mod requests;
mod restore;
mod restore_file;
mod rights;
mod sandbox;
mod secrets;
mod stock_kubectl;
mod stopping;
mod targets;
mod usage;
mod verbs;
mod verify;
