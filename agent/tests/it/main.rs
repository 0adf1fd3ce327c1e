//! The real program on a free port of the loopback, asked by a client that knows nothing of its code.

#![expect(clippy::expect_used, reason = "a test that can't go on has failed")]

mod commands;
mod contract;
mod crowd;
mod documents;
mod files;
mod line;
mod postgres;
mod start;
mod stop;
mod streamed;
mod support;
mod wire;
