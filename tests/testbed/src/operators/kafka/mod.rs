//! kafka-backup-operator 1.2.1 of OSO: five kinds, and a controller that moves their objects through the
//! operator's phases.

mod backup;
mod control;
mod demo;
mod kinds;
mod offsets;
mod restore;
mod validation;

use crate::scenario::World;

/// Registers the kinds, and fills namespace `kafka`.
pub fn fill(world: &World) {
    for ty in kinds::all() {
        world.objects.register(ty);
    }
    world.put(demo::objects(world.now()));
}

/// Starts the operator.
pub fn start(world: &World) {
    let operator = control::Operator::new(
        world.objects.clone(),
        world.faults.clone(),
        world.clock.clone(),
        world.pace,
    );
    world.tasks.spawn(operator.run());
}
