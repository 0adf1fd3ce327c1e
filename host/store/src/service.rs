//! Errors of the services behind stores, in the terms of this program.

use std::error::Error;

use host_base::Failure;
use host_base::shell::word;
use host_base::text::printable;
use host_objectstore::S3Error;
use host_web::WebError;
use object_store::client::{HttpError, HttpErrorKind};

use crate::StoreUrl;
use crate::error::chain;

/// An operation that the service of a store did not carry out.
#[derive(Debug, thiserror::Error)]
#[error("can't {doing} {what}: {}", printable(reason, 400))]
pub struct ServiceError {
    /// The operation, as a verb.
    pub doing: &'static str,
    /// The object, with its store.
    pub what: String,
    /// The kind of the refusal.
    pub refused: Refused,
    /// The store, as the user names it.
    store: String,
    /// The kind of the service.
    kind: Kind,
    reason: String,
    /// The advice about the connection, if the service was not reached.
    advice: Option<String>,
}

/// The reason why a service did not carry out an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// There is no such object, bucket or container.
    Missing,
    /// There is such an object already, or it has changed.
    Exists,
    /// The credentials are missing or invalid.
    Unauthenticated,
    /// The credentials lack a permission.
    Forbidden,
    /// The service has no space left, or a quota is used up.
    Full,
    /// The service is overloaded or out of order.
    Busy,
    /// No connection was made, or it was lost.
    Unreachable,
    /// The deadline has passed.
    TimedOut,
    /// Anything else.
    Other,
}

/// The advice for a certificate that is not trusted. A store has certificates of its own.
const CERTIFICATE: &str = "For a certificate authority of your own, give its certificate to the store: `kubectl broker store add NAME ADDRESS --ca FILE`, or spec.caBundle of a BackupStore";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    S3,
    Google,
    Azure,
    Folder,
}

impl Refused {
    /// Returns true if the same operation may succeed a moment later.
    #[must_use]
    pub const fn is_passing(self) -> bool {
        matches!(self, Self::Busy | Self::Unreachable | Self::TimedOut)
    }

    /// Returns true if the service did not serve the user at all. A refusal may be about one object.
    pub(crate) const fn concerns_all(self) -> bool {
        self.is_passing() || matches!(self, Self::Unauthenticated | Self::Full)
    }

    pub(crate) const fn failure(self) -> Failure {
        match self {
            Self::Missing => Failure::NotFound,
            Self::Exists => Failure::Conflict,
            Self::Unauthenticated | Self::Forbidden => Failure::NotAllowed,
            Self::TimedOut => Failure::TimedOut,
            Self::Full | Self::Busy | Self::Unreachable | Self::Other => Failure::Failed,
        }
    }
}

impl ServiceError {
    pub(crate) fn new(
        doing: &'static str,
        what: String,
        called: &str,
        url: &StoreUrl,
        error: &object_store::Error,
    ) -> Self {
        use object_store::Error as E;
        let advice = find::<WebError>(error).and_then(|error| match error {
            WebError::Certificate { .. } => Some(CERTIFICATE.to_owned()),
            error => host_base::Problem::advice(error),
        });
        let advice =
            advice.or_else(|| find::<S3Error>(error).and_then(|error| error.report().hint));
        let status = status(error);
        let refused = match error {
            E::NotFound { .. } => Refused::Missing,
            E::AlreadyExists { .. } | E::Precondition { .. } | E::NotModified { .. } => {
                Refused::Exists
            }
            E::PermissionDenied { .. } => forbidden(error),
            E::Unauthenticated { .. } => Refused::Unauthenticated,
            _ => refused(error, status),
        };
        let kind = match url {
            StoreUrl::S3 { .. } => Kind::S3,
            StoreUrl::Google { .. } => Kind::Google,
            StoreUrl::Azure { .. } => Kind::Azure,
            StoreUrl::Folder(_) => Kind::Folder,
        };
        Self {
            doing,
            what,
            refused,
            store: called.to_owned(),
            kind,
            reason: reason(error, status),
            advice,
        }
    }

    pub(crate) fn advice(&self) -> Option<String> {
        if let Some(advice) = &self.advice {
            return Some(advice.clone());
        }
        let hint = match (self.refused, self.kind) {
            (Refused::Missing, Kind::Folder) => {
                "Create the folder, or correct the address of the store"
            }
            (Refused::Missing, _) => {
                "Check the address of the store, and that its bucket or container exists"
            }
            (Refused::Exists, _) => {
                return Some(format!(
                    "Another program has written it: look at it with `kubectl broker store ls {} --all`",
                    word(&self.store)
                ));
            }
            (Refused::Unauthenticated | Refused::Forbidden, Kind::S3) => {
                return Some(format!(
                    "Check AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; `kubectl broker store test {}` names the missing permission",
                    word(&self.store)
                ));
            }
            (Refused::Unauthenticated | Refused::Forbidden, Kind::Google) => {
                "Log in with `gcloud auth application-default login`, or set GOOGLE_APPLICATION_CREDENTIALS"
            }
            (Refused::Unauthenticated | Refused::Forbidden, Kind::Azure) => {
                "Log in with `az login`, or set AZURE_STORAGE_ACCOUNT_KEY or AZURE_CLIENT_ID and its secret"
            }
            (Refused::Unauthenticated | Refused::Forbidden, Kind::Folder) => {
                "Give this user access to the folder"
            }
            (Refused::Full, _) => {
                return Some(format!(
                    "Free space in the store, or raise its quota; `kubectl broker store ls {}` shows the sizes of its copies",
                    word(&self.store)
                ));
            }
            (Refused::Busy | Refused::TimedOut, _) => "Try again later",
            (Refused::Unreachable, _) => {
                "Check the network, HTTPS_PROXY and NO_PROXY, and the endpoint of the store"
            }
            (Refused::Other, _) => return None,
        };
        Some(hint.to_owned())
    }
}

fn find<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

fn refused(error: &(dyn Error + 'static), status: Option<u16>) -> Refused {
    if let Some(error) = find::<S3Error>(error) {
        use host_base::ReportKind as R;
        return match error.report().kind {
            R::Unauthenticated => Refused::Unauthenticated,
            R::Forbidden => Refused::Forbidden,
            R::NotFound => Refused::Missing,
            R::Unavailable => Refused::Unreachable,
            R::TimedOut => Refused::TimedOut,
            _ if error.is_full() => Refused::Full,
            _ => Refused::Other,
        };
    }
    let code = element(&chain(error), "Code").unwrap_or_default();
    if status.is_some_and(|status| host_objectstore::is_full(status, &code)) {
        return Refused::Full;
    }
    match refused_key(error).as_ref().map(|(code, _)| code.as_str()) {
        Some("AccessDenied") => return Refused::Forbidden,
        Some("InternalError" | "ServiceUnavailable" | "SlowDown") => return Refused::Busy,
        _ => {}
    }
    match status {
        Some(401) => return Refused::Unauthenticated,
        Some(403) => return forbidden(error),
        Some(404) => return Refused::Missing,
        Some(409 | 412) => return Refused::Exists,
        Some(408 | 429 | 500..) => return Refused::Busy,
        _ => {}
    }
    match find::<HttpError>(error).map(HttpError::kind) {
        Some(HttpErrorKind::Timeout) => Refused::TimedOut,
        Some(HttpErrorKind::Connect | HttpErrorKind::Request | HttpErrorKind::Interrupted) => {
            Refused::Unreachable
        }
        _ => {
            let io = find::<std::io::Error>(error).map(std::io::Error::kind);
            match io {
                Some(std::io::ErrorKind::NotFound) => Refused::Missing,
                Some(std::io::ErrorKind::PermissionDenied) => Refused::Forbidden,
                Some(std::io::ErrorKind::AlreadyExists) => Refused::Exists,
                Some(std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded) => {
                    Refused::Full
                }
                _ => Refused::Other,
            }
        }
    }
}

/// The codes by which S3 refuses credentials. Other refusals are about a permission, or about one object.
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html#ErrorCodeList>
const OF_CREDENTIALS: [&str; 6] = [
    "ExpiredToken",
    "InvalidAccessKeyId",
    "InvalidToken",
    "RequestTimeTooSkewed",
    "SignatureDoesNotMatch",
    "TokenRefreshRequired",
];

/// Returns the kind of a response with status 403.
fn forbidden(error: &(dyn Error + 'static)) -> Refused {
    match element(&chain(error), "Code") {
        Some(code) if host_objectstore::is_full(403, &code) => Refused::Full,
        Some(code) if OF_CREDENTIALS.contains(&&*code) => Refused::Unauthenticated,
        _ => Refused::Forbidden,
    }
}

/// Returns the text of an element of the document in an error.
fn element(said: &str, name: &str) -> Option<String> {
    let (_, rest) = said.split_once(&format!("<{name}>"))?;
    Some(rest.split_once('<')?.0.to_owned())
}

/// Returns code and message of an object that S3 did not delete, in a response that was a success. The library has them
/// in its message only.
fn refused_key(error: &(dyn Error + 'static)) -> Option<(String, String)> {
    let said = chain(error);
    let (_, rest) = said.split_once("DeleteObjects request failed for key ")?;
    let (rest, code) = rest.rsplit_once(" (code: ")?;
    let (_, message) = rest.split_once(": ")?;
    let code = code.trim_end_matches(')');
    Some((code.to_owned(), message.trim_end_matches('.').to_owned()))
}

/// Returns the status of a response. The library keeps it in its message only.
fn status(error: &(dyn Error + 'static)) -> Option<u16> {
    let said = chain(error);
    let (_, rest) = said.split_once("status code: ")?;
    rest.get(..3)?.parse().ok()
}

/// Returns a short reason. The library's message repeats the address and the whole document.
fn reason(error: &(dyn Error + 'static), status: Option<u16>) -> String {
    if let Some(error) = find::<S3Error>(error) {
        return error.to_string();
    }
    if let Some(error) = find::<WebError>(error) {
        return error.to_string();
    }
    if let Some(error) = find::<HttpError>(error) {
        return chain(error);
    }
    if let Some(error) = find::<std::io::Error>(error) {
        return error.to_string();
    }
    if let Some((code, message)) = refused_key(error) {
        return format!("the service answered {code}: {message}");
    }
    let said = chain(error);
    match (status, element(&said, "Code"), element(&said, "Message")) {
        (Some(status), Some(code), Some(message)) => {
            format!("the service answered {status} {code}: {message}")
        }
        (Some(status), Some(code), None) => format!("the service answered {status} {code}"),
        (Some(status), None, _) => format!("the service answered {status}"),
        (None, ..) => said,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(status: u16, code: &str) -> ServiceError {
        let document = format!("status code: {status}: <Error><Code>{code}</Code></Error>");
        let error = object_store::Error::Generic {
            store: "S3",
            source: document.into(),
        };
        let url = "s3://acme-backups".parse().unwrap();
        ServiceError::new("write", "a".to_owned(), "nightly", &url, &error)
    }

    #[test]
    fn a_store_without_space_is_told_from_a_busy_one_and_from_a_missing_permission() {
        for (status, code, refused) in [
            (507, "XMinioStorageFull", Refused::Full),
            (507, "", Refused::Full),
            (400, "XMinioAdminBucketQuotaExceeded", Refused::Full),
            (403, "QuotaExceeded", Refused::Full),
            (403, "AccessDenied", Refused::Forbidden),
            (503, "SlowDown", Refused::Busy),
        ] {
            let error = answered(status, code);
            assert_eq!(error.refused, refused, "{status} {code}");
        }
        let error = answered(507, "XMinioStorageFull");
        assert!(!error.refused.is_passing());
        let hint = error.advice().unwrap();
        assert!(hint.contains("`kubectl broker store ls nightly`"), "{hint}");
        let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
        let error = object_store::Error::Generic {
            store: "LocalFileSystem",
            source: full.into(),
        };
        let url = "file:///backups".parse().unwrap();
        let error = ServiceError::new("write", "a".to_owned(), "nightly", &url, &error);
        assert_eq!(error.refused, Refused::Full);
    }

    fn denied(code: &str) -> ServiceError {
        let document = format!("status code: 403: <Error><Code>{code}</Code></Error>");
        let error = object_store::Error::PermissionDenied {
            path: "a".to_owned(),
            source: document.into(),
        };
        let url = "s3://acme-backups".parse().unwrap();
        ServiceError::new("read", "a".to_owned(), "it's", &url, &error)
    }

    #[test]
    fn refused_credentials_concern_all_copies_and_a_missing_permission_may_not() {
        for (code, refused) in [
            ("InvalidAccessKeyId", Refused::Unauthenticated),
            ("ExpiredToken", Refused::Unauthenticated),
            ("AccessDenied", Refused::Forbidden),
            ("InvalidObjectState", Refused::Forbidden),
        ] {
            let error = denied(code);
            assert_eq!(error.refused, refused, "{code}");
            assert_eq!(error.refused.failure(), Failure::NotAllowed);
            let hint = error.advice().unwrap();
            assert!(
                hint.contains("`kubectl broker store test 'it'\\''s'`"),
                "{hint}"
            );
            let concerns_all = refused == Refused::Unauthenticated;
            assert_eq!(crate::StoreError::from(error).concerns_all(), concerns_all);
        }
    }
}
