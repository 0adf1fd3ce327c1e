//! Tests of the real program on a free loopback port. Their client shares no code with it.

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
