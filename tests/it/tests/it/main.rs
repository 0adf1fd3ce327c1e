//! The real program against the simulated cluster, from a user's point of view.
#![expect(clippy::expect_used, reason = "a test that can't go on has failed")]

mod support;

/// Engines that are installed on the program instead of bundled.
const INSTALLED: &[&str] = &[];

/// Folder in `tests/fixtures` with the engines that replace those of this build.
const FROZEN: Option<&str> = None;

mod agent;
mod audit;
mod authoring;
mod aws;
mod backend_errors;
mod backuprequest;
mod bugs;
mod cache;
mod chart;
mod check_up;
mod choice;
mod cluster_errors;
mod completion;
mod create;
mod credentials;
mod delete;
mod destination;
mod discover;
mod documents;
mod download;
mod download_cost;
mod engine_objects;
mod exit_codes;
mod formats;
mod full_disk;
mod guide;
mod health;
mod help;
mod hints;
mod hostile_text;
mod in_process;
mod interrupted;
mod kafka;
mod kubeconfig;
mod large;
mod locks;
mod logins;
mod menu;
mod nodes;
mod objects;
mod offline;
mod operator;
mod pages;
mod plugin_bundle;
mod plugin_consent;
mod plugin_default;
mod plugin_keys;
mod plugin_registry;
mod plugin_store;
mod plugins;
mod pods;
mod refused;
mod registries;
mod requests;
mod restore;
mod restore_file;
mod restore_form;
mod rights;
mod sandbox;
mod schemas;
mod secrets;
mod several_files;
mod side_by_side;
mod stock_kubectl;
mod stopping;
mod store;
mod store_servers;
mod strangers;
mod strategy;
mod streams;
mod targets;
mod tls;
mod usage;
mod vendor;
mod verbs;
mod verify;
mod watch;
mod yaml;
