use std::time::Duration;

use host_base::text::printable;
use host_base::{Problem, Report, ReportKind};
use host_web::WebError;
use http::{Method, Request};

use super::refusal::Refusal;

/// The maximum number of characters of foreign text in one message.
const SHOWN: usize = 400;

/// The reason why a request to S3, or an action of another service, has failed.
///
/// Fields contain foreign text unchanged; messages show it through [`printable`].
#[derive(Debug, thiserror::Error)]
pub enum S3Error {
    /// No credentials were found.
    #[error("no AWS credentials were found{}, but they are required", of_profile(profile.as_deref()))]
    NoCredentials {
        /// Value of `AWS_PROFILE`.
        profile: Option<String>,
    },
    /// The credentials can't be obtained.
    #[error("can't get AWS credentials: {}", show(reason))]
    Credentials { reason: String },
    /// A setting of the AWS configuration is invalid.
    #[error("invalid {what} in the AWS configuration: `{}`", show(value))]
    Configuration { what: String, value: String },
    /// The name of the bucket is invalid.
    #[error("`{}` is not a valid bucket name", show(name))]
    BadBucket { name: String },
    /// The name of the region is invalid.
    #[error("`{}` is not a valid region", show(name))]
    BadRegion { name: String },
    /// The request can't be signed.
    #[error("the request to S3 can't be signed: {}", show(reason))]
    NotSigned { reason: String },
    /// A value is not allowed in a request.
    #[error("the request to S3 can't be sent: {}", show(reason))]
    NotSent { reason: String },
    /// An object has changed, or exists although it must not.
    #[error("{} is not as the condition of the request demands", show(what))]
    Condition { what: String },
    /// The response is not what the service promises.
    #[error("the answer of S3 about {} is not understood", show(what))]
    NotUnderstood { what: String },
    /// A service refused an action.
    #[error("{} was answered with {status}{}", show(what), because(code, message))]
    ActionRefused {
        /// The action as `SERVICE:ACTION`.
        what: String,
        status: u16,
        code: String,
        message: String,
    },
    /// No connection to S3 was made.
    #[error("S3: {0}")]
    Web(#[from] WebError),
    /// No response arrived in time.
    #[error("the request for {} timed out after {after:?}", show(what))]
    TimedOut { what: String, after: Duration },
    /// The response was interrupted.
    #[error("the answer for {} was interrupted: {}", show(what), show(reason))]
    Cut { what: String, reason: String },
    /// S3 refused the request.
    #[error("S3 answered {status} for {}{}{}", show(what), signed_with(key.as_deref()), because(code, message))]
    Refused {
        what: String,
        /// The permission that the request needs.
        permission: &'static str,
        /// Id of the access key, if the request was signed.
        key: Option<String>,
        status: u16,
        code: String,
        message: String,
    },
}

/// The permission that a copy needs.
pub(super) const COPYING: &str = "s3:PutObject, and s3:GetObject for the source";

/// Returns the permission that a request needs.
pub(super) fn permission<T>(request: &Request<T>) -> &'static str {
    let query = request.uri().query().unwrap_or_default();
    match *request.method() {
        Method::GET if query.contains("list-type=") => "s3:ListBucket",
        Method::GET if query.starts_with("uploads=") => "s3:ListBucketMultipartUploads",
        Method::GET if query.contains("uploadId=") => "s3:ListMultipartUploadParts",
        Method::GET if query == "retention=" => "s3:GetObjectRetention",
        Method::GET if query == "object-lock=" => "s3:GetBucketObjectLockConfiguration",
        Method::GET | Method::HEAD => "s3:GetObject",
        Method::DELETE if query.contains("uploadId=") => "s3:AbortMultipartUpload",
        Method::DELETE => "s3:DeleteObject",
        _ if request.headers().contains_key("x-amz-copy-source") => COPYING,
        _ => "s3:PutObject",
    }
}

impl S3Error {
    pub(super) fn no_credentials() -> Self {
        let profile = std::env::var("AWS_PROFILE").ok();
        Self::NoCredentials {
            profile: profile.filter(|name| !name.is_empty()),
        }
    }

    pub(super) fn refused(
        what: String,
        permission: &'static str,
        key: Option<String>,
        refusal: Refusal,
    ) -> Self {
        Self::Refused {
            what,
            permission,
            key,
            status: refusal.status,
            code: refusal.code,
            message: refusal.message,
        }
    }

    /// Returns true if no space is left, or if a quota is used up.
    #[must_use]
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Refused { status, code, .. } if is_full(*status, code))
    }

    /// Converts the error to the terms of the engine interface.
    #[must_use]
    pub fn report(&self) -> Report {
        let (kind, retryable) = match self {
            Self::NoCredentials { .. } | Self::Credentials { .. } => {
                (ReportKind::Unauthenticated, false)
            }
            Self::Configuration { .. }
            | Self::BadBucket { .. }
            | Self::BadRegion { .. }
            | Self::NotSent { .. }
            | Self::Web(WebError::Configuration { .. } | WebError::Proxy(_)) => {
                (ReportKind::InvalidArgument, false)
            }
            Self::NotSigned { .. } => (ReportKind::Failed, false),
            Self::Condition { .. } => (ReportKind::Conflict, false),
            Self::NotUnderstood { .. } => (ReportKind::Protocol, false),
            Self::Web(WebError::Unreachable { .. }) => (ReportKind::Unavailable, true),
            Self::Web(WebError::TimedOut { .. }) | Self::TimedOut { .. } => {
                (ReportKind::TimedOut, true)
            }
            Self::Web(WebError::Certificate { .. }) => (ReportKind::Unavailable, false),
            Self::Cut { .. } => (ReportKind::Failed, true),
            Self::Refused { status, code, .. } => refused(*status, code),
            Self::ActionRefused { status, code, .. } => refused_action(*status, code),
        };
        Report {
            kind,
            message: self.to_string(),
            hint: self.advice(),
            retryable,
            origin: None,
        }
    }

    fn advice(&self) -> Option<String> {
        let hint = match self {
            Self::NoCredentials { .. } => {
                "Set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; if the profile uses single sign-on, log in with `aws sso login`"
            }
            Self::Credentials { .. } => {
                "`aws sts get-caller-identity` shows whether the same credentials work elsewhere"
            }
            Self::Configuration { .. } => {
                "Check AWS_REGION, AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL and the profile. An address \
                 looks like https://HOST:PORT, a region like eu-west-1"
            }
            Self::BadBucket { .. } => {
                "Bucket names must be 3–63 lower-case letters, digits, dashes and dots"
            }
            Self::BadRegion { .. } => "A region looks like eu-west-1",
            Self::Condition { .. } => {
                "Something else has written the object in the meantime: look at it before you try again"
            }
            Self::NotUnderstood { .. } => {
                "Check AWS_ENDPOINT_URL_S3 and AWS_ENDPOINT_URL: another program may answer there"
            }
            Self::NotSigned { .. } | Self::NotSent { .. } => return None,
            Self::Web(WebError::Unreachable { .. }) => {
                "Check the network, HTTPS_PROXY and NO_PROXY. For an S3 other than Amazon's, set AWS_ENDPOINT_URL_S3"
            }
            Self::Web(error) => return error.advice(),
            Self::TimedOut { .. } | Self::Cut { .. } => "Try again later",
            Self::Refused {
                status,
                code,
                permission,
                ..
            } => return Some(hint_of(*status, code, permission)),
            Self::ActionRefused {
                what, status, code, ..
            } => return hint_of_action(what, *status, code),
        };
        Some(hint.to_owned())
    }
}

/// Error codes that mean invalid credentials, not missing permissions.
const BAD_CREDENTIALS: [&str; 6] = [
    "ExpiredToken",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidToken",
    "SignatureDoesNotMatch",
    "TokenRefreshRequired",
];

/// Parts of error codes of actions, and what they mean.
const CODES: [(&str, ReportKind); 6] = [
    ("NotFound", ReportKind::NotFound),
    ("AlreadyExists", ReportKind::Conflict),
    ("QuotaExceeded", ReportKind::Failed),
    ("LimitExceeded", ReportKind::Failed),
    ("AccessDenied", ReportKind::Forbidden),
    ("UnauthorizedOperation", ReportKind::Forbidden),
];

/// Error codes of servers without space: of MinIO, of its quotas of buckets, and of Ceph.
const FULL: [&str; 3] = [
    "XMinioStorageFull",
    "XMinioAdminBucketQuotaExceeded",
    "QuotaExceeded",
];

/// Returns true if a service refused a request because no space is left, or because a quota is used up.
#[must_use]
pub fn is_full(status: u16, code: &str) -> bool {
    status == 507 || FULL.contains(&code)
}

const SKEWED: &str = "RequestTimeTooSkewed";
const ARCHIVED: &str = "InvalidObjectState";

fn refused(status: u16, code: &str) -> (ReportKind, bool) {
    match status {
        _ if is_full(status, code) => (ReportKind::Failed, false),
        _ if BAD_CREDENTIALS.contains(&code) || code == SKEWED => {
            (ReportKind::Unauthenticated, false)
        }
        401 => (ReportKind::Unauthenticated, false),
        // The object is archived and must be restored there first.
        403 if code == ARCHIVED => (ReportKind::Conflict, false),
        403 => (ReportKind::Forbidden, false),
        404 | 410 => (ReportKind::NotFound, false),
        // Another request for the same object is under way.
        409 => (ReportKind::Conflict, false),
        400 => (ReportKind::InvalidArgument, false),
        429 | 500.. => (ReportKind::Unavailable, true),
        _ => (ReportKind::Failed, false),
    }
}

fn refused_action(status: u16, code: &str) -> (ReportKind, bool) {
    if BAD_CREDENTIALS.contains(&code) || code == "RequestExpired" {
        return (ReportKind::Unauthenticated, false);
    }
    if is_throttling(status, code) {
        return (ReportKind::Unavailable, true);
    }
    let is_state = code.starts_with("Invalid") && code.ends_with("State");
    let known = CODES.iter().find(|(part, _)| code.contains(part));
    match (known, status) {
        (Some((_, kind)), _) => (*kind, false),
        _ if is_state => (ReportKind::Conflict, false),
        (None, 401) => (ReportKind::Unauthenticated, false),
        (None, 403) => (ReportKind::Forbidden, false),
        (None, 400) => (ReportKind::InvalidArgument, false),
        (None, 500..) => (ReportKind::Unavailable, true),
        _ => (ReportKind::Failed, false),
    }
}

/// Returns true if a service refused a request because there were too many. The status 503 alone does not say
/// whether the work was begun.
pub(super) fn is_throttling(status: u16, code: &str) -> bool {
    code.starts_with("Throttling") || code == "RequestLimitExceeded" || status == 429
}

fn hint_of_action(what: &str, status: u16, code: &str) -> Option<String> {
    let hint = match refused_action(status, code).0 {
        ReportKind::Forbidden => {
            return Some(format!(
                "Ask for the permission {}, or choose other credentials with AWS_PROFILE",
                show(what)
            ));
        }
        ReportKind::Unauthenticated if code == "RequestExpired" => "Set the clock of this machine",
        ReportKind::Unauthenticated => {
            "These AWS credentials are expired or invalid: log in again, or choose others with AWS_PROFILE"
        }
        ReportKind::NotFound => "Check the name, and AWS_REGION",
        ReportKind::Unavailable => "Try again later",
        _ => return None,
    };
    Some(hint.to_owned())
}

fn hint_of(status: u16, code: &str, permission: &str) -> String {
    let hint = match status {
        _ if is_full(status, code) => "Free space in the object store, or raise its quota",
        _ if code == SKEWED => "Set the clock of this machine",
        _ if code == ARCHIVED => {
            "The object is in an archive: restore it there first (`aws s3api restore-object`)"
        }
        _ if BAD_CREDENTIALS.contains(&code) => {
            "These AWS credentials are expired or invalid: log in again, or choose others with AWS_PROFILE"
        }
        401 | 403 => {
            let other = "choose other credentials with AWS_PROFILE";
            // S3 hides from users without this permission what does not exist.
            let hidden = match permission {
                "s3:GetObject" => {
                    ". Without s3:ListBucket, S3 gives the same answer for a missing object"
                }
                _ => "",
            };
            return format!("Ask for the permission {permission}, or {other}{hidden}");
        }
        404 | 410 => {
            "Check the names of the bucket and the object. For an S3 other than Amazon's, set AWS_ENDPOINT_URL_S3"
        }
        409 => "Another request changes the same object: look at it before you try again",
        301 | 307 | 400 => "Check AWS_REGION and AWS_ENDPOINT_URL_S3",
        429 | 500.. => "Try again later",
        _ => "Check whether `aws s3 cp` can read the object",
    };
    hint.to_owned()
}

fn of_profile(profile: Option<&str>) -> String {
    let profile = profile.map(|name| {
        format!(
            ", neither in the environment nor in profile `{}`",
            show(name)
        )
    });
    profile.unwrap_or_default()
}

fn signed_with(key: Option<&str>) -> String {
    key.map(|key| format!(" with access key {}", show(key)))
        .unwrap_or_default()
}

fn because(code: &str, message: &str) -> String {
    match (code.trim(), message.trim()) {
        ("", "") => String::new(),
        (code, "") => format!(": {}", show(code)),
        ("", message) => format!(": {}", show(message)),
        (code, message) => format!(": {} ({})", show(code), show(message)),
    }
}

fn show(text: &str) -> String {
    printable(text, SHOWN).into_owned()
}

#[cfg(test)]
mod messages;

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16, code: &str) -> Report {
        let refusal = Refusal {
            status,
            code: code.to_owned(),
            message: "Because".to_owned(),
            region: None,
        };
        let key = Some("AKIAEXAMPLE".to_owned());
        S3Error::refused("s3://acme/a".to_owned(), "s3:GetObject", key, refusal).report()
    }

    #[test]
    fn a_refusal_names_the_object_the_key_and_the_reason() {
        assert_eq!(
            refused(403, "AccessDenied").message,
            "S3 answered 403 for s3://acme/a with access key AKIAEXAMPLE: AccessDenied (Because)"
        );
    }

    #[test]
    fn the_missing_permission_is_that_of_the_request() {
        let of = |method: &str, target: &str, source: Option<&str>| {
            let mut request = Request::builder().method(method).uri(target);
            if let Some(source) = source {
                request = request.header("x-amz-copy-source", source);
            }
            permission(&request.body(()).unwrap())
        };
        assert_eq!(of("GET", "/acme/a", None), "s3:GetObject");
        assert_eq!(of("HEAD", "/acme/a", None), "s3:GetObject");
        assert_eq!(of("GET", "/acme/?list-type=2", None), "s3:ListBucket");
        assert_eq!(of("PUT", "/acme/a", None), "s3:PutObject");
        assert_eq!(of("POST", "/acme/a?uploads", None), "s3:PutObject");
        assert_eq!(of("PUT", "/acme/a", Some("/acme/b")), COPYING);
        assert_eq!(of("DELETE", "/acme/a", None), "s3:DeleteObject");
        let abort = of("DELETE", "/acme/a?uploadId=1", None);
        assert_eq!(abort, "s3:AbortMultipartUpload");
    }

    #[test]
    fn bad_credentials_are_told_from_missing_rights() {
        for (status, code, kind) in [
            (403, "AccessDenied", ReportKind::Forbidden),
            (403, "SignatureDoesNotMatch", ReportKind::Unauthenticated),
            (400, "ExpiredToken", ReportKind::Unauthenticated),
            (403, "RequestTimeTooSkewed", ReportKind::Unauthenticated),
            (403, "InvalidObjectState", ReportKind::Conflict),
            (404, "NoSuchKey", ReportKind::NotFound),
            (409, "ConditionalRequestConflict", ReportKind::Conflict),
            (404, "NoSuchBucket", ReportKind::NotFound),
            (503, "SlowDown", ReportKind::Unavailable),
        ] {
            assert_eq!(refused(status, code).kind, kind, "{code}");
        }
        assert!(refused(503, "SlowDown").retryable);
        assert!(!refused(403, "AccessDenied").retryable);
    }
}
