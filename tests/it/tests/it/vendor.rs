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
    fn delete(request: broker_engine::DeleteRequest) -> Result<()> {
        let request_to = http::Request::new(http::Method::Delete, "api", "/v1/backups/{id}");
        request_to.parameter("id", &request.id).send()?.expect_ok()?;
        Ok(())
    }
}

/// The JSON of `GET /v1/health`."#,
    );
}

#[test]
#[expect(clippy::too_many_lines, reason = "it is one story")]
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
    stderr:
    error: acme/coffer wants to do what nobody has accepted:
      ! [credentials] have a token of yours added to what it sends to port 8200 of the pods of the StatefulSet you name, without seeing that
      ! [writes] talk to port 8200 of the pods of the StatefulSet you name: POST /v1/backups
      - talk to port 8200 of the pods of the StatefulSet you name: GET /v1/backups, GET /v1/backups/{id}, GET /v1/health
      Only where `--engine acme/coffer` names it, it answers: list, status, create
    hint: If you want that, give `--accept-capabilities sha256:DIGEST`; it accepts this set and no other. On a terminal you are asked
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
    kubectl-broker/backuprequest   0.1.0   ok   bundled   -   SIZE   bundled
    kubectl-broker/hivemq   0.1.0   ok   bundled   -   SIZE   bundled
    kubectl-broker/kafka   0.1.0   ok   bundled   -   SIZE   bundled
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
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    Using engine acme/coffer 0.1.0 of publisher acme, which is not bundled
    2 backups, SIZE in all, from pod broker-0
    exit 0
    ");

    raise(&project);
    machine.put("coffer.wasm", &project.build());
    let before = machine.content();
    assert_snapshot!(shown(&run("plugin update coffer")), @"
    stderr:
    error: acme/coffer also wants to do what nobody has accepted:
      ! [writes] talk to port 8200 of the pods of the StatefulSet you name: DELETE /v1/backups/{id}
      - talk to port 9100 of the pods of the StatefulSet you name: GET /metrics
      Only where `--engine acme/coffer` names it, it answers: list, status, create, delete
    hint: If you want that, give `--accept-capabilities sha256:DIGEST`; it accepts this set and no other. On a terminal you are asked
    exit 2
    ");
    assert_eq!(machine.content(), before);
    assert_eq!(used(), ["b", "a"]);
    assert_snapshot!(shown(&run("backup delete --engine coffer --id b --yes")), @"
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    error: engine acme/coffer can't `delete`
    hint: Engines that can: backuprequest, kafka, sidecar
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
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    Using engine acme/coffer 0.2.0 of publisher acme, which is not bundled
    Removing backup b for good: context testbed, server https://127.0.0.1:PORT, namespace messaging, StatefulSet broker, pod broker-0, engine acme/coffer
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
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    error: there is no engine `coffer`
    hint: Engines that are there: backuprequest, hivemq, kafka, sidecar, strategy
    exit 2
    ");
    let left: Vec<_> = machine.content().into_keys().collect();
    assert_eq!(left, [".lock", "broker-plugins.lock"].map(PathBuf::from));
}
