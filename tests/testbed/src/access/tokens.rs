//! Tokens of service accounts. A token that belongs to a pod is valid as long as the pod exists.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::User;
use crate::api::objects::Objects;

/// A way into the API server.
#[derive(Debug, Clone)]
pub struct Credentials {
    pub url: String,
    pub ca_pem: String,
    pub token: String,
    pub namespace: String,
}

/// The issuer of tokens. Clones share the issued ones.
#[derive(Debug, Clone)]
pub struct Tokens {
    objects: Objects,
    issued: Arc<Mutex<BTreeMap<String, Bound>>>,
}

/// The objects that a token depends on.
#[derive(Debug, Clone)]
struct Bound {
    namespace: String,
    account: String,
    account_uid: String,
    /// Name, `uid` and node of the pod.
    pod: Option<(String, String, String)>,
}

impl Tokens {
    pub fn new(objects: Objects) -> Self {
        Self {
            objects,
            issued: Arc::default(),
        }
    }

    /// Issues a token for a service account, or returns nothing if there is none.
    pub fn issue(&self, namespace: &str, account: &str, pod: Option<&Value>) -> Option<String> {
        let found = self.objects.get("serviceaccounts", namespace, account)?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let bound = Bound {
            namespace: namespace.to_owned(),
            account: account.to_owned(),
            account_uid: text(&found["metadata"]["uid"]),
            pod: pod.map(|pod| {
                let metadata = &pod["metadata"];
                let node = text(&pod["spec"]["nodeName"]);
                (text(&metadata["name"]), text(&metadata["uid"]), node)
            }),
        };
        let mut issued = self.issued.lock().unwrap_or_else(PoisonError::into_inner);
        let claims = json!({
            "iss": "https://kubernetes.default.svc",
            "sub": User::service_account(namespace, account).name,
            "jti": issued.len().to_string(),
        });
        let encode = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
        let head = encode(br#"{"alg":"testbed"}"#);
        let signed = format!("{head}.{}", encode(claims.to_string().as_bytes()));
        // Nothing checks the signature: a token is valid because it is in the list.
        let token = format!("{signed}.{}", encode(&Sha256::digest(&signed)));
        issued.insert(token.clone(), bound);
        Some(token)
    }

    /// Returns the user of a token that is still valid.
    pub fn user(&self, token: &str) -> Option<User> {
        let issued = self.issued.lock().unwrap_or_else(PoisonError::into_inner);
        let bound = issued.get(token)?;
        let exists = |resource: &str, name: &str, uid: &str| {
            let found = self.objects.get(resource, &bound.namespace, name);
            found.is_some_and(|object| object["metadata"]["uid"] == uid)
        };
        let mut user = User::service_account(&bound.namespace, &bound.account);
        if !exists("serviceaccounts", &bound.account, &bound.account_uid) {
            return None;
        }
        user.uid = Some(bound.account_uid.clone());
        if let Some((name, uid, node)) = &bound.pod {
            if !exists("pods", name, uid) {
                return None;
            }
            for (key, value) in [("pod-name", name), ("pod-uid", uid), ("node-name", node)] {
                let key = format!("authentication.kubernetes.io/{key}");
                user.extra.insert(key, vec![value.clone()]);
            }
        }
        Some(user)
    }
}

impl Credentials {
    /// Returns host and port of the API server.
    pub fn host_and_port(&self) -> (&str, &str) {
        let address = self.url.strip_prefix("https://").unwrap_or(&self.url);
        address.rsplit_once(':').unwrap_or((address, "443"))
    }
}
