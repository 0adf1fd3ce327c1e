//! Makes requests to the API server: builds and counts them, limits time and size, and checks the responses.

use std::borrow::Cow;
use std::fmt;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use kube::client::Body;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::error::show;
use super::{Cluster, ClusterError, refusal};

/// The maximum size of a response, in bytes. A list of 10,000 pods has about 50 MB.
const MAX_ANSWER: usize = 128 << 20;

/// Waits before the second and third attempt of a read for which the API server was too busy.
const BUSY_WAITS: [Duration; 2] = [Duration::from_millis(200), Duration::from_secs(1)];

/// A resource of the Kubernetes API, and the verbs that this program may need permissions for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Resource {
    pub group: Cow<'static, str>,
    /// API version; empty for a path that is not a resource.
    pub version: Cow<'static, str>,
    pub name: Cow<'static, str>,
    pub namespaced: bool,
    pub verbs: Cow<'static, [&'static str]>,
}

impl Resource {
    /// Returns the name as in kubectl's arguments: `roles.rbac.authorization.k8s.io`, `pods/exec`.
    fn dotted(&self) -> String {
        let Self { group, name, .. } = self;
        match (group.is_empty(), name.split_once('/')) {
            (true, _) => name.to_string(),
            (false, None) => format!("{name}.{group}"),
            (false, Some((parent, child))) => format!("{parent}.{group}/{child}"),
        }
    }
}

pub(super) static PODS: Resource = Resource {
    group: Cow::Borrowed(""),
    version: Cow::Borrowed("v1"),
    name: Cow::Borrowed("pods"),
    namespaced: true,
    verbs: Cow::Borrowed(&["get", "list"]),
};

pub(super) static PORT_FORWARD: Resource = Resource {
    group: Cow::Borrowed(""),
    version: Cow::Borrowed("v1"),
    name: Cow::Borrowed("pods/portforward"),
    namespaced: true,
    verbs: Cow::Borrowed(&["get", "create"]),
};

pub(super) static POD_EXEC: Resource = Resource {
    group: Cow::Borrowed(""),
    version: Cow::Borrowed("v1"),
    name: Cow::Borrowed("pods/exec"),
    namespaced: true,
    verbs: Cow::Borrowed(&["get", "create"]),
};

pub(super) static SECRETS: Resource = Resource {
    group: Cow::Borrowed(""),
    version: Cow::Borrowed("v1"),
    name: Cow::Borrowed("secrets"),
    namespaced: true,
    verbs: Cow::Borrowed(&["get"]),
};

pub(super) static LEASES: Resource = Resource {
    group: Cow::Borrowed("coordination.k8s.io"),
    version: Cow::Borrowed("v1"),
    name: Cow::Borrowed("leases"),
    namespaced: true,
    verbs: Cow::Borrowed(&["get", "create", "update", "delete"]),
};

pub(super) static STATEFUL_SETS: Resource = Resource {
    group: Cow::Borrowed("apps"),
    version: Cow::Borrowed("v1"),
    name: Cow::Borrowed("statefulsets"),
    namespaced: true,
    verbs: Cow::Borrowed(&["get", "list"]),
};

pub(super) static ENDPOINT_SLICES: Resource = Resource {
    group: Cow::Borrowed("discovery.k8s.io"),
    version: Cow::Borrowed("v1"),
    name: Cow::Borrowed("endpointslices"),
    namespaced: true,
    verbs: Cow::Borrowed(&["list"]),
};

pub(super) static NAMESPACES: Resource = Resource {
    group: Cow::Borrowed(""),
    version: Cow::Borrowed("v1"),
    name: Cow::Borrowed("namespaces"),
    namespaced: false,
    verbs: Cow::Borrowed(&["get"]),
};

/// The claims of volumes. Only `discover` shows them.
pub(super) static CLAIMS: Resource = Resource {
    group: Cow::Borrowed(""),
    version: Cow::Borrowed("v1"),
    name: Cow::Borrowed("persistentvolumeclaims"),
    namespaced: true,
    verbs: Cow::Borrowed(&["list"]),
};

/// The nodes of the cluster, outside of any namespace. Few users may read them, and everything works without.
pub(super) static NODES: Resource = Resource {
    group: Cow::Borrowed(""),
    version: Cow::Borrowed("v1"),
    name: Cow::Borrowed("nodes"),
    namespaced: false,
    verbs: Cow::Borrowed(&["get"]),
};

/// The API server's view of the current user, which every user may request (`system:basic-user`).
pub(super) static SELF_REVIEWS: Resource = Resource {
    group: Cow::Borrowed("authentication.k8s.io"),
    version: Cow::Borrowed("v1"),
    name: Cow::Borrowed("selfsubjectreviews"),
    namespaced: false,
    verbs: Cow::Borrowed(&["create"]),
};

pub(super) static ACCESS_REVIEWS: Resource = Resource {
    group: Cow::Borrowed("authorization.k8s.io"),
    version: Cow::Borrowed("v1"),
    name: Cow::Borrowed("selfsubjectaccessreviews"),
    namespaced: false,
    verbs: Cow::Borrowed(&["create"]),
};

/// The version of the API server, which everybody may request (`system:public-info-viewer`).
pub(super) static VERSION: Resource = Resource {
    group: Cow::Borrowed(""),
    version: Cow::Borrowed(""),
    name: Cow::Borrowed("version"),
    namespaced: false,
    verbs: Cow::Borrowed(&["get"]),
};

/// One request to the API server, as an RBAC rule describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    pub(super) verb: &'static str,
    pub(super) resource: Cow<'static, Resource>,
    pub(super) name: Option<String>,
    /// The namespace; empty for the objects of all namespaces.
    pub(super) namespace: String,
}

impl Access {
    /// Returns the permission for all requests of this kind, as a command and as a line of a Role. The
    /// permission to read a Secret is for that Secret alone.
    #[must_use]
    pub fn rule(&self) -> String {
        let Resource {
            group,
            name,
            verbs,
            namespaced,
            ..
        } = &*self.resource;
        let dotted = self.resource.dotted();
        let (kind, title, scope) = if *namespaced && !self.namespace.is_empty() {
            ("role", "Role", format!(" -n {}", show(&self.namespace)))
        } else {
            ("clusterrole", "ClusterRole", String::new())
        };
        let (flag, names) = match self.name.as_deref().filter(|_| name == "secrets") {
            Some(only) => (
                format!(" --resource-name={}", show(only)),
                format!("resourceNames: [\"{}\"], ", show(only)),
            ),
            None => (String::new(), String::new()),
        };
        format!(
            "`kubectl create {kind} broker-{stem}{scope} --verb={verbs} --resource={dotted}{flag}`, \
             or in a {title} `{{apiGroups: [\"{group}\"], resources: [\"{name}\"], {names}verbs: [{quoted}]}}`",
            stem = name.replace('/', "-"),
            verbs = verbs.join(","),
            quoted = verbs
                .iter()
                .map(|verb| format!("\"{verb}\""))
                .collect::<Vec<_>>()
                .join(", "),
        )
    }

    /// Returns the command that lists the existing objects.
    pub(super) fn listing(&self) -> String {
        let resource = self.resource.dotted();
        if self.resource.namespaced && self.namespace.is_empty() {
            format!("kubectl get {resource} --all-namespaces")
        } else if self.resource.namespaced {
            format!("kubectl get {resource} -n {}", show(&self.namespace))
        } else {
            format!("kubectl get {resource}")
        }
    }

    fn method(&self) -> Method {
        match self.verb {
            "create" => Method::POST,
            "update" => Method::PUT,
            "delete" => Method::DELETE,
            "patch" => Method::PATCH,
            _ => Method::GET,
        }
    }

    /// Returns the HTTP request.
    fn request(&self, message: Message) -> Result<Request<Vec<u8>>, ClusterError> {
        let mut uri = self.path();
        if !message.query.is_empty() {
            let mut query = form_urlencoded::Serializer::new(String::new());
            query.extend_pairs(&message.query);
            uri = format!("{uri}?{}", query.finish());
        }
        Request::builder()
            .method(self.method())
            .uri(uri)
            .header(ACCEPT, "application/json")
            .header(CONTENT_TYPE, message.content_type)
            .body(message.body)
            .map_err(|_| ClusterError::BadName {
                what: "name",
                name: self.path(),
            })
    }

    /// Returns the path on the API server. [`check_name`] has checked the names.
    pub(super) fn path(&self) -> String {
        let Resource {
            group,
            version,
            name,
            namespaced,
            ..
        } = &*self.resource;
        let mut path = if version.is_empty() {
            String::new()
        } else if group.is_empty() {
            format!("/api/{version}")
        } else {
            format!("/apis/{group}/{version}")
        };
        if *namespaced && !self.namespace.is_empty() {
            path.push_str("/namespaces/");
            path.push_str(&self.namespace);
        }
        let (parent, child) = name
            .split_once('/')
            .map_or((&**name, None), |(p, c)| (p, Some(c)));
        // An object that does not exist yet is posted to the collection.
        let creates = self.verb == "create" && child.is_none();
        let name = self.name.as_deref().filter(|_| !creates);
        let segments = [Some(parent), name, child].into_iter().flatten();
        // A request for the kinds of a group has no resource name: its path ends with the version.
        for segment in segments.filter(|segment| !segment.is_empty()) {
            path.push('/');
            path.push_str(segment);
        }
        path
    }
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.resource.name.is_empty() {
            let Resource { group, version, .. } = &*self.resource;
            return write!(f, "{} the kinds of {group}/{version}", self.verb);
        }
        write!(f, "{} {}", self.verb, self.resource.name)?;
        if let Some(name) = &self.name {
            write!(f, " {}", show(name))?;
        }
        if self.resource.namespaced && self.namespace.is_empty() {
            write!(f, " in all namespaces")?;
        } else if self.resource.namespaced {
            write!(f, " in namespace {}", show(&self.namespace))?;
        }
        Ok(())
    }
}

/// Returns true if `name` is valid in a path: a DNS-1123 subdomain, like the names of all objects used here.
pub(super) fn is_name(name: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    (1..=253).contains(&name.len())
        && name.bytes().all(|b| inner(b) || b == b'-' || b == b'.')
        && name.bytes().next().is_some_and(inner)
        && name.bytes().last().is_some_and(inner)
}

pub(super) fn check_name(what: &'static str, name: &str) -> Result<(), ClusterError> {
    if is_name(name) {
        Ok(())
    } else {
        Err(ClusterError::BadName {
            what,
            name: name.to_owned(),
        })
    }
}

/// The query and body of a request.
pub(super) struct Message {
    pub query: Vec<(&'static str, String)>,
    pub content_type: &'static str,
    pub body: Vec<u8>,
}

impl Default for Message {
    fn default() -> Self {
        Self {
            query: Vec::new(),
            content_type: "application/json",
            body: Vec::new(),
        }
    }
}

#[derive(Deserialize)]
struct List<T> {
    // The API server writes `null` for an empty list of some kinds.
    items: Option<Vec<T>>,
}

/// A response whose headers matter, too.
pub(super) struct Answer<T> {
    pub object: T,
    pub headers: HeaderMap,
}

impl Cluster {
    pub(super) fn access(
        &self,
        verb: &'static str,
        resource: &'static Resource,
        name: Option<&str>,
    ) -> Access {
        Access {
            verb,
            resource: Cow::Borrowed(resource),
            name: name.map(str::to_owned),
            namespace: self.namespace().to_owned(),
        }
    }

    /// Gets one object; `None` if it does not exist.
    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        resource: &'static Resource,
        name: &str,
    ) -> Result<Option<T>, ClusterError> {
        let access = self.access("get", resource, Some(name));
        match self.ask::<T>(&access, Vec::new()).await {
            Ok(answer) => Ok(Some(answer.object)),
            Err(ClusterError::Api { status: 404, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(super) async fn list<T: DeserializeOwned>(
        &self,
        resource: &'static Resource,
    ) -> Result<Vec<T>, ClusterError> {
        let access = self.access("list", resource, None);
        let list: Answer<List<T>> = self.ask(&access, Vec::new()).await?;
        Ok(list.object.items.unwrap_or_default())
    }

    /// Sends `object` with the HTTP method of the verb.
    pub(super) async fn write<T: DeserializeOwned>(
        &self,
        access: &Access,
        object: &impl Serialize,
    ) -> Result<Answer<T>, ClusterError> {
        #[expect(
            clippy::expect_used,
            reason = "objects of the API have keys of text, and go to memory"
        )]
        let body = serde_json::to_vec(object).expect("an object of the API is JSON");
        self.ask(access, body).await
    }

    /// Makes one request and returns the object of the response.
    pub(super) async fn ask<T: DeserializeOwned>(
        &self,
        access: &Access,
        body: Vec<u8>,
    ) -> Result<Answer<T>, ClusterError> {
        let message = Message {
            body,
            ..Message::default()
        };
        self.exchange(access, message).await
    }

    /// Makes one request with query and body, and returns the object and the headers.
    pub(super) async fn exchange<T: DeserializeOwned>(
        &self,
        access: &Access,
        message: Message,
    ) -> Result<Answer<T>, ClusterError> {
        let request = access.request(message)?;
        // Boxing keeps the futures of all callers small.
        let fetched = Box::pin(self.fetch(access, &request));
        let (status, headers, bytes) = self.within_timeout(access, fetched).await?;
        let object = serde_json::from_slice(&bytes).map_err(|error| {
            // Errors of serde quote the text, and no part of a Secret may be shown.
            let excerpt = if *access.resource == SECRETS {
                "a malformed Secret, which is not shown here".to_owned()
            } else {
                let begin = String::from_utf8_lossy(&bytes[..bytes.len().min(400)]);
                format!("{error}: {}", refusal::excerpt(&begin))
            };
            ClusterError::NotKubernetes {
                server: self.server().to_owned(),
                status: status.as_u16(),
                excerpt,
            }
        })?;
        Ok(Answer { object, headers })
    }

    /// Applies the timeout of API requests to `work`.
    pub(super) async fn within_timeout<T>(
        &self,
        access: &Access,
        work: impl Future<Output = Result<T, ClusterError>>,
    ) -> Result<T, ClusterError> {
        let Some(limit) = self.0.request_timeout else {
            return work.await;
        };
        tokio::time::timeout(limit, work).await.unwrap_or_else(|_| {
            Err(ClusterError::RequestTimedOut {
                server: self.server().to_owned(),
                access: Box::new(access.clone()),
                after: limit,
            })
        })
    }

    /// Makes one request, and repeats it while the API server is too busy. The response is read whole.
    pub(super) async fn fetch(
        &self,
        access: &Access,
        request: &Request<Vec<u8>>,
    ) -> Result<(StatusCode, HeaderMap, Bytes), ClusterError> {
        let mut waits = BUSY_WAITS.into_iter();
        loop {
            let response = self.send(request.clone()).await?;
            let (head, body) = response.into_parts();
            let bytes = self.read(access, body).await?;
            if head.status.is_success() {
                return Ok((head.status, head.headers, bytes));
            }
            let busy = match head.status.as_u16() {
                // Status 429 means that nothing was done yet.
                429 => true,
                // The server may have done something, so only safe requests are repeated.
                503 | 504 => request.method().is_safe(),
                _ => false,
            };
            let Some(wait) = waits.next().filter(|_| busy) else {
                let text = String::from_utf8_lossy(&bytes);
                let status = head.status.as_u16();
                return Err(refusal::refused(&self.0.identity, access, status, &text));
            };
            tokio::time::sleep(wait).await;
        }
    }

    /// Makes one request whose response is read while it comes.
    pub(super) async fn open(
        &self,
        access: &Access,
        request: Request<Vec<u8>>,
    ) -> Result<Response<Body>, ClusterError> {
        let (head, body) = self.send(request).await?.into_parts();
        if head.status.is_success() {
            return Ok(Response::from_parts(head, body));
        }
        let bytes = self.read(access, body).await?;
        let (status, text) = (head.status.as_u16(), String::from_utf8_lossy(&bytes));
        Err(refusal::refused(&self.0.identity, access, status, &text))
    }

    /// Sends and counts one request, and returns the response whatever its status is.
    async fn send(&self, request: Request<Vec<u8>>) -> Result<Response<Body>, ClusterError> {
        self.count_request();
        let response = self.0.client.send(request.map(Body::from)).await;
        response.map_err(|error| refusal::unreachable(&self.0.identity, &error))
    }

    /// Reads the body of a response, up to the limit.
    async fn read(&self, access: &Access, body: Body) -> Result<Bytes, ClusterError> {
        let collected = Limited::new(body, MAX_ANSWER).collect().await;
        let collected = collected.map_err(|error| {
            if error.is::<http_body_util::LengthLimitError>() {
                ClusterError::AnswerTooLong {
                    access: Box::new(access.clone()),
                    limit: MAX_ANSWER,
                }
            } else {
                refusal::unreachable(&self.0.identity, &kube::Error::Service(error))
            }
        })?;
        Ok(collected.to_bytes())
    }

    pub(super) fn count_request(&self) {
        self.0.requests.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_those_of_the_api() {
        let access = |resource, name: Option<&str>| Access {
            verb: "get",
            resource: Cow::Borrowed(resource),
            name: name.map(str::to_owned),
            namespace: "mqtt".into(),
        };
        assert_eq!(
            access(&PORT_FORWARD, Some("broker-0")).path(),
            "/api/v1/namespaces/mqtt/pods/broker-0/portforward"
        );
        assert_eq!(
            access(&ENDPOINT_SLICES, None).path(),
            "/apis/discovery.k8s.io/v1/namespaces/mqtt/endpointslices"
        );
        assert_eq!(access(&VERSION, None).path(), "/version");
        assert_eq!(
            access(&NAMESPACES, Some("mqtt")).path(),
            "/api/v1/namespaces/mqtt"
        );
        let lease = access(&LEASES, Some("lock"));
        let leases = "/apis/coordination.k8s.io/v1/namespaces/mqtt/leases";
        assert_eq!(lease.path(), format!("{leases}/lock"));
        let created = Access {
            verb: "create",
            ..lease
        };
        assert_eq!(created.path(), leases);
    }

    #[test]
    fn a_missing_right_comes_with_the_rule_that_grants_it() {
        let access = Access {
            verb: "create",
            resource: Cow::Borrowed(&PORT_FORWARD),
            name: Some("broker-0".into()),
            namespace: "mqtt".into(),
        };
        assert_eq!(
            access.rule(),
            "`kubectl create role broker-pods-portforward -n mqtt --verb=get,create \
             --resource=pods/portforward`, or in a Role \
             `{apiGroups: [\"\"], resources: [\"pods/portforward\"], verbs: [\"get\", \"create\"]}`"
        );
        assert!(
            Access {
                resource: Cow::Borrowed(&ENDPOINT_SLICES),
                ..access
            }
            .rule()
            .contains("--resource=endpointslices.discovery.k8s.io`")
        );
    }

    #[test]
    fn names_cannot_leave_their_segment_of_a_path() {
        for name in ["", ".", "..", "a/b", "a?b", "A", "-a", "a-", "a b", "ä"] {
            assert!(!is_name(name), "{name:?}");
        }
        assert!(is_name("broker-0") && is_name("a.b-c"));
    }
}
