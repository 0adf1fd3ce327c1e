use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use host_base::{Failure, Problem};

use super::*;
use crate::source::Deadlines;

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
        self.login_of(server, "acme/vault").await
    }

    async fn login_of(
        &self,
        server: &str,
        repository: &str,
    ) -> Result<Option<String>, SourceError> {
        let options = SourceOptions {
            docker_config: Some(self.0.path().to_owned()),
            helper_path: Some(self.0.path().into()),
            deadlines: Deadlines {
                helper: Duration::from_secs(20),
                ..Deadlines::default()
            },
            ..SourceOptions::default()
        };
        let found = DockerConfig::of(&options)
            .credentials(server, repository)
            .await?;
        Ok(found.map(|found| match found {
            Credentials::Password { user, password } => {
                format!("{user} {}", password.expose_text().unwrap())
            }
            Credentials::IdentityToken(token) => {
                format!("token {}", token.expose_text().unwrap())
            }
            Credentials::RegistryToken(token) => {
                format!("registry {}", token.expose_text().unwrap())
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
    assert!(
        nowhere
            .credentials("a.example", "x")
            .await
            .unwrap()
            .is_none()
    );
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
        ("echo canary", "is not a login"),
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
        .credentials("a.example", "acme/vault")
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

#[tokio::test]
async fn what_is_null_empty_or_of_another_type_counts_as_missing() {
    let login = r#""a.example":{"auth":"bWU6eA=="}"#;
    for config in [
        format!(r#"{{"auths":{{"x.example":null,{login}}}}}"#),
        format!(r#"{{"auths":{{"x.example":"canary",{login}}}}}"#),
        format!(r#"{{"auths":{{"x.example":{{"auth":"no base64!"}},{login}}}}}"#),
        format!(r#"{{"auths":{{{login}}},"credHelpers":null,"credsStore":null}}"#),
        format!(r#"{{"auths":{{{login}}},"credHelpers":{{"a.example":null,"":""}},"credsStore":""}}"#),
        format!(r#"{{"auths":{{{login}}},"credHelpers":{{"a.example":""}},"credsStore":"missing"}}"#),
        format!(r#"{{"auths":{{{login}}},"credHelpers":["x"],"credsStore":7}}"#),
        format!(r#"{{"AUTHS":{{{login}}},"HttpHeaders":null,"proxies":{{"default":null}}}}"#),
        format!("\u{feff}{{\"auths\":{{{login}}}}}\r\n"),
        r#"{"auths":{"a.example":{"auth":"bWU6eA==","username":null,"identitytoken":null,"email":null}}}"#.to_owned(),
        r#"{"auths":{"a.example":{"auth":null,"username":"me","password":"x"}}}"#.to_owned(),
    ] {
        let found = Home::new(&config).login("a.example").await;
        assert_eq!(found.unwrap().as_deref(), Some("me x"), "{config}");
    }
    for config in [
        "",
        " \n",
        "null",
        "{}",
        r#"{"auths":null}"#,
        r#"{"auths":[]}"#,
        r#"{"auths":{"a.example":null}}"#,
        r#"{"auths":{"a.example":{}}}"#,
        r#"{"auths":{"a.example":{"auth":"","username":"","password":""}}}"#,
        r#"{"auths":{"a.example":{"auth":"Og=="}}}"#,
        r#"{"auths":{"":{"auth":"bWU6eA=="}}}"#,
    ] {
        let found = Home::new(config).login("a.example").await;
        assert_eq!(found.unwrap(), None, "{config}");
    }
}

#[tokio::test]
async fn the_name_of_a_server_is_found_in_every_spelling() {
    let docker = "https://index.docker.io/v1/";
    for (key, server) in [
        ("a.example", "a.example"),
        ("A.Example", "a.example"),
        ("https://a.example", "a.example"),
        ("https://a.example/", "a.example"),
        ("https://a.example/v1/", "a.example"),
        ("HTTPS://A.example/v2", "a.example"),
        ("a.example:443", "a.example"),
        ("a.example", "a.example:443"),
        ("http://a.example:80/v2/", "a.example"),
        ("a.example/acme", "a.example"),
        ("a.example/elsewhere", "a.example"),
        ("http://localhost:5000", "localhost:5000"),
        ("https://[::1]:5000/v2/", "[::1]:5000"),
        ("https://index.docker.io/v1/", docker),
        ("index.docker.io", docker),
        ("docker.io", docker),
        ("https://registry-1.docker.io/v2/", docker),
        ("https://index.docker.io/v2/", docker),
    ] {
        let config = serde_json::json!({ "auths": { key: { "auth": "bWU6eA==" } } });
        let found = Home::new(&config.to_string()).login(server).await;
        assert_eq!(found.unwrap().as_deref(), Some("me x"), "{key} {server}");
    }
    for (key, server) in [
        ("a.example:5000", "a.example"),
        ("http://a.example:443", "a.example"),
        ("b.a.example", "a.example"),
        ("example", "a.example"),
        ("docker.io.example", docker),
    ] {
        let config = serde_json::json!({ "auths": { key: { "auth": "bWU6eA==" } } });
        let found = Home::new(&config.to_string()).login(server).await;
        assert_eq!(found.unwrap(), None, "{key} {server}");
    }
}

#[tokio::test]
async fn of_several_entries_the_one_that_fits_best_is_used() {
    let home = Home::new(
        r#"{"auths":{
            "https://a.example/v1/":{"username":"host","password":"x"},
            "a.example":{},
            "a.example/acme":{"username":"acme","password":"x"},
            "a.example/acme/vault":{"username":"vault","password":"x"},
            "a.example/other":{"auth":"damaged"},
            "b.example/other":{"auth":"damaged"}
        }}"#,
    );
    for (repository, expected) in [
        ("acme/vault", "vault x"),
        ("acme/vault/deep", "vault x"),
        ("acme/vault2", "acme x"),
        ("acmes/vault", "host x"),
        ("other", "host x"),
    ] {
        let found = home.login_of("a.example", repository).await.unwrap();
        assert_eq!(found.as_deref(), Some(expected), "{repository}");
    }
    let error = home.login("b.example").await.unwrap_err();
    assert_eq!(error.failure(), Failure::Usage);
}

#[tokio::test]
async fn base64_of_scripts_is_read() {
    for (auth, expected) in [
        // The text is `me:pa:ss`.
        ("bWU6cGE6c3M=", "me pa:ss"),
        ("bWU6cGE6c3M", "me pa:ss"),
        (" bWU6\ncGE6c3M=\r\n", "me pa:ss"),
        // The text is the output of `echo me:x | base64`.
        ("bWU6eAo=", "me x"),
        ("bWU6eAAA", "me x"),
        // The text is `me:~~~???` in the URL-safe alphabet.
        ("bWU6fn5-Pz8_", "me ~~~???"),
        ("bWU6", "me "),
        ("OnB3", " pw"),
    ] {
        let config = serde_json::json!({ "auths": { "a.example": { "auth": auth } } });
        let found = Home::new(&config.to_string()).login("a.example").await;
        assert_eq!(found.unwrap().as_deref(), Some(expected), "{auth}");
    }
    let config = r#"{"auths":{"a.example":{"registrytoken":"t","auth":"bWU6eA=="}}}"#;
    let found = Home::new(config).login("a.example").await.unwrap();
    assert_eq!(found.as_deref(), Some("registry t"));
}

#[tokio::test]
async fn a_helper_that_is_missing_matters_to_its_registry_and_only_without_a_password() {
    let home = Home::new(
        r#"{"credHelpers":{"x.example":"missing","a.example":"missing","https://B.example/v2/":"one"},
            "auths":{"a.example":{"auth":"bWU6eA=="}}}"#,
    )
    .helper("one", r#"read host; echo "{\"Username\":\"one\",\"Secret\":\"$host\"}""#);
    assert_eq!(home.login("c.example").await.unwrap(), None);
    assert_eq!(home.login("a.example").await.unwrap().unwrap(), "me x");
    assert_eq!(
        home.login("b.example").await.unwrap().unwrap(),
        "one b.example"
    );
    let error = home.login("x.example").await.unwrap_err();
    assert!(matches!(error, SourceError::Helper { .. }), "{error}");
}
