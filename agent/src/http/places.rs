//! The limit of concurrent connections, and the choice of the connection that is closed for a new one.
//!
//! Anyone can open a connection, so a new connection always gets a place. If all places are taken, the
//! connection that has been idle the longest loses its place.
//!
//! A client that has shown the token moves to a separate set of places. It keeps that place until its answer
//! has been sent.

use std::collections::BTreeMap;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::metrics::Metrics;

/// The number of places for connections without the token.
const STRANGERS: usize = 128;
/// The number of places for requests with the token that are not exports in the queue. They ask for
/// capabilities, or are told that the queue is full.
const SPARE: usize = 16;

pub struct Places {
    taken: Mutex<Taken>,
    may_be_authenticated: usize,
    metrics: Arc<Metrics>,
}

#[derive(Default)]
struct Taken {
    /// The connections, ordered by their last activity; the first key has been idle the longest.
    strangers: BTreeMap<u64, Stranger>,
    authenticated: usize,
    /// A counter of the activities of all connections.
    clock: u64,
}

struct Stranger {
    leave: Arc<Notify>,
    is_answered: bool,
}

/// The error that all places of clients with the token are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full;

impl Places {
    /// Creates the places. `exports` is the maximum number of exports that run and wait.
    pub fn new(exports: usize, metrics: Arc<Metrics>) -> Arc<Self> {
        Arc::new(Self {
            taken: Mutex::default(),
            may_be_authenticated: exports.saturating_add(SPARE),
            metrics,
        })
    }

    /// Returns a place for a new connection. Another connection may have to leave.
    pub fn take(self: &Arc<Self>) -> Arc<Place> {
        let leave = Arc::new(Notify::new());
        let at = self.lock().enter(&leave, false, &self.metrics);
        Arc::new(Place {
            places: Arc::clone(self),
            leave,
            state: Mutex::new(State {
                seat: Seat::Stranger(at),
                has_answer: false,
            }),
        })
    }

    /// Ends the connections without a request in progress.
    pub fn clear(&self) {
        let mut taken = self.lock();
        taken.strangers.retain(|_, stranger| {
            if !stranger.is_answered {
                stranger.leave.notify_one();
            }
            stranger.is_answered
        });
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Taken {
    fn enter(&mut self, leave: &Arc<Notify>, is_answered: bool, metrics: &Metrics) -> u64 {
        self.clock += 1;
        let stranger = Stranger {
            leave: Arc::clone(leave),
            is_answered,
        };
        self.strangers.insert(self.clock, stranger);
        while self.strangers.len() > STRANGERS
            && let Some((_, idle)) = self.strangers.pop_first()
        {
            idle.leave.notify_one();
            metrics.dropped();
        }
        self.clock
    }
}

/// The place of one connection, which is released on drop.
pub struct Place {
    places: Arc<Places>,
    leave: Arc<Notify>,
    state: Mutex<State>,
}

struct State {
    seat: Seat,
    /// Whether the answer has been passed to the connection as a whole. A part of it may not have been sent
    /// yet.
    has_answer: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seat {
    Stranger(u64),
    Authenticated,
}

impl Place {
    /// Waits until another connection needs this place.
    pub async fn lost(&self) {
        self.leave.notified().await;
    }

    /// Records that the head of a request has arrived.
    pub fn begin(&self) {
        let mut state = self.state();
        state.has_answer = false;
        self.did_something(&mut state, true);
    }

    /// Records that the client has shown the token.
    ///
    /// # Errors
    ///
    /// Fails if too many other clients have shown the token.
    pub fn authenticate(&self) -> Result<(), Full> {
        let mut state = self.state();
        let Seat::Stranger(at) = state.seat else {
            return Ok(());
        };
        let mut taken = self.places.lock();
        if taken.authenticated >= self.places.may_be_authenticated {
            return Err(Full);
        }
        taken.authenticated += 1;
        taken.strangers.remove(&at);
        state.seat = Seat::Authenticated;
        Ok(())
    }

    /// Records that the body of the answer has been read to its end.
    pub fn answered(&self) {
        self.state().has_answer = true;
    }

    /// Records that no data is waiting to be sent.
    pub fn flushed(&self) {
        let mut state = self.state();
        if mem::take(&mut state.has_answer) {
            self.did_something(&mut state, false);
        }
    }

    /// Moves the connection to the places without the token, as the most recently active one. An
    /// authenticated place is released only after its answer has been sent.
    fn did_something(&self, state: &mut State, is_answered: bool) {
        let mut taken = self.places.lock();
        match state.seat {
            Seat::Authenticated if is_answered => return,
            Seat::Authenticated => taken.authenticated -= 1,
            // The connection has already lost its place and is about to be notified.
            Seat::Stranger(at) if taken.strangers.remove(&at).is_none() => return,
            Seat::Stranger(_) => {}
        }
        let at = taken.enter(&self.leave, is_answered, &self.places.metrics);
        state.seat = Seat::Stranger(at);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let seat = self.state().seat;
        let mut taken = self.places.lock();
        match seat {
            Seat::Stranger(at) => drop(taken.strangers.remove(&at)),
            Seat::Authenticated => taken.authenticated -= 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(exports: usize) -> Arc<Places> {
        Places::new(exports, Arc::new(Metrics::new("custom")))
    }

    /// Returns whether the connection was told to leave.
    async fn has_lost(place: &Place) -> bool {
        tokio::select! {
            biased;
            () = place.lost() => true,
            () = std::future::ready(()) => false,
        }
    }

    #[tokio::test]
    async fn the_one_that_is_idle_for_the_longest_time_makes_room() {
        let places = places(1);
        let held: Vec<_> = (0..STRANGERS).map(|_| places.take()).collect();
        held[0].begin();
        let _new = places.take();
        assert!(has_lost(&held[1]).await);
        assert!(!has_lost(&held[0]).await && !has_lost(&held[2]).await);
        // A connection that was told to leave can't come back.
        held[1].begin();
        assert_eq!(places.lock().strangers.len(), STRANGERS);
        drop(held);
        assert_eq!(places.lock().strangers.len(), 1);
    }

    #[tokio::test]
    async fn the_token_gives_a_place_that_nobody_takes() {
        let places = places(1);
        let export = places.take();
        export.begin();
        assert_eq!(export.authenticate(), Ok(()));
        let strangers: Vec<_> = (0..2 * STRANGERS).map(|_| places.take()).collect();
        assert!(!has_lost(&export).await);
        assert!(has_lost(&strangers[0]).await);

        // The answer is produced first, and sent afterwards.
        export.flushed();
        export.answered();
        assert_eq!(places.lock().authenticated, 1);
        export.flushed();
        assert_eq!(places.lock().authenticated, 0);
        let _more: Vec<_> = (0..STRANGERS).map(|_| places.take()).collect();
        assert!(has_lost(&export).await);
    }

    #[test]
    fn the_places_of_those_with_the_token_have_an_end_too() {
        let places = places(2);
        let held: Vec<_> = (0..2 + SPARE).map(|_| places.take()).collect();
        for place in &held {
            assert_eq!(place.authenticate(), Ok(()));
        }
        let late = places.take();
        assert_eq!(late.authenticate(), Err(Full));
        drop(held);
        assert_eq!(late.authenticate(), Ok(()));
    }

    #[tokio::test]
    async fn a_stop_ends_those_that_ask_for_nothing() {
        let places = places(1);
        let (idle, asks) = (places.take(), places.take());
        asks.begin();
        places.clear();
        assert!(has_lost(&idle).await);
        assert!(!has_lost(&asks).await);
    }
}
