//! `store`, `backup … --to STORE`, and `backup restore --from STORE`: copies in object storage.

mod cycle;
mod vault;

pub use vault::Place;
