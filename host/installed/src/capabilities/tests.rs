use host_engine::{OptionSetting, OptionValue};

use super::*;

const MANIFEST: &str = r#"
        id = "acme/vault"
        version = "1.0.0"
        summary = "x"
        [operations.detect]
        [operations.download]
        [operations.restore]
        files = true
        [endpoints.api]
        select = "pod"
        port = { names = ["api"], numbers = [80] }
        allow = ["GET /b", "POST /b/{id}"]
        auth = "basic"
        headers = ["X-Trace-Id"]
        [endpoints.front]
        select = "service"
        port = { numbers = [443] }
        allow = ["GET /c"]
        [endpoints.bucket]
        select = "s3"
        allow = ["GET /{bucket}/{+key}", "HEAD /acme/index"]
        auth = "aws"
        [exec.look]
        container = "vault"
        argv = ["ls", "-1", "{folder}", "a b"]
        [resources]
        allow = ["acme.example/v1/Vault: get delete", "v1/ConfigMap: get in safe"]
        "#;

fn outline(imports: &[&str]) -> Outline {
    Outline {
        interface: "0.1.0".to_owned(),
        imports: imports
            .iter()
            .map(|name| format!("kubectl-broker:engine/{name}@0.1.0"))
            .collect(),
        manifest: Manifest::from_toml(MANIFEST).expect("a valid manifest"),
    }
}

fn all() -> Capabilities {
    Capabilities::of(&outline(&["http", "artifacts", "exec", "resources"]))
}

#[test]
fn the_set_is_what_is_imported_and_asked_for() {
    let texts: Vec<_> = all().texts().into_iter().collect();
    assert_eq!(
        texts,
        [
            "credentials pod:api,80 basic",
            "credentials s3 aws",
            "exec vault: ls -1 {folder} \"a b\"",
            "header pod:api,80 x-trace-id",
            "http pod:api,80 GET /b",
            "http pod:api,80 POST /b/{id}",
            "http s3 GET /{bucket}/{+key}",
            "http s3 HEAD /acme/index",
            "http service:443 GET /c",
            "objects acme.example/v1/Vault delete",
            "objects acme.example/v1/Vault get",
            "objects v1/ConfigMap get in safe",
            "save files",
            "send files",
        ]
    );
    assert!(Capabilities::of(&outline(&["log", "clock", "types"])).is_empty());
    let exec = Capabilities::of(&outline(&["exec"]));
    assert_eq!(exec.texts().len(), 1);
}

#[test]
fn people_read_one_sentence_for_each_place_and_command() {
    assert_eq!(
        all().sentences(),
        [
            "[other namespace] work with Kubernetes objects v1/ConfigMap in namespace safe: get",
            "[any bucket] talk to S3, outside the cluster: GET /{bucket}/{+key}",
            "[credentials] have your user name and password added to its requests to port api or 80 of the pods of the StatefulSet you name, without seeing them",
            "[credentials] have its requests to S3, outside the cluster signed with your AWS credentials, without seeing them",
            "[writes] talk to port api or 80 of the pods of the StatefulSet you name: POST /b/{id}",
            "[writes] work with Kubernetes objects acme.example/v1/Vault in the namespace of the command: get, delete",
            "talk to port api or 80 of the pods of the StatefulSet you name: GET /b",
            "talk to port 443 of a Service in front of the StatefulSet you name: GET /c",
            "talk to S3, outside the cluster: HEAD /acme/index",
            "add the header x-trace-id to its requests to port api or 80 of the pods of the StatefulSet you name",
            "run in container vault of a pod of the StatefulSet you name: ls -1 {folder} \"a b\"",
            "write received data to the file that you name",
            "send a file that you name to a server that it may talk to",
        ]
    );
}

#[test]
fn a_store_of_google_is_another_capability_than_one_of_amazon() {
    let outline = |kind: &str| Outline {
        manifest: Manifest::from_toml(&format!(
            "id = \"acme/vault\"\nversion = \"1.0.0\"\nsummary = \"x\"\n[operations.detect]\n\
             [storage.vaults]\nkind = \"{kind}\"\nallow = [\"get copy in backups\"]\n"
        ))
        .expect("a valid manifest"),
        ..outline(&["storage"])
    };
    let (amazon, google) = (outline("s3"), outline("gcs"));
    let accepted = Capabilities::of(&google);
    assert_eq!(
        accepted.sentences(),
        [
            "[credentials] work with objects of Google Cloud Storage, outside the cluster, in bucket backups, with your Google credentials, without seeing them: get",
            "[credentials, writes] work with objects of Google Cloud Storage, outside the cluster, in bucket backups, with your Google credentials, without seeing them: copy",
        ]
    );
    let texts = accepted.texts();
    let named: Vec<_> = texts.iter().map(String::as_str).collect();
    assert_eq!(
        named,
        [
            "storage gcs google copy in backups",
            "storage gcs google get in backups"
        ]
    );
    // An update that moves to the other cloud asks again, and gets nothing before.
    let other = Capabilities::of(&amazon).beyond(&texts);
    assert_eq!(other.texts().len(), 2);
    let may = |outline: &Outline, verb| {
        let grants = Capabilities::grants(&outline.manifest, &texts);
        grants
            .check_store("vaults", verb, "backups", "a", &[])
            .is_ok()
    };
    assert!(may(&google, StoreVerb::Get) && may(&google, StoreVerb::Copy));
    for verb in StoreVerb::ALL {
        assert!(!may(&amazon, verb), "{verb}");
    }
    for verb in [StoreVerb::List, StoreVerb::Put, StoreVerb::Delete] {
        assert!(!may(&google, verb), "{verb}");
    }
}

#[test]
fn each_access_outside_the_cluster_is_a_capability() {
    let manifest = |allow: &str, actions: &str| {
        let text = format!(
            "id = \"acme/vault\"\nversion = \"1.0.0\"\nsummary = \"x\"\n[operations.detect]\n\
             [[options]]\nname = \"to\"\ntype = \"text\"\noperations = [\"detect\"]\nhelp = \"x\"\n\
             [storage.vaults]\nkind = \"s3\"\nallow = [{allow}]\n\
             [storage.open]\nkind = \"s3\"\nauth = \"none\"\nallow = [\"get in any\"]\n\
             [aws.rds]\nversion = \"2014-10-31\"\nallow = [{actions}]\n"
        );
        Outline {
            manifest: Manifest::from_toml(&text).expect("a valid manifest"),
            ..outline(&["storage", "aws"])
        }
    };
    let first = manifest(
        r#""get list in backups", "put delete in {to}/acme/""#,
        r#""DescribeDBSnapshots", "CreateDBSnapshot""#,
    );
    let accepted = Capabilities::of(&first);
    assert_eq!(
        accepted.sentences(),
        [
            "[any bucket] work with objects of S3, outside the cluster, in any bucket, without credentials: get",
            "[credentials] work with objects of S3, outside the cluster, in bucket backups, with your AWS credentials, without seeing them: get, list",
            "[credentials, writes] work with objects of S3, outside the cluster, in the bucket that you name with `--to`, keys that begin with acme/, with your AWS credentials, without seeing them: put, delete",
            "[credentials, writes] call actions of the AWS service rds, with your AWS credentials, without seeing them: CreateDBSnapshot",
            "[credentials] call actions of the AWS service rds, with your AWS credentials, without seeing them: DescribeDBSnapshots",
        ]
    );
    let second = manifest(
        r#""get put in backups", "put delete in {to}/acme/""#,
        r#""DescribeDBSnapshots", "CreateDBSnapshot", "DeleteDBSnapshot""#,
    );
    let wider = Capabilities::of(&second);
    let new: Vec<_> = wider
        .beyond(&accepted.texts())
        .texts()
        .into_iter()
        .collect();
    assert_eq!(
        new,
        ["aws rds:DeleteDBSnapshot", "storage s3 aws put in backups"]
    );
    // The manifest asks for more than the user has accepted.
    let grants = Capabilities::grants(&second.manifest, &accepted.texts());
    let put = |bucket: &str, options: &[OptionSetting]| {
        grants
            .check_store("vaults", StoreVerb::Put, bucket, "acme/x", options)
            .is_ok()
    };
    let to = OptionSetting {
        name: "to".to_owned(),
        value: OptionValue::Text("mine".to_owned()),
    };
    assert!(put("mine", &[to]));
    assert!(!put("mine", &[]));
    assert!(!put("backups", &[]));
    assert!(grants.check_action("rds", "CreateDBSnapshot").is_ok());
    assert!(grants.check_action("rds", "DeleteDBSnapshot").is_err());
}

#[test]
fn only_what_is_new_is_asked_for() {
    let less = Capabilities::of(&outline(&["http"]));
    let new: Vec<_> = all().beyond(&less.texts()).texts().into_iter().collect();
    assert_eq!(
        new,
        [
            "exec vault: ls -1 {folder} \"a b\"",
            "objects acme.example/v1/Vault delete",
            "objects acme.example/v1/Vault get",
            "objects v1/ConfigMap get in safe",
            "save files",
        ]
    );
    assert!(less.beyond(&all().texts()).is_empty());
}

#[test]
fn what_was_not_consented_to_is_not_granted() {
    let outline = outline(&["http", "exec", "resources"]);
    let consented = [
        "http pod:api,80 GET /b",
        "objects acme.example/v1/Vault get",
    ];
    let consented = consented.map(str::to_owned).into();
    let grants = Capabilities::grants(&outline.manifest, &consented);
    let get = broker_manifest::Method::Get;
    let granted = grants
        .check_request("api", get, "/b", &[])
        .expect("granted");
    assert_eq!(granted.auth, Auth::None);
    assert!(grants.check_header("api", "x-trace-id").is_err());
    assert!(grants.check_header("api", "accept").is_ok());
    assert!(grants.check_request("front", get, "/c", &[]).is_err());
    assert!(grants.check_pods().is_err());
    let vault = ObjectKind {
        group: "acme.example".into(),
        version: "v1".into(),
        kind: "Vault".into(),
    };
    assert!(
        grants
            .check_objects(&vault, None, ResourceVerb::Get)
            .is_ok()
    );
    assert!(
        grants
            .check_objects(&vault, None, ResourceVerb::Delete)
            .is_err()
    );
    let all = Capabilities::grants(&outline.manifest, &Capabilities::of(&outline).texts());
    assert!(all.check_request("front", get, "/c", &[]).is_ok());
    assert!(all.check_pods().is_ok());
}

const SECURE: &str = r#"
        id = "acme/vault"
        version = "1.0.0"
        summary = "x"
        [operations.detect]
        [credentials.admin]
        kind = "basic"
        help = "x"
        [endpoints.api]
        select = "pod"
        port = { flag = "api-port", numbers = [80] }
        allow = ["GET /b"]
        auth = { header = "X-Vault-Token" }
        tls = "yes"
        tls-ca = { secret = "{statefulset}-certs" }
        tls-name = "{statefulset}.{namespace}.svc"
        tls-client = true
        [endpoints.old]
        select = "pod"
        port = { numbers = [81] }
        allow = ["GET /b"]
        auth = { scheme = "ApiKey" }
        [endpoints.root]
        select = "pod"
        port = { numbers = [82] }
        allow = ["GET /b"]
        auth = { use = "admin" }
        "#;

fn secure(manifest: &str) -> Capabilities {
    Capabilities::of(&Outline {
        manifest: Manifest::from_toml(manifest).expect("a valid manifest"),
        ..outline(&["http"])
    })
}

#[test]
fn credentials_of_every_form_and_the_certificates_are_shown() {
    let texts: Vec<_> = secure(SECURE).texts().into_iter().collect();
    assert_eq!(
        texts,
        [
            "authority pod:80 {statefulset}-certs ca.crt",
            "client-certificate pod:80",
            "credentials pod:80 header x-vault-token with tls",
            "credentials pod:81 scheme ApiKey",
            "credentials pod:82 basic use admin",
            "http pod:80 GET /b",
            "http pod:81 GET /b",
            "http pod:82 GET /b",
            "server-name pod:80 {statefulset}.{namespace}.svc",
        ]
    );
    let sentences = secure(SECURE).sentences();
    assert_eq!(
        sentences[..6],
        [
            "[secrets] have the key ca.crt of Secret {statefulset}-certs read to verify port 80 of the pods of the StatefulSet you name, without seeing it",
            "[credentials] have your token added to its requests to port 80 of the pods of the StatefulSet you name with TLS as header x-vault-token, without seeing it",
            "[credentials] have your token added to its requests to port 81 of the pods of the StatefulSet you name with the scheme ApiKey, without seeing it",
            "[credentials] have your user name and password of `admin` added to its requests to port 82 of the pods of the StatefulSet you name, without seeing them",
            "[credentials] have your client certificate shown to port 80 of the pods of the StatefulSet you name, without seeing it, if you name one",
            "[certificate] have the certificate of {statefulset}.{namespace}.svc accepted from port 80 of the pods of the StatefulSet you name",
        ]
    );
}

#[test]
fn a_version_that_gives_up_tls_asks_again() {
    let plain = SECURE
        .lines()
        .filter(|line| !line.trim_start().starts_with("tls"))
        .collect::<Vec<_>>()
        .join("\n");
    let new = secure(&plain).beyond(&secure(SECURE).texts());
    let new: Vec<_> = new.texts().into_iter().collect();
    assert_eq!(new, ["credentials pod:80 header x-vault-token"]);
}

#[test]
fn certificates_that_were_not_consented_to_are_not_used() {
    let manifest = Manifest::from_toml(SECURE).expect("a valid manifest");
    let routes = ["http pod:80 GET /b".to_owned()];
    let grants = Capabilities::grants(&manifest, &routes.into());
    let endpoint = grants.endpoint("api").expect("granted");
    assert_eq!(endpoint.auth, Auth::None);
    assert!(endpoint.tls_ca.is_none() && endpoint.tls_name.is_none() && !endpoint.tls_client);
    assert_eq!(endpoint.tls, Tls::Yes);
    let all = Capabilities::grants(&manifest, &secure(SECURE).texts());
    assert_eq!(all.endpoint("api"), manifest.endpoints.get("api"));
}

#[test]
fn a_word_that_has_a_space_is_not_two_words() {
    let one = quoted(&["rm".to_owned(), "a b".to_owned()]);
    let two = quoted(&["rm".to_owned(), "a".to_owned(), "b".to_owned()]);
    assert_eq!((one.as_str(), two.as_str()), ("rm \"a b\"", "rm a b"));
}
