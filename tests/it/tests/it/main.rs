//! The real program against the simulated cluster, as its users run it.
#![expect(clippy::expect_used, reason = "a test that can't go on has failed")]

mod support;

mod audit;
mod backend_errors;
mod cache;
mod check_up;
mod choice;
mod cluster_errors;
mod completion;
mod create;
mod credentials;
mod delete;
mod destination;
mod documents;
mod download;
mod exit_codes;
mod formats;
mod hostile_text;
mod interrupted;
mod kafka;
mod kubeconfig;
mod large;
mod menu;
mod objects;
mod offline;
mod plugin_store;
mod plugins;
mod refused;
mod registries;
mod requests;
mod restore;
mod restore_file;
mod rights;
mod sandbox;
mod schemas;
mod secrets;
mod stock_kubectl;
mod stopping;
mod targets;
mod usage;
mod verbs;
mod verify;
mod watch;
