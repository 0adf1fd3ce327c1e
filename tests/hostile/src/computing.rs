//! Engines that never end, or that use unlimited resources.

use std::hint::black_box;
use std::time::Duration;

use broker_engine::{Backup, log};

/// Loops forever. The warning tells a test when the loop begins.
pub fn forever() -> ! {
    log::warn("about to loop");
    let mut turns = 0_u64;
    loop {
        turns = black_box(turns + 1);
    }
}

/// Sleeps forever, without computing. The warning tells a test when it begins.
pub fn sleep() -> Vec<Backup> {
    log::warn("about to sleep");
    std::thread::sleep(Duration::from_secs(100_000));
    Vec::new()
}

#[expect(unconditional_recursion, reason = "that is what it is for")]
pub fn deeper(depth: u64) -> u64 {
    let frame = black_box([depth; 64]);
    deeper(depth + 1) + frame[63]
}

pub fn hoard() -> Vec<Backup> {
    let mut hoard = Vec::new();
    loop {
        hoard.push(black_box(vec![1_u8; 8 << 20]));
    }
}
