use super::*;

#[test]
fn an_object_is_deleted_unless_it_runs() {
    let host = host()
        .object(request("old", json!({"state": "Succeeded"})))
        .object(request("new", json!({"state": "InProgress"})));
    delete(&host, "old", false).unwrap();
    let error = delete(&host, "new", false).unwrap_err();
    assert_eq!(
        (error.kind, error.message.as_str()),
        (ErrorKind::Conflict, "new is running (InProgress)")
    );
    delete(&host, "new", true).unwrap();
    assert_eq!(host.done().len(), 2);
    assert_eq!(
        delete(&host, "new", true).unwrap_err().kind,
        ErrorKind::NotFound
    );
    let error = delete(&host, "liferaybackup/nightly", true).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unsupported);
}
