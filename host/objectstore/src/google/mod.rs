//! Google Cloud Storage, with the user's Google credentials.
//!
//! The JSON API is used. The library `object_store`, which finds the credentials, copies only within one bucket,
//! and can't name keys such as `folder/` or `a//b`. Uploads in its form know no preconditions. Source:
//! <https://cloud.google.com/storage/docs/json_api/v1/objects>

mod account;
mod client;
mod copying;
mod error;
mod objects;
mod upload;

pub use account::{GoogleSettings, google_builder};
pub use client::{Google, GoogleBody};
pub use error::GoogleError;
pub use upload::GoogleWriter;
