//! Access keys, and what they may do.

use super::ACCOUNT;

/// Returns the message of IAM about a missing permission.
pub(super) fn refusal(key: &str, permission: &str, resource: &str) -> String {
    format!(
        "User: arn:aws:iam::{ACCOUNT}:user/{key} is not authorized to perform: {permission} on resource: {resource} \
         because no identity-based policy allows the {permission} action"
    )
}
