//! `store`, `backup … --to STORE`, and `backup restore --from STORE`: copies in object storage.

mod between;
mod by_hand;
mod cycle;
mod encryption;
mod faults;
mod kill;
mod known;
mod left;
mod lock;
mod prune;
mod race;
mod restore;
mod resume;
mod secret;
mod several;
mod vault;

pub use vault::Place;
