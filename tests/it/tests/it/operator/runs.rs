//! Runs that go wrong: what the status, the condition and the Event of each say.
