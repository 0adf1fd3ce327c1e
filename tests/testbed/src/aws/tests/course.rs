//! RDS: databases, snapshots, and their course over time.

use super::{Caller, all};
use crate::aws::{Database, Snapshot};

const CREATE: &str = "DBInstanceIdentifier=retail-prd&DBSnapshotIdentifier=retail-1";

#[tokio::test]
async fn a_database_is_described() {
    let caller = Caller::start().await;
    let other = Database::instance("other")
        .engine("postgres", "16.4")
        .status("modifying");
    caller.aws.add_database(other);
    let got = caller
        .act("DescribeDBInstances", "DBInstanceIdentifier=Other")
        .await
        .ok();
    assert_eq!(all(got.text(), "DBInstanceIdentifier"), ["other"]);
    assert_eq!(all(got.text(), "DBInstanceStatus"), ["modifying"]);
    assert_eq!(all(got.text(), "EngineVersion"), ["16.4"]);
    let arn = "arn:aws:rds:eu-central-1:123456789012:db:other";
    assert_eq!(all(got.text(), "DBInstanceArn"), [arn]);
    assert_eq!(
        all(got.text(), "InstanceCreateTime"),
        ["2025-11-09T14:30:00.000Z"]
    );
    let got = caller.act("DescribeDBInstances", "").await.ok();
    assert_eq!(
        all(got.text(), "DBInstanceIdentifier"),
        ["other", "retail-prd"]
    );
    let got = caller
        .act("DescribeDBInstances", "DBInstanceIdentifier=none")
        .await;
    assert_eq!(got.error(), (404, "DBInstanceNotFound".to_owned()));
    let got = caller
        .act("DescribeDBClusters", "DBClusterIdentifier=retail-prd")
        .await;
    assert_eq!(got.error(), (404, "DBClusterNotFoundFault".to_owned()));
}

#[tokio::test]
async fn a_snapshot_is_available_after_some_looks() {
    let caller = Caller::start().await;
    caller.aws.snapshots_take(2);
    let database = Database::instance("sized").full_snapshot_size(1234);
    caller.aws.add_database(database);
    let create = "DBInstanceIdentifier=sized&DBSnapshotIdentifier=Sized-1\
                  &Tags.Tag.1.Key=a&Tags.Tag.1.Value=b%20c&Tags.Tag.2.Key=d&Tags.Tag.2.Value=";
    let got = caller.act("CreateDBSnapshot", create).await.ok();
    assert_eq!(all(got.text(), "Status"), ["creating"]);
    assert_eq!(all(got.text(), "DBSnapshotIdentifier"), ["sized-1"]);
    assert!(all(got.text(), "SnapshotCreateTime").is_empty());
    let look = "DBSnapshotIdentifier=sized-1";
    for (status, percent, size) in [
        ("creating", "0", &[][..]),
        ("creating", "50", &[]),
        ("available", "100", &["1234"]),
        ("available", "100", &["1234"]),
    ] {
        let got = caller.act("DescribeDBSnapshots", look).await.ok();
        assert_eq!(all(got.text(), "Status"), [status]);
        assert_eq!(all(got.text(), "PercentProgress"), [percent]);
        assert_eq!(all(got.text(), "FullSnapshotSizeInBytes"), size);
        assert_eq!(all(got.text(), "AllocatedStorage"), ["20"]);
        assert_eq!(all(got.text(), "Key"), ["a", "d"]);
    }
    let snapshot = caller.aws.snapshot("sized-1").unwrap();
    assert_eq!(snapshot.status, "available");
    assert_eq!(snapshot.tags[0], ("a".to_owned(), "b c".to_owned()));
}

#[tokio::test]
async fn a_snapshot_may_fail() {
    let caller = Caller::start().await;
    caller.aws.snapshots_take(1);
    caller.aws.snapshots_end("failed");
    caller.act("CreateDBSnapshot", CREATE).await.ok();
    for status in ["creating", "failed"] {
        let got = caller.act("DescribeDBSnapshots", "").await.ok();
        assert_eq!(all(got.text(), "Status"), [status]);
    }
    caller
        .act("DeleteDBSnapshot", "DBSnapshotIdentifier=retail-1")
        .await
        .ok();
    assert!(caller.aws.snapshots().is_empty());
}

#[tokio::test]
async fn a_snapshot_that_may_not_be_made_is_refused() {
    let caller = Caller::start().await;
    caller
        .aws
        .add_database(Database::instance("busy").status("modifying"));
    caller
        .aws
        .add_database(Database::instance("member").member_of("aurora"));
    caller.aws.snapshot_quota(1);
    let optimized = Database::instance("optimized").status("storage-optimization");
    caller.aws.add_database(optimized);
    let of =
        |source: &str, id: &str| format!("DBInstanceIdentifier={source}&DBSnapshotIdentifier={id}");
    for (parameters, status, code) in [
        (of("none", "a"), 404, "DBInstanceNotFound"),
        (of("busy", "a"), 400, "InvalidDBInstanceState"),
        (of("member", "a"), 400, "InvalidParameterValue"),
        (of("retail-prd", "a--b"), 400, "InvalidParameterValue"),
        (of("retail-prd", ""), 400, "MissingParameter"),
        ("DBSnapshotIdentifier=a".to_owned(), 400, "MissingParameter"),
        (
            of("retail-prd", "a&Tags.Tag.1.Key=aws:a"),
            400,
            "InvalidParameterValue",
        ),
    ] {
        let got = caller.act("CreateDBSnapshot", &parameters).await;
        assert_eq!(got.error(), (status, code.to_owned()), "{parameters}");
    }
    caller.act("CreateDBSnapshot", CREATE).await.ok();
    let got = caller.act("CreateDBSnapshot", CREATE).await;
    assert_eq!(got.error(), (400, "DBSnapshotAlreadyExists".to_owned()));
    // An instance whose snapshot is being made is not available.
    let got = caller
        .act("DescribeDBInstances", "DBInstanceIdentifier=retail-prd")
        .await;
    assert_eq!(all(got.text(), "DBInstanceStatus"), ["backing-up"]);
    let got = caller.act("CreateDBSnapshot", &of("retail-prd", "b")).await;
    assert_eq!(got.error(), (400, "InvalidDBInstanceState".to_owned()));
    let got = caller.act("CreateDBSnapshot", &of("optimized", "b")).await;
    assert_eq!(got.error(), (400, "SnapshotQuotaExceeded".to_owned()));
    caller.aws.set_status("retail-1", "available");
    let got = caller.act("CreateDBSnapshot", &of("retail-prd", "b")).await;
    assert_eq!(got.error(), (400, "SnapshotQuotaExceeded".to_owned()));
}

#[tokio::test]
async fn snapshots_are_selected_and_paged() {
    let caller = Caller::start().await;
    let database = Database::instance("many");
    for number in 0..25 {
        caller
            .aws
            .add_snapshot(Snapshot::of(&database, &format!("many-{number:02}")));
    }
    let automated = Snapshot::of(&Database::instance("retail-prd"), "rds:retail-prd-1");
    caller.aws.add_snapshot(automated.automated());
    let ids = async |parameters: &str| {
        let got = caller.act("DescribeDBSnapshots", parameters).await.ok();
        let ids = all(got.text(), "DBSnapshotIdentifier");
        let ids: Vec<_> = ids.into_iter().map(str::to_owned).collect();
        (
            ids,
            all(got.text(), "Marker").first().map(|it| (*it).to_owned()),
        )
    };
    let (first, marker) = ids("DBInstanceIdentifier=many&MaxRecords=20").await;
    let marker = marker.unwrap().replace('+', "%2B").replace('=', "%3D");
    let next = format!("DBInstanceIdentifier=many&MaxRecords=20&Marker={marker}");
    let (second, none) = ids(&next).await;
    assert_eq!((first.len(), second.len(), none), (20, 5, None));
    assert_eq!(second[0], "many-20");
    assert_eq!(ids("SnapshotType=automated").await.0, ["rds:retail-prd-1"]);
    let filter = "Filters.Filter.1.Name=db-snapshot-id\
                  &Filters.Filter.1.Values.Value.1=many-03&Filters.Filter.1.Values.Value.2=many-01";
    assert_eq!(ids(filter).await.0, ["many-01", "many-03"]);
    assert!(ids("DBInstanceIdentifier=none").await.0.is_empty());
    for parameters in ["MaxRecords=5", "Marker=x", "Filters.Filter.1.Name=x"] {
        let got = caller.act("DescribeDBSnapshots", parameters).await;
        assert_eq!(
            got.error(),
            (400, "InvalidParameterValue".to_owned()),
            "{parameters}"
        );
    }
    let got = caller
        .act("DescribeDBSnapshots", "DBSnapshotIdentifier=none")
        .await;
    assert_eq!(got.error(), (404, "DBSnapshotNotFound".to_owned()));
}

#[tokio::test]
async fn only_manual_snapshots_that_are_complete_are_deleted() {
    let caller = Caller::start().await;
    let database = Database::instance("retail-prd");
    caller
        .aws
        .add_snapshot(Snapshot::of(&database, "automated").automated());
    caller.aws.add_snapshot(Snapshot::of(&database, "manual"));
    caller.act("CreateDBSnapshot", CREATE).await.ok();
    let delete = async |id: &str| {
        let parameters = format!("DBSnapshotIdentifier={id}");
        caller.act("DeleteDBSnapshot", &parameters).await
    };
    for id in ["automated", "retail-1"] {
        let got = delete(id).await;
        assert_eq!(
            got.error(),
            (400, "InvalidDBSnapshotState".to_owned()),
            "{id}"
        );
    }
    let got = delete("manual").await.ok();
    assert_eq!(all(got.text(), "Status"), ["deleted"]);
    assert_eq!(
        delete("manual").await.error(),
        (404, "DBSnapshotNotFound".to_owned())
    );
}

#[tokio::test]
async fn tags_are_kept_by_arn() {
    let caller = Caller::start().await;
    let snapshot = Snapshot::of(&Database::instance("retail-prd"), "s").tag("a", "1");
    let arn = snapshot.arn();
    caller.aws.add_snapshot(snapshot);
    let add = format!("ResourceName={arn}&Tags.Tag.1.Key=a&Tags.Tag.1.Value=2&Tags.Tag.2.Key=b");
    let got = caller.act("AddTagsToResource", &add).await.ok();
    assert_eq!(got.root().name, "AddTagsToResourceResponse");
    let list = format!("ResourceName={arn}");
    let got = caller.act("ListTagsForResource", &list).await.ok();
    assert_eq!(all(got.text(), "Key"), ["a", "b"]);
    assert_eq!(all(got.text(), "Value"), ["2"]);
    let remove = format!("{list}&TagKeys.member.1=a");
    caller.act("RemoveTagsFromResource", &remove).await.ok();
    assert_eq!(caller.aws.snapshot("s").unwrap().tags.len(), 1);
    for (name, status, code) in [
        ("s", 400, "InvalidParameterValue"),
        (
            "arn:aws:rds:eu-west-1:123456789012:snapshot:s",
            400,
            "InvalidParameterValue",
        ),
        (
            "arn:aws:rds:eu-central-1:123456789012:snapshot:x",
            404,
            "DBSnapshotNotFound",
        ),
        (
            "arn:aws:rds:eu-central-1:123456789012:cluster:x",
            404,
            "DBClusterNotFoundFault",
        ),
        (
            "arn:aws:rds:eu-central-1:123456789012:og:x",
            400,
            "InvalidParameterValue",
        ),
    ] {
        let got = caller
            .act("ListTagsForResource", &format!("ResourceName={name}"))
            .await;
        assert_eq!(got.error(), (status, code.to_owned()), "{name}");
    }
}

#[tokio::test]
async fn a_snapshot_is_restored_to_a_new_instance() {
    let caller = Caller::start().await;
    caller.aws.restores_take(1);
    let database = Database::instance("retail-prd").engine("mysql", "8.4.3");
    caller.aws.add_snapshot(Snapshot::of(&database, "s"));
    caller
        .aws
        .add_snapshot(Snapshot::of(&database, "broken").status("failed"));
    let restore = async |id: &str, snapshot: &str| {
        let parameters = format!(
            "DBInstanceIdentifier={id}&DBSnapshotIdentifier={snapshot}&DBInstanceClass=db.r6g.large"
        );
        caller
            .act("RestoreDBInstanceFromDBSnapshot", &parameters)
            .await
    };
    for (id, snapshot, status, code) in [
        ("retail-prd", "s", 400, "DBInstanceAlreadyExists"),
        ("new", "none", 404, "DBSnapshotNotFound"),
        ("new", "broken", 400, "InvalidDBSnapshotState"),
        ("1", "s", 400, "InvalidParameterValue"),
    ] {
        let got = restore(id, snapshot).await;
        assert_eq!(got.error(), (status, code.to_owned()), "{id} {snapshot}");
    }
    let got = restore("new", "s").await.ok();
    assert_eq!(all(got.text(), "DBInstanceStatus"), ["creating"]);
    for (status, addresses) in [("creating", 0), ("available", 1)] {
        let got = caller
            .act("DescribeDBInstances", "DBInstanceIdentifier=new")
            .await
            .ok();
        assert_eq!(all(got.text(), "DBInstanceStatus"), [status]);
        assert_eq!(all(got.text(), "Address").len(), addresses);
        assert_eq!(all(got.text(), "EngineVersion"), ["8.4.3"]);
        assert_eq!(all(got.text(), "DBInstanceClass"), ["db.r6g.large"]);
    }
    let new = caller.aws.database("new").unwrap();
    assert_eq!(new.restored_from.as_deref(), Some("s"));
    assert_eq!(new.parameters["DBInstanceClass"], "db.r6g.large");
}

#[tokio::test]
async fn a_cluster_goes_the_same_way() {
    let caller = Caller::start().await;
    caller.aws.snapshots_take(0);
    caller.aws.restores_take(0);
    caller.aws.add_database(Database::cluster("aurora"));
    let create = "DBClusterIdentifier=aurora&DBClusterSnapshotIdentifier=a-1";
    caller.act("CreateDBClusterSnapshot", create).await.ok();
    let got = caller.act("CreateDBClusterSnapshot", create).await;
    let code = "DBClusterSnapshotAlreadyExistsFault".to_owned();
    assert_eq!(got.error(), (400, code));
    let got = caller
        .act("DescribeDBClusterSnapshots", "DBClusterIdentifier=aurora")
        .await
        .ok();
    assert_eq!(all(got.text(), "Status"), ["available"]);
    let arn = "arn:aws:rds:eu-central-1:123456789012:cluster-snapshot:a-1";
    assert_eq!(all(got.text(), "DBClusterSnapshotArn"), [arn]);
    let restore = "DBClusterIdentifier=new&SnapshotIdentifier=a-1&Engine=";
    let got = caller.act("RestoreDBClusterFromSnapshot", restore).await;
    assert_eq!(got.error(), (400, "MissingParameter".to_owned()));
    let got = caller
        .act("RestoreDBClusterFromSnapshot", &format!("{restore}mysql"))
        .await;
    assert_eq!(got.error(), (400, "InvalidParameterValue".to_owned()));
    let restore = format!("{restore}aurora-mysql");
    caller
        .act("RestoreDBClusterFromSnapshot", &restore)
        .await
        .ok();
    let got = caller.act("RestoreDBClusterFromSnapshot", &restore).await;
    assert_eq!(got.error(), (400, "DBClusterAlreadyExistsFault".to_owned()));
    let got = caller
        .act("DescribeDBClusters", "DBClusterIdentifier=new")
        .await
        .ok();
    assert_eq!(all(got.text(), "Status"), ["available"]);
    // A restored cluster has no instance before one is created.
    let member = "DBInstanceIdentifier=new-1&DBInstanceClass=db.r6g.large&DBClusterIdentifier=new&Engine=aurora-mysql";
    caller.act("CreateDBInstance", member).await.ok();
    let filter = "Filters.Filter.1.Name=db-cluster-id&Filters.Filter.1.Values.Value.1=new";
    let got = caller.act("DescribeDBInstances", filter).await.ok();
    assert_eq!(all(got.text(), "DBInstanceIdentifier"), ["new-1"]);
    caller
        .act("DeleteDBClusterSnapshot", "DBClusterSnapshotIdentifier=a-1")
        .await
        .ok();
    let got = caller
        .act("DeleteDBClusterSnapshot", "DBClusterSnapshotIdentifier=a-1")
        .await;
    assert_eq!(
        got.error(),
        (404, "DBClusterSnapshotNotFoundFault".to_owned())
    );
}

#[tokio::test]
async fn unknown_actions_and_versions_are_refused() {
    let caller = Caller::start().await;
    for (form, code) in [
        ("", "MissingAction"),
        ("Action=DescribeDBInstances", "InvalidAction"),
        (
            "Action=DescribeDBInstances&Version=2012-01-01",
            "InvalidAction",
        ),
        ("Action=StopDBInstance&Version=2014-10-31", "InvalidAction"),
    ] {
        let got = caller.send("POST /", &[], form).await;
        assert_eq!(got.error(), (400, code.to_owned()), "{form}");
    }
}
