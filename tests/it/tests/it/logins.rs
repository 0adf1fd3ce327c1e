//! Credentials in the forms that engines ask for, and with names of their own.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use insta::assert_snapshot;
use serde_json::json;
use testbed::Testbed;

use crate::support::{Bed, Repacked};

const TOKEN: &str = "canary-4711";
const LIST: &str = "list -o name --limit 1";

/// Returns the sidecar's engine with another `auth`.
fn sidecar(auth: &str) -> Repacked {
    Repacked::new(
        "sidecar",
        &[("auth = \"bearer\"", "")],
        &format!("auth = {auth}"),
    )
}

/// Returns the sidecar's engine with a token that is called `admin`.
fn admin() -> Repacked {
    let declared =
        "[credentials.admin]\nkind = \"token\"\nhelp = \"For the sidecar\"\n\n[endpoints.api]";
    Repacked::new(
        "sidecar",
        &[("auth = \"bearer\"", ""), ("[endpoints.api]", declared)],
        "auth = { use = \"admin\", scheme = \"ApiKey\" }",
    )
}

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
fn a_token_is_sent_as_the_header_of_the_manifest() {
    let (engine, bed) = (sidecar("{ header = \"X-Vault-Token\" }"), bed());
    let program = engine.program(&bed).env("BROKER_TOKEN", TOKEN);
    let run = program.run(&format!("backup --engine acme/secure {LIST} --verbose"));
    assert_eq!(run.code, 0, "{}", run.shown());
    assert!(!format!("{}{}", run.stdout, run.stderr).contains(TOKEN));
    assert!(sent(&bed, "x-vault-token").iter().all(|it| it == TOKEN));
    assert_ne!(sent(&bed, "x-vault-token").len(), 0);
    assert_eq!(sent(&bed, "authorization").len(), 0);
    // An engine never gets an answer with the token in it.
    bed.faults()
        .set("sidecar-echo=body".parse().expect("a fault"));
    let run = program.run(&format!("backup --engine acme/secure {LIST}"));
    assert_snapshot!(run.message(), @"");
}

#[test]
fn credentials_with_a_name_come_from_a_secret_or_the_environment() {
    let (engine, bed) = (admin(), bed());
    let run = engine.run(
        &bed,
        &format!("{LIST} --credentials admin=secret/sidecar-admin"),
    );
    assert_eq!(run.code, 0, "{}", run.shown());
    let with_scheme = format!("ApiKey {TOKEN}");
    assert!(
        sent(&bed, "authorization")
            .iter()
            .all(|it| *it == with_scheme)
    );
    let before = sent(&bed, "authorization").len();
    assert_ne!(before, 0);
    let program = engine.program(&bed);
    let list = format!("backup --engine acme/secure {LIST}");
    let named = program.clone().env("BROKER_CREDENTIALS_ADMIN_TOKEN", TOKEN);
    assert_eq!(named.run(&list).code, 0);
    assert!(sent(&bed, "authorization").len() > before);
    let before = sent(&bed, "authorization").len();
    // The token that all engines share is not for these credentials.
    let shared = program.env("BROKER_TOKEN", "canary-4712");
    assert_eq!(shared.run(&list).code, 0);
    assert_eq!(sent(&bed, "authorization").len(), before);
}

#[test]
fn credentials_that_the_engine_does_not_take_or_that_lack_a_part_are_refused() {
    let (engine, bed) = (admin(), bed());
    let list = |more: &str| engine.run(&bed, &format!("{LIST} {more}")).message();
    assert_snapshot!(list("--credentials adm=secret/sidecar-admin"), @"");
    assert_snapshot!(list("--credentials admin=secret/sidecar-admins"), @"");
    assert_snapshot!(list("--credentials admin=secret/hivemq-api"), @"");
    assert_snapshot!(list("--credentials admin=hunter2"), @"");
    assert_eq!(bed.backend_requests().all().len(), 0);
}
