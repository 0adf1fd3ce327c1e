//! The server: it reads requests, applies faults, and sends answers.

use std::collections::BTreeMap;
use std::io;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

use super::faults::{AwsFault, Change, forget};
use super::reply::{Answered, Refusal, Way, marked};
use super::request::{AwsRequest, AwsService, Call, Signed};
use super::{Aws, State, lock, rds, s3};
use crate::backend::http::{FlushWatch, NoAnswer};
use crate::clock::Clock;
use crate::log::Log;
use crate::tasks::Tasks;
use crate::web::Reply;

/// The end of a request.
enum Outcome {
    Reply(Reply),
    Cut,
    Hang,
}

/// The parts that each connection needs.
#[derive(Clone)]
struct Server {
    state: Arc<Mutex<State>>,
    requests: Log<AwsRequest>,
    clock: Clock,
}

pub(super) async fn start(clock: Clock) -> io::Result<Aws> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let aws = Aws {
        address: listener.local_addr()?,
        state: Arc::default(),
        requests: Log::default(),
        clock,
        tasks: Tasks::default(),
    };
    let server = Server {
        state: Arc::clone(&aws.state),
        requests: aws.requests.clone(),
        clock: aws.clock.clone(),
    };
    let tasks = aws.tasks.clone();
    aws.tasks.spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tasks.spawn(server.clone().serve(stream));
        }
    });
    Ok(aws)
}

impl Server {
    async fn serve(self, stream: TcpStream) {
        // Without this, small answers would wait for acknowledgements.
        let _ = stream.set_nodelay(true);
        let flushed = Arc::new(Notify::new());
        let io = FlushWatch::new(stream, Arc::clone(&flushed));
        let service = service_fn(move |request| {
            let (server, flushed) = (self.clone(), Arc::clone(&flushed));
            async move { server.answer(request, flushed).await }
        });
        // Errors come from faults or from clients that disconnected.
        let _ = http1::Builder::new()
            .half_close(true)
            .serve_connection(TokioIo::new(io), service)
            .await;
    }

    async fn answer(
        &self,
        request: Request<Incoming>,
        flushed: Arc<Notify>,
    ) -> Result<Reply, NoAnswer> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.map_err(|_| NoAnswer)?.to_bytes();
        match self.carry_out(Call::new(head, body), flushed) {
            Outcome::Reply(reply) => Ok(reply),
            Outcome::Cut => Err(NoAnswer),
            Outcome::Hang => std::future::pending().await,
        }
    }

    fn carry_out(&self, mut call: Call, flushed: Arc<Notify>) -> Outcome {
        let mut state = lock(&self.state);
        let faults = state.rules.take(&call);
        forget(&mut call, &faults);
        state.serial += 1;
        let is_silent = state.is_silent;
        let id = format!("{:016X}", state.serial);
        let is = |wanted: fn(&AwsFault) -> bool| faults.iter().any(wanted);
        let hangs = is(|it| matches!(it, AwsFault::Hang));
        if hangs || is(|it| matches!(it, AwsFault::CutBefore)) {
            self.record(call, is_silent, None, None);
            return if hangs { Outcome::Hang } else { Outcome::Cut };
        }
        let (answered, status) = match instead(&call, &faults) {
            Some((refusal, status)) => (Err(refusal), status),
            None => (state.answer(&call, &self.clock, &id), None),
        };
        for fault in &faults {
            if let AwsFault::Afterwards(change) = fault {
                state.change(change, &self.clock);
            }
        }
        drop(state);
        if is(|it| matches!(it, AwsFault::CutAfter)) {
            self.record(call, is_silent, None, None);
            return Outcome::Cut;
        }
        let (answer, code) = match answered {
            Ok(answer) => (answer, None),
            Err(refusal) => (refusal.answer(&call, &id, status), Some(refusal.code)),
        };
        let answer = marked(answer, call.service, &id);
        let status = answer.status.as_u16();
        let reply = answer.sent(&call.method, &way(&faults), flushed);
        self.record(call, is_silent, Some(status), code);
        Outcome::Reply(reply)
    }

    fn record(&self, call: Call, is_silent: bool, status: Option<u16>, code: Option<String>) {
        if !is_silent {
            self.requests.push(call.recorded(status, code));
        }
    }
}

/// Returns the error that a fault answers with, and its status if that is not the error's own.
fn instead(call: &Call, faults: &[AwsFault]) -> Option<(Refusal, Option<StatusCode>)> {
    faults.iter().find_map(|fault| match fault {
        AwsFault::Throttle => {
            let refusal = match call.service {
                AwsService::S3 => Refusal::new(503, "SlowDown", "Please reduce your request rate."),
                AwsService::Rds => Refusal::new(400, "Throttling", "Rate exceeded"),
            };
            Some((refusal, None))
        }
        AwsFault::Error {
            status,
            code,
            message,
        } => Some((Refusal::new(*status, code, message), None)),
        AwsFault::LateError { code, message } => {
            Some((Refusal::new(500, code, message), Some(StatusCode::OK)))
        }
        _ => None,
    })
}

fn way(faults: &[AwsFault]) -> Way {
    let mut way = Way::default();
    for fault in faults {
        match fault {
            AwsFault::CutWithin(bytes) => way.end = Some(*bytes),
            AwsFault::Spaces(count) => way.spaces = *count,
            _ => {}
        }
    }
    way
}

impl State {
    fn answer(&mut self, call: &Call, clock: &Clock, id: &str) -> Answered {
        if let (Signed::By(credential), Some(known)) = (&call.signed, &self.keys)
            && !known.contains(&credential.id)
        {
            return Err(match call.service {
                AwsService::S3 => Refusal::new(
                    403,
                    "InvalidAccessKeyId",
                    "The AWS Access Key Id you provided does not exist in our records.",
                )
                .with("AWSAccessKeyId", &credential.id),
                AwsService::Rds => Refusal::new(
                    403,
                    "InvalidClientTokenId",
                    "The security token included in the request is invalid.",
                ),
            });
        }
        match call.service {
            AwsService::S3 => s3::Request {
                call,
                buckets: &mut self.buckets,
                denials: &self.denials,
                now: clock.now(),
                id,
                redirects: self.redirects,
            }
            .answer(),
            AwsService::Rds => rds::Action {
                call,
                rds: &mut self.rds,
                denials: &self.denials,
                now: clock.now(),
                id,
            }
            .answer(),
        }
    }

    fn change(&mut self, change: &Change, clock: &Clock) {
        let buckets: &mut BTreeMap<_, _> = &mut self.buckets;
        match change {
            Change::Put { bucket, key, data } => {
                if let Some(store) = buckets.get_mut(bucket) {
                    store.put(key, s3::Object::new(data.clone()), clock.now());
                }
            }
            Change::Remove { bucket, key } => {
                if let Some(store) = buckets.get_mut(bucket) {
                    store.objects.remove(key);
                }
            }
            Change::Status { id, status } => self.rds.set_status(id, status),
        }
    }
}
