//! The calls of an engine into the host, in the host's own types. Each version of the interface converts its
//! records to these, so that a call is checked and carried out in one place.

pub(crate) mod artifacts;
pub(crate) mod exec;
pub(crate) mod http;
pub(crate) mod resources;
pub(crate) mod storage;
pub(crate) mod upload;
