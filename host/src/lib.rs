//! kubectl-broker: backs up, lists, downloads, verifies and restores brokers and databases that run
//! on Kubernetes, through engines that know one backup system each.
//!
//! The layers, each importing only from those below it:
//!
//! ```text
//! cli → ops, authoring → plugin → engine, cluster, s3, transfer, ui → web → model, files
//! ```
//!
//! `ARCHITECTURE.md` says how a command travels through them.

pub mod authoring;
pub mod cli;
pub mod cluster;
pub mod engine;
pub mod files;
pub mod model;
pub mod ops;
pub mod plugin;
pub mod s3;
pub mod transfer;
pub mod ui;
pub mod web;
