//! Gets all bytes of one backup: takes a stream that was cut up again, and knows when it is at its end.

use std::time::Duration;

use bytes::Bytes;
use host_base::{Report, ReportKind};
use http::header::{self, HeaderMap, HeaderValue};
use http::{Response, StatusCode};
use http_body_util::BodyExt as _;

use super::claims::{Claims, refuse_other_content, strong_etag, text};
use super::content_range::ContentRange;
use super::futile::Futile;
use super::{Answer, Body, Download, Event, TransferError, retry_after};

const OTHER_LENGTH: &str = "the backend names another length than before";

/// Where the bytes go.
pub(super) trait Sink: Send {
    fn write(&mut self, bytes: Bytes) -> impl Future<Output = Result<(), TransferError>> + Send;

    /// What was written is void; the bytes of `claims` come now, from the first on.
    fn restart(&mut self, claims: &Claims) -> Result<(), TransferError>;
}

/// One transfer under way.
pub(super) struct Fetch<'a> {
    download: Download<'a>,
    /// What is known of the bytes that come now.
    pub(super) claims: Claims,
    /// The body that is being read; none when the next one has to be asked for.
    body: Option<Body>,
    /// Bytes that the sink has.
    pub(super) position: u64,
    /// How many bytes the sink has at the end of the part that comes now.
    part_end: Option<u64>,
    /// The furthest that it ever had.
    furthest: u64,
    /// Tries since the last progress.
    attempts: u32,
    restarts: u32,
    futile: Futile,
}

/// Why the stream has to be taken up again.
struct Cut {
    report: Report,
    /// What the backend asked for.
    wait: Option<Duration>,
    /// Whether the body ended as if it were complete.
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

/// What an answer to a repeated request means.
enum Reopened {
    Body(Body),
    Whole,
    /// The bytes are others now, or can't be had from an offset.
    StartOver(&'static str),
    Cut(Cut),
}

impl<'a> Fetch<'a> {
    /// Goes on at `position`, which is not 0 where an earlier run left something.
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
            // The first answer has the bytes from the start. Dropping it ends its connection.
            body: (position == 0).then_some(first),
            position,
            part_end: None,
            furthest: position,
            attempts: 0,
            restarts: 0,
            futile: Futile::default(),
        }
    }

    /// Hands all bytes to the sink.
    pub(super) async fn run(&mut self, sink: &mut impl Sink) -> Result<(), TransferError> {
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
                        return Err(self.hopeless(&cut.report));
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

    /// Reads one body to its end, or to where it breaks off.
    async fn pump(
        &mut self,
        mut body: Body,
        sink: &mut impl Sink,
    ) -> Result<Option<Cut>, TransferError> {
        while let Some(frame) = body.frame().await {
            let bytes = match frame {
                Ok(frame) => match frame.into_data() {
                    Ok(bytes) => bytes,
                    // Trailers.
                    Err(_) => continue,
                },
                Err(report) if report.retryable && self.download.source.can_repeat() => {
                    return Ok(Some(report.into()));
                }
                Err(report) => return Err(self.interrupted(report)),
            };
            let position = self.position + bytes.len() as u64;
            // Before anything of it is written: on stdout it could not be taken back.
            if let Some(error) = self.claims.too_long(position) {
                return Err(error);
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
                    return Err(self.interrupted(report));
                }
                Some(Cut {
                    is_clean_end: true,
                    ..Cut::from(report)
                })
            }
            _ => None,
        })
    }

    /// Asks for what is missing.
    async fn reopen(&mut self, sink: &mut impl Sink) -> Result<Reopened, TransferError> {
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
            // Digits, and a text that was a header's value before.
            if let (Ok(range), Ok(validator)) = (range, HeaderValue::from_str(validator)) {
                headers.insert(header::RANGE, range);
                headers.insert(header::IF_RANGE, validator);
            }
        }
        let ranged = headers.contains_key(header::RANGE);
        match self.download.source.open(&headers).await {
            Ok(answer) => self.judge(answer, ranged, sink),
            Err(report) if report.retryable => Ok(Reopened::Cut(report.into())),
            Err(report) => Err(self.interrupted(report)),
        }
    }

    /// By what the backend may be asked to go on in this run: a date counts here, together with the
    /// length, because the answers lie close together.
    fn validator(&self) -> Option<&str> {
        if self.claims.refuses_ranges {
            return None;
        }
        let dated = self.claims.last_modified.as_deref();
        let dated = dated.filter(|_| self.claims.total().is_some());
        self.claims.etag.as_deref().or(dated)
    }

    fn judge(
        &mut self,
        answer: Answer,
        ranged: bool,
        sink: &mut impl Sink,
    ) -> Result<Reopened, TransferError> {
        match answer.status() {
            StatusCode::OK => self.adopt(answer, sink),
            StatusCode::PARTIAL_CONTENT if ranged => self.judge_part(answer),
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
            status => Err(TransferError::Status { status }),
        }
    }

    /// Takes an answer with the whole body for the one to go by.
    fn adopt(&mut self, answer: Answer, sink: &mut impl Sink) -> Result<Reopened, TransferError> {
        let claims = Claims::read(&answer, &self.download.expectation)?;
        let changes = self.futile.change(&self.claims, &claims);
        if changes.is_some_and(|changes| changes > 1) {
            return Err(self.keeps_changing());
        }
        if self.position > 0 {
            self.start_over(if changes.is_some() {
                "the backup has changed (its ETag is another one)"
            } else {
                "the backend began again at the first byte"
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
            // If-Range has compared them; a backend that leaves the ETag out is believed.
            !headers.contains_key(header::ETAG) || strong_etag(headers) == self.claims.etag
        } else {
            range.total.is_some()
                && text(headers, header::LAST_MODIFIED.as_str()) == self.claims.last_modified
        };
        if !same_bytes {
            return Ok(Reopened::StartOver("the backup has changed"));
        }
        if let Some(total) = range.total {
            // With the same ETag it is no other backup: one of the two lengths is wrong.
            let is_proven = self.claims.etag.is_some() && headers.contains_key(header::ETAG);
            match self.claims.learn_total(total) {
                Err(contradiction) if is_proven => return Err(contradiction),
                Err(_) => return Ok(Reopened::StartOver(OTHER_LENGTH)),
                Ok(()) => {}
            }
        } else {
            // The end of a part proves nothing about the whole.
            self.claims.forget_end();
        }
        self.part_end = range.end.map(|end| end.saturating_add(1));
        Ok(Reopened::Body(answer.into_body()))
    }

    fn judge_unsatisfiable(&mut self, answer: &Answer) -> Reopened {
        match ContentRange::read(answer.headers()) {
            // There is nothing after the last byte: all of it has come.
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

    /// Whether what an earlier run left had to be thrown away.
    pub(super) fn restarted(&self) -> bool {
        self.restarts > 0
    }

    /// The next request is for the whole. What the sink has stays until its answer is there.
    fn start_over(&mut self, reason: &str) -> Result<(), TransferError> {
        self.restarts += 1;
        if self.restarts > self.download.retry.tries {
            return Err(self.interrupted(Report::new(
                ReportKind::Failed,
                format!("begun again {} times: {reason}", self.restarts - 1),
            )));
        }
        self.position = 0;
        self.download.progress.event(&Event::Restarted { reason });
        self.download.progress.bytes(0, self.claims.total());
        Ok(())
    }

    /// Waits before the next try, or gives up.
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

    /// The stream ends where it has ended before.
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

/// Whether the same request may be answered better in a moment.
fn is_passing(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 429 | 500 | 502 | 503 | 504)
}
