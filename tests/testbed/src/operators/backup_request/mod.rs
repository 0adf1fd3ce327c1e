//! The backup-controller: the kinds BackupRequest and RestoreRequest, and Liferay's own LiferayBackup.

mod course;
mod kinds;
mod schema;

use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::backend::pace::Pace;
use crate::clock::seconds;
use crate::scenario::World;
use crate::scenario::objects::namespace;

pub use kinds::{backup_request, lc2, liferay_backup, restore_request};

/// The namespace of the demonstration.
const NAMESPACE: &str = "proj-retail-prd";
/// Number of backups of one project that run at the same time.
const AT_ONCE: usize = 2;

/// Registers the kinds, and adds some backups that have ended.
pub(crate) fn fill(world: &World) {
    for ty in [
        backup_request(),
        restore_request(),
        liferay_backup("v1alpha1"),
    ] {
        world.objects.register(ty);
    }
    let created = world.now() - SignedDuration::from_hours(24 * 30);
    world.put([namespace(NAMESPACE, created)]);
    for (hours, project, failed) in [(26, "retail", false), (2, "retail", true)] {
        world.put([ended(world, hours, project, failed)]);
    }
    let (begun, done) = (ago(world, 14, 0), ago(world, 14, -11));
    world.put([json!({
        "apiVersion": "backup.liferay.cloud/v1alpha1", "kind": "LiferayBackup",
        "metadata": {"name": "nightly-20250905", "namespace": NAMESPACE, "creationTimestamp": begun},
        "status": {
            "completionTime": done,
            "conditions": [{"type": "Succeeded", "status": "True", "reason": "BackupSucceeded"}],
            "databaseSnapshot": {"uuid": "5b0c4f7e-2a55-4f6e-9a57-0d1f3c3a9d10"},
            "documentLibrary": {
                "destinationBucket": "liferay-backups", "destinationPath": "retail/nightly-20250905",
            },
        },
    })]);
}

fn ago(world: &World, hours: i64, minutes: i64) -> String {
    let ago = SignedDuration::from_hours(hours) + SignedDuration::from_mins(minutes);
    seconds(world.now() - ago)
}

fn ended(world: &World, hours: i64, project: &str, failed: bool) -> Value {
    let created = world.now() - SignedDuration::from_hours(hours);
    let stamp = created.strftime("%Y%m%d-%H%M%S").to_string();
    let mut object = json!({
        "apiVersion": "backup.liferay.cloud/v1alpha1", "kind": "BackupRequest",
        "metadata": {
            "name": format!("{project}-prd-backup-{stamp}"),
            "namespace": NAMESPACE,
            "creationTimestamp": seconds(created),
            "labels": {
                "backup.liferay.cloud/project": project, "backup.liferay.cloud/environment": "prd",
            },
        },
        "spec": {
            "projectId": project, "environment": "prd", "provider": "aws",
            "database": {"type": "snapshot", "instanceId": format!("{project}-prd-db"), "retention": "7d"},
            "documentLibrary": {
                "sourceBucket": format!("liferay-{project}-prd-dl"),
                "destinationBucket": "liferay-backups",
                "destinationPrefix": format!("{project}/prd/{stamp}/dl"),
            },
        },
    });
    let mut faults = world.faults.snapshot().backup_request;
    faults.fails = failed.then_some(crate::Step::Documents);
    let end = seconds(created + SignedDuration::from_mins(21));
    let course = course::of(
        &object,
        "backuprequests.backup.liferay.cloud",
        &faults,
        &end,
    );
    object["status"] = course.into_iter().last().unwrap_or_default();
    object
}

/// Advances the objects whenever something changes in the cluster; each step causes the next one. Only a pace
/// for people adds delays.
pub(super) fn start(world: &World) {
    let (objects, faults) = (world.objects.clone(), world.faults.clone());
    let (clock, pace) = (world.clock.clone(), world.pace);
    let mut revisions = objects.store.subscribe();
    world.tasks.spawn(async move {
        loop {
            for resource in kinds::RESOURCES {
                let all = objects.list(resource, None);
                for object in &all {
                    let settings = faults.snapshot().backup_request;
                    let now = seconds(clock.now());
                    let course = course::of(object, resource, &settings, &now);
                    let Some(next) = course::next(object, &course, &settings) else {
                        continue;
                    };
                    if course::begins_to_run(object, next) && running(&all, object) >= AT_ONCE {
                        continue;
                    }
                    if let Pace::After(time) = pace {
                        tokio::time::sleep(time / 4).await;
                    }
                    let text = |field: &str| object["metadata"][field].as_str().unwrap_or_default();
                    let seen = &object["metadata"]["resourceVersion"];
                    // An object that has changed meanwhile, or is gone, is processed again.
                    let _ = objects.modify(resource, text("namespace"), text("name"), |newest| {
                        if newest["metadata"]["resourceVersion"] == *seen {
                            newest["status"] = next.clone();
                        }
                    });
                }
            }
            if revisions.changed().await.is_err() {
                return;
            }
        }
    });
}

/// Returns the number of running backups of the same project.
fn running(all: &[Value], object: &Value) -> usize {
    let same = all.iter().filter(|other| {
        other["spec"]["projectId"] == object["spec"]["projectId"] && course::runs(other)
    });
    same.count()
}
