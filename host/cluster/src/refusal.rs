//! Interprets a failed request to the API server.

use std::error::Error as StdError;
use std::io;

use host_web::explain;
use serde::Deserialize;

use super::credentials::CredentialError;
use super::request::{Access, POD_EXEC, PORT_FORWARD};
use super::{ClusterError, Identity, Unreachable};

/// The used fields of `metav1.Status`.
#[derive(Deserialize)]
struct Status {
    kind: String,
    #[serde(default)]
    message: String,
}

/// Returns the error for a response of `status` with `body`.
pub(super) fn refused(
    identity: &Identity,
    access: &Access,
    status: u16,
    body: &str,
) -> ClusterError {
    let parsed = serde_json::from_str::<Status>(body)
        .ok()
        .filter(|parsed| parsed.kind == "Status");
    let message = match parsed {
        Some(parsed) => parsed.message,
        // The API server writes some refusals as one line of plain text ("404 page not found").
        None if (400..600).contains(&status) && !looks_like_html(body) => body.trim().to_owned(),
        None => return not_kubernetes(identity, status, body),
    };
    judged(identity, access, status, message)
}

/// Returns the error for a response that no API server sends, with the beginning of `page`.
pub(super) fn not_kubernetes(identity: &Identity, status: u16, page: &str) -> ClusterError {
    ClusterError::NotKubernetes {
        server: identity.server.clone(),
        status,
        excerpt: excerpt(page),
    }
}

/// Returns the error for a response of `status` with this extracted `message`.
pub(super) fn judged(
    identity: &Identity,
    access: &Access,
    status: u16,
    message: String,
) -> ClusterError {
    match status {
        401 => ClusterError::Unauthorized {
            server: identity.server.clone(),
            who: identity.who(),
            context: identity.context.clone(),
        },
        400 | 422 => ClusterError::Rejected {
            access: Box::new(access.clone()),
            message,
        },
        403 if is_no_right(&message) => ClusterError::Rejected {
            access: Box::new(access.clone()),
            message,
        },
        403 => ClusterError::Forbidden {
            access: Box::new(missing_right(access, &message)),
            message,
        },
        _ => ClusterError::Api {
            server: identity.server.clone(),
            access: Box::new(access.clone()),
            status,
            message,
        },
    }
}

/// Returns true if a 403 is about the sent object and not about the user: no RBAC rule would help.
fn is_no_right(message: &str) -> bool {
    let policies = [
        "admission webhook",
        "ValidatingAdmissionPolicy",
        "exceeded quota",
    ];
    policies.iter().any(|policy| message.contains(policy))
}

/// Returns the verb that a 403 is about.
///
/// Opening a port-forward or an exec over a websocket is a GET, which needs `get`. Since Kubernetes 1.35, the
/// API server also requires `create`, and refuses without a reason (measured: `pods "x" is forbidden: `).
fn missing_right(access: &Access, message: &str) -> Access {
    let mut access = access.clone();
    if [&PORT_FORWARD, &POD_EXEC].contains(&&*access.resource) {
        let reasonless = message.trim_end().ends_with("is forbidden:");
        if reasonless || message.contains("cannot create") {
            access.verb = "create";
        }
    }
    access
}

/// Returns true if a body is HTML: server errors in HTML and login pages begin with a tag.
pub(super) fn looks_like_html(body: &str) -> bool {
    body.trim_start().starts_with('<')
}

/// Returns the beginning of a page on one line.
pub(super) fn excerpt(page: &str) -> String {
    let words: Vec<&str> = page.split_whitespace().take(40).collect();
    words.join(" ").chars().take(200).collect()
}

/// Returns the error for a request that got no response.
pub(super) fn unreachable(identity: &Identity, error: &kube::Error) -> ClusterError {
    let chain: Vec<&(dyn StdError + 'static)> = causes(error).collect();
    if let Some(auth) = chain
        .iter()
        .find_map(|error| error.downcast_ref::<CredentialError>())
    {
        return credentials(identity, auth);
    }
    let io_kind = chain
        .iter()
        .find_map(|error| error.downcast_ref::<io::Error>())
        .map(io::Error::kind);
    let mut texts: Vec<String> = chain.iter().map(ToString::to_string).collect();
    let tls = chain
        .iter()
        .find_map(|error| error.downcast_ref::<rustls::Error>());
    texts.extend(tls.map(explain));
    let says = |word: &str| texts.iter().any(|text| text.contains(word));
    let kind = if says("tunnel error") || says("SOCKS") || says("socks") || says("proxy") {
        Unreachable::Proxy
    } else if says("dns error") {
        Unreachable::NoSuchHost
    } else if tls.is_some_and(is_about_certificates) || says("certificate") {
        Unreachable::Certificate
    } else if io_kind == Some(io::ErrorKind::ConnectionRefused) {
        Unreachable::Refused
    } else if io_kind == Some(io::ErrorKind::TimedOut) {
        Unreachable::TimedOut
    } else {
        Unreachable::Other
    };
    // The innermost cause is the one that helps people.
    let mut reason = texts.last().cloned().unwrap_or_default();
    if identity.server.starts_with("http://") && says("invalid HTTP version") {
        // As in kubectl, a `server` without a scheme means http.
        "it does not answer with HTTP; write https:// in front of `server` in the kubeconfig"
            .clone_into(&mut reason);
    }
    ClusterError::Unreachable {
        server: identity.server.clone(),
        kind,
        reason,
    }
}

/// Returns true if one side did not accept the certificate of the other.
fn is_about_certificates(error: &rustls::Error) -> bool {
    matches!(
        error,
        rustls::Error::InvalidCertificate(_) | rustls::Error::AlertReceived(_)
    )
}

/// Returns an error and its causes, outermost first.
pub(super) fn causes<'a>(
    error: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    const MOST: usize = 16;
    let mut next = Some(error);
    std::iter::from_fn(move || {
        let error = next?;
        // An `io::Error` returns the source of the error inside it and skips that error itself.
        let carried = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref)
            .map(|carried| carried as &(dyn StdError + 'static));
        next = carried.or_else(|| error.source());
        Some(error)
    })
    .take(MOST)
}

/// Returns the error for credentials that could not be obtained.
pub(super) fn credentials(identity: &Identity, error: &CredentialError) -> ClusterError {
    match error.clone() {
        CredentialError::Entry(reason) => ClusterError::KubeconfigEntry {
            what: match &identity.user {
                Some(user) => format!("user {user}"),
                None => "the user".to_owned(),
            },
            reason,
        },
        CredentialError::Unusable(reason) => ClusterError::Credentials { reason },
        CredentialError::Plugin {
            command,
            reason,
            install_hint,
        } => ClusterError::CredentialPlugin {
            command,
            reason,
            install_hint,
        },
    }
}

impl Identity {
    fn who(&self) -> String {
        match (&self.user, &self.context) {
            (Some(user), Some(context)) => format!("user {user} (context {context})"),
            (None, Some(context)) => format!("context {context}, which names no user"),
            (Some(user), None) => format!("user {user}"),
            (None, None) => "the service account".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use host_base::Problem;

    use super::super::request::PODS;
    use super::*;

    fn identity() -> Identity {
        Identity {
            server: "https://api.example:6443".into(),
            context: Some("staging".into()),
            cluster: None,
            user: Some("eve".into()),
        }
    }

    fn access(resource: &'static super::super::request::Resource) -> Access {
        Access {
            verb: "get",
            resource: Cow::Borrowed(resource),
            name: Some("broker-0".into()),
            namespace: "mqtt".into(),
        }
    }

    fn status(message: &str) -> String {
        serde_json::json!({"kind": "Status", "message": message}).to_string()
    }

    #[test]
    fn get_and_create_on_port_forward_are_told_apart() {
        let verb = |message: &str| match refused(
            &identity(),
            &access(&PORT_FORWARD),
            403,
            &status(message),
        ) {
            ClusterError::Forbidden { access, .. } => access.verb,
            other => panic!("{other}"),
        };
        assert_eq!(verb("pods \"broker-0\" is forbidden: "), "create");
        assert_eq!(
            verb(
                "pods \"broker-0\" is forbidden: User \"eve\" cannot get resource \"pods/portforward\""
            ),
            "get"
        );
        assert_eq!(
            verb("User \"eve\" cannot create resource \"pods/portforward\""),
            "create"
        );
    }

    #[test]
    fn a_login_page_is_not_taken_for_kubernetes() {
        for status in [200, 302, 403, 502] {
            let error = refused(
                &identity(),
                &access(&PODS),
                status,
                " <!doctype html><p>Log in",
            );
            assert!(
                matches!(error, ClusterError::NotKubernetes { .. }),
                "{error}"
            );
        }
    }

    #[test]
    fn refused_credentials_name_the_user_and_the_context() {
        let error = refused(&identity(), &access(&PODS), 401, "Unauthorized");
        assert_eq!(
            error.to_string(),
            "https://api.example:6443 does not accept the credentials of user eve (context staging)"
        );
        assert!(
            error
                .advice()
                .is_some_and(|hint| hint.contains("--context staging auth whoami"))
        );
    }

    #[test]
    fn text_of_the_server_cannot_drive_the_terminal() {
        let error = refused(
            &identity(),
            &access(&PODS),
            500,
            &status("a\u{1b}[2Jb\u{202e}"),
        );
        assert!(
            error.to_string().ends_with(": a\\u{1b}[2Jb\\u{202e}"),
            "{error}"
        );
    }
}
