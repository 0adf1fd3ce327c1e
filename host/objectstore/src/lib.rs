//! Object storage that speaks S3: Amazon's, or the one in the user's AWS configuration. Actions of Amazon's
//! query services, such as RDS, have the same credentials and refusals. `google` is Google Cloud Storage.
//!
//! Amazon's own library finds credentials, region and address in the environment and in the files in
//! `~/.aws`. So a configuration that works for other programs works here. A refusal is an error that says what
//! to do. The format of requests is described at
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/RESTAPI.html>.

mod account;
mod address;
mod client;
mod copying;
mod error;
mod google;
mod objects;
mod parts;
mod query;
mod refusal;
mod sdk;
mod signature;
mod uploads;
mod wire;

pub use client::{Access, Keys, Pool, S3, S3Body, Settings, pool, refusal};
pub use copying::Copy;
pub use error::{S3Error, is_full};
pub use google::{Google, GoogleBody, GoogleError, GoogleSettings, GoogleWriter, google_builder};
pub use objects::{Condition, Facts, Listing, Location, MAX_PAGE, Selection};
pub use parts::Writer;
pub use query::Action;
pub use uploads::{OpenUpload, Retention, UploadedPart};
pub use wire::Wire;
