use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use super::*;
use crate::model::{Failure, Problem};
use crate::plugin::source::Deadlines;

/// A configuration, and a folder of helpers that replaces `PATH`.
struct Home(tempfile::TempDir);

impl Home {
    fn new(config: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("config.json"), config).unwrap();
        Self(folder)
    }

    fn helper(self, name: &str, script: &str) -> Self {
        let path = self.0.path().join(format!("docker-credential-{name}"));
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o700)).unwrap();
        self
    }

    async fn login(&self, server: &str) -> Result<Option<String>, SourceError> {
        let options = SourceOptions {
            docker_config: Some(self.0.path().to_owned()),
            helper_path: Some(self.0.path().into()),
            deadlines: Deadlines {
                helper: Duration::from_secs(20),
                ..Deadlines::default()
            },
            ..SourceOptions::default()
        };
        let found = DockerConfig::of(&options).credentials(server).await?;
        Ok(found.map(|found| match found {
            Credentials::Password { user, password } => {
                format!("{user} {}", password.expose_text().unwrap())
            }
            Credentials::IdentityToken(token) => {
                format!("token {}", token.expose_text().unwrap())
            }
        }))
    }
}

#[tokio::test]
async fn passwords_of_the_file_are_found_by_host() {
    let home = Home::new(
        r#"{"auths":{
            "a.example":{"auth":"bWU6cGE6c3M="},
            "https://b.example:5000/v2/":{"username":"me","password":"b"},
            "c.example":{"auth":"bWU6eA==","identitytoken":"refresh"},
            "d.example":{},
            "https://index.docker.io/v1/":{"auth":"bWU6ZA=="}
        },"psFormat":"x"}"#,
    );
    for (server, expected) in [
        ("a.example", Some("me pa:ss")),
        ("b.example:5000", Some("me b")),
        ("b.example", None),
        ("c.example", Some("token refresh")),
        ("d.example", None),
        ("sub.a.example", None),
        ("https://index.docker.io/v1/", Some("me d")),
    ] {
        assert_eq!(
            home.login(server).await.unwrap().as_deref(),
            expected,
            "{server}"
        );
    }
}

#[tokio::test]
async fn no_configuration_is_no_password() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home(folder);
    assert_eq!(home.login("a.example").await.unwrap(), None);
    let nowhere = DockerConfig::of(&SourceOptions::default());
    assert!(nowhere.credentials("a.example").await.unwrap().is_none());
}

#[tokio::test]
async fn a_helper_for_the_registry_goes_before_the_one_for_all_and_that_before_the_file() {
    let home = Home::new(
        r#"{"credHelpers":{"a.example":"one"},"credsStore":"all",
            "auths":{"a.example":{"auth":"bWU6eA=="},"c.example":{"auth":"bWU6eA=="}}}"#,
    )
    .helper(
        "one",
        r#"read host; echo "{\"ServerURL\":\"x\",\"Username\":\"one\",\"Secret\":\"$host\"}""#,
    )
    .helper(
        "all",
        r#"read host
           case "$1 $host" in
           "get b.example") echo '{"Username":"<token>","Secret":"t"}' ;;
           *) echo "credentials not found in native keychain"; exit 1 ;;
           esac"#,
    );
    assert_eq!(
        home.login("a.example").await.unwrap().unwrap(),
        "one a.example"
    );
    assert_eq!(home.login("b.example").await.unwrap().unwrap(), "token t");
    assert_eq!(home.login("c.example").await.unwrap().unwrap(), "me x");
    assert_eq!(home.login("d.example").await.unwrap(), None);
}

#[tokio::test]
async fn a_helper_that_fails_is_named_and_what_it_printed_stays_secret() {
    let config = r#"{"credsStore":"broken"}"#;
    let missing = Home::new(config).login("a.example").await.unwrap_err();
    assert_eq!(
        missing.to_string(),
        "the credential helper `docker-credential-broken` is not installed, or not in PATH"
    );
    assert_eq!(missing.failure(), Failure::NotAllowed);
    for (script, expected) in [
        (
            "echo canary; echo 'the vault is locked' >&2; exit 3",
            "the vault is locked",
        ),
        ("echo canary", "is no login"),
    ] {
        let home = Home::new(config).helper("broken", script);
        let error = home.login("a.example").await.unwrap_err().to_string();
        assert!(
            error.contains(expected) && !error.contains("canary"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_helper_that_hangs_is_ended() {
    let home = Home::new(r#"{"credsStore":"slow"}"#).helper("slow", "while :; do :; done");
    let options = SourceOptions {
        docker_config: Some(home.0.path().to_owned()),
        helper_path: Some(home.0.path().into()),
        deadlines: Deadlines {
            helper: Duration::from_millis(100),
            ..Deadlines::default()
        },
        ..SourceOptions::default()
    };
    let error = DockerConfig::of(&options)
        .credentials("a.example")
        .await
        .unwrap_err();
    assert_eq!(error.failure(), Failure::TimedOut);
}

#[tokio::test]
async fn a_helper_cannot_be_a_path() {
    for name in ["../x", "/bin/sh", "a b", "a;b"] {
        let home = Home::new(&serde_json::json!({ "credsStore": name }).to_string());
        let error = home.login("a.example").await.unwrap_err();
        assert!(matches!(error, SourceError::Helper { .. }), "{error}");
    }
}

#[tokio::test]
async fn a_damaged_configuration_is_an_error_that_shows_none_of_it() {
    for config in [
        "canary",
        r#"{"auths":{"a.example":"canary"}}"#,
        r#"{"auths":{"a.example":{"auth":"canary!"}}}"#,
        r#"{"auths":{"a.example":{"auth":"Y2FuYXJ5"}}}"#,
    ] {
        let error = Home::new(config).login("a.example").await.unwrap_err();
        assert_eq!(error.failure(), Failure::Usage);
        let text = error.to_string();
        assert!(
            text.contains("config.json") && !text.contains("canary"),
            "{text}"
        );
    }
}
