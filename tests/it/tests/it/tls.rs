//! TLS with backends in pods.

use std::fs;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use insta::assert_snapshot;
use serde_json::{Value, json};
use testbed::{Authority, Builder, PodAddress, Server, Testbed, Validity};

use crate::support::{Bed, ID, Invocation, NAME, Repacked, Run};

const NAMESPACE: &str = "messaging";
/// The ports of HiveMQ's REST API and of the sidecar.
const PORTS: [u16; 2] = [8081, 8085];
/// A name for every Service of the namespace.
const NAMES: [&str; 1] = ["*.messaging.svc"];
const LIST: &str = "list -o name --limit 1";
const NEWEST: &str = "20250906-114000\n";
const SIZE: &str = "download-size=1500000";

fn secret(name: &str, data: &[(&str, &str)]) -> Value {
    let data = data.iter().map(|(key, value)| {
        let value = BASE64_STANDARD.encode(value);
        ((*key).to_owned(), Value::from(value))
    });
    json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "type": "Opaque",
        "data": data.collect::<serde_json::Map<_, _>>(),
    })
}

/// Returns the demonstration with these faults and Secrets, and with TLS in front of the backends.
fn builder(server: Option<&Server>, faults: &[&str], secrets: Vec<Value>) -> Builder {
    let server = server.cloned();
    let builder = faults.iter().fold(Testbed::builder(), |builder, fault| {
        builder.fault(fault.parse().expect("a fault of the testbed"))
    });
    builder.with(move |world| {
        for pod in ["broker-0", "broker-1", "broker-2"] {
            let pod = PodAddress::new(NAMESPACE, pod);
            for port in PORTS {
                if let Some(server) = &server {
                    world.encrypt(&pod, port, server);
                }
            }
        }
        world.put(secrets);
    })
}

/// An authority, and a cluster whose backends have its certificates.
struct Encrypted {
    authority: Authority,
    bed: Bed,
}

impl Encrypted {
    fn with(names: &[&str], validity: Validity, faults: &[&str]) -> Self {
        let authority = Authority::new("acme").expect("an authority");
        let server = authority.server(names, validity).expect("a certificate");
        let certs = secret("broker-certs", &[("ca.crt", authority.pem())]);
        let bed = Bed::of(builder(Some(&server), faults, vec![certs]));
        Self { authority, bed }
    }

    fn good(faults: &[&str]) -> Self {
        Self::with(&NAMES, Validity::Now, faults)
    }
}

/// Returns HiveMQ's engine for a backend with TLS, whose authority is in a Secret.
fn hivemq() -> Repacked {
    let ca = "tls-ca = { secret = \"{statefulset}-certs\" }";
    let endpoint = format!("tls = \"yes\"\n{ca}\ntls-client = true");
    Repacked::new("hivemq", &[], &endpoint)
}

fn assert_lists(run: &Run) {
    assert_eq!((run.code, &*run.stdout), (0, NEWEST), "{}", run.shown());
}

#[test]
fn a_backend_is_verified_with_the_authority_and_gets_the_credentials() {
    let cluster = Encrypted::good(&["hivemq-auth=backup:testbed-password"]);
    let run = hivemq().run(
        &cluster.bed,
        &format!("{LIST} --verbose --credentials-secret hivemq-api"),
    );
    assert_lists(&run);
    let told = "TLS with port 8081 of pod broker-0, verified as hivemq-broker-api.messaging.svc by Secret broker-certs (ca.crt)";
    assert!(run.stderr.contains(told), "{}", run.stderr);
    let requests = cluster.bed.backend_requests().all();
    let host = &requests[0].headers["host"];
    assert_eq!(host, "hivemq-broker-api.messaging.svc:8081");
}

#[test]
fn a_download_is_resumed_over_tls() {
    let engine = hivemq();
    for fault in ["download-cut=50:1", "tunnel-cut=700000"] {
        let cluster = Encrypted::good(&[SIZE, "download-resume=on"]);
        let set = |fault: &str| cluster.bed.faults().set(fault.parse().expect("a fault"));
        set(fault);
        let run = engine.run(
            &cluster.bed,
            &format!("download --id {ID} --retries 0 --force"),
        );
        if run.code != 0 {
            cluster.bed.faults().clear();
            set(SIZE);
            set("download-resume=on");
        }
        let run = engine.run(&cluster.bed, &format!("download --id {ID} --force"));
        assert_eq!(run.code, 0, "{fault}: {}", run.shown());
        let hivemq = cluster.bed.hivemq(NAMESPACE).expect("HiveMQ");
        let content = hivemq.content(ID).expect("a content");
        let file = engine.folder().join("backups").join(NAME);
        let bytes = fs::read(&file).expect("a file");
        assert_eq!(crate::support::sha256(&bytes), content.sha256(), "{fault}");
        let requests = cluster.bed.backend_requests().all();
        let mut ranges = requests
            .iter()
            .filter(|it| it.headers.contains_key("range"));
        assert!(ranges.next().is_some(), "{fault}: nothing was resumed");
        fs::remove_file(file).expect("removed");
    }
}

#[test]
fn a_file_is_sent_over_tls() {
    let endpoint = "tls = \"yes\"\ntls-ca = { secret = \"{statefulset}-certs\" }";
    let port = (
        "{ numbers = [8085] }",
        "{ flag = \"secure-port\", numbers = [8085] }",
    );
    let engine = Repacked::new("hostile", &[port], endpoint);
    fs::write(engine.folder().join("my.backup"), "hello\n").expect("written");
    let cluster = Encrypted::with(&["*.broker-cluster.messaging.svc"], Validity::Now, &[]);
    let run = engine.run(&cluster.bed, "restore --file my.backup --yes");
    assert_eq!(run.code, 0, "{}", run.shown());
    let requests = cluster.bed.backend_requests().all();
    let mut posts = requests.iter().filter(|it| it.method == "POST");
    let sent = posts.next().expect("a request");
    assert_eq!(&*sent.body, b"hello\n");
    let host = &sent.headers["host"];
    assert_eq!(host, "broker-0.broker-cluster.messaging.svc:8085");
}

#[test]
fn a_certificate_that_can_not_be_verified_is_refused() {
    let engine = hivemq();
    let cluster = Encrypted::good(&["hivemq-auth=backup:testbed-password"]);
    let list = |more: &str| {
        let run = engine.run(
            &cluster.bed,
            &format!("{LIST} {more} --credentials-secret hivemq-api"),
        );
        run.message()
    };
    assert_snapshot!(list("--api-ca system"), @"
    Failed: can't verify port 8081 of pod broker-0: its certificate is not signed by an authority that this system trusts
    hint: `--api-ca FILE` `--api-ca secret/NAME:KEY`
    exit 1
    ");
    let other = Authority::new("other").expect("an authority");
    fs::write(engine.folder().join("ca.pem"), other.pem()).expect("written");
    assert_snapshot!(list("--api-ca ca.pem"), @"
    Failed: can't verify port 8081 of pod broker-0: its certificate is not signed by an authority of file ca.pem
    hint: `--api-ca FILE` `--api-ca secret/NAME:KEY`
    exit 1
    ");
    assert_snapshot!(list("--api-server-name other.example"), @"
    Failed: can't verify port 8081 of pod broker-0: its certificate is for *.messaging.svc, and not for other.example
    hint: `--api-server-name NAME`
    exit 1
    ");
    let expired = Encrypted::with(&NAMES, Validity::Past, &[]);
    assert_snapshot!(engine.run(&expired.bed, LIST).message(), @"
    Failed: can't verify port 8081 of pod broker-0: the certificate of the server, or one on its way to the authority, has expired
    hint:
    exit 1
    ");
    for bed in [&cluster.bed, &expired.bed] {
        assert_eq!(bed.backend_requests().all().len(), 0, "nothing was sent");
    }
    fs::write(engine.folder().join("ca.pem"), cluster.authority.pem()).expect("written");
    let run = engine.run(
        &cluster.bed,
        &format!("{LIST} --api-ca ca.pem --api-server-name x.messaging.svc --credentials-secret hivemq-api"),
    );
    assert_lists(&run);
}

#[test]
fn the_check_is_skipped_only_with_a_flag_and_a_warning_each_time() {
    let expired = Encrypted::with(&["other.example"], Validity::Past, &[]);
    let run = hivemq().run(
        &expired.bed,
        &format!("{LIST} --api-insecure-skip-tls-verify"),
    );
    assert_snapshot!(run.message(), @"
    stdout:
    20250906-114000
    warning: --api-insecure-skip-tls-verify accepts any certificate: anybody between the API server and the backend can read and change all data, credentials included
    exit 0
    ");
}

#[test]
fn plain_http_where_tls_is_expected_gets_nothing() {
    let engine = hivemq();
    let authority = Authority::new("acme").expect("an authority");
    let certs = secret("broker-certs", &[("ca.crt", authority.pem())]);
    let bed = Bed::of(builder(None, &[], vec![certs]));
    assert_snapshot!(engine.run(&bed, LIST).message(), @"
    Failed: port 8081 of pod broker-0 speaks plain HTTP instead of TLS
    hint: `--api-tls no`
    exit 1
    ");
    assert_eq!(bed.backend_requests().count("GET", ""), 0);
    let run = engine.run(&bed, &format!("{LIST} --api-tls no"));
    assert_lists(&run);
    assert!(
        run.stderr.contains("warning: --api-tls no"),
        "{}",
        run.stderr
    );
}

#[test]
fn tls_where_plain_http_is_asked_is_named() {
    let cluster = Encrypted::good(&[]);
    let bundled = cluster.bed.run(&format!("backup --engine hivemq {LIST}"));
    assert_snapshot!(bundled.message(), @"
    Failed: port 8081 of pod broker-0 speaks TLS, and was asked in plain HTTP
    hint: `--api-port`
    exit 1
    ");
    let run = hivemq().run(&cluster.bed, &format!("{LIST} --api-tls no"));
    assert_snapshot!(run.message(), @"
    warning: --api-tls no: requests and credentials travel in plain text between the API server and the backend
    Failed: port 8081 of pod broker-0 speaks TLS, and was asked in plain HTTP
    hint: `--api-tls yes`
    exit 1
    ");
}

#[test]
fn auto_uses_tls_where_it_is_spoken_and_sends_no_credentials_without() {
    let engine = Repacked::sidecar();
    let names = ["broker.messaging.svc"];
    let cluster = Encrypted::with(&names, Validity::Now, &[]);
    let program = engine.program(&cluster.bed);
    let list = format!("backup --engine acme/secure {LIST} --verbose");
    let with_token = |program: Invocation| program.env("BROKER_CREDENTIALS_ADMIN_TOKEN", "t");
    let run = with_token(program).run(&list);
    assert_eq!(run.code, 0, "{}", run.shown());
    assert!(run.stderr.contains("TLS with port 8085"), "{}", run.stderr);
    let requests = cluster.bed.backend_requests().all();
    assert!(requests.iter().all(|it| it.headers["x-vault-token"] == "t"));
    // An authority that did not sign the certificate is no reason to do without TLS.
    let run = engine.run(&cluster.bed, &format!("{LIST} --sidecar-ca system"));
    assert_eq!(run.code, 1, "{}", run.shown());

    // A backend without TLS needs no authority.
    let open = Bed::of(builder(None, &[], Vec::new()));
    let run = engine.program(&open).run(&list);
    assert_eq!(run.code, 0, "{}", run.shown());
    assert!(
        run.stderr.contains("is asked without TLS"),
        "{}",
        run.stderr
    );
    let before = open.backend_requests().all().len();
    let list = format!("backup --engine acme/secure {LIST}");
    let program = with_token(engine.program(&open));
    assert_snapshot!(program.run(&list).message(), @"
    NotAllowed: the credentials are not sent to port 8085 of pod broker-0, because it speaks plain HTTP
    hint: `--sidecar-tls no`
    exit 12
    ");
    assert_eq!(open.backend_requests().all().len(), before);
    let run = program.run(&format!("{list} --sidecar-tls no"));
    assert_eq!(run.code, 0, "{}", run.shown());
}

#[test]
fn a_client_certificate_is_shown_where_the_user_names_one() {
    let engine = hivemq();
    let authority = Authority::new("acme").expect("an authority");
    let client = authority.client("backup").expect("a client");
    let server = authority
        .server(&NAMES, Validity::Now)
        .expect("a certificate");
    let server = server.for_clients_of(&authority).expect("a server");
    let secrets = vec![
        secret("broker-certs", &[("ca.crt", authority.pem())]),
        secret(
            "backup-client",
            &[("tls.crt", &client.certificate), ("tls.key", &client.key)],
        ),
    ];
    let bed = Bed::of(builder(Some(&server), &[], secrets));
    assert_snapshot!(engine.run(&bed, LIST).message(), @"
    NotAllowed: port 8081 of pod broker-0 requires a client certificate
    hint: `--api-client-cert FILE` `--api-client-cert secret/NAME`
    exit 12
    ");
    assert_lists(&engine.run(
        &bed,
        &format!("{LIST} --api-client-cert secret/backup-client"),
    ));
    let both = format!("{}{}", client.certificate, client.key);
    fs::write(engine.folder().join("client.pem"), both).expect("written");
    assert_lists(&engine.run(&bed, &format!("{LIST} --api-client-cert client.pem")));
    let other = Authority::new("other").expect("an authority");
    let other = other.client("backup").expect("a client");
    let both = format!("{}{}", other.certificate, other.key);
    fs::write(engine.folder().join("client.pem"), both).expect("written");
    let run = engine.run(&bed, &format!("{LIST} --api-client-cert client.pem"));
    assert_snapshot!(run.message(), @"
    NotAllowed: port 8081 of pod broker-0 refuses the client certificate
    hint: `--api-client-cert FILE` `--api-client-cert secret/NAME`
    exit 12
    ");
}

#[test]
fn certificates_that_can_not_be_read_are_named_with_the_flag() {
    let engine = hivemq();
    let cluster = Encrypted::good(&[]);
    let list = |more: &str| {
        engine
            .run(&cluster.bed, &format!("{LIST} {more}"))
            .outcome()
    };
    assert_snapshot!(list("--api-ca secret/broker-cert"), @"
    NotFound: 8081 broker-0 messaging
    hint: `--api-ca secret/broker-certs`
    exit 10
    ");
    assert_snapshot!(list("--api-ca secret/broker-certs:tls.crt"), @"
    NotFound: 8081 broker-0 ca.crt messaging tls.crt
    hint: `--api-ca FILE` `--api-ca secret/broker-certs:KEY`
    exit 10
    ");
    assert_snapshot!(list("--api-ca none.pem"), @"
    Usage: 2 8081 broker-0 none.pem «No such file or directory»
    hint: `--api-ca`
    exit 2
    ");
    assert_snapshot!(list("--api-ca secret/"), @"
    Usage: '--api-ca <SOURCE>' 'secret/' secret/NAME secret/NAME:KEY
    exit 2
    ");
    let cluster = Encrypted::good(&["deny=get:secrets:messaging"]);
    let run = engine.run(&cluster.bed, LIST);
    assert_snapshot!(run.outcome(), @r#"
    NotAllowed: "" "broker-certs" "messaging" "secrets" "testbed" 8081 broker-0 messaging
    hint: `--api-ca FILE` `kubectl create role broker-secrets -n messaging --verb=get --resource=secrets --resource-name=broker-certs` `{apiGroups: [""], resources: ["secrets"], resourceNames: ["broker-certs"], verbs: ["get"]}`
    exit 12
    "#);
}

#[test]
fn the_test_of_a_backend_says_whether_it_speaks_tls() {
    let cluster = Encrypted::good(&[]);
    let run = hivemq().run(&cluster.bed, "test -o json");
    assert_eq!(run.code, 0, "{}", run.shown());
    let checks = run.json();
    let checks = checks["items"].as_array().expect("checks").iter();
    let mut endpoints = checks.filter(|check| check["check"] == "endpoint:api");
    let message = endpoints.next().expect("a check")["message"].to_string();
    assert!(message.contains("answers with TLS"), "{message}");
}

#[test]
fn the_user_sees_what_tls_reads_before_the_installation() {
    let engine = hivemq();
    let run = engine.machine().run("plugin inspect secure.wasm");
    let lines = run.stdout.lines().map(str::trim);
    let about: Vec<_> = lines
        .filter(|line| {
            line.contains("TLS") || line.contains("verify") || line.contains("certificate")
        })
        .collect();
    assert_snapshot!(about.join("\n"), @"
    ! [secrets] have the key ca.crt of Secret {statefulset}-certs read to verify port api or rest-api or rest-* or 8888 or 8081 of a Service in front of the StatefulSet you name, without seeing it
    ! [credentials] have your user name and password added to its requests to port api or rest-api or rest-* or 8888 or 8081 of a Service in front of the StatefulSet you name with TLS, without seeing them
    ! [credentials] have your client certificate shown to port api or rest-api or rest-* or 8888 or 8081 of a Service in front of the StatefulSet you name, without seeing it, if you name one
    ");
    let run = engine.machine().accepting("plugin install secure.wasm");
    assert_eq!(run.code, 0, "{}", run.shown());
    let cluster = Encrypted::good(&[]);
    let program = engine
        .machine()
        .program()
        .kubeconfig(cluster.bed.kubeconfig());
    let run = program.run(&format!("backup --engine secure {LIST}"));
    assert_lists(&run);
}
