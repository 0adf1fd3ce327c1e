//! Tests that the testbed follows the contracts of the systems that it simulates.
#![expect(
    clippy::unwrap_used,
    reason = "a test ends where something unexpected happens"
)]

mod api;
mod apply;
mod chart;
mod custom;
mod definitions;
mod exec;
mod faults;
mod hivemq;
mod jobs;
mod kubectl;
mod nodes;
mod portforward;
mod program;
mod sidecar;
mod strategy;
mod support;
mod watch;
