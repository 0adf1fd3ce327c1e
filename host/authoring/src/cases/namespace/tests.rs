use serde_json::json;

use super::*;

fn vault() -> ObjectKind {
    ObjectKind {
        group: "acme.example".to_owned(),
        version: "v1".to_owned(),
        kind: "Vault".to_owned(),
    }
}

fn granted() -> GrantedObjects {
    GrantedObjects {
        kind: vault(),
        place: Place::Command,
        watchable: true,
    }
}

fn named(name: &str, size: u32) -> Value {
    json!({"metadata": {"name": name, "namespace": "default", "labels": {"of": name}},
           "spec": {"size": size}})
}

fn creation(object: Value) -> Asked {
    Asked::Create {
        object,
        dry_run: false,
    }
}

fn deletion(name: String) -> Asked {
    Asked::Delete {
        name,
        dry_run: false,
    }
}

fn change(verb: ResourceVerb, name: Option<&str>, sent: Value) -> Change {
    Change {
        number: 1,
        verb,
        kind: vault(),
        name: name.map(str::to_owned),
        sent,
        dry_run: false,
        outcome: Ok(json!({})),
    }
}

/// Returns a namespace with the objects `a` and `b`, and these changes.
fn namespace(changes: impl IntoIterator<Item = Change>, events: &[Event]) -> Arc<Namespace> {
    let present = ["a", "b"].map(|name| ((vault(), name.to_owned()), named(name, 1)));
    Arc::new(Namespace::new(Objects {
        present: present.into(),
        changes: changes.into_iter().collect(),
        events: events.iter().cloned().collect(),
        ..Objects::default()
    }))
}

fn list(namespace: &Namespace, labels: Option<&str>, limit: Option<u32>) -> Vec<Value> {
    let selected = SelectedObjects {
        fields: None,
        labels: labels.map(str::to_owned),
        limit,
    };
    namespace.asked(&granted(), Asked::List(selected)).unwrap()
}

#[test]
fn what_is_there_is_read_without_a_script() {
    let namespace = namespace([], &[]);
    assert_eq!(list(&namespace, None, None).len(), 2);
    assert_eq!(list(&namespace, None, Some(1)), [named("a", 1)]);
    assert_eq!(list(&namespace, Some("of=b"), None), [named("b", 1)]);
    let gone = namespace.asked(&granted(), Asked::Get("c".to_owned()));
    assert_eq!(gone.unwrap_err().kind, ReportKind::NotFound);
    assert!(namespace.problems().is_empty() && namespace.left().is_empty());
}

#[test]
fn scripted_changes_are_made_in_their_order_and_seen_afterwards() {
    let patch = json!({"spec": {"size": 2}, "metadata": {"labels": null}});
    let namespace = namespace(
        [
            change(
                ResourceVerb::Create,
                None,
                json!({"metadata": {"generateName": "c-"}}),
            ),
            change(ResourceVerb::Patch, Some("a"), patch.clone()),
            change(ResourceVerb::Delete, Some("b"), Value::Null),
        ],
        &[],
    );
    assert_eq!(namespace.left().len(), 3);
    let object = json!({"kind": "Vault", "metadata": {"generateName": "c-"}});
    let made = namespace.asked(&granted(), creation(object)).unwrap();
    assert_eq!(made[0]["metadata"]["name"], "c-00001");
    assert_eq!(made[0]["metadata"]["namespace"], NAMESPACE);
    let patch = Asked::Patch {
        name: "a".to_owned(),
        patch,
        status: false,
        dry_run: false,
    };
    let patched = namespace.asked(&granted(), patch).unwrap();
    let expected = json!({"metadata": {"name": "a", "namespace": NAMESPACE}, "spec": {"size": 2}});
    assert_eq!(patched, [expected]);
    let deleted = namespace.asked(&granted(), deletion("b".to_owned()));
    assert_eq!(deleted.unwrap(), Vec::<Value>::new());
    let left = list(&namespace, None, None);
    let names: Vec<_> = left.iter().map(|it| &it["metadata"]["name"]).collect();
    assert_eq!(names, ["a", "c-00001"]);
    assert!(namespace.problems().is_empty() && namespace.left().is_empty());
}

#[test]
fn a_change_that_is_not_the_next_one_is_shown_and_not_made() {
    let namespace = namespace(
        [change(
            ResourceVerb::Patch,
            Some("a"),
            json!({"spec": {"size": 2}}),
        )],
        &[],
    );
    let patch = |name: &str, patch: Value| Asked::Patch {
        name: name.to_owned(),
        patch,
        status: false,
        dry_run: false,
    };
    for asked in [
        patch("b", json!({"spec": {"size": 2}})),
        patch("a", json!({"spec": {"size": null}})),
        deletion("a".to_owned()),
    ] {
        let refused = namespace.asked(&granted(), asked).unwrap_err();
        assert_eq!(refused.kind, ReportKind::Failed);
    }
    assert_eq!(
        namespace.problems(),
        [
            "it makes a change that is not scripted; change 1 is another: patch acme.example/v1/Vault `a`\n[[case.change]]\nchange = \"patch acme.example/v1/Vault\"\nname = \"b\"\npatch = { spec = { size = 2 } }",
            "it makes a change that is not scripted; change 1 is another: it sends {\"spec\":{\"size\":2}}\n[[case.change]]\nchange = \"patch acme.example/v1/Vault\"\nname = \"a\"\npatch = '{\"spec\":{\"size\":null}}'",
            "it makes a change that is not scripted; change 1 is another: patch acme.example/v1/Vault `a`\n[[case.change]]\nchange = \"delete acme.example/v1/Vault\"\nname = \"a\"",
        ]
    );
    assert_eq!(list(&namespace, None, None), [named("a", 1), named("b", 1)]);
    assert_eq!(
        namespace.left(),
        ["change 1 was never made: patch acme.example/v1/Vault"]
    );
}

#[test]
fn a_scripted_change_fails_where_the_cluster_would_refuse_it() {
    let namespace = namespace(
        [
            change(ResourceVerb::Create, None, bare(&named("a", 1))),
            change(ResourceVerb::Delete, Some("c"), Value::Null),
            Change {
                outcome: Err(Report::new(ReportKind::Forbidden, "no")),
                ..change(ResourceVerb::Delete, Some("a"), Value::Null)
            },
        ],
        &[],
    );
    let kind = |asked| namespace.asked(&granted(), asked).unwrap_err().kind;
    assert_eq!(kind(creation(named("a", 1))), ReportKind::Conflict);
    assert_eq!(kind(deletion("c".to_owned())), ReportKind::NotFound);
    assert_eq!(kind(deletion("a".to_owned())), ReportKind::Forbidden);
    assert_eq!(list(&namespace, None, None).len(), 2);
    assert!(namespace.problems().is_empty() && namespace.left().is_empty());
}

#[tokio::test]
async fn a_watch_tells_what_is_there_what_the_engine_does_and_what_happens_besides() {
    let event = Event {
        number: 1,
        change: ObjectChange::Modified,
        kind: vault(),
        name: "a".to_owned(),
        object: named("a", 3),
    };
    let delete = change(ResourceVerb::Delete, Some("b"), Value::Null);
    let namespace = namespace([delete], &[event]);
    assert_eq!(namespace.left().len(), 2);
    let selected = SelectedObjects::default();
    let mut watch = namespace.watch(&granted(), &selected).unwrap();
    let deleted = namespace.asked(&granted(), deletion("b".to_owned()));
    deleted.unwrap();
    for expected in [
        Some((ObjectChange::Added, named("a", 1))),
        Some((ObjectChange::Added, named("b", 1))),
        Some((ObjectChange::Deleted, named("b", 1))),
        Some((ObjectChange::Modified, named("a", 3))),
        None,
        None,
    ] {
        assert_eq!(watch.next().await.unwrap(), expected);
    }
    assert_eq!(list(&namespace, None, None), [named("a", 3)]);
    assert!(namespace.left().is_empty());
}

#[test]
fn a_dry_run_is_another_change_and_stores_nothing() {
    let mut trial = change(ResourceVerb::Delete, Some("a"), Value::Null);
    trial.dry_run = true;
    let namespace = namespace([trial], &[]);
    let asked = Asked::Delete {
        name: "a".to_owned(),
        dry_run: true,
    };
    namespace.asked(&granted(), asked).unwrap();
    assert_eq!(list(&namespace, None, None).len(), 2);
    let mut trial = change(ResourceVerb::Delete, Some("a"), Value::Null);
    trial.dry_run = true;
    let namespace = self::namespace([trial], &[]);
    namespace
        .asked(&granted(), deletion("a".to_owned()))
        .unwrap_err();
    assert_eq!(namespace.problems().len(), 1);
}

#[test]
fn a_field_selector_and_the_namespace_select() {
    let namespace = namespace([], &[]);
    let list = |fields: &str, place: Place| {
        let selected = SelectedObjects {
            fields: Some(fields.to_owned()),
            ..SelectedObjects::default()
        };
        let of = GrantedObjects { place, ..granted() };
        namespace.asked(&of, Asked::List(selected))
    };
    let found = list("metadata.name=b", Place::Command).unwrap();
    assert_eq!(found, [named("b", 1)]);
    let elsewhere = Place::Namespace("safe".to_owned());
    assert!(list("metadata.name=b", elsewhere).unwrap().is_empty());
    list("metadata.name!=b", Place::Command).unwrap_err();
}
