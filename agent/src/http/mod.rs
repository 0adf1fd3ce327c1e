//! The server: connections, requests, answers, and a graceful stop.

mod auth;
mod body;
mod export;
mod patient;
mod places;
mod reply;
mod route;

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::Receiver;
use tokio::task::JoinSet;
use tokio::time;

use crate::config::Config;
use crate::export::Exports;
use crate::log::Log;
use crate::metrics::Metrics;
use body::Placed;
use patient::Patient;
use places::{Place, Places};

/// The pause after an error of `accept`, for example if no file descriptors are left.
const PAUSE: Duration = Duration::from_millis(100);
/// The additional time after `kill` for the last process to end and for the files to be removed.
const LAST: Duration = Duration::from_secs(5);

/// The state that every request needs.
pub struct Agent {
    pub config: Arc<Config>,
    pub exports: Exports,
    pub metrics: Arc<Metrics>,
    pub log: Log,
}

/// The result of a stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// Every export had ended.
    Clean,
    /// A running export was aborted.
    BrokenOff,
}

/// Serves until `stop`, and then until the running export ends, within the time of grace. A second `stop`
/// ends the wait.
pub async fn serve(agent: Arc<Agent>, listener: TcpListener, mut stop: Receiver<()>) -> Stopped {
    let exports = agent.config.limits.waiting.saturating_add(1);
    let places = Places::new(exports, Arc::clone(&agent.metrics));
    let graceful = GracefulShutdown::new();
    let mut tasks = JoinSet::new();
    loop {
        tokio::select! {
            _ = stop.recv() => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    bound_stalls(&stream, agent.config.limits.stall, &agent.log);
                    let place = places.take();
                    let connection = graceful.watch(connection(&agent, stream, &place));
                    let log = agent.log.clone();
                    tasks.spawn(async move {
                        tokio::select! {
                            ended = connection => if let Err(e) = ended {
                                log.debug(&format!("connection of {peer}: {e}"));
                            },
                            () = place.lost() => {
                                log.debug(&format!("connection of {peer}: dropped, it was idle"));
                            }
                        }
                    });
                }
                Err(e) => {
                    agent.log.error(&format!("no connection can be accepted: {e}"));
                    time::sleep(PAUSE).await;
                }
            },
            Some(_) = tasks.join_next() => {}
        }
    }
    drop(listener);
    let grace = agent.config.limits.grace;
    agent.log.info("stopping: no request is accepted any more");
    // An incomplete request must not use up the time of grace.
    places.clear();
    let outcome = tokio::select! {
        () = graceful.shutdown() => Stopped::Clean,
        () = time::sleep(grace) => Stopped::BrokenOff,
        Some(()) = stop.recv() => Stopped::BrokenOff,
    };
    if outcome == Stopped::BrokenOff {
        agent.log.warn("stopping: a running export is aborted");
    }
    tasks.shutdown().await;
    // The wait ends when the last process is gone and the files are removed.
    let patience = agent.config.limits.kill.saturating_add(LAST);
    if time::timeout(patience, agent.exports.close())
        .await
        .is_err()
    {
        agent.log.error("stopping: a command is still running");
        return Stopped::BrokenOff;
    }
    outcome
}

fn connection(
    agent: &Arc<Agent>,
    stream: TcpStream,
    place: &Arc<Place>,
) -> http1::Connection<
    TokioIo<Patient>,
    impl hyper::service::Service<
        http::Request<Incoming>,
        Response = reply::Reply,
        Error = Infallible,
        Future: Send,
    > + use<>,
> {
    let limits = agent.config.limits;
    let stream = Patient::new(stream, Arc::clone(place), limits.stall);
    let (agent, place) = (Arc::clone(agent), Arc::clone(place));
    let service = service_fn(move |request| {
        let (agent, place) = (Arc::clone(&agent), Arc::clone(&place));
        async move {
            place.begin();
            let reply = Box::pin(route::answer(&agent, &place, request)).await;
            Ok(reply.map(|body| Placed { body, place }.boxed_unsync()))
        }
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        // The timeout also applies between two requests.
        .header_read_timeout((!limits.request.is_zero()).then_some(limits.request))
        .serve_connection(TokioIo::new(stream), service)
}

/// Makes Linux end a connection whose client does not acknowledge the sent data.
fn bound_stalls(stream: &TcpStream, stall: Duration, log: &Log) {
    let set = || -> io::Result<()> {
        stream.set_nodelay(true)?;
        #[cfg(target_os = "linux")]
        {
            // The system treats the number as signed.
            let longest = i32::MAX.unsigned_abs();
            let milliseconds =
                u32::try_from(stall.as_millis()).map_or(longest, |it| it.min(longest));
            rustix::net::sockopt::set_tcp_user_timeout(stream, milliseconds)?;
            rustix::net::sockopt::set_socket_keepalive(stream, true)?;
        }
        Ok(())
    };
    if let Err(e) = set() {
        log.warn(&format!("a connection without a stall timeout: {e}"));
    }
}
