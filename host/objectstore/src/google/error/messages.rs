//! All that is said of objects of Google Cloud Storage that were not read.

use host_base::Failure;
use insta::assert_snapshot;
use testbed::messages;

use super::*;

fn text(text: &str) -> String {
    text.to_owned()
}

impl GoogleError {
    fn failure(&self) -> Failure {
        self.report().kind.failure()
    }
}

fn refused(status: u16, reason: &str) -> GoogleError {
    GoogleError::Refused {
        what: text("gs://acme/a"),
        permission: "storage.objects.get",
        status,
        reason: text(reason),
        message: text("Because"),
    }
}

#[test]
fn what_is_said_of_objects_that_were_not_read() {
    let errors = [
        GoogleError::Credentials {
            reason: text("no token"),
        },
        GoogleError::Configuration { value: text("a b") },
        GoogleError::NotSent {
            reason: text("invalid header"),
        },
        GoogleError::Condition {
            what: text("gs://acme/a"),
        },
        GoogleError::Damaged {
            what: text("gs://acme/a"),
        },
        GoogleError::NotUnderstood {
            what: text("gs://acme/a"),
        },
        GoogleError::Web(WebError::Unreachable {
            host: text("storage.example"),
            reason: text("connection refused"),
        }),
        GoogleError::TimedOut {
            what: text("gs://acme/a"),
            after: Duration::from_secs(30),
        },
        GoogleError::Cut {
            what: text("gs://acme/a"),
            reason: text("reset"),
        },
        refused(400, "invalid"),
        refused(401, "authError"),
        refused(403, "forbidden"),
        refused(403, "retentionPolicyNotMet"),
        refused(404, "notFound"),
        refused(409, "conflict"),
        refused(429, "rateLimitExceeded"),
    ];
    let table = messages!(
        GoogleError {
            Credentials,
            Configuration,
            NotSent,
            Condition,
            Damaged,
            NotUnderstood,
            Web,
            TimedOut,
            Cut,
            Refused,
        },
        errors
    );
    assert_snapshot!(table, @"
    Credentials, exit 12
      can't get Google credentials: no token
      hint: Log in with `gcloud auth application-default login`, or set GOOGLE_APPLICATION_CREDENTIALS
    Configuration, exit 2
      invalid address of Google Cloud Storage: `a b`
      hint: Check GOOGLE_BASE_URL: an address looks like https://HOST:PORT
    NotSent, exit 2
      the request to Google Cloud Storage can't be sent: invalid header
    Condition, exit 11
      gs://acme/a is not as the condition of the request demands
      hint: Something else has written the object in the meantime: look at it before you try again
    Damaged, exit 13
      gs://acme/a has arrived damaged, and was deleted
      hint: Try again later
    NotUnderstood, exit 1
      the answer of Google Cloud Storage about gs://acme/a is not understood
      hint: Check GOOGLE_BASE_URL and the proxy: another program may answer there
    Web, exit 1
      Google Cloud Storage: {source}
      hint: Check the network, HTTPS_PROXY and NO_PROXY
    TimedOut, exit 124
      the request for gs://acme/a timed out after 30s
      hint: as Damaged
    Cut, exit 1
      the answer for gs://acme/a was interrupted: reset
      hint: as Damaged
    Refused, exit 2
      Google Cloud Storage answered 400 for gs://acme/a: invalid (Because)
    Refused, exit 12
      Google Cloud Storage answered 401 for gs://acme/a: authError (Because)
      hint: as Credentials
    Refused, exit 12
      Google Cloud Storage answered 403 for gs://acme/a: forbidden (Because)
      hint: Ask for the permission storage.objects.get, or choose other credentials with GOOGLE_APPLICATION_CREDENTIALS
    Refused, exit 11
      Google Cloud Storage answered 403 for gs://acme/a: retentionPolicyNotMet (Because)
      hint: The bucket keeps the object: wait for the end of its retention, or release its hold
    Refused, exit 10
      Google Cloud Storage answered 404 for gs://acme/a: notFound (Because)
      hint: Check the names of the bucket and the object
    Refused, exit 11
      Google Cloud Storage answered 409 for gs://acme/a: conflict (Because)
      hint: Another request changes the same object: look at it before you try again
    Refused, exit 1
      Google Cloud Storage answered 429 for gs://acme/a: rateLimitExceeded (Because)
      hint: as Damaged
    ");
}
