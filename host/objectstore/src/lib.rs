//! Reads object storage that speaks S3: Amazon's, or the one in the user's AWS configuration.
//!
//! Amazon's own library finds credentials, region and address in the environment and in the files in
//! `~/.aws`. So a configuration that works for other programs works here. Objects are only read, and a
//! refusal is an error that says what to do. The format of requests is described at
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
