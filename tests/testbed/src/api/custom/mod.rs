//! Custom resources: their definitions, schemas and rules.
//!
//! The texts are those of the real server. These differences remain:
//!
//! - A definition is established by the request that creates it. Its watches end with every change of any
//!   definition; on a real server, only those of the changed one end.
//! - Versions differ only in `apiVersion`: the conversion by webhook is refused.
//! - Defaults are set when an object is written, not when an older object is read.
//! - An unknown keyword in a schema is refused, and not only warned about. `fieldValidation=Strict` finds unknown
//!   fields of custom resources only, outside of their metadata.
//! - The `scale` subresource isn't served, and `kubectl explain` has no fields.
//! - Rules can't use the macros `cel.bind`, `sortBy`, `optMap` and those with two variables, functions that the
//!   crate `kube-cel` doesn't have, or optional indexes of lists. They are refused, and so are rules in `allOf`.
//! - Functions in rules are checked by their receiver and by the number of their arguments. Sets and maps are
//!   compared as lists, with their order. A character class such as `\d` also matches digits beyond ASCII.
//! - The estimated cost of a rule is a lower bound of the real server's. The cost at run time has no limit.
//! - Built-in types have no schemas: their objects are stored as they are, with the defaults that clients read.
//! - Server-side apply appends new items to lists. The items of built-in lists are known by the list's name.
//! - A ValidatingAdmissionPolicy is stored, and isn't enforced.

mod checker;
mod cost;
pub mod definition;
mod fill;
mod formats;
mod functions;
mod node;
mod operators;
mod rules;
mod types;
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
