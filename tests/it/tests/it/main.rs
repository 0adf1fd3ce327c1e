//! The real program against the simulated cluster, as its users run it.
#![expect(clippy::expect_used, reason = "a test that can't go on has failed")]

mod support;

/// Bundled engines that the program has to do without, and which are installed on it instead.
const INSTALLED: &[&str] = &[];

mod agent;
mod audit;
mod authoring;
mod backend_errors;
mod backuprequest;
mod bugs;
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
mod engine_objects;
mod exit_codes;
mod formats;
mod guide;
mod hints;
mod hostile_text;
mod interrupted;
mod kafka;
mod kubeconfig;
mod large;
mod menu;
mod objects;
mod offline;
mod plugin_bundle;
mod plugin_keys;
mod plugin_registry;
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
mod start;
mod stock_kubectl;
mod stopping;
mod strategy;
mod streams;
mod targets;
mod usage;
mod vendor;
mod verbs;
mod verify;
mod watch;
mod yaml;
