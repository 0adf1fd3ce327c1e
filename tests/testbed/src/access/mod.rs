//! Users of the API server: the administrator of the kubeconfig, and service accounts with RBAC.

pub mod rbac;
pub mod tokens;

use std::collections::BTreeMap;

pub use tokens::{Credentials, Tokens};

/// The prefix of the user names of service accounts.
const SERVICE_ACCOUNT: &str = "system:serviceaccount:";

/// The user of a request.
#[derive(Debug, Clone, Default)]
pub struct User {
    pub name: String,
    pub uid: Option<String>,
    pub groups: Vec<String>,
    pub extra: BTreeMap<String, Vec<String>>,
}

impl User {
    /// Returns a user by name, with the groups that the name implies.
    pub fn named(name: &str) -> Self {
        let mut groups = Vec::new();
        if let Some((namespace, _)) = account(name) {
            groups.push("system:serviceaccounts".to_owned());
            groups.push(format!("system:serviceaccounts:{namespace}"));
        }
        groups.push("system:authenticated".to_owned());
        Self {
            name: name.to_owned(),
            groups,
            ..Self::default()
        }
    }

    /// Returns the user of a service account.
    pub fn service_account(namespace: &str, name: &str) -> Self {
        Self::named(&format!("{SERVICE_ACCOUNT}{namespace}:{name}"))
    }

    /// Returns whether the objects of RBAC decide what the user may do. All other users may do everything.
    pub fn is_bound_by_rbac(&self) -> bool {
        self.account().is_some()
    }

    /// Returns namespace and name of the user's service account.
    pub fn account(&self) -> Option<(&str, &str)> {
        account(&self.name)
    }
}

fn account(user: &str) -> Option<(&str, &str)> {
    user.strip_prefix(SERVICE_ACCOUNT)?.split_once(':')
}
