//! Credentials in the forms that engines ask for, and with names of their own.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use insta::assert_snapshot;
use serde_json::json;
use testbed::Testbed;

use crate::support::{Bed, Repacked};

const TOKEN: &str = "canary-4711";
/// The simulated sidecar has no TLS.
const LIST: &str = "list -o name --limit 1 --sidecar-tls no";

fn bed() -> Bed {
    let token = BASE64_STANDARD.encode(TOKEN);
    Bed::of(Testbed::builder().with(move |world| {
        world.put([json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "sidecar-admin", "namespace": "messaging"},
            "data": {"token": token},
        })]);
    }))
}

/// Returns the values of a header in the requests to the backend.
fn sent(bed: &Bed, header: &str) -> Vec<String> {
    let requests = bed.backend_requests().all();
    let values = requests.iter().filter_map(|it| it.headers.get(header));
    values
        .map(|value| value.to_str().expect("text").to_owned())
        .collect()
}

#[test]
fn a_token_with_a_name_is_sent_as_the_header_of_the_manifest_and_not_seen_by_the_engine() {
    let (engine, bed) = (Repacked::sidecar(), bed());
    let list = format!("{LIST} --credentials admin=secret/sidecar-admin --verbose");
    let run = engine.run(&bed, &list);
    assert_eq!(run.code, 0, "{}", run.shown());
    assert!(!format!("{}{}", run.stdout, run.stderr).contains(TOKEN));
    let tokens = sent(&bed, "x-vault-token");
    assert!(!tokens.is_empty() && tokens.iter().all(|it| it == TOKEN));
    assert_eq!(sent(&bed, "authorization").len(), 0);
    bed.faults()
        .set("sidecar-echo=body".parse().expect("a fault"));
    let quiet = list.replace(" --verbose", "");
    assert_snapshot!(engine.run(&bed, &quiet).message(), @"
    Failed: engine acme/secure says: the answer contains the credentials of the request, and is withheld from the engine
    hint from engine acme/secure:
    exit 1
    ");
}

#[test]
fn credentials_with_a_name_come_from_the_environment_and_no_others_take_their_place() {
    let (engine, bed) = (Repacked::sidecar(), bed());
    let program = engine.program(&bed);
    let list = format!("backup --engine acme/secure {LIST}");
    let named = program
        .clone()
        .env("BROKER_CREDENTIALS_ADMIN_TOKEN", TOKEN)
        // Another engine may need these. They are half of what it needs.
        .env("BROKER_CREDENTIALS_OTHER_USERNAME", "me");
    let run = named.run(&list);
    assert_eq!(run.code, 0, "{}", run.shown());
    let before = sent(&bed, "x-vault-token").len();
    assert_ne!(before, 0);
    bed.faults().set("sidecar-auth=x".parse().expect("a fault"));
    let refused = program.run(&list);
    assert_eq!(refused.code, 12, "{}", refused.shown());
    let told = "asks for credentials, and `admin` were not given";
    assert!(refused.stderr.contains(told), "{}", refused.stderr);
    bed.faults().clear();
    let help = program.run("backup list --engine acme/secure --help");
    let told = "admin (token): For the sidecar";
    let words: Vec<_> = help.stdout.split_whitespace().collect();
    assert!(words.join(" ").contains(told), "{}", help.stdout);
    // The token that all engines share is not for these credentials.
    let shared = program.env("BROKER_TOKEN", "canary-4712");
    assert_eq!(shared.run(&list).code, 0);
    assert_eq!(sent(&bed, "x-vault-token").len(), before);
    assert_eq!(sent(&bed, "authorization").len(), 0);
}

#[test]
fn credentials_that_the_engine_does_not_take_or_that_lack_a_part_are_refused() {
    let (engine, bed) = (Repacked::sidecar(), bed());
    let list = |more: &str| engine.run(&bed, &format!("{LIST} {more}")).message();
    assert_snapshot!(list("--credentials adm=secret/sidecar-admin"), @"
    Usage: engine acme/secure takes no credentials `adm`
    hint:
    exit 2
    ");
    assert_snapshot!(list("--credentials admin=secret/sidecar-admins"), @"
    NotFound: the credentials `admin` can't be read: there is no Secret sidecar-admins in namespace messaging; similar: sidecar-admin
    hint: `--credentials admin=secret/sidecar-admin`
    exit 10
    ");
    assert_snapshot!(list("--credentials admin=secret/hivemq-api"), @"
    Usage: the credentials `admin` have no token
    hint: `--credentials admin=secret/NAME` `password` `token` `username`
    exit 2
    ");
    assert_snapshot!(list("--credentials admin=hunter2"), @"
    Usage: invalid value 'admin=hunter2' for '--credentials <NAME=SOURCE>': write NAME=secret/SECRET; the command line is no place for a secret itself

    exit 2
    ");
    assert_eq!(bed.backend_requests().all().len(), 0);
}
