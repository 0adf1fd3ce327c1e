use broker_manifest::StoreKind;
use bytes::Bytes;
use futures_util::stream;
use host_base::{Report, ReportKind};
use host_engine::{Answer, Body, Outgoing};
use host_objectstore as s3;
use http::header::{CONTENT_LENGTH, HeaderName, HeaderValue};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};

/// The size of one piece of an endless body, in bytes.
const PIECE: usize = 1 << 20;

/// The response of a script.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    Answer {
        status: u16,
        headers: Vec<(String, String)>,
        body: Bytes,
        ending: Ending,
    },
    /// No response arrives.
    Fault(Report),
}

/// How a body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    Whole,
    /// The connection is lost after the bytes.
    Lost,
    /// The body never ends: spaces follow the bytes.
    Never,
}

impl Reply {
    /// Returns the error that the host makes of the response, if it is a refusal of S3.
    pub(super) fn refused_by_s3(&self, outgoing: &Outgoing) -> Option<Report> {
        let Self::Answer { status, body, .. } = self else {
            return None;
        };
        if outgoing
            .store
            .is_none_or(|store| store.kind != StoreKind::S3)
        {
            return None;
        }
        let refused = s3::refusal(outgoing.request.uri(), *status, body);
        refused.map(|error| error.report())
    }

    /// Converts to a response. A response to `HEAD` has no body.
    pub(super) fn into_answer(self, is_head: bool) -> Result<Answer, Report> {
        let (status, headers, bytes, ending) = match self {
            Self::Fault(report) => return Err(report),
            Self::Answer {
                status,
                headers,
                body,
                ending,
            } => (status, headers, body, ending),
        };
        let unfit = |what: String| Report::new(ReportKind::Failed, what);
        let announced = (ending == Ending::Whole).then_some(bytes.len());
        let (bytes, ending) = if is_head {
            (Bytes::new(), Ending::Whole)
        } else {
            (bytes, ending)
        };
        let mut answer = Answer::new(body(bytes, ending));
        *answer.status_mut() =
            http::StatusCode::from_u16(status).map_err(|error| unfit(error.to_string()))?;
        for (name, value) in headers {
            let name = name
                .parse::<HeaderName>()
                .map_err(|error| unfit(error.to_string()))?;
            let value = value
                .parse::<HeaderValue>()
                .map_err(|error| unfit(error.to_string()))?;
            answer.headers_mut().append(name, value);
        }
        if let Some(length) = announced {
            let entry = answer.headers_mut().entry(CONTENT_LENGTH);
            entry.or_insert_with(|| length.into());
        }
        Ok(answer)
    }
}

fn body(bytes: Bytes, ending: Ending) -> Body {
    let received = bytes.len();
    let first = (!bytes.is_empty()).then(|| Ok(Frame::data(bytes)));
    let breaking_off = || {
        let message = format!("the connection to the backend was lost after {received} bytes");
        let report = Report::new(ReportKind::Failed, message);
        Report {
            retryable: true,
            ..report
        }
    };
    let last = (ending == Ending::Lost).then(|| Err(breaking_off()));
    let pieces = stream::iter(first.into_iter().chain(last));
    if ending == Ending::Never {
        let spaces = Bytes::from(vec![b' '; PIECE]);
        let spaces = stream::repeat_with(move || Ok(Frame::data(spaces.clone())));
        return StreamBody::new(futures_util::StreamExt::chain(pieces, spaces)).boxed_unsync();
    }
    StreamBody::new(pieces).boxed_unsync()
}
