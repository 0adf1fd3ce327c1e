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
    NotAllowed: "kafka" "kafka.oso.sh" "kafkabackups" "testbed" kafka kafkabackups.kafka.oso.sh list
    hint: `kubectl create role broker-kafkabackups -n kafka --verb=list --resource=kafkabackups.kafka.oso.sh` `{apiGroups: ["kafka.oso.sh"], resources: ["kafkabackups"], verbs: ["list"]}`
    exit 12
    "#);
    assert_snapshot!(shown(&["deny=create:kafkabackups"], &create), @r#"
    NotAllowed: "kafka" "kafka.oso.sh" "kafkabackups" "testbed" create kafka kafkabackups.kafka.oso.sh mine
    hint: `kubectl create role broker-kafkabackups -n kafka --verb=create --resource=kafkabackups.kafka.oso.sh` `{apiGroups: ["kafka.oso.sh"], resources: ["kafkabackups"], verbs: ["create"]}`
    exit 12
    "#);
    let restore = "restore --id nightly --purge-topics --yes --name back";
    assert_snapshot!(shown(&["deny=create:kafkarestores"], restore), @r#"
    note: nightly testbed https://127.0.0.1:PORT kafka kafka
    NotAllowed: "kafka" "kafka.oso.sh" "kafkarestores" "testbed" back kafka kafkarestores.kafka.oso.sh
    hint: `kubectl create role broker-kafkarestores -n kafka --verb=create --resource=kafkarestores.kafka.oso.sh` `{apiGroups: ["kafka.oso.sh"], resources: ["kafkarestores"], verbs: ["create"]}`
    exit 12
    "#);
}

#[test]
fn where_watching_is_not_allowed_waiting_goes_on_by_looking() {
    let command = format!("create --name mine {FLAGS} -o name");
    assert_snapshot!(shown(&["deny=watch:kafkabackups"], &command), @"
    stdout:
    mine
    note: mine 300
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
    assert_snapshot!(kafka(&bed, "list").outcome(), @"
    NotFound: https://127.0.0.1:PORT kafka.oso.sh/v1alpha1/KafkaBackup
    hint: `kubectl api-resources --api-group=kafka.oso.sh`
    exit 10
    ");
}

#[test]
fn the_check_up_says_what_it_needs() {
    let program = |bed: &Bed| {
        let program = bed.program().data_although_failed();
        program.run("backup test --engine kafka -n kafka").outcome()
    };
    assert_snapshot!(program(&Bed::start()), @"
    stdout:
    CHECK   ENGINE   OUTCOME   MESSAGE
    api-server   -   passed   https://127.0.0.1:PORT v1.32.4
    right:leases   -   passed   `restore`
    right:secrets   -   passed   `--credentials-secret`
    right:kafkabackups   kafka   passed   kafka
    right:kafkarestores   kafka   passed   kafka
    right:kafkaoffsetresets   kafka   passed   kafka
    right:kafkaoffsetrollbacks   kafka   passed   kafka
    right:kafkabackupvalidations   kafka   passed   kafka
    detect   kafka   passed
    list   kafka   passed   4
    note: 10 10
    exit 0
    ");
    assert_snapshot!(program(&Bed::with(&["deny=create:kafkarestores"])), @r#"
    stdout:
    CHECK   ENGINE   OUTCOME   MESSAGE
    api-server   -   passed   https://127.0.0.1:PORT v1.32.4
    right:leases   -   passed   `restore`
    right:secrets   -   passed   `--credentials-secret`
    right:kafkabackups   kafka   passed   kafka
    right:kafkarestores   kafka   warned   kafka
    right:kafkaoffsetresets   kafka   passed   kafka
    right:kafkaoffsetrollbacks   kafka   passed   kafka
    right:kafkabackupvalidations   kafka   passed   kafka
    detect   kafka   passed
    list   kafka   passed   4

    kafka/right:kafkarestores:
      hint: `kubectl create role broker-kafkarestores -n kafka --verb=get,list,watch,create,delete --resource=kafkarestores.kafka.oso.sh` `{apiGroups: ["kafka.oso.sh"], resources: ["kafkarestores"], verbs: ["get", "list", "watch", "create", "delete"]}`
    note: 10 9 1
    exit 0
    "#);
}
