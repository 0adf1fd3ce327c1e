//! The route `POST /backup/export`.

use std::fs::File;
use std::io::Read as _;
use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderName, HeaderValue, Response, StatusCode, Version, header};
use http_body::Frame;
use http_body_util::BodyExt as _;
use percent_encoding::percent_decode_str;
use tokio::sync::mpsc::{self, Receiver};
use tokio::task;

use super::Agent;
use super::body::Leaving;
use super::reply::{self, Reply};
use crate::export::{Artifact, CHECKSUM, CHUNK, End, FolderId, Session};
use crate::strategy::{self, Failure, Job, Piece};

/// Seconds after which a client should retry if the queue is full. The duration of an export is unknown.
const RETRY_AFTER: &str = "60";

pub async fn answer(agent: &Arc<Agent>, head: &Parts) -> Reply {
    let is_streamed = agent.config.strategy.stream;
    if is_streamed && head.version < Version::HTTP_11 {
        // In HTTP/1.0 the end of the connection ends the body, so an incomplete stream would look complete.
        let text = "A streamed export needs HTTP/1.1";
        return reply::error(StatusCode::HTTP_VERSION_NOT_SUPPORTED, text);
    }
    let Ok(folder) = folder_id(head.uri.query()) else {
        let text = "Invalid drive_folder_id: only letters, digits, '-', '_' and '.' are allowed";
        return reply::error(StatusCode::BAD_REQUEST, text);
    };
    let Ok(session) = agent.exports.enter(folder).await else {
        agent.metrics.refused();
        return busy();
    };
    let job = Job {
        config: Arc::clone(&agent.config),
        session: Arc::clone(&session),
        log: agent.log.clone(),
    };
    let made = if is_streamed {
        streamed(agent, job).await
    } else {
        spooled(agent, job).await
    };
    made.unwrap_or_else(|failure| failed(agent, &session, &failure))
}

/// Returns the answer to an export while too many others are waiting.
pub fn busy() -> Reply {
    let text = "Too many exports wait already";
    let mut reply = reply::error(StatusCode::SERVICE_UNAVAILABLE, text);
    reply::set(&mut reply, header::RETRY_AFTER, RETRY_AFTER);
    reply
}

async fn spooled(agent: &Agent, job: Job) -> Result<Reply, Failure> {
    let Artifact { file, size, sha256 } = strategy::spool(&job).await?;
    let number = job.session.number;
    agent
        .log
        .info(&format!("export {number}: {size} bytes, SHA-256 {sha256}"));
    let pieces = read(file, size);
    let session = Arc::clone(&job.session);
    let body = Leaving::new(None, pieces, Some(size), session, agent.log.clone());
    let mut reply = whole(agent, &job, body);
    let headers = reply.headers_mut();
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(size));
    headers.insert(HeaderName::from_static("x-size"), HeaderValue::from(size));
    if let Ok(sum) = HeaderValue::from_str(&sha256) {
        headers.insert(HeaderName::from_static(CHECKSUM), sum);
    }
    Ok(reply)
}

async fn streamed(agent: &Agent, job: Job) -> Result<Reply, Failure> {
    let mut pieces = strategy::stream(job.clone());
    // A failure before the first byte is an error with a status.
    let first = match pieces.recv().await {
        Some(first) => first?,
        None => return Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof).into()),
    };
    let session = Arc::clone(&job.session);
    let body = Leaving::new(Some(first), pieces, None, session, agent.log.clone());
    let mut reply = whole(agent, &job, body);
    reply::set(&mut reply, header::TRAILER, CHECKSUM);
    Ok(reply)
}

/// Returns an answer with the headers that every artifact has, in both spellings.
fn whole(agent: &Agent, job: &Job, body: Leaving) -> Reply {
    let mut reply = Response::new(body.boxed_unsync());
    let artifact = &agent.config.strategy.artifact;
    let disposition = format!("attachment; filename=\"{}\"", artifact.filename);
    let folder = job.session.folder.as_ref().map_or("", FolderId::as_str);
    let headers = [
        (header::CONTENT_TYPE, artifact.content_type.as_str()),
        (header::CONTENT_DISPOSITION, &disposition),
        (HeaderName::from_static("x-backup-format"), &artifact.format),
        (HeaderName::from_static("x-format"), &artifact.format),
        (HeaderName::from_static("x-drive-folder-id"), folder),
        // No cache may store a backup.
        (header::CACHE_CONTROL, "no-store"),
    ];
    for (name, value) in headers {
        // The values were checked when they were read; the folder is empty if none was given.
        if let Ok(value) = HeaderValue::from_str(value)
            && !value.is_empty()
        {
            reply.headers_mut().insert(name, value);
        }
    }
    reply
}

fn failed(agent: &Agent, session: &Session, failure: &Failure) -> Reply {
    session.end(End::Failed);
    agent
        .log
        .error(&format!("export {}: {failure}", session.number));
    let text = agent.log.redact(&failure.to_string());
    reply::error(StatusCode::INTERNAL_SERVER_ERROR, &text)
}

/// Reads a file in a thread, at the speed of the client.
fn read(mut file: File, size: u64) -> Receiver<Piece> {
    let (to, from) = mpsc::channel(4);
    task::spawn_blocking(move || {
        let mut left = size;
        while left > 0 {
            let mut chunk = vec![0; CHUNK.min(usize::try_from(left).unwrap_or(CHUNK))];
            let piece = file.read_exact(&mut chunk).map_err(Failure::from);
            left -= chunk.len() as u64;
            let is_last = piece.is_err();
            let piece = piece.map(|()| Frame::data(Bytes::from(chunk)));
            if to.blocking_send(piece).is_err() || is_last {
                return;
            }
        }
    });
    from
}

/// Returns the first folder id of the query. An empty one counts as missing.
fn folder_id(query: Option<&str>) -> Result<Option<FolderId>, ()> {
    let pairs = query.unwrap_or_default().split('&');
    let value = pairs
        .filter_map(|pair| pair.split_once('='))
        .find(|(name, _)| *name == "drive_folder_id");
    let Some((_, value)) = value.filter(|(_, value)| !value.is_empty()) else {
        return Ok(None);
    };
    let value = percent_decode_str(value).decode_utf8().map_err(|_| ())?;
    FolderId::parse(&value).map(Some).ok_or(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(query: &str) -> Result<Option<String>, ()> {
        folder_id(Some(query)).map(|id| id.map(|id| id.to_string()))
    }

    #[test]
    fn the_folder_is_read_from_the_query_and_checked() {
        assert_eq!(
            folder("a=1&drive_folder_id=0B%5fx&drive_folder_id=y"),
            Ok(Some("0B_x".to_owned()))
        );
        assert_eq!(folder(""), Ok(None));
        assert_eq!(folder("drive_folder_id="), Ok(None));
        assert_eq!(folder("drive_folder_id=%24%28id%29"), Err(()));
        assert_eq!(folder("drive_folder_id=a+b"), Err(()));
        assert_eq!(folder("drive_folder_id=%ff"), Err(()));
    }
}
