//! Faults of the API server.

use std::time::Duration;

use http::StatusCode;

use super::{Fault, Row, value};

/// The faults of the API server.
#[derive(Debug, Clone, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "faults that don't exclude each other"
)]
pub struct ApiFaults {
    /// Every request gets this status, with a `Status` object as its body.
    pub status: Option<StatusCode>,
    /// Every request gets a proxy's 502 page.
    pub html: bool,
    /// The time that every request waits before it is processed.
    pub latency: Duration,
    /// Requests that RBAC denies.
    pub deny: Vec<DenyRule>,
    /// No token is accepted.
    pub unauthorized: bool,
    /// Requests are read and never answered.
    pub hang: bool,
    /// Every `continue` token has expired.
    pub continue_expired: bool,
}

/// A change to [`ApiFaults`].
#[derive(Debug, Clone)]
pub enum ApiFault {
    Status(StatusCode),
    Html,
    Latency(Duration),
    Deny(DenyRule),
    Unauthorized,
    Hang,
    ContinueExpired,
}

/// A request that RBAC denies. `*` stands for any verb or resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DenyRule {
    /// A verb of RBAC: `get`, `list`, `watch`, `create`, …
    pub verb: String,
    /// The plural with its subresource: `pods`, `pods/portforward`.
    pub resource: String,
    /// The namespace of the rule; `None` means all.
    pub namespace: Option<String>,
}

impl DenyRule {
    /// Denies `verb` on `resource` in every namespace.
    pub fn new(verb: &str, resource: &str) -> Self {
        Self {
            verb: verb.to_owned(),
            resource: resource.to_owned(),
            namespace: None,
        }
    }

    fn matches(&self, verb: &str, resource: &str, namespace: Option<&str>) -> bool {
        let is = |pattern: &str, value: &str| pattern == "*" || pattern == value;
        is(&self.verb, verb)
            && is(&self.resource, resource)
            && self
                .namespace
                .as_deref()
                .is_none_or(|denied| Some(denied) == namespace)
    }
}

impl std::str::FromStr for DenyRule {
    type Err = String;

    /// Parses `VERB:RESOURCE[:NAMESPACE]`.
    fn from_str(text: &str) -> Result<Self, String> {
        let parts: Vec<&str> = text.split(':').collect();
        let (verb, resource, namespace) = match parts[..] {
            [verb, resource] => (verb, resource, None),
            [verb, resource, namespace] => (verb, resource, Some(namespace)),
            _ => return Err("not two or three parts with colons between them".to_owned()),
        };
        if verb.is_empty() || resource.is_empty() || namespace == Some("") {
            return Err("a part is empty".to_owned());
        }
        Ok(Self {
            namespace: namespace.map(str::to_owned),
            ..Self::new(verb, resource)
        })
    }
}

impl ApiFaults {
    /// Returns whether a deny rule covers the request. `resource` includes the subresource.
    pub fn denied(&self, verb: &str, resource: &str, namespace: Option<&str>) -> bool {
        self.deny
            .iter()
            .any(|rule| rule.matches(verb, resource, namespace))
    }

    pub(super) fn apply(&mut self, fault: ApiFault) {
        match fault {
            ApiFault::Status(status) => self.status = Some(status),
            ApiFault::Html => self.html = true,
            ApiFault::Latency(latency) => self.latency = latency,
            ApiFault::Deny(rule) => self.deny.push(rule),
            ApiFault::Unauthorized => self.unauthorized = true,
            ApiFault::Hang => self.hang = true,
            ApiFault::ContinueExpired => self.continue_expired = true,
        }
    }
}

pub(super) const ROWS: &[Row<Fault>] = &[
    Row {
        name: "api-status",
        value: Some("CODE"),
        about: "the API server answers every request with this status",
        parse: |text| Ok(Fault::Api(ApiFault::Status(value::status(text)?))),
    },
    Row {
        name: "api-html",
        value: None,
        about: "a proxy answers for the API server: 502 with an HTML page",
        parse: |_| Ok(Fault::Api(ApiFault::Html)),
    },
    Row {
        name: "api-latency",
        value: Some("MS"),
        about: "the API server waits this long before each answer",
        parse: |text| Ok(Fault::Api(ApiFault::Latency(value::millis(text)?))),
    },
    Row {
        name: "deny",
        value: Some("VERB:RESOURCE[:NAMESPACE]"),
        about: "RBAC refuses this verb (`*`: any) on this resource, e.g. get:pods/portforward; \
                may be given several times",
        parse: |text| Ok(Fault::Api(ApiFault::Deny(value::parsed(text)?))),
    },
    Row {
        name: "unauthorized",
        value: None,
        about: "the API server accepts no token",
        parse: |_| Ok(Fault::Api(ApiFault::Unauthorized)),
    },
    Row {
        name: "hang",
        value: None,
        about: "the API server reads requests and never answers",
        parse: |_| Ok(Fault::Api(ApiFault::Hang)),
    },
    Row {
        name: "continue-expired",
        value: None,
        about: "every `continue` token of a paged list has expired (410)",
        parse: |_| Ok(Fault::Api(ApiFault::ContinueExpired)),
    },
];
