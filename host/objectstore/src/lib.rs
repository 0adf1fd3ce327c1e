//! Object storage that speaks S3: Amazon's, or the one that the user's AWS configuration names.
//!
//! Where credentials, region and address come from is what Amazon's own library makes of the environment and of
//! the files in `~/.aws`, so that whatever works for other programs works here. It is only read, and a refusal is
//! an error that says what to do. How requests are formed:
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/RESTAPI.html>.

mod account;
mod address;
mod client;
mod error;
mod refusal;
mod sdk;
mod signature;

pub use client::{Access, S3, S3Body, refusal};
pub use error::S3Error;
