//! All that is said of objects that were not read.

use host_base::Failure;
use insta::assert_snapshot;
use testbed::messages;

use super::*;

fn text(text: &str) -> String {
    text.to_owned()
}

impl S3Error {
    fn failure(&self) -> Failure {
        self.report().kind.failure()
    }
}

fn unreachable() -> WebError {
    WebError::Unreachable {
        host: text("s3.example"),
        reason: text("connection refused"),
    }
}

fn refused(status: u16, code: &str) -> S3Error {
    S3Error::Refused {
        what: text("s3://acme/a"),
        permission: "s3:GetObject",
        key: Some(text("AKIAEXAMPLE")),
        status,
        code: code.to_owned(),
        message: text("Because"),
    }
}

fn action(status: u16, code: &str) -> S3Error {
    S3Error::ActionRefused {
        what: text("rds:CreateDBSnapshot"),
        status,
        code: code.to_owned(),
        message: text("Because"),
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "all errors stand in one table")]
fn what_is_said_of_objects_that_were_not_read() {
    let errors = [
        S3Error::NoCredentials { profile: None },
        S3Error::NoCredentials {
            profile: Some(text("prod")),
        },
        S3Error::Credentials {
            reason: text("the process ended with 1"),
        },
        S3Error::Configuration {
            what: text("region"),
            value: text("eu west"),
        },
        S3Error::BadBucket { name: text("A_B") },
        S3Error::NotSigned {
            reason: text("no time"),
        },
        S3Error::Web(unreachable()),
        S3Error::TimedOut {
            what: text("s3://acme/a"),
            after: Duration::from_secs(30),
        },
        S3Error::Cut {
            what: text("s3://acme/a"),
            reason: text("reset"),
        },
        S3Error::Refused {
            what: text("s3://acme/a"),
            permission: "s3:GetObject",
            key: None,
            status: 400,
            code: String::new(),
            message: String::new(),
        },
        refused(403, "AccessDenied"),
        refused(403, ARCHIVED),
        refused(403, SKEWED),
        refused(400, "ExpiredToken"),
        refused(404, "NoSuchKey"),
        refused(503, "SlowDown"),
        refused(418, "Teapot"),
        S3Error::BadRegion { name: text("EU") },
        S3Error::NotSent {
            reason: text("invalid header"),
        },
        S3Error::Condition {
            what: text("s3://acme/a"),
        },
        S3Error::NotUnderstood {
            what: text("s3://acme"),
        },
        action(403, "AccessDenied"),
        action(400, "ExpiredToken"),
        action(400, "RequestExpired"),
        action(404, "DBSnapshotNotFound"),
        action(400, "DBSnapshotAlreadyExists"),
        action(400, "Throttling"),
    ];
    let table = messages!(
        S3Error {
            NoCredentials,
            Credentials,
            Configuration,
            BadBucket,
            BadRegion,
            NotSigned,
            NotSent,
            Condition,
            NotUnderstood,
            Web,
            TimedOut,
            Cut,
            Refused,
            ActionRefused,
        },
        errors
    );
    assert_snapshot!(table, @"
    NoCredentials, exit 12
      no AWS credentials were found, but they are required
      hint: Set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; if the profile uses single sign-on, log in with `aws sso login`
    NoCredentials, exit 12
      no AWS credentials were found, neither in the environment nor in profile `prod`, but they are required
      hint: the same
    Credentials, exit 12
      can't get AWS credentials: the process ended with 1
      hint: `aws sts get-caller-identity` shows whether the same credentials work elsewhere
    Configuration, exit 2
      invalid region in the AWS configuration: `eu west`
      hint: Check AWS_REGION, AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL and the profile. An address looks like https://HOST:PORT, a region like eu-west-1
    BadBucket, exit 2
      `A_B` is not a valid bucket name
      hint: Bucket names must be 3–63 lower-case letters, digits, dashes and dots
    NotSigned, exit 1
      the request to S3 can't be signed: no time
    Web, exit 1
      S3: {source}
      hint: Check the network, HTTPS_PROXY and NO_PROXY. For an S3 other than Amazon's, set AWS_ENDPOINT_URL_S3
    TimedOut, exit 124
      the request for s3://acme/a timed out after 30s
      hint: Try again later
    Cut, exit 1
      the answer for s3://acme/a was interrupted: reset
      hint: as TimedOut
    Refused, exit 2
      S3 answered 400 for s3://acme/a
      hint: Check AWS_REGION and AWS_ENDPOINT_URL_S3
    Refused, exit 12
      S3 answered 403 for s3://acme/a with access key AKIAEXAMPLE: AccessDenied (Because)
      hint: Ask for the permission s3:GetObject, or choose other credentials with AWS_PROFILE. Without s3:ListBucket, S3 gives the same answer for a missing object
    Refused, exit 11
      S3 answered 403 for s3://acme/a with access key AKIAEXAMPLE: InvalidObjectState (Because)
      hint: The object is in an archive: restore it there first (`aws s3api restore-object`)
    Refused, exit 12
      S3 answered 403 for s3://acme/a with access key AKIAEXAMPLE: RequestTimeTooSkewed (Because)
      hint: Set the clock of this machine
    Refused, exit 12
      S3 answered 400 for s3://acme/a with access key AKIAEXAMPLE: ExpiredToken (Because)
      hint: These AWS credentials are expired or invalid: log in again, or choose others with AWS_PROFILE
    Refused, exit 10
      S3 answered 404 for s3://acme/a with access key AKIAEXAMPLE: NoSuchKey (Because)
      hint: Check the names of the bucket and the object. For an S3 other than Amazon's, set AWS_ENDPOINT_URL_S3
    Refused, exit 1
      S3 answered 503 for s3://acme/a with access key AKIAEXAMPLE: SlowDown (Because)
      hint: as TimedOut
    Refused, exit 1
      S3 answered 418 for s3://acme/a with access key AKIAEXAMPLE: Teapot (Because)
      hint: Check whether `aws s3 cp` can read the object
    BadRegion, exit 2
      `EU` is not a valid region
      hint: A region looks like eu-west-1
    NotSent, exit 2
      the request to S3 can't be sent: invalid header
    Condition, exit 11
      s3://acme/a is not as the condition of the request demands
      hint: Something else has written the object in the meantime: look at it before you try again
    NotUnderstood, exit 1
      the answer of S3 about s3://acme is not understood
      hint: Check AWS_ENDPOINT_URL_S3 and AWS_ENDPOINT_URL: another program may answer there
    ActionRefused, exit 12
      rds:CreateDBSnapshot was answered with 403: AccessDenied (Because)
      hint: Ask for the permission rds:CreateDBSnapshot, or choose other credentials with AWS_PROFILE
    ActionRefused, exit 12
      rds:CreateDBSnapshot was answered with 400: ExpiredToken (Because)
      hint: as Refused
    ActionRefused, exit 12
      rds:CreateDBSnapshot was answered with 400: RequestExpired (Because)
      hint: as Refused
    ActionRefused, exit 10
      rds:CreateDBSnapshot was answered with 404: DBSnapshotNotFound (Because)
      hint: Check the name, and AWS_REGION
    ActionRefused, exit 11
      rds:CreateDBSnapshot was answered with 400: DBSnapshotAlreadyExists (Because)
    ActionRefused, exit 1
      rds:CreateDBSnapshot was answered with 400: Throttling (Because)
      hint: as TimedOut
    ");
}
