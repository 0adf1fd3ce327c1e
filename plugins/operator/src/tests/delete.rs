use super::*;

fn delete(host: &Host, id: &str, force: bool) -> Result<Vec<String>> {
    host.run(|| {
        Operator::delete(DeleteRequest {
            id: id.to_owned(),
            force,
            options: Vec::new(),
        })
    })
}

#[test]
fn what_is_under_way_is_deleted_by_force_only() {
    for phase in ["Starting", "Running", "Napping"] {
        let host = one("Backup", &json!({}), &json!({"run": {"phase": phase}}));
        let error = delete(&host, "x", false).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Conflict, "{phase}");
        assert_eq!(
            error.message,
            format!("Backup x is under way: it is {phase}")
        );
        assert_eq!(host.done(), []);
        assert!(delete(&host, "x", true).is_ok(), "{phase}");
    }
    for phase in ["", "Queued", "Failed", "Lost"] {
        let host = one("Restore", &json!({}), &json!({"run": {"phase": phase}}));
        assert_eq!(delete(&host, "restore/x", false), Ok(Vec::new()), "{phase}");
    }
}

#[test]
fn what_is_left_of_a_backup_is_told() {
    let left = |policy: &str, status: &Value| {
        let host = one("Backup", &json!({"deletionPolicy": policy}), status);
        let warnings = delete(&host, "x", false).unwrap();
        assert_eq!(done(&host).verb, "delete");
        warnings.join(" ")
    };
    assert_eq!(
        left("Retain", &succeeded()),
        "Only Backup x is deleted: its copy prod/1 stays in BackupStore s3"
    );
    assert_eq!(
        left("Delete", &succeeded()),
        "The copy prod/1 of Backup x is deleted with it, unless something protects it: then an Event `CopyKept` says so"
    );
    let mut without = succeeded();
    without["copy"] = Value::Null;
    assert_eq!(
        left("Delete", &without),
        "Only Backup x is deleted: its backend keeps the backup 20260302-020000"
    );
    assert_eq!(
        left("Retain", &json!({})),
        "Backup x is deleted; it names no backup that stays"
    );
}
