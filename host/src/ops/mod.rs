//! What the commands do, without a command line: choose an engine, connect, drive it, and hand back
//! what is to be shown.

mod choose;
mod engines;
mod error;
mod list;
mod network;
mod observer;
mod session;
mod status;

pub use choose::EngineChoice;
pub use engines::engines;
pub use error::OpsError;
pub use list::list;
pub use session::{Request, Session};
pub use status::{Which, status};
