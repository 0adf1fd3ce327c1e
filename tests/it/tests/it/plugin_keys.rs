//! The trusted keys of publishers, and their effect on installations.

use std::fs;
use std::path::PathBuf;

use host_base::Sha256;
use insta::assert_snapshot;

use crate::support::{Component, Machine, Run, Session, Signer, Verbatim};

fn next() -> Component {
    Component::small().replace("\"version\":\"0.1.0\"", "\"version\":\"0.2.0\"")
}

/// Returns the output with placeholders for fingerprints and digests.
fn shown(run: &Run, signers: &[(&str, &Signer)]) -> String {
    let mut text = run.outcome();
    for (word, signer) in signers {
        text = text.replace(&signer.fingerprint(), word);
    }
    let digest = regex::Regex::new("[0-9a-f]{64}").expect("a pattern");
    digest.replace_all(&text, "DIGEST").into_owned()
}

/// Writes an engine and the publisher's signature next to it.
fn put_signed(machine: &Machine, component: &Component, signer: &Signer) {
    machine.put("small.wasm", component);
    put_signature(machine, &signer.sign(component.bytes()));
}

fn put_signature(machine: &Machine, bytes: &[u8]) {
    fs::write(machine.folder.path().join("small.wasm.sig"), bytes).expect("a signature");
}

fn put_key(machine: &Machine, signer: &Signer, name: &str) -> PathBuf {
    signer.public_key(machine.folder.path(), name)
}

#[test]
fn a_key_is_added_shown_and_removed() {
    let machine = Machine::new();
    let signer = Signer::new();
    let signers = [("FINGERPRINT", &signer)];
    put_key(&machine, &signer, "Cosign_2026.pub");
    assert_snapshot!(machine.run("plugin key list").outcome(), @"
    stdout:
    PUBLISHER   NAME   FINGERPRINT
    note: `kubectl broker plugin key add`
    exit 0
    ");
    assert_snapshot!(shown(&machine.run("plugin key add acme Cosign_2026.pub").telling(Verbatim::All), &signers), @"
    stdout:
    Key cosign-2026 of acme is added: FINGERPRINT
    From now on an engine acme/… is installed and used only if a trusted key of acme signed it
    exit 0
    ");
    assert_snapshot!(shown(&machine.run("plugin key add globex Cosign_2026.pub --name main"), &signers), @"
    stdout:
    Key main of globex is added: FINGERPRINT
    From now on an engine globex/… is installed and used only if a trusted key of globex signed it
    exit 0
    ");
    assert_snapshot!(shown(&machine.run("plugin key list"), &signers), @"
    stdout:
    PUBLISHER   NAME   FINGERPRINT
    acme   cosign-2026   FINGERPRINT
    globex   main   FINGERPRINT
    exit 0
    ");
    assert_snapshot!(machine.run("plugin key list -o name").outcome(), @"
    stdout:
    acme/cosign-2026
    globex/main
    exit 0
    ");
    assert_snapshot!(shown(&machine.run("plugin key remove acme cosign-2026").telling(Verbatim::All), &signers), @"
    stdout:
    Key cosign-2026 of acme is removed: FINGERPRINT
    No key of acme is left: from now on an engine acme/… is installed unsigned, or whoever signed it
    exit 0
    ");
    let document = machine.run("plugin key remove globex main -o json").json();
    assert_eq!(document["change"], "removed");
    assert_eq!(document["fingerprint"], signer.fingerprint());
    assert_eq!(document["last"], true);
    assert_eq!(machine.run("plugin key list -o name").stdout, "");
}

#[test]
fn what_is_no_key_or_is_there_already_says_so() {
    let machine = Machine::new();
    let (signer, other) = (Signer::new(), Signer::new());
    let signers = [("FINGERPRINT", &signer), ("OTHER", &other)];
    put_key(&machine, &signer, "acme.pub");
    put_key(&machine, &other, "other.pub");
    for (name, arguments) in [
        (
            "curve.pub",
            "ecparam -name secp384r1 -genkey -noout -out curve.pem",
        ),
        ("rsa.pub", "genrsa -out rsa.pem 2048"),
    ] {
        let private = name.replace(".pub", ".pem");
        signer.openssl(arguments);
        signer.openssl(&format!("pkey -in {private} -pubout -out {name}"));
        fs::copy(signer.file(name), machine.folder.path().join(name)).expect("a key");
    }
    let private = machine.folder.path().join("private.pem");
    fs::copy(signer.file("private.pem"), private).expect("a key");
    assert_eq!(machine.run("plugin key add acme acme.pub").code, 0);
    let mut all = String::new();
    for arguments in [
        "add acme acme.pub",
        "add acme acme.pub --name again",
        "add acme other.pub --name acme",
        "add acme private.pem",
        "add acme curve.pub",
        "add acme rsa.pub",
        "add acme missing.pub",
        "add acme .",
        "add Acme/small other.pub",
        "remove acme main",
        "remove globex main",
        "remove acme ../acme/acme",
    ] {
        let run = machine.run(&format!("plugin key {arguments}"));
        let run = run.telling(Verbatim::Message);
        all += &format!("{arguments}\n{}\n", shown(&run, &signers));
    }
    assert_snapshot!(all, @"
    add acme acme.pub
    Conflict: the publisher acme already has this key, as acme
    exit 11
    add acme acme.pub --name again
    Conflict: the publisher acme already has this key, as acme
    exit 11
    add acme other.pub --name acme
    Conflict: the publisher acme already has a key acme, with the fingerprint FINGERPRINT
    hint: `kubectl broker plugin key add acme FILE --name NAME`
    exit 11
    add acme private.pem
    Usage: private.pem is not a usable public key: it is a private key
    hint: ECDSA P-256 `openssl ec -in private.pem -pubout` `openssl ecparam -name prime256v1 -genkey -noout -out private.pem`
    exit 2
    add acme curve.pub
    Usage: curve.pub is not a usable public key: it is a key of another curve than P-256
    hint: ECDSA P-256 `openssl ec -in private.pem -pubout` `openssl ecparam -name prime256v1 -genkey -noout -out private.pem`
    exit 2
    add acme rsa.pub
    Usage: rsa.pub is not a usable public key: it is an RSA key
    hint: ECDSA P-256 `openssl ec -in private.pem -pubout` `openssl ecparam -name prime256v1 -genkey -noout -out private.pem`
    exit 2
    add acme missing.pub
    NotFound: can't read the key missing.pub: No such file or directory (os error 2)
    hint: `-----BEGIN PUBLIC KEY-----`
    exit 10
    add acme .
    Usage: can't read the key .: it is not a plain file of at most 16384 bytes
    hint: `-----BEGIN PUBLIC KEY-----`
    exit 2
    add Acme/small other.pub
    Usage: `Acme/small` is not a valid name for a publisher: use lower-case letters, digits and dashes, and begin with a letter
    exit 2
    remove acme main
    NotFound: the publisher acme has no key main
    hint: acme
    exit 10
    remove globex main
    NotFound: the publisher globex has no key main
    hint: `kubectl broker plugin key list`
    exit 10
    remove acme ../acme/acme
    Usage: `../acme/acme` is not a valid name for a key: use lower-case letters, digits and dashes, and begin with a letter
    exit 2
    ");
    assert_eq!(machine.run("plugin key list -o name").stdout, "acme/acme\n");
}

#[test]
fn a_key_that_is_damaged_keeps_its_publisher_out_and_can_be_removed() {
    let machine = Machine::new();
    let signer = Signer::new();
    put_key(&machine, &signer, "acme.pub");
    assert_eq!(machine.run("plugin key add acme acme.pub").code, 0);
    let file = machine.folders.configuration().join("keys/acme/acme.pub");
    fs::write(&file, "-----BEGIN PUBLIC KEY-----").expect("damaged");
    put_signed(&machine, &Component::small(), &signer);
    assert_snapshot!(machine.run("plugin install small.wasm").outcome(), @"
    Usage: $HOME/.config/kubectl-broker/keys/acme/acme.pub 0.1.0 acme/small
    hint: `kubectl broker plugin key remove acme acme`
    exit 2
    ");
    assert!(!machine.lockfile().exists());
    assert_snapshot!(machine.run("plugin key remove acme acme").outcome(), @"
    stdout:
    Key acme of acme is removed: its file was damaged
    No key of acme is left: from now on an engine acme/… is installed unsigned, or whoever signed it
    exit 0
    ");
    assert_eq!(machine.accepting("plugin install small.wasm").code, 0);
}

#[test]
fn once_a_key_is_known_nothing_else_is_installed() {
    let machine = Machine::new();
    let (acme, other) = (Signer::new(), Signer::new());
    let signers = [("FINGERPRINT", &acme), ("OTHER", &other)];
    put_key(&machine, &acme, "acme.pub");
    assert_eq!(machine.run("plugin key add acme acme.pub").code, 0);
    put_signed(&machine, &Component::small(), &acme);
    assert_snapshot!(shown(&machine.accepting("plugin install small.wasm"), &signers), @"
    stdout:
    acme/small 0.1.0 is installed, signed:FINGERPRINT
    exit 0
    ");
    let before = machine.content();

    machine.put("small.wasm", &next());
    let mut all = String::new();
    for (what, signature) in [
        (
            "the signature of the version before",
            acme.sign(Component::small().bytes()),
        ),
        ("a signature by another key", other.sign(next().bytes())),
        ("something else", b"see README".to_vec()),
    ] {
        put_signature(&machine, &signature);
        let run = machine.run("plugin update small");
        let run = run.telling(Verbatim::Reason);
        all += &format!("{what}: {}\n", shown(&run, &signers));
        assert!(machine.content() == before, "{what}");
    }
    fs::remove_file(machine.folder.path().join("small.wasm.sig")).expect("removed");
    for verb in ["update small", "install small.wasm"] {
        let run = machine.run(&format!("plugin {verb}"));
        all += &format!("none, {verb}: {}\n", shown(&run, &signers));
        assert!(machine.content() == before, "{verb}");
    }
    assert_snapshot!(all, @"
    the signature of the version before: Integrity: 0.2.0 acme/small: it has no signature of a trusted key of the publisher acme. Trusted: acme (FINGERPRINT). Signatures: $PWD/small.wasm.sig
    hint:
    exit 13
    a signature by another key: Integrity: 0.2.0 acme/small: it has no signature of a trusted key of the publisher acme. Trusted: acme (FINGERPRINT). Signatures: $PWD/small.wasm.sig
    hint:
    exit 13
    something else: Integrity: 0.2.0 acme/small: it must be signed by acme, but its signatures can't be looked up: $PWD/small.wasm.sig is not a valid signature: it is neither DER nor base64
    hint: `cosign sign-blob --key KEY --output-signature FILE.sig FILE` `openssl dgst -sha256 -sign KEY -out FILE.sig FILE`
    exit 13
    none, update small: Integrity: 0.2.0 acme/small FINGERPRINT
    hint:
    exit 13
    none, install small.wasm: Integrity: 0.2.0 acme/small FINGERPRINT
    hint:
    exit 13
    ");

    // During the replacement of a key both are valid until the old one is removed.
    put_key(&machine, &other, "other.pub");
    assert_eq!(machine.run("plugin key add acme other.pub").code, 0);
    put_signed(&machine, &next(), &other);
    assert_snapshot!(shown(&machine.run("plugin update small"), &signers), @"
    stdout:
    acme/small 0.2.0 (was 0.1.0) is updated, signed:OTHER
    exit 0
    ");
    assert_snapshot!(shown(&machine.run("plugin key remove acme acme"), &signers), @"
    stdout:
    Key acme of acme is removed: FINGERPRINT
    exit 0
    ");
}

#[test]
fn who_removes_a_key_is_told_which_engines_that_concerns() {
    let machine = Machine::new();
    let (acme, other) = (Signer::new(), Signer::new());
    let signers = [("FINGERPRINT", &acme), ("OTHER", &other)];
    put_key(&machine, &acme, "acme.pub");
    put_key(&machine, &other, "other.pub");
    for name in ["acme", "other"] {
        assert_eq!(
            machine.run(&format!("plugin key add acme {name}.pub")).code,
            0
        );
    }
    put_signed(&machine, &Component::small(), &acme);
    assert_eq!(machine.accepting("plugin install small.wasm").code, 0);
    assert_snapshot!(shown(&machine.run("plugin key remove acme acme"), &signers), @"
    stdout:
    Key acme of acme is removed: FINGERPRINT
    acme/small was signed with it, and is used only if another key of acme signed it too
    exit 0
    ");
    assert_snapshot!(shown(&machine.run("plugin key remove acme other"), &signers), @"
    stdout:
    Key other of acme is removed: OTHER
    No key of acme is left: from now on an engine acme/… is installed unsigned, or whoever signed it
    acme/small stays installed, and nothing tells any more whether an update of it has the same maker
    exit 0
    ");
    // The next commands show the effect.
    machine.put("small.wasm", &next());
    fs::remove_file(machine.folder.path().join("small.wasm.sig")).expect("removed");
    assert_snapshot!(shown(&machine.run("plugin update small"), &signers), @"
    stdout:
    acme/small 0.2.0 (was 0.1.0) is updated, unsigned
    exit 0
    ");
}

#[test]
fn a_lockfile_that_can_not_be_read_does_not_keep_a_key_trusted() {
    let machine = Machine::with_small();
    put_key(&machine, &Signer::new(), "acme.pub");
    assert_eq!(machine.run("plugin key add acme acme.pub").code, 0);
    fs::write(machine.lockfile(), "version = 3\n").expect("written");
    let run = machine.run("plugin key remove acme acme");
    assert_eq!(run.code, 0, "{}", run.stderr);
    let warning = "the affected engines are unknown";
    assert!(run.stderr.contains(warning), "{}", run.stderr);
    assert_eq!(machine.run("plugin key list -o name").stdout, "");
}

#[test]
fn a_key_comes_with_the_engine_that_it_signed() {
    let machine = Machine::new();
    let (acme, other) = (Signer::new(), Signer::new());
    let signers = [("FINGERPRINT", &acme), ("OTHER", &other)];
    put_key(&machine, &acme, "acme.pub");
    put_key(&machine, &other, "other.pub");

    machine.put("small.wasm", &Component::small());
    let unsigned = machine.run("plugin install small.wasm --key acme.pub");
    assert_snapshot!(shown(&unsigned, &signers), @"
    Integrity: 0.1.0 acme/small FINGERPRINT
    hint:
    exit 13
    ");
    put_signed(&machine, &Component::small(), &acme);
    let wrong = machine.run("plugin install small.wasm --key other.pub");
    assert_snapshot!(shown(&wrong, &signers), @"
    Integrity: 0.1.0 acme/small small.wasm.sig OTHER
    hint:
    exit 13
    ");
    let missing = machine.run("plugin install small.wasm --key missing.pub");
    assert_eq!(missing.code, 10, "{}", missing.stderr);
    assert!(!machine.lockfile().exists());
    assert_eq!(machine.run("plugin key list -o name").stdout, "");

    let installed = machine.accepting("plugin install small.wasm --key acme.pub");
    assert_snapshot!(shown(&installed, &signers), @"
    stdout:
    acme/small 0.1.0 is installed, signed:FINGERPRINT
    Key acme of acme is added: FINGERPRINT
    From now on an engine acme/… is installed and used only if a trusted key of acme signed it
    exit 0
    ");
    assert_eq!(machine.run("plugin key list -o name").stdout, "acme/acme\n");
    let again = machine.run("plugin install small.wasm --key acme.pub");
    assert_snapshot!(shown(&again, &signers), @"
    stdout:
    acme/small 0.1.0 is unchanged, signed:FINGERPRINT
    exit 0
    ");

    // Another key has the name of the trusted one: neither the key nor the engine is replaced.
    let before = machine.content();
    put_signed(&machine, &next(), &other);
    fs::copy(
        machine.folder.path().join("other.pub"),
        machine.folder.path().join("acme.pub"),
    )
    .expect("a key");
    let taken = machine.run("plugin install small.wasm --key acme.pub");
    assert_snapshot!(shown(&taken, &signers), @"
    Conflict: 0.2.0 acme/small FINGERPRINT
    hint: `kubectl broker plugin key add acme FILE --name NAME`
    exit 11
    ");
    assert!(machine.content() == before);
}

#[test]
fn a_key_is_not_trusted_when_the_installation_fails() {
    let machine = Machine::new();
    let signer = Signer::new();
    put_key(&machine, &signer, "acme.pub");
    let hostile = Component::hostile();
    machine.put("hostile.wasm", &hostile);
    let signature = machine.folder.path().join("hostile.wasm.sig");
    fs::write(signature, signer.sign(hostile.bytes())).expect("a signature");
    let command = "plugin install hostile.wasm --key acme.pub";
    assert_eq!(machine.run(command).code, 2);
    let killed = machine
        .program()
        .env("KUBECTL_BROKER_FAIL_POINT", "plugin-lock-staged")
        .run("plugin install hostile.wasm --key acme.pub --accept-capabilities")
        .code;
    assert_eq!(killed, 2, "a flag without its value");
    let refused = machine.run(command);
    let flag = crate::support::accepting(&refused);
    for step in ["plugin-tried", "plugin-lock-staged"] {
        let killed = machine
            .program()
            .env("KUBECTL_BROKER_FAIL_POINT", step)
            .run(&format!("{command} {flag}"));
        assert_eq!(killed.code, 128 + 6, "{step}: {}", killed.stderr);
        assert_eq!(machine.run("plugin key list -o name").stdout, "", "{step}");
    }
    assert_eq!(machine.run(&format!("{command} {flag}")).code, 0);
    assert_eq!(machine.run("plugin key list -o name").stdout, "acme/acme\n");
}

#[test]
fn who_installs_with_a_key_is_told_on_the_terminal_what_that_means() {
    let machine = Machine::new();
    let signer = Signer::new();
    put_key(&machine, &signer, "acme.pub");
    let hostile = Component::hostile();
    machine.put("hostile.wasm", &hostile);
    let signature = machine.folder.path().join("hostile.wasm.sig");
    fs::write(signature, signer.sign(hostile.bytes())).expect("a signature");
    let asked = |answer: &str| {
        let command = "plugin install hostile.wasm --key acme.pub";
        let mut session = Session::of(machine.program(), command);
        session.wait_for("to accept that:");
        let question = session
            .screen()
            .replace(&signer.fingerprint(), "FINGERPRINT")
            .replace(&Sha256::digest(hostile.bytes()).to_string(), "DIGEST");
        session.press(&format!("{answer}\n"));
        if answer == "yes" {
            session.wait_for("Enter for no:");
            session.press("\n");
        }
        (question, session.end("to accept that:"))
    };
    let (question, declined) = asked("no");
    assert_snapshot!(question, @"
    warning: acme/hostile 0.1.0 (signed:FINGERPRINT, sha256:DIGEST) wants to:
      ! [writes] talk to port 8085 of the pods of the StatefulSet you name: POST /v1/restore
      - talk to port 8085 of the pods of the StatefulSet you name: GET /v1/backup/list-remote, GET /v1/backup/{name}
      - add the header x-trace-id to its requests to port 8085 of the pods of the StatefulSet you name
      - run in a pod of the StatefulSet you name: ls {folder}
      - send a file that you name to a server that it may talk to
      It answers these operations only with `--engine acme/hostile`: health, list, status, create, restore, act (metrics, say)
      The key FINGERPRINT will be trusted for all engines of acme.
      The most dangerous again: ! [writes] talk to port 8085 of the pods of the StatefulSet you name: POST /v1/restore
      These are 8 lines, 1 of them marked with `!` as dangerous: writes.
    Type `yes` to accept that:
    ");
    assert_snapshot!(declined.outcome(), @"
    Usage: acme/hostile
    hint: `kubectl broker plugin inspect`
    exit 2
    ");
    assert!(!machine.lockfile().exists());
    assert_eq!(machine.run("plugin key list -o name").stdout, "");

    let (_, accepted) = asked("yes");
    assert_snapshot!(shown(&accepted, &[("FINGERPRINT", &signer)]), @"
    stdout:
    acme/hostile 0.1.0 is installed, signed:FINGERPRINT
    Key acme of acme is added: FINGERPRINT
    From now on an engine acme/… is installed and used only if a trusted key of acme signed it
    note: `auto` acme/hostile `all`
    exit 0
    ");

    // An update asks only for the new capabilities.
    let more = Component::hostile()
        .replace("\"version\":\"0.1.0\"", "\"version\":\"0.2.0\"")
        .replace("\"GET /v1/backup/{name}\"", "\"PUT /v1/backup/{name}\"");
    machine.put("hostile.wasm", &more);
    let signature = machine.folder.path().join("hostile.wasm.sig");
    fs::write(signature, signer.sign(more.bytes())).expect("a signature");
    let mut session = Session::of(machine.program(), "plugin update hostile");
    session.wait_for("to accept that:");
    let question = session
        .screen()
        .replace(&signer.fingerprint(), "FINGERPRINT")
        .replace(&Sha256::digest(more.bytes()).to_string(), "DIGEST");
    assert_snapshot!(question, @"
    warning: acme/hostile 0.1.0 -> 0.2.0 (signed:FINGERPRINT, sha256:DIGEST) also wants to:
      ! [writes] talk to port 8085 of the pods of the StatefulSet you name: PUT /v1/backup/{name}
      It answers these operations only with `--engine acme/hostile`: health, list, status, create, restore, act (metrics, say)
      These are 3 lines, 1 of them marked with `!` as dangerous: writes.
    Type `yes` to accept that:
    ");
    session.press("yes\n");
    assert_eq!(session.end("to accept that:").code, 0);
}

#[test]
fn an_engine_with_another_name_than_was_meant_is_refused() {
    let machine = Machine::with_small();
    let before = machine.content();
    let other = Component::small().replace("\"acme/small\"", "\"acme/smell\"");
    machine.put("other.wasm", &other);
    let refused = machine.run("plugin install other.wasm --name acme/small");
    assert_snapshot!(refused.outcome(), @"
    PluginFault: acme/small acme/smell other.wasm
    hint: `kubectl broker plugin install`
    exit 14
    ");
    assert_snapshot!(machine.run("plugin install other.wasm --name small").outcome(), @"
    Usage: '--name <PUBLISHER/NAME>' 'small' `publisher/name` `small`
    exit 2
    ");
    assert!(machine.content() == before);
    let run = machine.accepting("plugin install other.wasm --name acme/smell");
    assert_eq!(run.code, 0, "{}", run.stderr);
}

#[test]
fn from_the_moment_that_a_key_is_trusted_no_older_version_is_used() {
    let machine = Machine::new();
    let signer = Signer::new();
    let signers = [("FINGERPRINT", &signer)];
    put_key(&machine, &signer, "acme.pub");
    machine.put("small.wasm", &Component::small());
    assert_eq!(machine.accepting("plugin install small.wasm").code, 0);
    assert_snapshot!(shown(&machine.run("plugin key add acme acme.pub"), &signers), @"
    stdout:
    Key acme of acme is added: FINGERPRINT
    From now on an engine acme/… is installed and used only if a trusted key of acme signed it
    acme/small is not used any more, because no trusted key signed it; `kubectl broker plugin update acme/small` takes a version that is signed
    exit 0
    ");
    let used = machine.run("backup list --engine small");
    assert_snapshot!(shown(&used, &signers), @"
    warning: 0.1.0 `kubectl broker plugin doctor` acme/small FINGERPRINT
    Usage: `small`
    hint:
    exit 2
    ");
    assert_eq!(machine.run("plugin default small").code, 13);
    assert_eq!(machine.run("plugin bundle engines.tar small").code, 13);
    assert_eq!(machine.run("plugin verify").code, 13);
    let row = machine.run("plugin list -o json").item("acme/small");
    assert_eq!(row["state"], "broken");
    let committed = machine.folder.path().join("broker-plugins.lock");
    fs::copy(machine.lockfile(), committed).expect("a copy");
    assert_eq!(machine.run("plugin sync --locked").code, 13);

    put_signed(&machine, &next(), &signer);
    assert_eq!(machine.run("plugin update small").code, 0);
    assert_eq!(
        machine.run("backup list --engine small -o json").ids(),
        ["one"]
    );
    let before = machine.content();
    assert_snapshot!(shown(&machine.run("plugin rollback small"), &signers), @"
    Integrity: 0.1.0 acme/small FINGERPRINT
    hint:
    exit 13
    ");
    assert!(machine.content() == before);
}
