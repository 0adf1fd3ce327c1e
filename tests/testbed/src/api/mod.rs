//! The simulated API server.

mod auth;
mod cells;
mod change;
mod columns;
mod defaults;
mod delete;
mod discovery;
mod exec;
mod jsonpath;
pub mod objects;
mod openapi;
mod patch;
mod portforward;
mod read;
pub mod resources;
mod route;
mod selector;
pub mod server;
pub mod status;
pub mod store;
mod strategic;
mod table;
mod tunnel;
mod upgrade;
mod watch;
mod write;
