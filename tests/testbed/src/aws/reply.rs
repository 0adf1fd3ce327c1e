//! Answers and errors in the forms of S3 and RDS.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;
use tokio::sync::Notify;

use super::data::Data;
use super::request::{AwsService, Call};
use super::xml::{DECLARATION, Xml};
use crate::backend::shape::{Shape, shaped};
use crate::web::{self, Reply};

/// The namespace of the documents of RDS.
pub(super) const RDS: &str = "http://rds.amazonaws.com/doc/2014-10-31/";

/// An answer before it is sent.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    headers: HeaderMap,
    body: AnswerBody,
}

#[derive(Debug)]
enum AnswerBody {
    Empty,
    Text(String),
    Data(Data, Range<u64>),
}

/// The deviations of an answer on its way.
#[derive(Debug, Default)]
pub(super) struct Way {
    /// The number of bytes after which the connection ends.
    pub(super) end: Option<u64>,
    /// The number of spaces after the first line of a document.
    pub(super) spaces: usize,
}

/// An error of the service.
#[derive(Debug, Clone)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) code: String,
    message: String,
    /// Further elements of the error of S3.
    details: Vec<(&'static str, String)>,
    headers: Vec<(&'static str, String)>,
}

pub(super) type Answered = Result<Answer, Refusal>;

impl Answer {
    pub(super) fn empty(status: StatusCode) -> Self {
        Self {
            status,
            headers: HeaderMap::new(),
            body: AnswerBody::Empty,
        }
    }

    pub(super) fn xml(document: String) -> Self {
        let mut answer = Self::empty(StatusCode::OK);
        answer.body = AnswerBody::Text(document);
        answer.header("content-type", "application/xml")
    }

    /// Returns a part of an object.
    pub(super) fn data(status: StatusCode, data: Data, range: Range<u64>) -> Self {
        let length = range.end - range.start;
        let mut answer = Self::empty(status);
        answer.body = AnswerBody::Data(data, range);
        answer.header("content-length", &length.to_string())
    }

    pub(super) fn header(mut self, name: &str, value: &str) -> Self {
        let name = HeaderName::try_from(name);
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(value.as_bytes())) {
            self.headers.insert(name, value);
        }
        self
    }

    /// Returns the answer as it is sent.
    pub(super) fn sent(self, method: &Method, way: &Way, flushed: Arc<Notify>) -> Reply {
        let is_head = method == Method::HEAD;
        let body = match self.body {
            _ if is_head => web::full(Bytes::new()),
            AnswerBody::Empty => web::full(Bytes::new()),
            AnswerBody::Text(text) if way.spaces > 0 => slow(&text, way.spaces),
            AnswerBody::Text(text) => web::full(text),
            AnswerBody::Data(data, range) => data.body(range),
        };
        let body = if way.end.is_some() {
            let shape = Shape {
                end: way.end,
                drip: None,
            };
            shaped(body, shape, flushed)
        } else {
            body
        };
        let mut reply = Response::new(body);
        *reply.status_mut() = self.status;
        *reply.headers_mut() = self.headers;
        reply
    }
}

/// Returns a body whose document comes late. S3 sends its first line at once, and spaces until the work is done.
fn slow(text: &str, spaces: usize) -> web::Body {
    let rest = text.strip_prefix(DECLARATION).unwrap_or(text).to_owned();
    let pieces = std::iter::once(DECLARATION.to_owned())
        .chain(std::iter::repeat_n(" ".to_owned(), spaces))
        .chain(std::iter::once(rest));
    let frames = stream::iter(pieces.collect::<Vec<_>>());
    let frames = futures_util::StreamExt::then(frames, |piece| async move {
        // Each piece leaves by itself.
        tokio::task::yield_now().await;
        Ok::<_, io::Error>(Frame::data(Bytes::from(piece)))
    });
    StreamBody::new(frames).boxed_unsync()
}

impl Refusal {
    pub(super) fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            code: code.to_owned(),
            message: message.into(),
            details: Vec::new(),
            headers: Vec::new(),
        }
    }

    /// Adds an element.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "callers give texts and numbers alike"
    )]
    pub(super) fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.details.push((name, value.to_string()));
        self
    }

    pub(super) fn with_header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    pub(super) fn message(&self) -> &str {
        &self.message
    }

    /// Returns the error as an answer with its own status, or with `status`.
    pub(super) fn answer(&self, call: &Call, id: &str, status: Option<StatusCode>) -> Answer {
        let status = status.unwrap_or(self.status);
        // RFC 9110 allows no body with this status.
        let has_body = status != StatusCode::NOT_MODIFIED;
        let document = match call.service {
            AwsService::S3 => Xml::bare("Error", |xml| {
                xml.text("Code", &self.code);
                xml.text("Message", &self.message);
                for (name, value) in &self.details {
                    xml.text(name, value);
                }
                xml.text("RequestId", id);
                xml.text("HostId", host_id(id));
            }),
            AwsService::Rds => Xml::document("ErrorResponse", RDS, |xml| {
                xml.element("Error", |xml| {
                    let is_sender = self.status.is_client_error();
                    xml.text("Type", if is_sender { "Sender" } else { "Receiver" });
                    xml.text("Code", &self.code);
                    xml.text("Message", &self.message);
                });
                xml.text("RequestId", id);
            }),
        };
        let mut answer = if has_body {
            Answer::xml(document)
        } else {
            Answer::empty(status)
        };
        answer.status = status;
        self.headers
            .iter()
            .fold(answer, |answer, (name, value)| answer.header(name, value))
    }
}

/// Adds the headers that each answer has.
pub(super) fn marked(answer: Answer, service: AwsService, id: &str) -> Answer {
    match service {
        AwsService::S3 => answer
            .header("x-amz-request-id", id)
            .header("x-amz-id-2", &host_id(id))
            .header(header::SERVER.as_str(), "AmazonS3"),
        AwsService::Rds => {
            let mut answer = answer.header("x-amzn-requestid", id);
            if answer.headers.contains_key(header::CONTENT_TYPE) {
                answer = answer.header("content-type", "text/xml");
            }
            answer
        }
    }
}

fn host_id(id: &str) -> String {
    super::digest::base64(id.as_bytes())
}
