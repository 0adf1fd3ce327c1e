//! `broker-agent`: a sidecar next to an application. On request over HTTP it makes a backup of the
//! application and returns the bytes as the body of the answer.
//!
//! Each module imports only from those below it:
//!
//! - `cli`: arguments, start, exit codes
//! - `http`: the server, authentication, the routes, and the bodies of answers
//! - `strategy`: the ways to make a backup: commands, or an archive of files
//! - `export`: the queue of exports, their files and results
//! - `archive`, `process`: tar, zip and compression; commands and their processes
//! - `metrics`, `log`, `redact`: the output for operators
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
