//! Custom resources: their definitions, schemas and rules.

mod checker;
mod cost;
pub mod definition;
mod fill;
mod formats;
mod node;
mod rules;
mod validate;
mod values;
mod zones;

pub use definition::Definition;
pub use fill::{default, prune_object};
pub use formats::micro_time;
pub use node::{ListType, Node};
pub use validate::object;

/// A violation: the field, and its problem.
pub type Problem = (String, String);
