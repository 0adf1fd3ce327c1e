//! `broker-operator`, and `kubectl-broker run` in the pods of its Jobs.

mod chaos;
mod cloud;
mod engine;
mod engines;
mod history;
mod kafka;
mod kubectl;
mod permissions;
mod plant;
mod requests;
mod restarts;
mod runs;
mod schedules;
mod sidecar;
