//! Events, written beside the work.
//!
//! If many schedules fire at once, two of five requests for a run are Events. A Job must not wait for them.

use futures_util::{StreamExt as _, stream};
use k8s_openapi::api::core::v1::ObjectReference;
use kube::runtime::events::{Event, Recorder};
use tokio::sync::mpsc::{self, Receiver, Sender};

/// Events that may wait. An Event that finds no place is lost, as one that the API server refuses.
const WAITING: usize = 10_000;
/// Events that are written at a time. A few, so that the API server has time for the runs.
const AT_ONCE: usize = 2;

/// An Event and its object.
type Waiting = (Event, ObjectReference);

/// The way to the Events.
#[derive(Debug)]
pub(crate) struct Events {
    sender: Sender<Waiting>,
}

/// Returns the way to the Events, and the task that writes them.
pub(crate) fn events(recorder: Recorder) -> (Events, impl Future<Output = ()> + Send) {
    let (sender, receiver) = mpsc::channel(WAITING);
    (Events { sender }, write(receiver, recorder))
}

impl Events {
    pub(crate) fn send(&self, event: Event, object: ObjectReference) {
        if let Err(lost) = self.sender.try_send((event, object)) {
            let (event, object) = lost.into_inner();
            tracing::debug!(
                object = object.name,
                reason = event.reason,
                "no Event: too many wait"
            );
        }
    }
}

/// Writes Events until nothing can send one any more. An Event that can't be written is no reason to stop.
async fn write(receiver: Receiver<Waiting>, recorder: Recorder) {
    let all = stream::unfold(receiver, |mut receiver| async move {
        let waiting = receiver.recv().await?;
        Some((waiting, receiver))
    });
    all.for_each_concurrent(AT_ONCE, |(event, object)| {
        let recorder = recorder.clone();
        async move {
            if let Err(error) = recorder.publish(&event, &object).await {
                let (reason, problem) = (event.reason, crate::reason(&error));
                tracing::debug!(object = object.name, reason, problem, "no Event");
            }
        }
    })
    .await;
}
