//! Operators: their kinds, their controllers, and the objects of the demonstration.

mod kafka;

use crate::scenario::World;

/// Installs each of them, with a namespace of its own.
pub fn fill(world: &World) {
    kafka::fill(world);
}
