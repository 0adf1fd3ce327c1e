//! Times at which objects must be looked at again.
//!
//! A controller could requeue each object, at the price of a timer per object. Here all objects of a kind share one
//! agenda and one timer, and it follows the clock that tests can move.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::{Stream, stream};
use jiff::Timestamp;
use kube::runtime::reflector::{Lookup, ObjectRef};
use operator_schedule::Agenda;
use tokio::sync::Notify;

use crate::clock::Clock;

/// The key of an object: its namespace and its name. The agenda has it twice, and shares it.
type Key = Arc<(String, String)>;

/// The agenda of one kind.
#[derive(Clone, Debug)]
pub(crate) struct Wakes {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    clock: Clock,
    agenda: Mutex<Agenda<Key>>,
    changed: Notify,
}

impl Wakes {
    pub(crate) fn new(clock: Clock) -> Self {
        Self {
            inner: Arc::new(Inner {
                clock,
                agenda: Mutex::default(),
                changed: Notify::new(),
            }),
        }
    }

    fn agenda(&self) -> MutexGuard<'_, Agenda<Key>> {
        self.inner
            .agenda
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes an object at a time, or never. An earlier wish is replaced.
    pub(crate) fn set(&self, namespace: &str, name: &str, time: Option<Timestamp>) {
        let key = Arc::new((namespace.to_owned(), name.to_owned()));
        let mut agenda = self.agenda();
        match time {
            Some(time) => {
                agenda.insert(key, time);
            }
            None => {
                agenda.remove(&key);
            }
        }
        drop(agenda);
        self.inner.changed.notify_one();
    }

    /// Returns the objects whose time has come, as it comes.
    pub(crate) fn stream<K>(&self) -> impl Stream<Item = ObjectRef<K>> + Send + use<K>
    where
        K: Lookup<DynamicType = ()> + 'static,
    {
        stream::unfold(
            (self.clone(), Vec::<Key>::new()),
            |(wakes, mut due)| async move {
                loop {
                    if let Some(key) = due.pop() {
                        let (namespace, name) = &*key;
                        let object = ObjectRef::new(name).within(namespace);
                        return Some((object, (wakes, due)));
                    }
                    let clock = &wakes.inner.clock;
                    let next = wakes.agenda().next();
                    match next {
                        Some(time) if time <= clock.now() => {
                            due = wakes.agenda().pop_due(clock.now()).collect();
                            due.reverse();
                        }
                        Some(time) => {
                            tokio::select! {
                                () = clock.sleep_until(time) => {}
                                () = wakes.inner.changed.notified() => {}
                            }
                        }
                        None => wakes.inner.changed.notified().await,
                    }
                }
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt as _;
    use operator_api::Backup;

    use super::*;

    #[tokio::test]
    async fn objects_come_when_their_time_has_come() {
        let wakes = Wakes::new(Clock::system());
        let now = Timestamp::now();
        let later = now + jiff::SignedDuration::from_hours(1);
        wakes.set("prod", "late", Some(later));
        wakes.set("prod", "never", Some(now));
        wakes.set("prod", "never", None);
        let mut stream = Box::pin(wakes.stream::<Backup>());
        let waiting = stream.next();
        wakes.set("prod", "now", Some(now));
        let found = waiting.await.expect("an object");
        assert_eq!(found.name, "now");
        assert_eq!(found.namespace.as_deref(), Some("prod"));
    }
}
