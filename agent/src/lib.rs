//! `broker-agent`: a sidecar that runs beside an application, makes its backup when it is asked over HTTP, and
//! hands it out as the body of the answer.
//!
//! Each module imports only from those below it:
//!
//! - `cli`: arguments, start, exit codes
//! - `http`: the server, authentication, the routes, and how a body leaves
//! - `strategy`: what makes a backup: commands, or an archive of files
//! - `export`: the one export at a time: its turn, its files, its end
//! - `archive`, `process`: tar, zip and compression; commands and what becomes of them
//! - `metrics`, `log`, `redact`: what is told to the outside
//! - `config`: the configuration, checked as a whole before anything starts

#![forbid(unsafe_code)]

mod archive;
mod cli;
pub mod config;
mod export;
mod http;
mod log;
mod metrics;
mod process;
mod redact;
mod strategy;

pub use cli::main;
