//! Implements the interface `http`: the host checks an engine's requests against its grants and sends them.

use std::time::Duration;

use broker_manifest::Select;
use bytes::Bytes;
use host_base::{Report, ReportKind};
use http_body_util::BodyExt;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use wasmtime::component::Resource;

use super::bindings::kubectl_broker::engine::http as wit;
use super::{WitError, to_wit};
use crate::grants::Granted;
use crate::instance::{HostResult, HostState};
use crate::limits::MAX_PATIENCE;
use crate::{Answer, Artifact, Grants, Outgoing, Sent};

/// The maximum size of a body that an engine may send, in bytes.
const MAX_SENT: usize = 1 << 20;
/// The maximum size of a body that an engine may read, in bytes.
const MAX_READ: u64 = 64 << 20;
/// The characters to encode: all except RFC 3986's unreserved ones.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The response behind an engine's handle.
pub struct Response {
    pub(super) answer: Answer,
    /// The request that caused the response.
    pub(super) request: Outgoing,
    /// True if the engine has read the body, which is gone then.
    pub(super) is_read: bool,
}

impl wit::Host for HostState {
    async fn send(
        &mut self,
        request: wit::Request,
    ) -> wasmtime::Result<Result<Resource<Response>, WitError>> {
        self.count(request.body.as_ref().map_or(0, Vec::len))?;
        let asked = Self::asked(|| arguments(&request, None));
        let sent = self.send_granted(request, None).await;
        self.tell("http.send", asked, &sent, known);
        match sent {
            Ok(response) => Ok(Ok(self.table.push(response)?)),
            Err(report) => Ok(Err(to_wit(report))),
        }
    }
}

impl HostState {
    pub(super) async fn send_granted(
        &mut self,
        request: wit::Request,
        artifact: Option<Artifact>,
    ) -> HostResult<Response> {
        let granted = self.grants.check_request(
            &request.endpoint,
            method(request.method),
            &request.route,
            &request.parameters,
        );
        let granted = granted.inspect_err(|report| self.remember_refusal(report))?;
        for (name, _) in &request.headers {
            self.grants.check_header(&request.endpoint, name)?;
        }
        for (name, _) in &request.query {
            Grants::check_query(name)?;
        }
        if granted.select == Select::S3 {
            for (name, _) in request.headers.iter().chain(&request.query) {
                Grants::check_s3_name(name)?;
            }
        }
        let endpoint = request.endpoint.clone();
        let patience = request
            .patience
            .map(|seconds| Duration::from_secs(seconds.into()).min(MAX_PATIENCE));
        let Granted {
            method,
            path,
            auth,
            select,
        } = granted;
        // Sending a file takes long, and so may the response to it.
        let sends_file = artifact.is_some();
        let _pause = sends_file.then(|| self.allowance.pause());
        let request = Outgoing {
            endpoint,
            select,
            auth,
            patience,
            request: build(request, artifact, method.name(), path)?,
        };
        let answer = self.network.send(request.clone());
        let answer = if sends_file {
            self.meter.spare(answer).await
        } else {
            answer.await
        };
        let answer = answer.map_err(|report| self.without_secrets(report))?;
        let mut values = answer.headers().values();
        if values.any(|value| self.network.reveals(value.as_bytes())) {
            return Err(revealed());
        }
        Ok(Response {
            answer,
            request,
            is_read: false,
        })
    }
}

impl HostState {
    /// Removes secrets from an error before the engine sees it. The error may quote text that the server
    /// sent.
    pub(super) fn without_secrets(&self, report: Report) -> Report {
        let reveals = |text: &str| self.network.reveals(text.as_bytes());
        if reveals(&report.message) || report.hint.as_deref().is_some_and(reveals) {
            return revealed();
        }
        report
    }
}

fn revealed() -> Report {
    let message =
        "the answer contains the credentials of the request, and is withheld from the engine";
    Report::new(ReportKind::Protocol, message).with_hint(
        "Another program on this port may echo requests: check the port, and change the credentials if that program keeps a log",
    )
}

impl wit::HostResponse for HostState {
    async fn status(&mut self, response: Resource<Response>) -> wasmtime::Result<u16> {
        Ok(self.table.get(&response)?.answer.status().as_u16())
    }

    async fn header(
        &mut self,
        response: Resource<Response>,
        name: String,
    ) -> wasmtime::Result<Vec<String>> {
        Ok(self
            .table
            .get(&response)?
            .answer
            .headers()
            .get_all(name)
            .iter()
            .filter_map(|value| value.to_str().ok().map(str::to_owned))
            .collect())
    }

    async fn read(
        &mut self,
        response: Resource<Response>,
        limit: u64,
    ) -> wasmtime::Result<Result<Vec<u8>, WitError>> {
        self.count(0)?;
        let asked = Self::asked(|| json!({ "limit": limit }));
        let deadline = self.answer;
        let response = self.table.get_mut(&response)?;
        response.is_read = true;
        let body = read_within(deadline, &mut response.answer, limit.min(MAX_READ)).await;
        // The whole body is checked at once: a secret could span two pieces.
        let body = match body {
            Ok(body) if self.network.reveals(&body) => Err(revealed()),
            Ok(body) => Ok(body),
            Err(report) => Err(self.without_secrets(report)),
        };
        let length = |body: &Vec<u8>| json!({ "bytes": body.len() });
        self.tell("http.response.read", asked, &body, length);
        Ok(body.map_err(to_wit))
    }

    async fn drop(&mut self, response: Resource<Response>) -> wasmtime::Result<()> {
        self.table.delete(response)?;
        Ok(())
    }
}

/// Describes a request for the audit. Values of headers are left out: they may be secrets of the backend.
pub(super) fn arguments(request: &wit::Request, artifact: Option<&Artifact>) -> Value {
    let headers: Vec<_> = request.headers.iter().map(|(name, _)| name).collect();
    json!({
        "endpoint": request.endpoint,
        "method": method(request.method).name(),
        "route": request.route,
        "parameters": request.parameters,
        "query": request.query,
        "headers": headers,
        "bodyBytes": request.body.as_ref().map(Vec::len),
        "file": artifact.map(|file| json!({ "name": file.name, "bytes": file.length, "sha256": file.sha256 })),
    })
}

pub(super) fn known(response: &Response) -> Value {
    json!({ "status": response.answer.status().as_u16() })
}

async fn read_within(deadline: Duration, answer: &mut Answer, limit: u64) -> HostResult<Vec<u8>> {
    let late = || {
        let message = format!("the answer was not complete after {} s", deadline.as_secs());
        Report::new(ReportKind::TimedOut, message)
            .with_hint("The backend or the network may be overloaded: try again later")
    };
    tokio::time::timeout(deadline, read(answer, limit))
        .await
        .map_err(|_| late())?
}

async fn read(answer: &mut Answer, limit: u64) -> HostResult<Vec<u8>> {
    let body = answer.body_mut();
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        // Trailers carry nothing that an engine reads.
        let Ok(data) = frame?.into_data() else {
            continue;
        };
        bytes.extend_from_slice(&data);
        if bytes.len() as u64 > limit {
            return Err(Report::new(
                ReportKind::Protocol,
                format!("the answer is longer than {limit} bytes"),
            ));
        }
    }
    Ok(bytes)
}

fn build(
    request: wit::Request,
    artifact: Option<Artifact>,
    method: &str,
    path: String,
) -> HostResult<http::Request<Sent>> {
    let body = request.body.unwrap_or_default();
    if body.len() > MAX_SENT {
        return Err(Report::new(
            ReportKind::InvalidArgument,
            format!(
                "the request's body has {} bytes; at most {MAX_SENT} can be sent",
                body.len()
            ),
        ));
    }
    let mut target = path;
    for (index, (name, value)) in request.query.iter().enumerate() {
        target.push(if index == 0 { '?' } else { '&' });
        target.extend(utf8_percent_encode(name, QUERY));
        target.push('=');
        target.extend(utf8_percent_encode(value, QUERY));
    }
    let mut built = http::Request::builder().method(method).uri(target);
    for (name, value) in &request.headers {
        built = built.header(name, value);
    }
    let body = artifact.map_or_else(|| Sent::Bytes(Bytes::from(body)), Sent::Artifact);
    built.body(body).map_err(|e| {
        Report::new(
            ReportKind::InvalidArgument,
            format!("the request can't be sent: {e}"),
        )
    })
}

const fn method(method: wit::Method) -> broker_manifest::Method {
    match method {
        wit::Method::Get => broker_manifest::Method::Get,
        wit::Method::Head => broker_manifest::Method::Head,
        wit::Method::Post => broker_manifest::Method::Post,
        wit::Method::Put => broker_manifest::Method::Put,
        wit::Method::Patch => broker_manifest::Method::Patch,
        wit::Method::Delete => broker_manifest::Method::Delete,
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;
    use http_body::Frame;
    use http_body_util::StreamBody;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_drips_is_given_up_and_one_that_ends_is_not() {
        let drops = |count: u64| {
            let drops = stream::unfold(0, move |sent| async move {
                tokio::time::sleep(Duration::from_secs(1)).await;
                let frame = Ok(Frame::data(Bytes::from_static(b"x")));
                (sent < count).then_some((frame, sent + 1))
            });
            Answer::new(StreamBody::new(drops).boxed_unsync())
        };
        let minute = Duration::from_mins(1);
        let read = |count| async move { read_within(minute, &mut drops(count), 100).await };
        assert_eq!(read(50).await.expect("read").len(), 50);
        let report = read(70).await.expect_err("too slow");
        assert_eq!(report.kind, ReportKind::TimedOut);
        assert_eq!(report.message, "the answer was not complete after 60 s");
    }
}
