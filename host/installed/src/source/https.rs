//! Fetches one file at a URL, with `FILE.sig` beside it.

use std::sync::Arc;

use http::{HeaderMap, Uri};

use super::client::{Client, shown};
use super::{DetachedSignature, Fetched, MAX_ENGINE, MAX_SIGNATURE, Network, SourceError};
use crate::Reference;
use crate::signature::decode;

/// Fetches the file, and its signature if there is one.
pub(super) async fn fetch(network: &Network, url: &str) -> Result<Fetched, SourceError> {
    let bad = |reason| SourceError::BadUrl {
        url: without_secrets(url),
        reason,
    };
    let address: Uri = url.parse().map_err(|_| bad("it is not a valid address"))?;
    if address.host().is_none_or(str::is_empty) {
        return Err(bad("it names no host"));
    }
    let client = &network.client;
    let answer = client
        .get(&address, HeaderMap::new(), MAX_ENGINE)
        .await?
        .successful(&shown(&address))?;
    let looked = tokio::time::timeout(network.signatures, signature(client, &address)).await;
    let looked = looked.unwrap_or_else(|_| {
        Err(SourceError::TimedOut {
            what: format!("the signature of {}", shown(&address)),
            after: network.signatures,
        })
    });
    let (signature, problem) = match looked {
        Ok(signature) => (signature, None),
        Err(problem) => (None, Some(Arc::new(problem))),
    };
    Ok(Fetched {
        bytes: answer.body,
        pinned: Reference::Url(url.to_owned()),
        signatures: signature.into_iter().collect(),
        not_looked_up: problem,
    })
}

async fn signature(
    client: &Client,
    address: &Uri,
) -> Result<Option<DetachedSignature>, SourceError> {
    let Some(beside) = beside(address) else {
        return Ok(None);
    };
    let answer = client.get(&beside, HeaderMap::new(), MAX_SIGNATURE).await?;
    // Object stores that may not be listed return 403 for missing objects.
    if matches!(answer.status.as_u16(), 403 | 404 | 410) {
        return Ok(None);
    }
    let origin = shown(&beside);
    let answer = answer.successful(&origin)?;
    Ok(Some(DetachedSignature {
        der: decode(&answer.body, &origin)?,
        payload: None,
        origin,
    }))
}

/// Returns the URL with `.sig` after its path, and the same query.
fn beside(address: &Uri) -> Option<Uri> {
    let query = address.query().map_or(String::new(), |it| format!("?{it}"));
    let path = format!("{}.sig{query}", address.path());
    let mut parts = address.clone().into_parts();
    parts.path_and_query = Some(path.parse().ok()?);
    Uri::from_parts(parts).ok()
}

/// Removes secrets from an invalid URL, which may still contain a password.
fn without_secrets(url: &str) -> String {
    let url = url.split('?').next().unwrap_or_default();
    match (url.split_once("://"), url.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, rest))) => format!("{scheme}://***@{rest}"),
        _ => url.to_owned(),
    }
}

#[cfg(test)]
mod tests;
