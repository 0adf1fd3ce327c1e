//! Missing kinds and missing permissions.

use insta::assert_snapshot;
use serde_json::json;
use testbed::Testbed;

use super::{FLAGS, kafka, shown};
use crate::support::Bed;

#[test]
fn a_right_that_is_missing_is_named_with_its_rule() {
    let create = format!("create --name mine {FLAGS}");
    assert_snapshot!(shown(&["deny=list:kafkabackups"], "list"), @r#"
    stderr:
    error: not allowed to list kafkabackups in namespace kafka: kafkabackups.kafka.oso.sh is forbidden: User "testbed" cannot list resource "kafkabackups" in API group "kafka.oso.sh" in the namespace "kafka"
    hint: Ask for this right: `kubectl create role broker-kafkabackups -n kafka --verb=list --resource=kafkabackups.kafka.oso.sh`, or in a Role `{apiGroups: ["kafka.oso.sh"], resources: ["kafkabackups"], verbs: ["list"]}`
    exit 12
    "#);
    assert_snapshot!(shown(&["deny=create:kafkabackups"], &create), @r#"
    stderr:
    error: not allowed to create kafkabackups mine in namespace kafka: kafkabackups.kafka.oso.sh is forbidden: User "testbed" cannot create resource "kafkabackups" in API group "kafka.oso.sh" in the namespace "kafka"
    hint: Ask for this right: `kubectl create role broker-kafkabackups -n kafka --verb=create --resource=kafkabackups.kafka.oso.sh`, or in a Role `{apiGroups: ["kafka.oso.sh"], resources: ["kafkabackups"], verbs: ["create"]}`
    exit 12
    "#);
    let restore = "restore --id nightly --purge-topics --yes --name back";
    assert_snapshot!(shown(&["deny=create:kafkarestores"], restore), @r#"
    stderr:
    Restoring backup nightly: context testbed, server https://127.0.0.1:PORT, namespace kafka, engine kafka
    error: not allowed to create kafkarestores back in namespace kafka: kafkarestores.kafka.oso.sh is forbidden: User "testbed" cannot create resource "kafkarestores" in API group "kafka.oso.sh" in the namespace "kafka"
    hint: Ask for this right: `kubectl create role broker-kafkarestores -n kafka --verb=create --resource=kafkarestores.kafka.oso.sh`, or in a Role `{apiGroups: ["kafka.oso.sh"], resources: ["kafkarestores"], verbs: ["create"]}`
    exit 12
    "#);
}

#[test]
fn where_watching_is_not_allowed_waiting_goes_on_by_looking() {
    let command = format!("create --name mine {FLAGS} -o name");
    assert_snapshot!(shown(&["deny=watch:kafkabackups"], &command), @"
    stdout:
    mine
    stderr:
    Backup mine has begun; waiting up to 300 s for its end
    exit 0
    ");
}

#[test]
fn a_cluster_without_the_kinds_is_told_so() {
    let builder = Testbed::builder().empty().with(|world| {
        world.put([json!({
            "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "kafka"},
        })]);
    });
    let bed = Bed::of(builder);
    assert_snapshot!(kafka(&bed, "list").shown(), @"
    stderr:
    error: https://127.0.0.1:PORT knows no kind kafka.oso.sh/v1alpha1/KafkaBackup
    hint: Install the operator that brings it, or look for another version with `kubectl api-resources --api-group=kafka.oso.sh`
    exit 10
    ");
}

#[test]
fn the_check_up_says_what_it_needs() {
    let program = |bed: &Bed| {
        let program = bed.program().data_although_failed();
        program.run("backup test --engine kafka -n kafka").shown()
    };
    assert_snapshot!(program(&Bed::start()), @"
    stdout:
    CHECK   ENGINE   OUTCOME   MESSAGE
    api-server   -   passed   https://127.0.0.1:PORT answers, version v1.32.4
    right:leases   -   passed   may get, create, update, delete (for `restore`)
    right:secrets   -   passed   may get (for `--credentials-secret`)
    right:kafkabackups   kafka   passed   may get, list, watch, create, patch, delete (for engine kafka)
    right:kafkarestores   kafka   passed   may get, list, watch, create, delete (for engine kafka)
    right:kafkaoffsetresets   kafka   passed   may get, list, watch, create, delete (for engine kafka)
    right:kafkaoffsetrollbacks   kafka   passed   may get, list, watch, create, delete (for engine kafka)
    right:kafkabackupvalidations   kafka   passed   may get, list, watch, create, delete (for engine kafka)
    detect   kafka   passed   kafka-backup-operator
    list   kafka   passed   4 backups
    stderr:
    10 checks: 10 passed
    exit 0
    ");
    assert_snapshot!(program(&Bed::with(&["deny=create:kafkarestores"])), @r#"
    stdout:
    CHECK   ENGINE   OUTCOME   MESSAGE
    api-server   -   passed   https://127.0.0.1:PORT answers, version v1.32.4
    right:leases   -   passed   may get, create, update, delete (for `restore`)
    right:secrets   -   passed   may get (for `--credentials-secret`)
    right:kafkabackups   kafka   passed   may get, list, watch, create, patch, delete (for engine kafka)
    right:kafkarestores   kafka   warned   may not create (for engine kafka): what needs it fails
    right:kafkaoffsetresets   kafka   passed   may get, list, watch, create, delete (for engine kafka)
    right:kafkaoffsetrollbacks   kafka   passed   may get, list, watch, create, delete (for engine kafka)
    right:kafkabackupvalidations   kafka   passed   may get, list, watch, create, delete (for engine kafka)
    detect   kafka   passed   kafka-backup-operator
    list   kafka   passed   4 backups

    kafka/right:kafkarestores:
      Ask for this right: `kubectl create role broker-kafkarestores -n kafka --verb=get,list,watch,create,delete --resource=kafkarestores.kafka.oso.sh`, or in a Role `{apiGroups: ["kafka.oso.sh"], resources: ["kafkarestores"], verbs: ["get", "list", "watch", "create", "delete"]}`
    stderr:
    10 checks: 9 passed, 1 warned
    exit 0
    "#);
}
