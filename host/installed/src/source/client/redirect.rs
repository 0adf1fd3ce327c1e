use http::header::LOCATION;
use http::{Response, Uri};

use super::super::SourceError;
use super::shown;

/// Returns the target of a redirect, if the response is one.
pub(super) fn target<B>(from: &Uri, answer: &Response<B>) -> Result<Option<Uri>, SourceError> {
    if !matches!(answer.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let broken = |reason: &str| SourceError::Broken {
        what: shown(from),
        reason: reason.to_owned(),
    };
    let location = answer
        .headers()
        .get(LOCATION)
        .and_then(|location| location.to_str().ok())
        .ok_or_else(|| broken("it redirects without naming an address"))?;
    let to: Uri = resolve(from, location)
        .parse()
        .map_err(|_| broken("it redirects to an invalid address"))?;
    if to.host().is_none_or(str::is_empty) {
        return Err(broken("it redirects to an invalid address"));
    }
    if from.scheme_str() == Some("https") && to.scheme_str() != Some("https") {
        return Err(SourceError::Downgrade {
            from: shown(from),
            to: shown(&to),
        });
    }
    Ok(Some(to))
}

/// Resolves a location by RFC 3986, section 5.2, except for dots in paths, which servers resolve as well.
fn resolve(from: &Uri, location: &str) -> String {
    let scheme = from.scheme_str().unwrap_or("https");
    let authority = from.authority().map_or("", |it| it.as_str());
    if location.contains("://") && !location.starts_with(['/', '?']) {
        return location.to_owned();
    }
    if location.starts_with("//") {
        return format!("{scheme}:{location}");
    }
    let path = from.path();
    let folder = path.rfind('/').map_or("/", |at| &path[..=at]);
    let base = match location.chars().next() {
        Some('/') => "",
        Some('?') => path,
        _ => folder,
    };
    format!("{scheme}://{authority}{base}{location}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lead(from: &'static str, location: &str) -> Result<Option<Uri>, SourceError> {
        let answer = Response::builder()
            .status(302)
            .header(LOCATION, location)
            .body(())
            .unwrap();
        target(&Uri::from_static(from), &answer)
    }

    #[test]
    fn a_location_is_read_relative_to_where_it_came_from() {
        for (location, expected) in [
            ("https://b.example/y?z=1", "https://b.example/y?z=1"),
            ("//b.example/y", "https://b.example/y"),
            ("/y", "https://a.example:8443/y"),
            ("y", "https://a.example:8443/v1/y"),
            (
                "?to=https://b.example",
                "https://a.example:8443/v1/x?to=https://b.example",
            ),
        ] {
            let to = lead("https://a.example:8443/v1/x?q=1", location).unwrap();
            assert_eq!(to.unwrap().to_string(), expected);
        }
    }

    #[test]
    fn tls_is_never_left() {
        for location in [
            "http://a.example/x",
            "http://127.0.0.1/x",
            "ftp://a.example/x",
        ] {
            let error = lead("https://a.example/x", location).unwrap_err();
            assert!(matches!(error, SourceError::Downgrade { .. }), "{error}");
        }
        assert!(
            lead("http://127.0.0.1/x", "https://a.example/x")
                .unwrap()
                .is_some()
        );
    }

    #[test]
    fn nonsense_leads_nowhere() {
        for location in ["https://", "https:// x", "https:///x"] {
            let error = lead("https://a.example/x", location).unwrap_err();
            assert!(matches!(error, SourceError::Broken { .. }), "{error}");
        }
        let silent = Response::builder().status(301).body(()).unwrap();
        assert!(target(&Uri::from_static("https://a.example/x"), &silent).is_err());
    }
}
