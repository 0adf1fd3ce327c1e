//! Native tests of the engine's logic for `cargo test`: they need no WebAssembly and no cluster.

use broker_engine::ErrorKind;
use broker_engine::mock::{Host, Reply};

use super::*;

const LIST: &str = "GET /v1/backups";
const ONE: &str = "GET /v1/backups/{id}";

/// Returns a host that answers one request and denies requests that the manifest does not allow.
fn host(route: &str, status: u16, body: &str) -> Host {
    Host::new(MANIFEST).answer(route, Reply::text(status, body))
}

fn list(host: &Host) -> Result<Vec<Backup>> {
    let page = host.run(|| {
        Engine::list(ListRequest {
            cursor: None,
            limit: None,
            options: Vec::new(),
        })
    });
    page.map(|page| page.backups)
}

fn status(host: &Host, id: &str) -> Result<Backup> {
    host.run(|| {
        Engine::status(StatusRequest {
            id: id.to_owned(),
            options: Vec::new(),
        })
    })
}

#[test]
fn a_state_that_is_not_known_is_no_success() {
    let host = host(
        LIST,
        200,
        r#"{"backups": [{"id": "a", "state": "paused"}]}"#,
    );
    let backups = list(&host).unwrap();
    assert_eq!(backups[0].state, State::Unknown);
    assert_eq!(backups[0].reported_state.as_deref(), Some("paused"));
}

#[test]
fn json_of_another_form_is_no_empty_list() {
    let error = list(&host(LIST, 200, "{}")).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Protocol);
}

#[test]
fn the_id_is_a_parameter_of_the_route() {
    let host = host(ONE, 200, r#"{"id": "a b", "state": "done", "bytes": 3}"#);
    assert_eq!(status(&host, "a b").unwrap().size, Some(3));
    assert_eq!(host.sent()[0].target, "/v1/backups/a%20b");
}

#[test]
fn a_backup_that_is_not_there_is_not_found() {
    let error = status(&host(ONE, 404, "no such backup"), "a").unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotFound);
}
