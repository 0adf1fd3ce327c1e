//! The server: it reads requests, applies faults, and sends answers.

use std::io;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use http::{Request, header};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use super::api::{Call, refusal};
use super::{Google, GoogleFault, State, lock};
use crate::backend::http::NoAnswer;
use crate::tasks::Tasks;
use crate::web::Reply;

pub(super) async fn start() -> io::Result<Google> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let google = Google {
        address: listener.local_addr()?,
        state: Arc::default(),
        tasks: Tasks::default(),
    };
    let (state, tasks) = (Arc::clone(&google.state), google.tasks.clone());
    google.tasks.spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let state = Arc::clone(&state);
            tasks.spawn(async move {
                // Without this, small answers would wait for acknowledgements.
                let _ = stream.set_nodelay(true);
                let service = service_fn(move |request| answer(Arc::clone(&state), request));
                // Errors come from faults or from clients that disconnected.
                let _ = http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    });
    Ok(google)
}

async fn answer(state: Arc<Mutex<State>>, request: Request<Incoming>) -> Result<Reply, NoAnswer> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| NoAnswer)?.to_bytes();
    let mut state = lock(&state);
    let Some(call) = Call::new(head, body) else {
        return Ok(refusal(404, "notFound", "Not Found"));
    };
    let wanted = state.token.as_ref().map(|token| format!("Bearer {token}"));
    let given = call.headers.get(header::AUTHORIZATION);
    let given = given.and_then(|value| value.to_str().ok());
    // The address of an upload is its own credential.
    if wanted.is_some() && given != wanted.as_deref() && !call.is_in_session() {
        state.requests.push(("unauthorized", call.resource()));
        return Ok(refusal(401, "authError", "Invalid Credentials"));
    }
    let operation = call.operation();
    state.requests.push((operation, call.resource()));
    let faults = state.take_faults(operation);
    for fault in &faults {
        match fault {
            GoogleFault::CutBefore => return Err(NoAnswer),
            GoogleFault::Status(status) => {
                let reason = if *status == 429 {
                    "rateLimitExceeded"
                } else {
                    "backendError"
                };
                return Ok(refusal(*status, reason, "Backend Error"));
            }
            GoogleFault::Change {
                bucket,
                name,
                bytes,
            } => match bytes {
                Some(bytes) => {
                    state.put(bucket, name, bytes.clone());
                }
                None => {
                    if let Some(objects) = state.buckets.get_mut(bucket) {
                        objects.remove(name);
                    }
                }
            },
            GoogleFault::CutAfter => {}
        }
    }
    let reply = state.carry_out(&call);
    let is_cut = faults.iter().any(|it| matches!(it, GoogleFault::CutAfter));
    if is_cut { Err(NoAnswer) } else { Ok(reply) }
}
