//! `broker-operator`, and `kubectl-broker run` in the pods of its Jobs.

mod engine;
mod engines;
mod plant;
mod runs;
mod schedules;
