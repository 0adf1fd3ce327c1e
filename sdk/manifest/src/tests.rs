use super::*;

const GOOD: &str = r#"
id = "acme/vault"
version = "1.2.3"
summary = "Backs up Acme Vault"

[operations.detect]
[operations.list]
preference = 50

[[options]]
name = "depth"
type = "integer"
operations = ["list"]
default = "3"
help = "How deep to look"

[[columns]]
value = "region"
header = "REGION"

[endpoints.api]
select = "service"
port = { flag = "vault-port", names = ["api", "rest-*"], numbers = [8888, 8081] }
allow = ["GET /v1/backups", "GET /v1/backups/{id}"]
auth = "basic"
"#;

fn refused(from: &str, to: &str) -> ManifestError {
    assert!(GOOD.contains(from), "the test replaces text that is there");
    Manifest::from_toml(&GOOD.replacen(from, to, 1)).expect_err("must be refused")
}

#[test]
fn survives_the_way_through_the_custom_section() {
    let manifest = Manifest::from_toml(GOOD).unwrap();
    let json = manifest.to_json().unwrap();
    assert_eq!(Manifest::from_json(&json).unwrap(), manifest);
    assert_eq!(manifest.id.name(), "vault");
    assert_eq!(manifest.operations[&Operation::List].preference, 50);
}

#[test]
fn an_unknown_key_is_refused_and_named() {
    let error = refused("summary", "sumary");
    assert!(error.to_string().contains("sumary"), "{error}");
}

#[test]
fn a_flag_of_the_host_cannot_be_taken_by_an_option_or_a_port() {
    let taken = ManifestError::ReservedFlag {
        name: "namespace".into(),
    };
    assert_eq!(refused("\"depth\"", "\"namespace\""), taken);
    assert_eq!(refused("\"vault-port\"", "\"namespace\""), taken);
}

#[test]
fn a_flag_stands_once() {
    assert_eq!(
        refused("\"vault-port\"", "\"depth\""),
        ManifestError::TwiceTheSameFlag {
            name: "depth".into()
        }
    );
}

#[test]
fn a_default_fits_its_type() {
    assert!(matches!(
        refused("default = \"3\"", "default = \"deep\""),
        ManifestError::BadDefault { .. }
    ));
}

#[test]
fn text_for_people_cannot_carry_escapes() {
    assert!(matches!(
        refused("Backs up", "Backs\\u001b[2J up"),
        ManifestError::BadText { .. }
    ));
    assert!(matches!(
        refused("\"REGION\"", "\"Region of it\""),
        ManifestError::BadHeader { .. }
    ));
}

#[test]
fn every_engine_can_detect() {
    assert_eq!(
        refused("[operations.detect]\n", ""),
        ManifestError::NoDetect
    );
}

#[test]
fn port_names_match_exactly_or_by_their_beginning() {
    let manifest = Manifest::from_toml(GOOD).unwrap();
    let port = manifest.endpoints["api"].port.as_ref().unwrap();
    let names = &port.names;
    assert!(names[0].matches("api") && !names[0].matches("api-2"));
    assert!(names[1].matches("rest-8888") && !names[1].matches("rest"));
}

fn fill(route: &str, parameters: &[(&str, &str)]) -> Result<String, RouteError> {
    let parameters: Vec<_> = parameters
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    route.parse::<Route>()?.fill(&parameters)
}

#[test]
fn parameters_are_encoded_into_one_segment() {
    assert_eq!(
        fill("GET /b/{id}/file", &[("id", "a b?c#d%é")]).unwrap(),
        "/b/a%20b%3Fc%23d%25%C3%A9/file"
    );
}

#[test]
fn a_parameter_cannot_leave_its_segment() {
    for value in ["", ".", "..", "a/b", "..\\x", "a\nb", "\u{0}"] {
        assert_eq!(
            fill("GET /b/{id}", &[("id", value)]),
            Err(RouteError::Value { name: "id".into() }),
            "{value:?}"
        );
    }
}

#[test]
fn only_the_rest_of_a_path_keeps_its_slashes() {
    let route = "GET /{bucket}/{+key}";
    let key = |key| fill(route, &[("bucket", "b"), ("key", key)]);
    assert_eq!(key("a/b c/é.json").unwrap(), "/b/a/b%20c/%C3%A9.json");
    assert_eq!(key("a").unwrap(), "/b/a");
    let long = "a/".repeat(600);
    for value in [
        "", "/", "a//b", "/a", "a/", "a/../b", "./a", "a\\b", "a\n", &long,
    ] {
        let refused = Err(RouteError::Rest { name: "key".into() });
        assert_eq!(key(value), refused, "{value:?}");
    }
    assert!(fill(route, &[("bucket", "b/c"), ("key", "a")]).is_err());
    for text in ["GET /{+key}/x", "GET /{++key}", "GET /a{+key}", "GET /{+}"] {
        assert!(text.parse::<Route>().is_err(), "{text:?}");
    }
}

#[test]
fn a_path_is_taken_apart_as_it_was_put_together() {
    let of = |route: &str, path: &str| {
        let route: Route = route.parse().unwrap();
        let found = route.parameters_of(path)?;
        let owned = |(name, value): &(&str, &str)| format!("{name}={value}");
        Some(found.iter().map(owned).collect::<Vec<_>>().join(" "))
    };
    assert_eq!(of("GET /b/{id}", "/b/7%20").as_deref(), Some("id=7%20"));
    for path in ["/b", "/b/7/x", "/c/7", "/b/7/"] {
        assert_eq!(of("GET /b/{id}", path), None, "{path}");
    }
    let route = "GET /{bucket}/{+key}";
    assert_eq!(of(route, "/b/a/c").as_deref(), Some("bucket=b key=a/c"));
    assert_eq!(of(route, "/b"), None);
}

#[test]
fn the_root_and_a_verb_or_a_slash_at_the_end_are_routes() {
    assert_eq!(fill("GET /", &[]).unwrap(), "/");
    assert_eq!(fill("POST /b:prune", &[]).unwrap(), "/b:prune");
    assert_eq!(fill("GET /b/", &[]).unwrap(), "/b/");
    assert_eq!(fill("GET /{id}/", &[("id", "7")]).unwrap(), "/7/");
    let route = "POST /b/{id}:cancel";
    assert_eq!(fill(route, &[("id", "7")]).unwrap(), "/b/7:cancel");
    assert_eq!(fill(route, &[("id", "a:b")]).unwrap(), "/b/a%3Ab:cancel");
    assert!(fill(route, &[("id", "")]).is_err());
    let of = |route: &str, path: &str| {
        let route: Route = route.parse().unwrap();
        let found = route.parameters_of(path)?;
        Some(
            found
                .first()
                .map_or_else(String::new, |(_, value)| (*value).to_owned()),
        )
    };
    assert_eq!(of("GET /", "/").as_deref(), Some(""));
    assert_eq!(of("GET /", "/b"), None);
    assert_eq!(of("GET /b/", "/b/").as_deref(), Some(""));
    assert_eq!(of("GET /b/", "/b"), None);
    assert_eq!(of("GET /b", "/b/"), None);
    assert_eq!(of(route, "/b/7:cancel").as_deref(), Some("7"));
    for path in ["/b/7", "/b/:cancel", "/b/7:delete", "/b/7:x:cancel"] {
        assert_eq!(of(route, path), None, "{path}");
    }
    assert_eq!(of("POST /b/{id}", "/b/7:cancel"), None);
    for text in [
        "GET //",
        "GET /b//",
        "GET /b:x/",
        "GET /{+key}/",
        "GET /:x",
        "GET /b:",
        "GET /b:x:y",
        "GET /b:x/c",
        "GET /{id}:x/c",
        "GET /{id:x}",
        "GET /{+key}:x",
        "GET /b:9",
        "GET /b:{id}",
    ] {
        assert!(text.parse::<Route>().is_err(), "{text:?}");
    }
}

#[test]
fn parameters_are_exactly_those_of_the_route() {
    assert_eq!(
        fill("GET /b/{id}", &[]),
        Err(RouteError::Missing { name: "id".into() })
    );
    assert_eq!(
        fill("GET /b", &[("id", "x")]),
        Err(RouteError::Unknown { name: "id".into() })
    );
}

#[test]
fn a_route_is_a_method_and_a_clean_path() {
    for text in [
        "",
        "GET",
        "GET x",
        "FETCH /x",
        "GET /a//b",
        "GET /../x",
        "GET /a?b=c",
        "GET /{}",
    ] {
        assert!(text.parse::<Route>().is_err(), "{text:?}");
    }
}

#[test]
fn an_engine_adds_fields_of_its_own_beside_those_that_every_backup_has() {
    let manifest = Manifest::from_toml(GOOD).unwrap();
    assert!(manifest.has_field("region"));
    assert!(!manifest.has_field("id") && !manifest.has_field("zone"));
    assert_eq!(Column::defaults()[3].header(), "AGE");
}

const VERBS: &str = r#"
id = "acme/vault"
version = "1.2.3"
summary = "Backs up Acme Vault"

[operations.detect]
[operations.act]

[verbs.shred]
help = "Destroy a backup"
destructive = true

[[verbs.shred.options]]
name = "name"
type = "text"
positional = true
help = "The backup"

[[verbs.shred.options]]
name = "passes"
type = "integer"
default = "3"
help = "How often"

[[verbs.shred.options]]
name = "force"
type = "boolean"
help = "Destroy it although it is the last"

[endpoints.api]
select = "pod"
port = { flag = "vault-port", numbers = [8888] }
allow = ["POST /v1/shred"]
"#;

fn verbs_refused(from: &str, to: &str) -> ManifestError {
    assert!(VERBS.contains(from), "the test replaces text that is there");
    Manifest::from_toml(&VERBS.replacen(from, to, 1)).expect_err("must be refused")
}

#[test]
fn a_verb_survives_the_way_through_the_custom_section() {
    let manifest = Manifest::from_toml(VERBS).unwrap();
    let json = manifest.to_json().unwrap();
    assert_eq!(Manifest::from_json(&json).unwrap(), manifest);
    let shred = &manifest.verbs["shred"];
    assert!(shred.destructive && shred.options[0].is_required());
    assert!(!shred.options[1].is_required() && !shred.options[2].is_required());
}

#[test]
fn verbs_and_the_operation_act_come_together() {
    assert_eq!(
        verbs_refused("[operations.act]", ""),
        ManifestError::VerbWithoutAct {
            verb: "shred".into()
        }
    );
    assert_eq!(
        refused("[operations.list]", "[operations.act]\n[operations.list]"),
        ManifestError::ActWithoutVerb
    );
}

#[test]
fn a_verb_has_a_name_of_its_own() {
    for name in ["delete", "help", "history"] {
        assert!(matches!(
            Manifest::from_toml(&VERBS.replace("verbs.shred", &format!("verbs.{name}"))),
            Err(ManifestError::ReservedVerb { .. })
        ));
    }
    for name in ["Shred", "\"-s\"", "\"s h\"", "\"\""] {
        assert!(matches!(
            Manifest::from_toml(&VERBS.replace("verbs.shred", &format!("verbs.{name}"))),
            Err(ManifestError::BadName { what: "verb", .. })
        ));
    }
}

#[test]
fn an_option_of_a_verb_takes_no_flag_that_every_command_has() {
    assert_eq!(
        verbs_refused("\"passes\"", "\"namespace\""),
        ManifestError::ReservedFlag {
            name: "namespace".into()
        }
    );
    for taken in ["vault-port", "name", "force"] {
        assert_eq!(
            verbs_refused("\"passes\"", &format!("{taken:?}")),
            ManifestError::TwiceTheSameFlag { name: taken.into() }
        );
    }
}

#[test]
fn two_verbs_may_have_the_same_option() {
    let second = VERBS.replace(
        "[endpoints.api]",
        "[verbs.melt]\nhelp = \"Melt it\"\n[[verbs.melt.options]]\nname = \"passes\"\ntype = \"text\"\nhelp = \"x\"\n[endpoints.api]",
    );
    assert_eq!(Manifest::from_toml(&second).unwrap().verbs.len(), 2);
}

#[test]
fn an_option_of_a_verb_fits_its_type() {
    assert!(matches!(
        verbs_refused("default = \"3\"", "default = \"often\""),
        ManifestError::BadDefault { .. }
    ));
    assert!(matches!(
        verbs_refused("default = \"3\"", "choices = [\"3\"]"),
        ManifestError::BadChoice { .. }
    ));
    assert!(matches!(
        verbs_refused("\"How often\"", "\"How\\noften\""),
        ManifestError::BadText { .. }
    ));
}

#[test]
fn what_always_has_a_value_is_not_asked_for() {
    let never = |option: &str| ManifestError::NeverMissing {
        option: option.into(),
    };
    assert_eq!(
        verbs_refused("default = \"3\"", "default = \"3\"\nrequired = true"),
        never("passes")
    );
    assert_eq!(
        verbs_refused(
            "type = \"boolean\"",
            "type = \"boolean\"\npositional = true"
        ),
        never("force")
    );
}

#[test]
fn the_options_of_a_verb_stand_in_the_verb() {
    let outside = VERBS.replace(
        "[endpoints.api]",
        "[[options]]\nname = \"depth\"\ntype = \"text\"\noperations = [\"act\"]\nhelp = \"x\"\n[endpoints.api]",
    );
    assert_eq!(
        Manifest::from_toml(&outside),
        Err(ManifestError::OptionOfAct {
            option: "depth".into()
        })
    );
}

const WITH_COMMAND: &str = "\n[exec.look]\nargv = [\"ls\", \"{folder}\"]\n";

#[test]
fn a_command_travels_in_the_manifest_and_has_defaults() {
    let manifest = Manifest::from_toml(&format!("{GOOD}{WITH_COMMAND}")).unwrap();
    let json = manifest.to_json().unwrap();
    let back = Manifest::from_json(&json).unwrap();
    assert_eq!(back, manifest);
    let look = &back.exec["look"];
    assert_eq!((look.timeout, &look.container), (30, &None));
    assert!(Manifest::from_toml(GOOD).unwrap().exec.is_empty());
}

#[test]
fn a_command_that_breaks_a_rule_is_refused_with_its_name() {
    for (from, to, said) in [
        (
            "\"ls\"",
            "\"{folder}\"",
            "command `look` is invalid: the program itself",
        ),
        (
            "exec.look",
            "exec.Look",
            "`Look` is not a valid name (command)",
        ),
        (
            "{folder}\"",
            "{folder\"",
            "a brace that belongs to no placeholder",
        ),
        (
            "argv",
            "timeout = 3601\nargv",
            "`timeout` must be 1–3600 seconds",
        ),
        ("argv", "shell = true\nargv", "unknown field `shell`"),
    ] {
        let text = format!("{GOOD}{}", WITH_COMMAND.replacen(from, to, 1));
        let error = Manifest::from_toml(&text).expect_err("must be refused");
        assert!(error.to_string().contains(said), "{error}");
    }
}

#[test]
fn what_is_part_of_another_operation_needs_it_and_shares_its_command() {
    let finish = "[operations.detect]\n[operations.finish]\n";
    assert_eq!(
        refused("[operations.detect]\n", finish),
        ManifestError::PartOf {
            operation: Operation::Finish,
            command: Operation::Create
        }
    );
    let text = GOOD
        .replace(
            "[operations.detect]\n",
            &format!("{finish}[operations.create]\n"),
        )
        .replace("operations = [\"list\"]", "operations = [\"finish\"]");
    let manifest = Manifest::from_toml(&text).unwrap();
    let names = |operation| {
        let options = manifest.options_of_command(operation);
        options
            .map(|option| option.name.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(names(Operation::Create), ["depth"]);
    assert!(names(Operation::Finish).is_empty() && names(Operation::List).is_empty());
}

#[test]
fn a_reason_is_for_what_an_engine_lacks_and_fit_for_people() {
    let with = |lacks: &str| {
        Manifest::from_toml(&GOOD.replace(
            "[operations.detect]",
            &format!("[lacks]\n{lacks}\n[operations.detect]"),
        ))
    };
    let manifest = with("delete = \"Acme never forgets\"").unwrap();
    assert_eq!(manifest.lacks[&Operation::Delete], "Acme never forgets");
    assert_eq!(
        with("list = \"no\"").unwrap_err(),
        ManifestError::LacksWhatItHas {
            operation: Operation::List
        }
    );
    assert!(matches!(
        with("delete = \"\"").unwrap_err(),
        ManifestError::BadText { .. }
    ));
    assert!(with("deleet = \"x\"").is_err());
}

#[test]
fn a_menu_is_made_with_choices_that_the_list_has() {
    let with_choices = GOOD
        .replace(
            "type = \"integer\"\noperations",
            "type = \"text\"\nchoices = [\"near\", \"far\"]\noperations",
        )
        .replace("default = \"3\"", "default = \"near\"");
    let menu = |menu: &str| {
        let delete = format!("[operations.delete]\nmenu = {menu}\n\n[[options]]");
        Manifest::from_toml(&with_choices.replacen("[[options]]", &delete, 1))
    };
    let manifest = menu("{ depth = \"far\" }").unwrap();
    assert_eq!(manifest.operations[&Operation::Delete].menu["depth"], "far");
    for (name, value) in [("depth", "deep"), ("width", "far")] {
        assert_eq!(
            menu(&format!("{{ {name} = \"{value}\" }}")).unwrap_err(),
            ManifestError::BadMenu {
                operation: Operation::Delete,
                option: name.into(),
                value: value.into(),
            }
        );
    }
}

#[test]
fn only_a_restore_may_have_no_status() {
    let blind = |status: &str| {
        let operations =
            format!("{status}[operations.restore]\nno-status = true\n[operations.list]");
        Manifest::from_toml(&GOOD.replace("[operations.list]", &operations)).unwrap()
    };
    assert!(!blind("[operations.status]\n").follows_restores());
    let follows = GOOD.replace(
        "[operations.list]",
        "[operations.status]\n[operations.list]",
    );
    assert!(Manifest::from_toml(&follows).unwrap().follows_restores());
    assert_eq!(
        refused("preference = 50", "no-status = true"),
        ManifestError::NothingToFollow {
            operation: Operation::List
        }
    );
}

#[test]
fn only_finish_is_repeated() {
    let working = GOOD.replace(
        "[operations.list]",
        "[operations.create]\n[operations.finish]\nrepeat-in = [\"copying\"]\n[operations.list]",
    );
    let manifest = Manifest::from_toml(&working).unwrap();
    assert!(manifest.works_itself() && manifest.works_in("copying"));
    assert!(!manifest.works_in("snapshot"));
    assert!(!Manifest::from_toml(GOOD).unwrap().works_itself());
    assert_eq!(
        refused("preference = 50", "repeat-in = [\"copying\"]"),
        ManifestError::NothingToRepeat {
            operation: Operation::List
        }
    );
}

#[test]
fn only_create_saves() {
    let saving = GOOD.replace(
        "[operations.list]",
        "[operations.create]\nsaves = true\n[operations.list]",
    );
    assert!(Manifest::from_toml(&saving).unwrap().saves());
    assert!(!Manifest::from_toml(GOOD).unwrap().saves());
    assert_eq!(
        refused("preference = 50", "saves = true"),
        ManifestError::NothingToSave {
            operation: Operation::List
        }
    );
}

#[test]
fn credentials_have_names_that_endpoints_use() {
    let with = |credentials: &str, auth: &str| {
        let text = format!(
            "id = \"acme/vault\"\nversion = \"1.0.0\"\nsummary = \"x\"\n[operations.detect]\n{credentials}\n[endpoints.api]\nselect = \"pod\"\nport = {{ numbers = [80] }}\nallow = [\"GET /b\"]\nauth = {auth}\n"
        );
        Manifest::from_toml(&text)
    };
    let admin = "[credentials.admin]\nkind = \"token\"\nhelp = \"For deletions\"\n";
    let used = "{ use = \"admin\" }";
    let manifest = with(admin, used).expect("a manifest");
    let json = manifest.to_json().expect("JSON");
    assert_eq!(Manifest::from_json(&json).expect("the same"), manifest);
    assert!(matches!(
        with("", used),
        Err(ManifestError::BadEndpoint {
            source: EndpointError::Auth(_),
            ..
        })
    ));
    assert!(matches!(
        with(admin, "\"basic\""),
        Err(ManifestError::UnusedCredentials { .. })
    ));
    let named = admin.replace("admin", "Admin");
    assert!(matches!(
        with(&named, "{ use = \"Admin\" }"),
        Err(ManifestError::BadName { .. })
    ));
    let help = admin.replace("For", "\\u001b");
    assert!(matches!(
        with(&help, used),
        Err(ManifestError::BadText { .. })
    ));
    // Manifests of installed engines keep their bytes.
    let plain = with("", "\"basic\"").expect("a manifest");
    let json = String::from_utf8(plain.to_json().expect("JSON")).expect("text");
    assert!(!json.contains("credentials") && json.contains("\"auth\":\"basic\""));
}

#[test]
fn flags_of_tls_are_flags_of_the_engine() {
    let with = |more: &str| {
        let text = format!(
            "id = \"acme/vault\"\nversion = \"1.0.0\"\nsummary = \"x\"\n[operations.detect]\n[operations.list]\n{more}\n[endpoints.api]\nselect = \"pod\"\nport = {{ flag = \"api-port\", numbers = [80] }}\nallow = [\"GET /b\"]\ntls = \"yes\"\n"
        );
        Manifest::from_toml(&text)
    };
    assert!(with("").is_ok());
    let option =
        "[[options]]\nname = \"api-ca\"\ntype = \"text\"\noperations = [\"list\"]\nhelp = \"x\"\n";
    assert!(matches!(
        with(option),
        Err(ManifestError::TwiceTheSameFlag { name }) if name == "api-ca"
    ));
    let tls = with("").expect("a manifest").to_json().expect("JSON");
    let tls = String::from_utf8(tls)
        .expect("text")
        .replace("api-port", "tls-port");
    assert!(matches!(
        Manifest::from_json(tls.as_bytes()),
        Err(ManifestError::ReservedFlag { name }) if name == "tls-server-name"
    ));
}
