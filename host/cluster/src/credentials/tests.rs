use super::*;
use crate::kubeconfig::Kubeconfig;
use testbed::scripted::certificates::{LEAF, LEAF_KEY};

fn of(user: &str) -> Result<Credentials, CredentialError> {
    let text = format!("users: [{{user: {user}}}]");
    let config = Kubeconfig::parse(&text).unwrap();
    Credentials::of(&config.users[0].user, &ClusterEntry::default())
}

async fn header(user: &str) -> Option<String> {
    let credentials = of(user).unwrap();
    let header = credentials.authorization.header().await.unwrap();
    header.map(|value| {
        assert!(value.is_sensitive());
        value.to_str().unwrap().to_owned()
    })
}

fn refused(user: &str) -> String {
    let error = of(user).err().unwrap().to_string();
    assert!(!error.contains("canary"), "{error}");
    error
}

fn file(folder: &tempfile::TempDir, name: &str, text: &str) -> String {
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

/// Returns a user entry with a plugin that prints this and does not interact with the user.
fn plugin(answer: &str) -> String {
    let answer = answer.replace('\'', "''");
    format!(
        "{{exec: {{apiVersion: client.authentication.k8s.io/v1, command: echo, interactiveMode: Never, args: ['{answer}']}}}}"
    )
}

#[tokio::test]
async fn white_space_around_a_token_does_not_count() {
    let folder = tempfile::tempdir().unwrap();
    for token in ["t", "t\n", "t\r\n", " \tt\n\n"] {
        let path = file(&folder, "token", token);
        let found = header(&format!("{{tokenFile: {path}}}")).await;
        assert_eq!(found.as_deref(), Some("Bearer t"));
        let quoted = serde_json::to_string(token).unwrap();
        let found = header(&format!("{{token: {quoted}}}")).await;
        assert_eq!(found.as_deref(), Some("Bearer t"));
        let answer = serde_json::json!({"status": {"token": token}}).to_string();
        assert_eq!(header(&plugin(&answer)).await.as_deref(), Some("Bearer t"));
    }
}

#[tokio::test]
async fn the_credentials_that_win_are_those_that_win_for_kubectl() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(&folder, "token", "file");
    for (user, expected) in [
        ("{}".to_owned(), None),
        (
            format!("{{token: inline, tokenFile: {path}}}"),
            Some("Bearer file"),
        ),
        (
            "{token: inline, tokenFile: /nowhere}".into(),
            Some("Bearer inline"),
        ),
        (
            "{token: inline, exec: {command: 'false', apiVersion: v1}}".into(),
            Some("Bearer inline"),
        ),
        (
            "{token: inline, auth-provider: {name: oidc, config: {id-token: id}}}".into(),
            Some("Bearer inline"),
        ),
        (
            "{auth-provider: {name: oidc, config: {id-token: id}}}".into(),
            Some("Bearer id"),
        ),
        (
            "{username: me, password: pw}".into(),
            Some("Basic bWU6cHc="),
        ),
        ("{username: me}".into(), Some("Basic bWU6")),
        ("{password: pw}".into(), None),
        ("{client-key: /nowhere}".into(), None),
        (
            "{token: '', tokenFile: '', username: '', password: '', client-certificate-data: ''}"
                .into(),
            None,
        ),
        ("{token: ' '}".into(), None),
    ] {
        assert_eq!(header(&user).await.as_deref(), expected, "{user}");
    }
}

#[test]
fn a_certificate_goes_before_a_plugin_which_is_not_run() {
    let folder = tempfile::tempdir().unwrap();
    let certificate = file(&folder, "crt", LEAF);
    let key = file(&folder, "key", LEAF_KEY);
    let found = of(&format!(
        "{{client-certificate: {certificate}, client-key: {key}, exec: {{command: 'false', apiVersion: v1}}}}"
    ));
    let found = found.unwrap();
    assert!(matches!(found.authorization, Authorization::None));
    assert!(found.certificate.is_some());
}

#[test]
fn a_certificate_that_nobody_asks_for_may_be_broken_in_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let certificate = file(&folder, "crt", LEAF);
    let pair = format!("client-certificate: {certificate}, client-key: {certificate}");
    let found = of(&format!("{{token: t, {pair}}}")).unwrap();
    assert!(found.certificate.is_none());
    assert!(refused(&format!("{{{pair}}}")).contains("no private key"));
}

#[test]
fn what_kubectl_refuses_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = (
        BASE64_STANDARD.encode(LEAF),
        BASE64_STANDARD.encode(LEAF_KEY),
    );
    let path = file(&folder, "crt", LEAF);
    for (user, why) in [
        ("{token: t, username: me}".to_owned(), "only one"),
        ("{token: t, password: canary}".into(), "only one"),
        ("{tokenFile: t, username: me}".into(), "only one"),
        (
            "{exec: {command: c}, auth-provider: {name: oidc}}".into(),
            "only one",
        ),
        ("{as-groups: [g]}".into(), "without `as`"),
        (
            format!("{{client-certificate-data: {certificate}}}"),
            "neither client-key-data",
        ),
        (
            format!("{{client-certificate-data: {certificate}, client-certificate: {path}}}"),
            "only one",
        ),
        (
            format!(
                "{{client-certificate-data: {certificate}, client-key-data: {key}, client-key: {path}}}"
            ),
            "only one",
        ),
        ("{client-certificate-data: canary!}".into(), "not base64"),
        (
            format!("{{client-certificate-data: {certificate}, client-key-data: Y2FuYXJ5}}"),
            "no private key",
        ),
        (
            "{client-certificate: /nowhere, client-key: /nowhere}".into(),
            "/nowhere",
        ),
        ("{tokenFile: /nowhere}".into(), "/nowhere"),
        ("{tokenFile: /dev/zero}".into(), "a device"),
        ("{tokenFile: /dev/null}".into(), "is empty"),
        (
            "{auth-provider: {name: gcp}}".into(),
            "gke-gcloud-auth-plugin",
        ),
        ("{auth-provider: {name: other}}".into(), "not known"),
        ("{auth-provider: {name: oidc}}".into(), "id-token"),
        ("{exec: {apiVersion: v1}}".into(), "no command"),
        ("{exec: {command: c}}".into(), "no apiVersion"),
        (
            "{exec: {command: c, apiVersion: v1, interactiveMode: Maybe}}".into(),
            "interactiveMode",
        ),
        (
            "{exec: {command: c, apiVersion: v1, env: [{value: x}]}}".into(),
            "without a name",
        ),
    ] {
        let error = refused(&user);
        assert!(error.contains(why), "{user}: {error}");
    }
}

#[test]
fn control_characters_are_refused_wherever_they_stand() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(&folder, "token", "canary\ncanary");
    for user in [
        r#"{token: "canary\ncanary"}"#.to_owned(),
        r#"{token: "canary\0"}"#.into(),
        r#"{token: "canary\x7fx"}"#.into(),
        format!("{{tokenFile: {path}}}"),
        r#"{auth-provider: {name: oidc, config: {id-token: "canary\nx"}}}"#.into(),
    ] {
        assert!(refused(&user).contains("control character"), "{user}");
    }
}

#[tokio::test]
async fn basic_authentication_may_have_any_characters() {
    let found = header(r#"{username: "m\ne", password: "p\0:ä"}"#).await;
    assert_eq!(found.as_deref(), Some("Basic bQplOnAAOsOk"));
}

#[tokio::test]
async fn a_plugin_gives_a_token_or_a_certificate_or_says_why_not() {
    let pair = serde_json::json!({"status": {
        "clientCertificateData": LEAF, "clientKeyData": LEAF_KEY, "token": "", "expirationTimestamp": "",
    }});
    let found = of(&plugin(&pair.to_string())).unwrap();
    let certificate = found.certificate.unwrap();
    assert!(!rustls::client::ResolvesClientCert::has_certs(
        &*certificate
    ));
    assert!(found.authorization.header().await.unwrap().is_none());
    assert!(rustls::client::ResolvesClientCert::has_certs(&*certificate));

    for (answer, why) in [
        ("{}", "without a status"),
        ("", "without a status"),
        (r#"{"status": {}}"#, "neither a token nor"),
        (
            r#"{"status": {"token": "", "clientKeyData": null}}"#,
            "neither a token nor",
        ),
        (r#"{"status": {"clientKeyData": "canary"}}"#, "only one of"),
        (
            r#"{"status": {"clientKeyData": "canary", "clientCertificateData": "x"}}"#,
            "an invalid certificate",
        ),
        (r#"{"status": {"token": "canary\nx"}}"#, "control character"),
        (
            r#"{"status": {"token": "canary", "expirationTimestamp": "soon"}}"#,
            "not a time",
        ),
        (
            r#"{"apiVersion": "v2", "status": {"token": "canary"}}"#,
            "of version v2",
        ),
        ("canary", "not an ExecCredential"),
    ] {
        let found = of(&plugin(answer)).unwrap();
        let error = found.authorization.header().await.unwrap_err().to_string();
        assert!(error.contains(why) && !error.contains("canary"), "{error}");
    }
}

#[tokio::test]
async fn a_plugin_is_run_again_when_its_token_expires_or_was_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("runs");
    for (expires, runs) in [
        ("2000-01-01T00:00:00Z", "xx"),
        ("2999-01-01T00:00:00Z", "x"),
        ("", "x"),
    ] {
        std::fs::write(&path, "").unwrap();
        let answer =
            format!(r#"{{"status": {{"token": "t", "expirationTimestamp": "{expires}"}}}}"#);
        let script = format!("printf x >> {}; echo '{answer}'", path.display());
        let user = serde_json::json!({"exec": {
            "apiVersion": "v1", "command": "sh", "args": ["-c", script], "interactiveMode": "Never",
        }});
        let found = of(&user.to_string()).unwrap();
        for _ in 0..2 {
            assert!(found.authorization.header().await.unwrap().is_some());
        }
        assert_eq!(std::fs::read_to_string(&path).unwrap(), runs, "{expires}");
        found.authorization.refused().await;
        found.authorization.header().await.unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), format!("{runs}x"));
    }
}
