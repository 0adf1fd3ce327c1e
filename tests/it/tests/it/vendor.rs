//! The engine of a vendor, from the first line of its source to its removal from an operator's machine.

use std::path::PathBuf;

use insta::assert_snapshot;

use crate::authoring::shown;
use crate::support::{Bed, Invocation, Machine, Project, Vault, programs};

/// Returns the operator's program, in a cluster with the vendor's backend.
fn operator(machine: &Machine, bed: &Bed) -> Invocation {
    Invocation::new(&programs().kubectl_broker, &machine.folders)
        .in_folder(machine.folder.path())
        .kubeconfig(bed.kubeconfig())
}

/// Changes the engine to its next version, which can delete backups and reads metrics on another port.
fn raise(project: &Project) {
    for (old, new) in [
        ("version = \"0.1.0\"", "version = \"0.2.0\""),
        (
            "[operations.create]",
            "[operations.create]\n[operations.delete]",
        ),
        (
            "\"GET /v1/backups/{id}\"]",
            "\"GET /v1/backups/{id}\", \"DELETE /v1/backups/{id}\"]",
        ),
        (
            "[endpoints.api]",
            "[endpoints.figures]\nselect = \"pod\"\nport = { numbers = [9100] }\nallow = [\"GET /metrics\"]\n\n[endpoints.api]",
        ),
    ] {
        project.edit("engine.toml", old, new);
    }
    project.edit(
        "src/lib.rs",
        "/// The JSON of `GET /v1/health`.",
        r#"impl broker_engine::Delete for Engine {
    fn delete(request: broker_engine::DeleteRequest) -> Result<Vec<String>> {
        let request_to = http::Request::new(http::Method::Delete, "api", "/v1/backups/{id}");
        request_to.parameter("id", &request.id).send()?.expect_ok()?;
        Ok(Vec::new())
    }
}

/// The JSON of `GET /v1/health`."#,
    );
}

#[test]
fn an_engine_of_a_new_project_is_installed_used_updated_rolled_back_and_removed() {
    let machine = Machine::new();
    let (project, begun) = Project::begin(&machine, "acme/coffer");
    assert_eq!(begun.code, 0, "{}", begun.stderr);
    machine.put("coffer.wasm", &project.build());
    let bed = Vault::bed();
    let run = |arguments: &str| operator(&machine, &bed).run(arguments);
    let used = || run("backup list --engine coffer -o json").ids();

    let before = machine.content();
    assert_snapshot!(shown(&run("plugin install coffer.wasm")), @"
    Usage: acme/coffer
      ! 8200 [credentials]
      ! /v1/backups 8200 POST [writes]
      - /v1/backups /v1/backups/{id} /v1/health 8200 GET
      `--engine acme/coffer`
    hint: `--accept-capabilities sha256:DIGEST`
    exit 2
    ");
    assert_eq!(machine.content(), before);
    assert_snapshot!(shown(&machine.accepting("plugin install coffer.wasm")), @"
    stdout:
    acme/coffer 0.1.0 is installed, unsigned
    exit 0
    ");
    assert_snapshot!(shown(&run("plugin list")), @"
    stdout:
    NAME   VERSION   STATE   SIGNATURE   DEFAULT-FOR   SIZE   SOURCE
    kubectl-broker/aws   0.1.0   ok   bundled   -   SIZE   bundled
    kubectl-broker/backuprequest   0.1.0   ok   bundled   -   SIZE   bundled
    kubectl-broker/hivemq   0.1.0   ok   bundled   -   SIZE   bundled
    kubectl-broker/kafka   0.1.0   ok   bundled   -   SIZE   bundled
    kubectl-broker/operator   0.1.0   ok   bundled   -   SIZE   bundled
    kubectl-broker/sidecar   0.1.0   ok   bundled   -   SIZE   bundled
    kubectl-broker/strategy   0.1.0   ok   bundled   -   SIZE   bundled
    acme/coffer   0.1.0   ok   unsigned   -   SIZE   $PWD/coffer.wasm
    exit 0
    ");
    assert_snapshot!(shown(&run("backup list --engine coffer")), @"
    stdout:
    ID   STATE   SIZE   AGE   CREATED
    b   failed   -   AGE   2025-09-06T03:04:05Z
    a   done   SIZE   AGE   2025-09-05T03:04:05Z
    note: 2 1.0 broker-0
    exit 0
    ");

    raise(&project);
    machine.put("coffer.wasm", &project.build());
    let before = machine.content();
    assert_snapshot!(shown(&run("plugin update coffer")), @"
    Usage: acme/coffer
      ! /v1/backups/{id} 8200 DELETE [writes]
      - /metrics 9100 GET
      `--engine acme/coffer`
    hint: `--accept-capabilities sha256:DIGEST`
    exit 2
    ");
    assert_eq!(machine.content(), before);
    assert_eq!(used(), ["b", "a"]);
    assert_snapshot!(shown(&run("backup delete --engine coffer --id b --yes")), @"
    Usage: `delete` acme/coffer
    hint:
    exit 2
    ");

    assert_snapshot!(shown(&machine.accepting("plugin update coffer")), @"
    stdout:
    acme/coffer 0.2.0 (was 0.1.0) is updated, unsigned
    exit 0
    ");
    assert_eq!(used(), ["b", "a"]);
    assert_snapshot!(shown(&run("backup delete --engine coffer --id b --yes")), @"
    stdout:
    b is deleted from pod broker-0
    note: b testbed https://127.0.0.1:PORT messaging broker-0 acme/coffer
    exit 0
    ");

    assert_snapshot!(shown(&run("plugin rollback coffer")), @"
    stdout:
    acme/coffer 0.1.0 (was 0.2.0) is rolled back, unsigned
    exit 0
    ");
    assert_eq!(used(), ["b", "a"]);
    let deletion = run("backup delete --engine coffer --id b --yes");
    assert_eq!(deletion.code, 2, "{}", deletion.stderr);

    assert_snapshot!(shown(&run("plugin remove coffer")), @"
    stdout:
    acme/coffer 0.1.0 is removed, unsigned
    exit 0
    ");
    assert_snapshot!(shown(&run("backup list --engine coffer")), @"
    Usage: `coffer`
    hint:
    exit 2
    ");
    let left: Vec<_> = machine.content().into_keys().collect();
    assert_eq!(left, [".lock", "broker-plugins.lock"].map(PathBuf::from));
}
