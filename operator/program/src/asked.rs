//! Questions to the API server whose answers the watches don't have.

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Event, Pod};
use kube::api::{ListParams, LogParams};
use kube::{Api, Client};
use operator_api::LABEL_OBJECT;

use crate::error::OperatorError;
use crate::job::PROGRAM_CONTAINER;
use crate::owner::is_of;
use crate::verdict::said_why;

/// The longest line of a log that is asked for, in bytes.
const LINE: i64 = 16 * 1024;

/// Returns the newest warning about an object: a reason in one word and a message.
pub(crate) async fn warning_about(
    client: &Client,
    namespace: &str,
    uid: &str,
) -> Result<Option<(String, String)>, OperatorError> {
    let events: Api<Event> = Api::namespaced(client.clone(), namespace);
    let fields = format!("involvedObject.uid={uid},type=Warning");
    let found = events.list(&ListParams::default().fields(&fields)).await?;
    let last = found.items.into_iter().max_by_key(|event| {
        let times = [
            event.last_timestamp.as_ref().map(|it| it.0),
            event.event_time.as_ref().map(|it| it.0),
        ];
        times.into_iter().flatten().max()
    });
    Ok(last.map(|event| {
        let reason = event.reason.unwrap_or_default();
        said_why(&reason, "NoPod", &event.message.unwrap_or_default())
    }))
}

/// Returns the pods of a Job as they are now. The watches of Jobs and pods are not in step with each other, and only a pod
/// knows how its work ended.
pub(crate) async fn pods_of(
    client: &Client,
    namespace: &str,
    name: &str,
    job: Option<&Job>,
) -> Result<Vec<Pod>, OperatorError> {
    let all: Api<Pod> = Api::namespaced(client.clone(), namespace);
    let ours = ListParams::default().labels(&format!("{LABEL_OBJECT}={name}"));
    let mut pods = all.list(&ours).await?.items;
    pods.retain(|pod| is_of(pod, job));
    Ok(pods)
}

/// Returns the last line that the program in a pod has written. None if it can't be had now: the pod may be gone, or its
/// node away.
pub(crate) async fn last_line(client: &Client, namespace: &str, pod: &str) -> Option<String> {
    let pods: Api<Pod> = Api::namespaced(client.clone(), namespace);
    let params = LogParams {
        container: Some(PROGRAM_CONTAINER.to_owned()),
        tail_lines: Some(1),
        limit_bytes: Some(LINE),
        ..LogParams::default()
    };
    pods.logs(pod, &params).await.ok()
}
