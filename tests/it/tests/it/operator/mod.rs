//! `broker-operator`, and `kubectl-broker run` in the pods of its Jobs.

mod chaos;
mod engine;
mod engines;
mod permissions;
mod plant;
mod restarts;
mod runs;
mod schedules;
