use super::*;

fn rule(text: &str) -> StoreRule {
    text.parse().expect(text)
}

#[test]
fn a_rule_has_verbs_and_a_place() {
    for text in [
        "get in any",
        "get list put copy delete in backups",
        "list in backups/daily/of-",
        "put in {bucket}",
        "put in {target-bucket}/v1/",
    ] {
        assert_eq!(rule(text).to_string(), text);
    }
    for text in [
        "",
        "get",
        "in backups",
        "get in",
        "get  list in backups",
        "get get in backups",
        "read in backups",
        "get in Backups",
        "get in ab",
        "get in backups/../x",
        "get in backups/x*",
        "get in {Bucket}",
        "get in {a}{b}",
        "get in s3://backups",
    ] {
        assert!(text.parse::<StoreRule>().is_err(), "{text}");
    }
}

fn store(allow: &[&str]) -> Store {
    Store {
        kind: StoreKind::S3,
        auth: None,
        allow: allow.iter().map(|text| rule(text)).collect(),
    }
}

#[test]
fn only_the_named_places_are_allowed() {
    use StoreVerb::{Delete, Get, List, Put};
    let store = store(&[
        "get list in backups/daily",
        "put in {to}/v1/",
        "delete in {none}",
    ]);
    let allows = |verb, bucket, key| {
        store.allows(verb, bucket, key, |name| {
            (name == "to").then_some("s3://mine/of-acme")
        })
    };
    assert!(allows(Get, "backups", "daily/a"));
    assert!(allows(List, "backups", "daily"));
    assert!(!allows(List, "backups", "dail"));
    assert!(!allows(Get, "backups", "weekly/a"));
    assert!(!allows(Get, "other", "daily/a"));
    assert!(!allows(Put, "backups", "daily/a"));
    assert!(allows(Put, "mine", "of-acme/v1/a"));
    for (bucket, key) in [
        ("mine", "of-acme/v2/a"),
        ("mine", "of-acme-inc/v1/a"),
        ("mine", "v1/a"),
        ("other", "of-acme/v1/a"),
    ] {
        assert!(!allows(Put, bucket, key), "{bucket}/{key}");
    }
    // The user did not name a bucket.
    assert!(!allows(Delete, "mine", "a"));
}

#[test]
fn only_the_name_of_a_bucket_is_one() {
    let any = store(&["get put delete in any", "get in {to}"]);
    for bucket in [
        "",
        "/acme",
        "acme?policy=&x=",
        "acme/other",
        "acme%3Fpolicy",
        "acme#",
        "Acme",
        "ac",
        "a..b",
        "acme.",
    ] {
        let allows = any.allows(StoreVerb::Put, bucket, "k", |_| None);
        assert!(!allows, "{bucket}");
    }
    assert!(any.allows(StoreVerb::Put, "acme", "k?acl", |_| None));
    // A value without a bucket names none.
    let own = store(&["get in {to}"]);
    for value in ["", "s3://", "/", "//victim"] {
        for bucket in ["", "/", "victim"] {
            let allows = own.allows(StoreVerb::Get, bucket, "victim/a", |_| Some(value));
            assert!(!allows, "{value} {bucket}");
        }
    }
}

#[test]
fn a_place_of_the_user_needs_a_text_and_a_public_store_is_read() {
    let check = |store: Store| store.check(|name| name == "to").only();
    assert_eq!(check(store(&["put in {to}"])), Ok(()));
    assert!(matches!(
        check(store(&["put in {from}"])),
        Err(StoreError::NoOption { .. })
    ));
    assert_eq!(check(store(&[])), Err(StoreError::Empty));
    assert_eq!(check(store(&["get in any"; 101])), Err(StoreError::TooMany));
    let public = |text: &str| Store {
        auth: Some(StoreAuth::None),
        ..store(&[text])
    };
    assert_eq!(check(public("get list in backups")), Ok(()));
    for verb in ["put", "copy", "delete"] {
        let checked = check(public(&format!("{verb} in backups")));
        assert!(matches!(checked, Err(StoreError::WritesInPublic { .. })));
    }
}

#[test]
fn the_user_writes_the_name_of_a_bucket_and_not_the_author() {
    let check = |more: &str, verb: &str| {
        crate::Manifest::from_toml(&format!(
            "id = \"acme/vault\"\nversion = \"1.0.0\"\nsummary = \"x\"\n[operations.detect]\n\
             [operations.act]\n[[options]]\nname = \"to\"\ntype = \"text\"\n\
             operations = [\"detect\"]\nhelp = \"x\"\n{more}\n\
             [storage.vaults]\nkind = \"s3\"\nallow = [\"put in {{to}}\"]\n\
             [verbs.move]\nhelp = \"x\"\n[[verbs.move.options]]\nname = \"to\"\ntype = \"text\"\n\
             help = \"x\"\n{verb}\n"
        ))
        .err()
    };
    assert_eq!(check("", ""), None);
    for own in ["default = \"a\"", "choices = [\"a\", \"b\"]"] {
        for error in [check(own, ""), check("", own)] {
            let is_refused = matches!(
                error,
                Some(crate::ManifestError::BadStore {
                    source: StoreError::NoOption { .. },
                    ..
                })
            );
            assert!(is_refused, "{own}: {error:?}");
        }
    }
}

#[test]
fn actions_are_named_one_by_one() {
    let service = |version: &str, action: &str| AwsService {
        version: version.to_owned(),
        allow: vec![action.to_owned()],
    };
    assert_eq!(
        service("2014-10-31", "CreateDBSnapshot").check().only(),
        Ok(())
    );
    for version in ["", "2014", "2014/10/31", "v1", "2014-10-31&"] {
        assert!(service(version, "CreateDBSnapshot").check().only().is_err());
    }
    for action in ["", "*", "Describe*", "createDBSnapshot", "A&Action=B"] {
        assert!(
            service("2014-10-31", action).check().only().is_err(),
            "{action}"
        );
    }
    for action in [
        "GetSessionToken",
        "AssumeRoleWithWebIdentity",
        "GetClusterCredentials",
        "GetPasswordData",
        "CreateKeyPair",
    ] {
        let checked = service("2014-10-31", action).check().only();
        let is_refused = matches!(checked, Err(StoreError::ReturnsSecrets { .. }));
        assert!(is_refused, "{action}");
    }
    assert!(AwsService::reads("DescribeDBSnapshots"));
    assert!(!AwsService::reads("CreateDBSnapshot"));
}

#[test]
fn a_store_takes_the_credentials_of_its_own_cloud() {
    for (kind, own, other) in [
        (StoreKind::S3, StoreAuth::Aws, StoreAuth::Google),
        (StoreKind::Gcs, StoreAuth::Google, StoreAuth::Aws),
    ] {
        let with = |auth| Store {
            kind,
            auth,
            ..store(&["get in backups"])
        };
        assert_eq!(with(None).auth(), own);
        for auth in [None, Some(own), Some(StoreAuth::None)] {
            assert_eq!(with(auth).check(|_| true).only(), Ok(()));
        }
        let checked = with(Some(other)).check(|_| true).only();
        assert_eq!(checked, Err(StoreError::OtherCloud { kind, auth: other }));
    }
}

#[test]
fn a_bucket_of_another_cloud_grants_nothing() {
    for (kind, granted, refused) in [
        (StoreKind::S3, ["s3://mine", "mine/a"], "gs://mine"),
        (StoreKind::Gcs, ["gs://mine", "mine/a"], "s3://mine"),
    ] {
        let store = Store {
            kind,
            ..store(&["put in {to}"])
        };
        let allows =
            |value: &'static str| store.allows(StoreVerb::Put, "mine", "a/b", |_| Some(value));
        assert!(granted.iter().all(|value| allows(value)));
        assert!(!allows(refused));
    }
}
