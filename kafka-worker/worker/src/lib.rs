//! `broker-kafka-worker`: does the work of one object of `kafka.oso.sh/v1alpha1`, and reports it.
//!
//! The program makes no request to Kubernetes. A controller gives it the object as a file, Secrets and volumes as folders,
//! and reads its result. Each module imports only from those below it:
//!
//! - `cli`: arguments, start, signals, exit codes
//! - `backup`, `restore`, `reset`, `rollback`, `validate`, `prune`: the commands
//! - `pace`: the rates of backups
//! - `rounds`: the same work for many groups
//! - `work`: what every command gets, and the outcome that it returns
//! - `mapping`: the offsets of consumer groups in restored topics
//! - `snapshots`: files with the offsets of groups; `upstream`: those of the upstream operator
//! - `groups`: consumer groups of a cluster, and their offsets
//! - `segments`: reading the segments of a set, and comparing them with its manifest
//! - `set`: backup sets and their manifests
//! - `places`: Secrets, volumes, and the configuration of the library
//! - `object`: the object of a file; `notes`: files that the next attempt reads
//! - `output`, `log`: lines on stdout and on stderr, and the termination message
//! - `error`, `text`: errors of the library and texts from outside, made safe

#![forbid(unsafe_code)]

mod backup;
mod cli;
mod error;
mod groups;
mod log;
mod mapping;
mod notes;
mod object;
mod output;
mod pace;
mod places;
mod prune;
mod reset;
mod restore;
mod rollback;
mod rounds;
mod segments;
mod set;
mod snapshots;
mod text;
mod upstream;
mod validate;
mod work;

pub use cli::main;
