//! The objects that a watch shows, for several listeners.
//!
//! `reflect_shared` of kube-runtime 5.0 does the same, and is not used. If an object is gone before a listener asks for it,
//! that listener is never woken again. A listener that does not ask stops the watch after some changes. And a deletion
//! is told to none of them.

use std::sync::{Arc, Mutex, PoisonError};

use futures_util::{Stream, stream};
use kube::Resource;
use kube::runtime::reflector::{self, Lookup as _, ObjectRef, Store};
use kube::runtime::watcher::Event;
use tokio::sync::mpsc::{self, UnboundedSender};

use crate::groups::{Grouped, Groups};

/// The objects of one kind, and those who listen to their changes. Clones share them.
pub(crate) struct Changes<K: Grouped> {
    objects: Store<K>,
    groups: Groups<K>,
    listeners: Arc<Mutex<Vec<UnboundedSender<Arc<K>>>>>,
}

/// Returns whether an object is gone. Another one may have its name.
pub(crate) fn is_gone<K>(objects: &Store<K>, object: &K) -> bool
where
    K: Resource<DynamicType = ()> + Clone + 'static,
{
    let now = objects.get(&ObjectRef::from_obj(object));
    now.is_none_or(|now| now.meta().uid != object.meta().uid)
}

/// The side that reads the watch.
pub(crate) struct Teller<K: Grouped> {
    writer: reflector::store::Writer<K>,
    changes: Changes<K>,
}

/// Returns both sides.
pub(crate) fn changes<K>() -> (Changes<K>, Teller<K>)
where
    K: Grouped,
{
    let (objects, writer) = reflector::store();
    let changes = Changes {
        objects,
        groups: Groups::default(),
        listeners: Arc::default(),
    };
    let teller = Teller {
        writer,
        changes: changes.clone(),
    };
    (changes, teller)
}

// Derived, it would ask for objects that can be cloned.
impl<K: Grouped> Clone for Changes<K> {
    fn clone(&self) -> Self {
        Self {
            objects: self.objects.clone(),
            groups: self.groups.clone(),
            listeners: Arc::clone(&self.listeners),
        }
    }
}

impl<K: Grouped> Changes<K> {
    /// Returns the objects as they are now.
    pub(crate) const fn objects(&self) -> &Store<K> {
        &self.objects
    }

    /// Returns the objects by their groups. A listener that is told about a change finds it there.
    pub(crate) const fn groups(&self) -> &Groups<K> {
        &self.groups
    }

    /// Returns each object that there is, and then each that changes or is deleted. Changes wait in memory for a slow
    /// listener.
    pub(crate) fn listen(&self) -> impl Stream<Item = Arc<K>> + Send + use<K>
    where
        K: Send + Sync,
    {
        let (sender, receiver) = mpsc::unbounded_channel();
        let mut listeners = self
            .listeners
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        for object in self.objects.state() {
            // The receiver is here.
            let _ = sender.send(object);
        }
        listeners.push(sender);
        stream::unfold(receiver, |mut receiver| async move {
            let object = receiver.recv().await?;
            Some((object, receiver))
        })
    }

    fn tell(&self, changed: &[Arc<K>]) {
        let mut listeners = self
            .listeners
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        listeners.retain(|listener| {
            let mut told = changed.iter().map(|it| listener.send(Arc::clone(it)));
            told.all(|it| it.is_ok())
        });
    }
}

impl<K: Grouped> Teller<K> {
    /// Takes in an event of the watch, and tells the listeners what it changes.
    pub(crate) fn take(&mut self, event: Event<K>) {
        let Changes {
            objects, groups, ..
        } = &self.changes;
        let key = match &event {
            Event::Apply(object) | Event::Delete(object) => Some(object.to_object_ref(())),
            Event::Init | Event::InitApply(_) | Event::InitDone => None,
        };
        let kept = || key.as_ref().and_then(|key| objects.get(key));
        let before = kept();
        self.writer.apply_watcher_event(&event);
        match event {
            Event::Apply(object) => {
                drop(object);
                let now = kept();
                groups.change(before.as_ref(), now.as_ref());
                self.changes.tell(now.as_slice());
            }
            Event::Delete(object) => {
                groups.change(before.as_ref(), None);
                self.changes.tell(&[Arc::new(object)]);
            }
            // Deletions during an interruption of the watch are not known.
            Event::InitDone => {
                let all = objects.state();
                groups.replace(all.clone());
                self.changes.tell(&all);
            }
            Event::Init | Event::InitApply(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{FutureExt as _, StreamExt as _};
    use k8s_openapi::api::core::v1::Pod;
    use kube::ResourceExt as _;
    use std::pin::pin;

    use super::*;

    fn pod(name: &str) -> Pod {
        let mut pod = Pod::default();
        pod.metadata.name = Some(name.to_owned());
        pod
    }

    #[tokio::test]
    async fn a_listener_hears_of_what_is_gone_and_goes_on() {
        let (changes, mut teller) = changes();
        let mut heard = pin!(changes.listen());
        assert!(heard.next().now_or_never().is_none());
        teller.take(Event::Apply(pod("a")));
        teller.take(Event::Delete(pod("a")));
        teller.take(Event::Apply(pod("b")));
        for name in ["a", "a", "b"] {
            assert_eq!(
                heard.next().await.map(|it| it.name_any()).as_deref(),
                Some(name)
            );
        }
        assert_eq!(changes.objects().len(), 1);
    }

    // Without a runtime: tokio makes a task pause after 128 messages.
    #[test]
    fn a_listener_that_does_not_ask_holds_up_no_other() {
        let (changes, mut teller) = changes();
        let _silent = changes.listen();
        let mut heard = pin!(changes.listen());
        for number in 0..3000 {
            teller.take(Event::Apply(pod("a")));
            assert!(heard.next().now_or_never().flatten().is_some(), "{number}");
        }
    }

    #[tokio::test]
    async fn a_late_listener_gets_all_that_there_is() {
        let (changes, mut teller) = changes();
        teller.take(Event::Init);
        teller.take(Event::InitApply(pod("a")));
        teller.take(Event::InitDone);
        let mut heard = pin!(changes.listen());
        assert_eq!(
            heard.next().await.map(|it| it.name_any()).as_deref(),
            Some("a")
        );
        // A watch that begins again shows everything again.
        teller.take(Event::Init);
        teller.take(Event::InitApply(pod("b")));
        teller.take(Event::InitDone);
        assert_eq!(
            heard.next().await.map(|it| it.name_any()).as_deref(),
            Some("b")
        );
    }
}
