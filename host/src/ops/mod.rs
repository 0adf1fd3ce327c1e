//! What the commands do, without a command line: choose an engine, connect, drive it, and hand back
//! what is to be shown.

mod choose;
mod commands;
mod create;
mod credentials;
mod delete;
mod engines;
mod error;
mod list;
mod lock;
mod network;
mod observer;
mod restore;
mod session;
mod status;
mod wait;

pub use choose::EngineChoice;
pub use create::create;
pub use credentials::CredentialsRequest;
pub use delete::delete;
pub use engines::engines;
pub use error::OpsError;
pub use list::list;
pub use restore::{Confirmation, RestoreRequest, restore};
pub use session::{Request, Session};
pub use status::{Which, status};
pub use wait::Waiting;
