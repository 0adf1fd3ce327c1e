//! Operators: their kinds, their controllers, and the objects of the demonstration.

pub mod backup_request;
mod kafka;

use crate::scenario::World;

/// Installs each operator, with a namespace of its own.
pub fn fill(world: &World) {
    backup_request::fill(world);
    kafka::fill(world);
}

/// Starts the controllers, which end with the testbed.
pub fn start(world: &World) {
    backup_request::start(world);
    kafka::start(world);
}
