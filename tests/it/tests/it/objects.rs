//! Objects of the cluster and watches of them, with the library against the simulated API server.

use std::time::Duration;

use broker_manifest::ObjectKind;
use host_cluster::{
    Change, Cluster, ConnectOptions, ObjectEvent, ObjectPatch, ObjectScope, ObjectType,
    ObjectWatch, Selection,
};
use serde_json::{Value, json};
use testbed::{ResourceType, Testbed};

const VAULTS: &str = "vaults.acme.example";

/// A cluster that has the kind `Vault`, and the program's view of it.
struct Place {
    bed: Testbed,
    cluster: Cluster,
    vaults: ObjectType,
}

impl Place {
    async fn start() -> Self {
        let bed = Testbed::builder().start().await.expect("a testbed");
        let ty = ResourceType::custom("acme.example", "v1", "Vault", "vaults");
        bed.objects().register(ty);
        let options = ConnectOptions {
            kubeconfig: Some(bed.kubeconfig().display().to_string()),
            namespace: Some("messaging".to_owned()),
            ..ConnectOptions::default()
        };
        let cluster = Cluster::connect(&options).await.expect("a cluster");
        let kind = ObjectKind {
            group: "acme.example".to_owned(),
            version: "v1".to_owned(),
            kind: "Vault".to_owned(),
        };
        let vaults = cluster
            .object_type(&kind, &ObjectScope::Command)
            .await
            .expect("it is known");
        Self {
            bed,
            cluster,
            vaults,
        }
    }

    fn put(&self, name: &str, size: u32) {
        self.bed
            .objects()
            .put(json!({
                "apiVersion": "acme.example/v1", "kind": "Vault",
                "metadata": {"name": name, "namespace": "messaging", "labels": {"of": name}},
                "spec": {"size": size},
            }))
            .expect("it is put");
    }

    fn remove(&self, name: &str) {
        let objects = self.bed.objects();
        objects
            .remove(VAULTS, "messaging", name)
            .expect("it was there");
    }

    fn watch(&self, selection: Selection) -> ObjectWatch {
        self.cluster.watch_objects(&self.vaults, selection)
    }

    /// Returns the number of watches.
    fn watches(&self) -> usize {
        let asked = self.bed.requests().all();
        asked
            .iter()
            .filter(|request| request.query.contains("watch=true"))
            .count()
    }
}

/// Returns the event in the form `+a`, `~a` or `-a`.
fn short(event: &ObjectEvent) -> String {
    let sign = match event.change {
        Change::Added => '+',
        Change::Modified => '~',
        Change::Deleted => '-',
    };
    format!(
        "{sign}{}",
        event.object["metadata"]["name"].as_str().expect("a name")
    )
}

async fn next(watch: &mut ObjectWatch, count: usize) -> Vec<String> {
    let mut events = Vec::new();
    for _ in 0..count {
        let event = tokio::time::timeout(Duration::from_mins(1), watch.next());
        let event = event.await.expect("something happens").expect("an event");
        events.push(short(&event));
    }
    events
}

#[tokio::test]
async fn an_object_is_created_read_changed_listed_and_deleted() {
    let place = Place::start().await;
    let Place {
        cluster, vaults, ..
    } = &place;
    let object = json!({
        "apiVersion": "acme.example/v1", "kind": "Vault",
        "metadata": {"generateName": "v-", "namespace": "messaging"}, "spec": {"size": 1, "of": "x"},
    });
    let made = cluster
        .create_object(vaults, &object, false)
        .await
        .expect("created");
    let name = made["metadata"]["name"].as_str().expect("a name");
    let merge = |patch: Value| ObjectPatch::Merge(patch.to_string().into_bytes());
    let patch = merge(json!({"spec": {"size": 2, "of": null}}));
    let patched = cluster
        .patch_object(vaults, name, patch, false, false)
        .await;
    assert_eq!(patched.expect("patched")["spec"], json!({"size": 2}));
    let patch = merge(json!({"status": {"phase": "Done"}}));
    cluster
        .patch_object(vaults, name, patch.clone(), false, false)
        .await
        .expect("taken");
    let seen: Value = cluster.get_object(vaults, name).await.expect("read");
    assert_eq!(seen["status"], Value::Null, "status is a subresource");
    cluster
        .patch_object(vaults, name, patch, true, false)
        .await
        .expect("patched");
    let seen = cluster.get_object(vaults, name).await.expect("read");
    assert_eq!(seen["status"]["phase"], "Done");
    cluster
        .delete_object(vaults, name, false)
        .await
        .expect("deleted");
    let gone = cluster
        .get_object(vaults, name)
        .await
        .expect_err("it is gone");
    assert!(gone.to_string().contains("answered 404"), "{gone}");
}

#[tokio::test]
async fn lists_are_read_page_by_page_and_by_label() {
    let place = Place::start().await;
    for number in 0..1203 {
        place.put(&format!("v{number:04}"), number);
    }
    let Place {
        cluster, vaults, ..
    } = &place;
    let all = cluster.list_objects(vaults, &Selection::default()).await;
    assert_eq!(all.expect("listed").len(), 1203);
    let one = Selection {
        labels: Some("of=v0007".to_owned()),
        ..Selection::default()
    };
    let one = cluster.list_objects(vaults, &one).await.expect("listed");
    assert_eq!(one[0]["spec"]["size"], 7);
    assert_eq!(one.len(), 1);
}

#[tokio::test]
async fn a_watch_begins_with_what_is_there_and_tells_what_happens() {
    let place = Place::start().await;
    place.put("a", 1);
    let mut watch = place.watch(Selection::default());
    assert_eq!(next(&mut watch, 1).await, ["+a"]);
    place.put("b", 1);
    place.put("a", 2);
    place.remove("b");
    assert_eq!(next(&mut watch, 3).await, ["+b", "~a", "-b"]);
}

#[tokio::test]
async fn a_watch_survives_that_the_server_forgets() {
    let place = Place::start().await;
    for name in ["a", "b", "c"] {
        place.put(name, 1);
    }
    let mut watch = place.watch(Selection::default());
    assert_eq!(next(&mut watch, 3).await, ["+a", "+b", "+c"]);
    // The server drops the history of these changes, so the watch lists again and compares the list with the
    // known objects.
    place.put("a", 2);
    place.remove("b");
    place.put("d", 1);
    place.bed.objects().compact();
    assert_eq!(next(&mut watch, 3).await, ["~a", "+d", "-b"]);
    place.put("c", 2);
    assert_eq!(next(&mut watch, 1).await, ["~c"]);
}

#[tokio::test]
async fn waiting_for_one_object_ends_when_it_changes_and_not_when_another_does() {
    let place = Place::start().await;
    place.put("a", 1);
    place.put("b", 1);
    let Place {
        cluster, vaults, ..
    } = &place;
    let a = cluster.get_object(vaults, "a").await.expect("read");
    let version = a["metadata"]["resourceVersion"]
        .as_str()
        .expect("a version");
    let waiting = cluster.object_changed(vaults, "a", version);
    tokio::pin!(waiting);
    // The wait must not end before the object changes.
    let not_yet = async {
        while place.watches() == 0 {
            tokio::task::yield_now().await;
        }
        place.put("b", 2);
    };
    tokio::select! {
        biased;
        done = &mut waiting => panic!("nothing happened to it: {done:?}"),
        () = not_yet => {}
    }
    place.put("a", 2);
    let done = tokio::time::timeout(Duration::from_mins(1), waiting).await;
    done.expect("it is told").expect("it may be watched");
}
