//! The kinds, in the form in which their definitions would register them.

use super::schema;
use crate::api::resources::{Columns, PrinterColumn, ResourceType};

/// The resources that the controller processes.
pub const RESOURCES: [&str; 5] = [
    "backuprequests.backup.liferay.cloud",
    "restorerequests.backup.liferay.cloud",
    "liferaybackups.backup.liferay.cloud",
    "backuprequests.backup.lc2.io",
    "restorerequests.backup.lc2.io",
];

const GROUP: &str = "backup.liferay.cloud";

pub fn backup_request() -> ResourceType {
    ResourceType {
        short_names: vec!["br".to_owned(), "brs".to_owned()],
        columns: Columns::Printer(vec![
            column("Project", "string", ".spec.projectId"),
            column("Environment", "string", ".spec.environment"),
            column("State", "string", ".status.state"),
            column("Age", "date", ".metadata.creationTimestamp"),
        ]),
        schema: Some(schema::backup_request),
        ..ResourceType::custom(GROUP, "v1alpha1", "BackupRequest", "backuprequests")
    }
}

pub fn restore_request() -> ResourceType {
    ResourceType {
        schema: Some(schema::restore_request),
        ..ResourceType::custom(GROUP, "v1alpha1", "RestoreRequest", "restorerequests")
    }
}

/// Returns Liferay's own kind, whose version is not public.
pub fn liferay_backup(version: &str) -> ResourceType {
    ResourceType::custom(GROUP, version, "LiferayBackup", "liferaybackups")
}

/// Returns the kinds of the newest requirements, which have a group of their own.
pub fn lc2() -> [ResourceType; 2] {
    let custom = |kind, plural| ResourceType::custom("backup.lc2.io", "v1alpha1", kind, plural);
    [
        custom("BackupRequest", "backuprequests"),
        ResourceType {
            schema: Some(schema::lc2_restore),
            ..custom("RestoreRequest", "restorerequests")
        },
    ]
}

fn column(name: &str, kind: &str, path: &str) -> PrinterColumn {
    PrinterColumn {
        name: name.to_owned(),
        kind: kind.to_owned(),
        json_path: path.to_owned(),
        description: String::new(),
        priority: 0,
    }
}
