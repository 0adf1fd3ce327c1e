//! Fetches all bytes of one backup: resumes an interrupted stream and recognizes its end.

use std::time::Duration;

use host_base::{Report, ReportKind};
use http::header::{self, HeaderMap, HeaderValue};
use http::{Response, StatusCode};
use http_body_util::BodyExt as _;

use super::claims::{Claims, refuse_other_content, strong_etag, text};
use super::content_range::ContentRange;
use super::futile::Futile;
use super::{Answer, Body, Download, Event, Sink, TransferError, retry_after};

const OTHER_LENGTH: &str = "the backend names a different length than before";

/// One transfer in progress.
pub(super) struct Fetch<'a> {
    download: Download<'a>,
    /// The claims about the bytes that arrive now.
    pub(super) claims: Claims,
    /// The body that is being read; `None` if the next one must be requested.
    body: Option<Body>,
    /// The number of bytes that the sink has.
    pub(super) position: u64,
    /// The number of bytes that the sink must have at the end of the current part.
    part_end: Option<u64>,
    /// The highest position so far.
    furthest: u64,
    /// The number of attempts since the last progress.
    attempts: u32,
    restarts: u32,
    futile: Futile,
}

/// The reason why the stream must be resumed.
struct Cut {
    report: Report,
    /// The wait that the backend asked for.
    wait: Option<Duration>,
    /// True if the body ended as if it were complete.
    is_clean_end: bool,
}

impl From<Report> for Cut {
    fn from(report: Report) -> Self {
        Self {
            report,
            wait: None,
            is_clean_end: false,
        }
    }
}

/// The meaning of a response to a repeated request.
enum Reopened {
    Body(Body),
    Whole,
    /// The bytes have changed, or they are not available from an offset.
    StartOver(&'static str),
    Cut(Cut),
}

impl<'a> Fetch<'a> {
    /// Creates a transfer that continues at `position`. It is above 0 if an earlier run left a partial
    /// download.
    pub(super) fn new(mut download: Download<'a>, claims: Claims, position: u64) -> Self {
        let nothing = Response::new(
            http_body_util::Empty::new()
                .map_err(|n| match n {})
                .boxed_unsync(),
        );
        let first = std::mem::replace(&mut download.first, nothing).into_body();
        Self {
            download,
            claims,
            // The first response has the bytes from the start. Dropping it closes its connection.
            body: (position == 0).then_some(first),
            position,
            part_end: None,
            furthest: position,
            attempts: 0,
            restarts: 0,
            futile: Futile::default(),
        }
    }

    /// Passes all bytes to the sink.
    pub(super) async fn run<S: Sink>(&mut self, sink: &mut S) -> Result<(), S::Error> {
        if self.position > 0 {
            let offset = self.position;
            self.download.progress.event(&Event::Resumed { offset });
        }
        loop {
            let cut = match self.body.take() {
                Some(body) => {
                    let from = self.position;
                    let cut = self.pump(body, sink).await?;
                    if let Some(cut) = &cut
                        && self.futile.ends_at(from, self.position, cut.is_clean_end)
                    {
                        return Err(self.hopeless(&cut.report).into());
                    }
                    cut
                }
                None => match self.reopen(sink).await? {
                    Reopened::Whole => None,
                    Reopened::Body(body) => {
                        self.body = Some(body);
                        continue;
                    }
                    Reopened::StartOver(reason) => {
                        self.start_over(reason)?;
                        continue;
                    }
                    Reopened::Cut(cut) => Some(cut),
                },
            };
            match cut {
                None => return Ok(()),
                Some(cut) => self.pause(cut).await?,
            }
        }
    }

    /// Reads one body to its end, or until it is interrupted.
    async fn pump<S: Sink>(
        &mut self,
        mut body: Body,
        sink: &mut S,
    ) -> Result<Option<Cut>, S::Error> {
        while let Some(frame) = body.frame().await {
            let bytes = match frame {
                Ok(frame) => match frame.into_data() {
                    Ok(bytes) => bytes,
                    // The frame has trailers, which carry no bytes.
                    Err(_) => continue,
                },
                Err(report) if report.retryable && self.download.source.can_repeat() => {
                    return Ok(Some(report.into()));
                }
                Err(report) => return Err(self.interrupted(report).into()),
            };
            let position = self.position + bytes.len() as u64;
            // The check precedes the write, because bytes on stdout can't be taken back.
            if let Some(error) = self.claims.too_long(position) {
                return Err(error.into());
            }
            sink.write(bytes).await?;
            self.position = position;
            let total = self.claims.likely_total();
            self.download.progress.bytes(position, total);
        }
        Ok(match self.claims.total().or(self.part_end) {
            Some(end) if self.position < end => {
                let report = Report::new(ReportKind::Failed, "the backend ended the stream early");
                if !self.download.source.can_repeat() {
                    return Err(self.interrupted(report).into());
                }
                Some(Cut {
                    is_clean_end: true,
                    ..Cut::from(report)
                })
            }
            _ => None,
        })
    }

    /// Requests the missing bytes.
    async fn reopen<S: Sink>(&mut self, sink: &mut S) -> Result<Reopened, S::Error> {
        if self.claims.total() == Some(self.position) && self.position > 0 {
            return Ok(Reopened::Whole);
        }
        let validator = self.validator();
        if self.position > 0 && validator.is_none() {
            return Ok(Reopened::StartOver(
                "the backend gives nothing to resume by",
            ));
        }
        let mut headers = HeaderMap::new();
        headers.insert(
            header::ACCEPT_ENCODING,
            HeaderValue::from_static("identity"),
        );
        if let Some(validator) = validator.filter(|_| self.position > 0) {
            let range = HeaderValue::from_str(&format!("bytes={}-", self.position));
            // Both values are valid headers: one is made of digits, and the other came from a header.
            if let (Ok(range), Ok(validator)) = (range, HeaderValue::from_str(validator)) {
                headers.insert(header::RANGE, range);
                headers.insert(header::IF_RANGE, validator);
            }
        }
        let ranged = headers.contains_key(header::RANGE);
        match self.download.source.open(&headers).await {
            Ok(answer) => self.judge(answer, ranged, sink),
            Err(report) if report.retryable => Ok(Reopened::Cut(report.into())),
            Err(report) => Err(self.interrupted(report).into()),
        }
    }

    /// Returns the validator for resuming within this run. A date counts here, together with the length,
    /// because the responses are close together.
    fn validator(&self) -> Option<&str> {
        if self.claims.refuses_ranges {
            return None;
        }
        let dated = self.claims.last_modified.as_deref();
        let dated = dated.filter(|_| self.claims.total().is_some());
        self.claims.etag.as_deref().or(dated)
    }

    fn judge<S: Sink>(
        &mut self,
        answer: Answer,
        ranged: bool,
        sink: &mut S,
    ) -> Result<Reopened, S::Error> {
        match answer.status() {
            StatusCode::OK => self.adopt(answer, sink),
            StatusCode::PARTIAL_CONTENT if ranged => Ok(self.judge_part(answer)?),
            StatusCode::RANGE_NOT_SATISFIABLE if ranged => Ok(self.judge_unsatisfiable(&answer)),
            status if is_passing(status) => Ok(Reopened::Cut(Cut {
                wait: retry_after(answer.headers()),
                is_clean_end: false,
                report: Report {
                    retryable: true,
                    ..Report::new(
                        if status == StatusCode::GATEWAY_TIMEOUT {
                            ReportKind::TimedOut
                        } else {
                            ReportKind::Unavailable
                        },
                        format!("the backend answered {status}"),
                    )
                },
            })),
            status => Err(TransferError::Status { status }.into()),
        }
    }

    /// Adopts a response with the whole body as the one to read.
    fn adopt<S: Sink>(&mut self, answer: Answer, sink: &mut S) -> Result<Reopened, S::Error> {
        let claims = Claims::read(&answer, &self.download.expectation)?;
        let changes = self.futile.change(&self.claims, &claims);
        if changes.is_some_and(|changes| changes > 1) {
            return Err(self.keeps_changing().into());
        }
        if self.position > 0 {
            self.start_over(if changes.is_some() {
                "the backup has changed (its ETag is different)"
            } else {
                "the backend restarted at the first byte"
            })?;
        }
        self.claims = claims;
        self.part_end = None;
        sink.restart(&self.claims)?;
        Ok(Reopened::Body(answer.into_body()))
    }

    fn judge_part(&mut self, answer: Answer) -> Result<Reopened, TransferError> {
        let headers = answer.headers();
        refuse_other_content(headers)?;
        let range = ContentRange::read(headers);
        let Some(range) = range.filter(|range| range.start == Some(self.position)) else {
            return Err(TransferError::WrongRange {
                asked: self.position,
                got: text(headers, header::CONTENT_RANGE.as_str()).unwrap_or_default(),
            });
        };
        let same_bytes = if self.claims.etag.is_some() {
            // The server compared the ETags because of `If-Range`. A response without an ETag is trusted.
            !headers.contains_key(header::ETAG) || strong_etag(headers) == self.claims.etag
        } else {
            range.total.is_some()
                && text(headers, header::LAST_MODIFIED.as_str()) == self.claims.last_modified
        };
        if !same_bytes {
            return Ok(Reopened::StartOver("the backup has changed"));
        }
        if let Some(total) = range.total {
            // The ETag proves that it is the same backup, so one of the two lengths is wrong.
            let is_proven = self.claims.etag.is_some() && headers.contains_key(header::ETAG);
            match self.claims.learn_total(total) {
                Err(contradiction) if is_proven => return Err(contradiction),
                Err(_) => return Ok(Reopened::StartOver(OTHER_LENGTH)),
                Ok(()) => {}
            }
        } else {
            // The end of a part proves nothing about the end of the whole.
            self.claims.forget_end();
        }
        self.part_end = range.end.map(|end| end.saturating_add(1));
        Ok(Reopened::Body(answer.into_body()))
    }

    fn judge_unsatisfiable(&mut self, answer: &Answer) -> Reopened {
        match ContentRange::read(answer.headers()) {
            // Nothing follows the last byte, so all bytes have arrived.
            Some(ContentRange {
                start: None,
                total: Some(total),
                ..
            }) if total == self.position && self.claims.learn_total(total).is_ok() => {
                Reopened::Whole
            }
            _ => Reopened::StartOver(OTHER_LENGTH),
        }
    }

    /// Returns true if an earlier run's partial download had to be discarded.
    pub(super) fn restarted(&self) -> bool {
        self.restarts > 0
    }

    /// Requests the whole body next. The sink keeps its bytes until the response has arrived.
    fn start_over(&mut self, reason: &str) -> Result<(), TransferError> {
        self.restarts += 1;
        if self.restarts > self.download.retry.tries {
            return Err(self.interrupted(Report::new(
                ReportKind::Failed,
                format!("restarted {} times: {reason}", self.restarts - 1),
            )));
        }
        self.position = 0;
        self.download.progress.event(&Event::Restarted { reason });
        self.download.progress.bytes(0, self.claims.total());
        Ok(())
    }

    /// Waits before the next attempt, or gives up.
    async fn pause(&mut self, cut: Cut) -> Result<(), TransferError> {
        let retry = self.download.retry;
        if self.position >= self.furthest.saturating_add(retry.progress) {
            self.furthest = self.position;
            self.attempts = 0;
        }
        self.attempts += 1;
        let error = self.interrupted(cut.report);
        if self.attempts > retry.tries {
            return Err(error);
        }
        let wait = retry.wait(self.attempts, cut.wait);
        self.download.progress.event(&Event::Retrying {
            error: &error,
            attempt: self.attempts,
            wait,
        });
        self.download.sleeper.sleep(wait).await;
        Ok(())
    }

    /// Returns the error of a stream that ends at the same place again.
    fn hopeless(&self, last: &Report) -> TransferError {
        if self.futile.has_changed() {
            return self.keeps_changing();
        }
        TransferError::EndsThere {
            received: self.position,
            announced: self.claims.announced(),
            report: last.clone(),
            kept: 0,
        }
    }

    fn keeps_changing(&self) -> TransferError {
        TransferError::KeepsChanging {
            received: self.position,
        }
    }

    fn interrupted(&self, report: Report) -> TransferError {
        TransferError::Interrupted {
            report,
            received: self.position,
            total: self.claims.total(),
            kept: 0,
        }
    }
}

/// Returns true if the same request may succeed a moment later.
fn is_passing(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 429 | 500 | 502 | 503 | 504)
}
