//! Misbehaviour of the services, as data.

use http::HeaderName;

use super::ACCOUNT;
use super::data::Data;
use super::request::{AwsService, Call};

/// The requests that a fault is about.
#[derive(Debug, Clone)]
pub struct On {
    service: Option<AwsService>,
    operation: String,
    resource: String,
    access_key: Option<String>,
    which: Which,
}

#[derive(Debug, Clone, Copy)]
enum Which {
    All,
    First(u64),
    Nth(u64),
    Every(u64),
}

/// A deviation from what the service does.
#[derive(Debug, Clone)]
pub enum AwsFault {
    /// The service refuses the request because there are too many: `SlowDown` or `Throttling`.
    Throttle,
    /// The service refuses the request with this error, and does nothing.
    Error {
        status: u16,
        code: String,
        message: String,
    },
    /// The answer has the status 200 and this error in its body. Nothing is done.
    LateError { code: String, message: String },
    /// The connection ends before the request is carried out.
    CutBefore,
    /// The connection ends after the request was carried out, without an answer.
    CutAfter,
    /// The request is read, and never carried out or answered.
    Hang,
    /// The connection ends after this many bytes of the body of the answer.
    CutWithin(u64),
    /// The first line of the answer comes at once, and this many spaces before the rest.
    Spaces(usize),
    /// The service does not know a header of requests, as some stores that imitate S3.
    IgnoreHeader(String),
    /// Something else happens right after the request was carried out.
    Afterwards(Change),
}

/// A change that another client makes.
#[derive(Debug, Clone)]
pub enum Change {
    Put {
        bucket: String,
        key: String,
        data: Data,
    },
    Remove {
        bucket: String,
        key: String,
    },
    /// The status of an instance, cluster or snapshot of RDS changes.
    Status {
        id: String,
        status: String,
    },
}

impl On {
    /// Returns every request.
    pub fn any() -> Self {
        Self::operation("*")
    }

    /// Returns every request of a service.
    pub fn service(service: AwsService) -> Self {
        Self {
            service: Some(service),
            ..Self::any()
        }
    }

    /// Returns every request for an operation, such as `CopyObject`. `*` stands for any characters.
    pub fn operation(pattern: &str) -> Self {
        Self {
            service: None,
            operation: pattern.to_owned(),
            resource: "*".to_owned(),
            access_key: None,
            which: Which::All,
        }
    }

    /// Selects requests about a resource: `BUCKET/KEY`, or an identifier of RDS. `*` stands for any characters.
    #[must_use]
    pub fn resource(mut self, pattern: &str) -> Self {
        pattern.clone_into(&mut self.resource);
        self
    }

    /// Selects requests with this access key.
    #[must_use]
    pub fn access_key(mut self, id: &str) -> Self {
        self.access_key = Some(id.to_owned());
        self
    }

    /// Selects the first `count` of these requests.
    #[must_use]
    pub fn first(mut self, count: u64) -> Self {
        self.which = Which::First(count);
        self
    }

    /// Selects one of these requests, counted from 1.
    #[must_use]
    pub fn nth(mut self, number: u64) -> Self {
        self.which = Which::Nth(number);
        self
    }

    /// Selects each of these requests whose number is a multiple of `step`.
    #[must_use]
    pub fn every(mut self, step: u64) -> Self {
        self.which = Which::Every(step);
        self
    }

    fn matches(&self, call: &Call) -> bool {
        let key = self.access_key.as_deref();
        self.service.is_none_or(|it| it == call.service)
            && fits(&self.operation, &call.operation)
            && fits(&self.resource, &call.resource())
            && key.is_none_or(|it| Some(it) == call.access_key())
    }
}

impl AwsFault {
    /// Returns an error that the service answers with.
    pub fn error(status: u16, code: &str, message: &str) -> Self {
        Self::Error {
            status,
            code: code.to_owned(),
            message: message.to_owned(),
        }
    }

    /// Returns an error that comes after the status 200.
    pub fn late_error(code: &str, message: &str) -> Self {
        Self::LateError {
            code: code.to_owned(),
            message: message.to_owned(),
        }
    }
}

/// The faults that are set, with the number of requests that each has seen.
#[derive(Debug, Default)]
pub(super) struct Rules(Vec<(On, AwsFault, u64)>);

impl Rules {
    pub(super) fn add(&mut self, on: On, fault: AwsFault) {
        self.0.push((on, fault, 0));
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Counts the request, and returns the faults for it.
    pub(super) fn take(&mut self, call: &Call) -> Vec<AwsFault> {
        let mut found = Vec::new();
        for (on, fault, seen) in &mut self.0 {
            if !on.matches(call) {
                continue;
            }
            *seen += 1;
            let is_meant = match on.which {
                Which::All => true,
                Which::First(count) => *seen <= count,
                Which::Nth(number) => *seen == number,
                Which::Every(step) => seen.is_multiple_of(step),
            };
            if is_meant {
                found.push(fault.clone());
            }
        }
        found
    }
}

/// Removes the headers that the service does not know.
pub(super) fn forget(call: &mut Call, faults: &[AwsFault]) {
    for fault in faults {
        if let AwsFault::IgnoreHeader(name) = fault
            && let Ok(name) = HeaderName::try_from(name.as_str())
        {
            call.headers.remove(name);
        }
    }
}

/// A permission that is missing.
#[derive(Debug, Clone)]
pub struct Denial {
    permission: String,
    resource: String,
    access_key: Option<String>,
}

impl Denial {
    /// Denies a permission of IAM, such as `s3:PutObject`, on an ARN. `*` stands for any characters.
    pub fn new(permission: &str, resource: &str) -> Self {
        Self {
            permission: permission.to_owned(),
            resource: resource.to_owned(),
            access_key: None,
        }
    }

    /// Limits the denial to one access key.
    #[must_use]
    pub fn for_key(mut self, id: &str) -> Self {
        self.access_key = Some(id.to_owned());
        self
    }

    pub(super) fn covers(&self, key: Option<&str>, permission: &str, resource: &str) -> bool {
        let denied = self.access_key.as_deref();
        denied.is_none_or(|it| Some(it) == key)
            && fits(&self.permission, permission)
            && fits(&self.resource, resource)
    }
}

/// Returns the message of IAM about a missing permission.
pub(super) fn not_authorized(key: &str, permission: &str, resource: &str) -> String {
    format!(
        "User: arn:aws:iam::{ACCOUNT}:user/{key} is not authorized to perform: {permission} on resource: {resource} \
         because no identity-based policy allows the {permission} action"
    )
}

/// Returns whether a text matches a pattern in which `*` stands for any characters.
fn fits(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(mut left) = text.strip_prefix(first) else {
        return false;
    };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        match left.find(part) {
            Some(at) => left = &left[at + part.len()..],
            None => return false,
        }
    }
    left.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_characters() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("CopyObject", "CopyObject", true),
            ("CopyObject", "CopyObjects", false),
            ("s3:*Object", "s3:PutObject", true),
            ("s3:*Object", "s3:PutObjectTagging", false),
            ("a*b*c", "aXbYbZc", true),
            ("a*b*c", "acb", false),
            ("ab*b", "ab", false),
            ("arn:aws:s3:::dest/dl/*", "arn:aws:s3:::dest/dl/a/b", true),
        ] {
            assert_eq!(fits(pattern, text), expected, "{pattern} {text}");
        }
    }
}
