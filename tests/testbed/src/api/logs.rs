//! The subresources of a pod that its kubelet and its eviction answer: `log` and `eviction`.

use std::io;

use bytes::Bytes;
use futures_util::stream;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use serde_json::{Value, json};

use super::read::target_key;
use super::route::Target;
use super::server::ApiServer;
use super::status::ApiError;
use crate::jobs::deletion;
use crate::jobs::fields::{is_of_job, is_over, items, text, uid};
use crate::web::{self, Query, Reply};

impl ApiServer {
    /// Answers with the output of a pod's container.
    pub(super) fn log(&self, target: &Target, query: &Query) -> Result<Reply, ApiError> {
        let pod = self.stored(target)?;
        let name = target.name.as_deref().unwrap_or_default();
        if !is_of_job(&pod) {
            return Err(ApiError::no_such_resource());
        }
        let first = text(&pod, "/spec/containers/0/name");
        let container = query.get("container").filter(|it| !it.is_empty());
        let container = container.unwrap_or(first);
        if container != first {
            let message = format!("container {container} is not valid for pod {name}");
            return Err(ApiError::bad_request(message));
        }
        if let Some(obstacle) = self.obstacle(&pod) {
            return Ok(obstacle.reply());
        }
        for unknown in ["sinceSeconds", "sinceTime", "timestamps", "stream"] {
            let given = query.get(unknown).unwrap_or_default();
            if !["", "false", "All"].contains(&given) {
                let message = format!("the testbed doesn't know the parameter {unknown}");
                return Err(ApiError::bad_request(message));
            }
        }
        let previous = query.flag("previous");
        let output = self.workloads.cluster.pods.output(uid(&pod), previous);
        if previous && output.is_none() {
            return Err(ApiError::bad_request(format!(
                "previous terminated container \"{container}\" in pod \"{name}\" not found"
            )));
        }
        let Some(output) = output else {
            let status = items(&pod, "/status/containerStatuses").first();
            let reason = status.map(|status| text(status, "/state/waiting/reason"));
            let reason = reason.filter(|reason| !reason.is_empty());
            let reason = reason.unwrap_or("ContainerCreating");
            return Err(ApiError::bad_request(format!(
                "container \"{container}\" in pod \"{name}\" is waiting to start: {reason}"
            )));
        };
        let tail = query.get("tailLines").and_then(|lines| lines.parse().ok());
        let start = tail.map_or(0, |lines| output.tail(lines));
        if !query.flag("follow") {
            let mut bytes = output.since(start);
            let limit = query.get("limitBytes").and_then(|limit| limit.parse().ok());
            bytes.truncate(limit.unwrap_or(usize::MAX));
            return Ok(web::reply(StatusCode::OK, "text/plain", bytes));
        }
        let chunks = stream::unfold((output, start), |(output, at)| async move {
            let bytes = output.next(at).await?;
            let next = at + bytes.len();
            let frame = Frame::data(Bytes::from(bytes));
            Some((Ok::<_, io::Error>(frame), (output, next)))
        });
        let mut reply = Response::new(StreamBody::new(chunks).boxed_unsync());
        let plain = HeaderValue::from_static("text/plain");
        reply.headers_mut().insert(header::CONTENT_TYPE, plain);
        Ok(reply)
    }

    /// Evicts a pod. There are no disruption budgets.
    pub(super) fn evict(&self, target: &Target, body: &Bytes) -> Result<Reply, ApiError> {
        let pod = self.stored(target)?;
        let name = target.name.as_deref().unwrap_or_default();
        let eviction: Value = serde_json::from_slice(body).unwrap_or_default();
        let given = text(&eviction, "/metadata/name");
        if !given.is_empty() && given != name {
            return Err(ApiError::bad_request(
                "name in URL does not match name in Eviction object",
            ));
        }
        let namespace = target.namespace.as_deref().unwrap_or_default();
        if is_over(&pod) {
            let now = self.clock.now();
            let key = target_key(target, name);
            deletion::delete(&self.objects, now, &key, deletion::Options::default());
        } else {
            let message = "Eviction API: evicting";
            self.workloads
                .disrupt(namespace, name, "EvictionByEvictionAPI", message);
        }
        let answer = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201,
        });
        Ok(web::json(StatusCode::CREATED, &answer))
    }
}
