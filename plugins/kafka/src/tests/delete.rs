use super::*;

#[test]
fn what_runs_is_deleted_by_force_only() {
    let running = json!({"phase": "Running"});
    let host = host().object(object("KafkaRestore", "r", &json!({}), &running));
    let delete = |id: &str, force| {
        host.run(|| {
            Kafka::delete(DeleteRequest {
                id: id.to_owned(),
                force,
                options: Vec::new(),
            })
        })
    };
    assert_eq!(
        delete("restore/r", false).unwrap_err().kind,
        ErrorKind::Conflict
    );
    assert_eq!(delete("restore/r", true), Ok(Vec::new()));
    let warnings = delete("nightly", false).unwrap();
    assert!(warnings[0].contains("its data stays in the storage"));
}
