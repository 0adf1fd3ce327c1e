//! The output of `-o json` and `-o yaml` matches `docs/schema`.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use boon::{Compiler, Draft, SchemaIndex, Schemas};
use broker_manifest::Manifest;
use serde_json::{Value, json};

use crate::support::{Bed, Invocation, Run, Signer, accepting, programs};
use crate::{engine_objects, several_files};

/// The prefix of the schemas' names.
const BASE: &str = "https://kubectl-broker.example/schema/v1/";
/// A backup of HiveMQ in the testbed.
const ID: &str = "20250905-130215";

/// All schemas of the repository.
struct Schemata {
    compiler: Compiler,
}

impl Schemata {
    fn read() -> Self {
        let mut compiler = Compiler::new();
        compiler.set_default_draft(Draft::V2020_12);
        compiler.enable_format_assertions();
        for name in names() {
            let place = format!("{BASE}{name}.json");
            let added = compiler.add_resource(&place, schema(&name));
            added.unwrap_or_else(|error| panic!("{name}: {error}"));
        }
        Self { compiler }
    }

    /// Returns the reason why a document violates its kind's schema.
    fn problem(&mut self, kind: &str, document: &Value) -> Option<String> {
        let mut schemas = Schemas::new();
        let schema: SchemaIndex = self
            .compiler
            .compile(&format!("{BASE}{kind}.json"), &mut schemas)
            .unwrap_or_else(|error| panic!("{kind}: {error:#}"));
        let validated = schemas.validate(document, schema);
        validated.err().map(|error| format!("{error:#}"))
    }

    fn assert_valid(&mut self, document: &Value) {
        let kind = document["kind"].as_str().expect("a kind");
        if let Some(problem) = self.problem(kind, document) {
            panic!("{problem}\n{document:#}");
        }
    }
}

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/schema")
}

/// Returns the names of the schemas, without their extensions.
fn names() -> BTreeSet<String> {
    let entries = fs::read_dir(folder()).expect("the folder of schemas");
    entries
        .map(|entry| entry.expect("a file").path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "json")
        })
        .map(|path| {
            let name = path.file_stem().expect("a name").to_str();
            name.expect("a name in UTF-8").to_owned()
        })
        .collect()
}

fn schema(name: &str) -> Value {
    let text = fs::read_to_string(folder().join(format!("{name}.json"))).expect("a schema");
    serde_json::from_str(&text).expect("a schema is JSON")
}

/// Runs a command with `-o json`. A command that changes nothing also runs with `-o yaml`.
fn printed(run: impl Fn(&str) -> Run, command: &str) -> Value {
    let document = run(&format!("{command} -o json")).json();
    let yaml = run(&format!("{command} -o yaml"));
    assert_eq!(yaml.code, 0, "{}", yaml.stderr);
    let same: Value = serde_saphyr::from_str(&yaml.stdout).expect("stdout is one YAML document");
    assert_eq!(same, document, "{command}");
    document
}

/// Returns a document of each kind, from real runs.
/// Returns the documents about a store in a folder.
fn of_stores(bed: &Bed, folder: &Path) -> Vec<Value> {
    let store = folder.join("store");
    fs::create_dir(&store).expect("a folder");
    let program = bed
        .program()
        .in_folder(folder)
        .env("XDG_CONFIG_HOME", folder.join("config"));
    let run = |arguments: &str| program.run(arguments);
    let mut documents = vec![
        run(&format!(
            "store add nightly file://{} -o json",
            store.display()
        ))
        .json(),
        printed(run, "store list"),
        printed(run, "store test nightly"),
        run("backup create --to nightly -o json").json(),
        run(&format!("backup download --id {ID} --to nightly -o json")).json(),
        printed(run, "store ls nightly --all"),
        printed(run, "store verify nightly --deep"),
        printed(run, "store ls nightly"),
        printed(run, &format!("store get nightly {ID} --force")),
        printed(run, &format!("store pin nightly {ID}")),
        printed(run, "store prune nightly --keep-last 1 --dry-run"),
        printed(run, "store repair nightly --dry-run"),
    ];
    let other = folder.join("other");
    fs::create_dir(&other).expect("a folder");
    let copied = run(&format!(
        "store copy nightly file://{} -o json",
        other.display()
    ));
    documents.push(copied.json());
    documents
}

fn documents() -> Vec<Value> {
    let bed = Bed::with(&["download-size=100000"]);
    let folder = tempfile::tempdir().expect("a folder");
    let run = |arguments: &str| bed.program().in_folder(folder.path()).run(arguments);
    let nobody = |arguments: &str| {
        let programs = programs();
        let program = Invocation::new(&programs.kubectl_broker, &programs.folders);
        program.unreachable_cluster().run(arguments)
    };
    let mut documents = vec![
        printed(run, "version"),
        printed(run, "engines"),
        printed(nobody, "engines"),
        printed(run, "discover -A"),
        printed(run, "discover -n notready"),
        printed(run, "health"),
        printed(run, "backup list --engine hivemq"),
        printed(run, "backup list --engine sidecar"),
        printed(run, "backup list --engine kafka -n kafka"),
        printed(run, "backup list --engine backuprequest -n proj-retail-prd"),
        printed(run, "backup list --engine sidecar --scope local"),
        printed(run, &format!("backup status --engine hivemq --id {ID}")),
        printed(run, &format!("backup download --id {ID} --force")),
        printed(
            run,
            &format!("backup verify backups/backup-{ID}-{ID}.backup"),
        ),
        printed(run, "backup test"),
        printed(run, "backup metrics"),
        printed(run, "backup restore --source remote --latest --dry-run"),
        printed(run, &format!("backup restore --id {ID} --yes")),
        // Each of these commands can run only once.
        run("backup create -o json").json(),
        bed.program()
            .in_folder(folder.path())
            .env("BROKER_TOKEN", testbed::STRATEGY_TOKEN)
            .run("backup create -n apps --statefulset app --engine strategy -o json")
            .json(),
        run("backup delete --id 20250819-143025 --yes -o json").json(),
        run("backup upload 20250905-130215 -o json").json(),
        run("backup status --engine hivemq --id nothing -o json").error(),
        run("backup restore --latest -o json").error(),
        nobody("backup list --engine hivemq -o json").error(),
    ];
    documents.extend(of_plugins(&folder));
    documents.extend(of_stores(&bed, folder.path()));
    documents.extend(engine_objects::documents());
    documents.extend(several_files::documents());
    // The history also contains a failed command.
    run("backup verify nothing -o json").error();
    documents.push(printed(run, "backup history"));
    documents
}

/// Returns the documents about the store of installed engines, which belongs to this test.
fn of_plugins(folder: &tempfile::TempDir) -> Vec<Value> {
    let programs = programs();
    let run = |arguments: &str| {
        Invocation::new(&programs.kubectl_broker, &programs.folders)
            .in_folder(folder.path())
            .env("XDG_DATA_HOME", folder.path().join("data"))
            .env("XDG_CONFIG_HOME", folder.path().join("configuration"))
            .run(arguments)
    };
    let key = Signer::new().public_key(folder.path(), "publisher.pem");
    let small = programs.small.display();
    let hostile = programs.hostile.display();
    let manifest = "id = \"acme/small\"\nversion = \"1.0.0\"\nsummary = \"x\"\n[operations.detect]\n[operations.act]\n[verbs.x]\nhelp = \"x\"\n";
    fs::write(folder.path().join("engine.toml"), manifest).expect("a manifest");
    let case =
        "[[case]]\nname = \"x\"\noperation = \"list\"\nexpect = { result = [{ id = \"one\" }] }\n";
    fs::write(folder.path().join("own.toml"), case).expect("cases");
    let checked = Invocation::new(&programs.kubectl_broker, &programs.folders)
        .in_folder(folder.path())
        .data_although_failed()
        .run("plugin check own.toml -o json");
    let refused = run(&format!("plugin install {small}"));
    let installed = run(&format!(
        "plugin install {small} -o json {}",
        accepting(&refused)
    ));
    vec![
        printed(
            run,
            &format!("plugin test {small} --cases own.toml --case own/"),
        ),
        printed(run, "plugin check"),
        serde_json::from_str(&checked.stdout).expect("a document with problems"),
        run("plugin new vault -o json").json(),
        run(&format!(
            "plugin pack {small} --replace --out packed.wasm -o json"
        ))
        .json(),
        installed.json(),
        run("plugin default small --operations list -o json").json(),
        run("plugin default small --remove -o json").json(),
        printed(run, "plugin list"),
        printed(run, "plugin verify"),
        printed(run, "plugin outdated"),
        printed(run, &format!("plugin inspect {hostile}")),
        printed(run, &format!("plugin inspect {small} --diff {small}")),
        run("plugin bundle engines.tar small -o json").json(),
        run(&format!("plugin key add acme {} -o json", key.display())).json(),
        printed(run, "plugin key list"),
        run("plugin key remove acme publisher -o json").json(),
    ]
}

/// Returns the copies of a document that each lack one of its fields, at any depth.
fn mutilated(document: &Value) -> Vec<(String, Value)> {
    let mut places = Vec::new();
    collect(document, "", &mut places);
    let without = |(place, name): &(String, Option<String>)| {
        let mut changed = document.clone();
        let object = changed.pointer_mut(place)?.as_object_mut()?;
        Some(match name {
            Some(name) => {
                object.remove(name);
                (format!("without {place}/{name}"), changed)
            }
            None => {
                object.insert("surprise".to_owned(), json!(1));
                (format!("with {place}/surprise"), changed)
            }
        })
    };
    places.iter().filter_map(without).collect()
}

/// Collects the objects with fixed fields, and each of their fields.
fn collect(value: &Value, place: &str, places: &mut Vec<(String, Option<String>)>) {
    match value {
        // Engines choose these names freely.
        Value::Object(_) if place.ends_with("/fields") || place.ends_with("/details") => {}
        Value::Object(fields) => {
            places.push((place.to_owned(), None));
            for (name, value) in fields {
                places.push((place.to_owned(), Some(name.clone())));
                collect(value, &format!("{place}/{name}"), places);
            }
        }
        Value::Array(items) => {
            for (at, item) in items.iter().take(1).enumerate() {
                collect(item, &format!("{place}/{at}"), places);
            }
        }
        _ => {}
    }
}

#[test]
fn every_schema_names_its_kind() {
    for name in names() {
        let schema = schema(&name);
        assert_eq!(schema["$id"], format!("{BASE}{name}.json"));
        assert_eq!(
            schema["$schema"],
            "https://json-schema.org/draft/2020-12/schema"
        );
        assert_eq!(schema["properties"]["kind"]["const"], *name);
    }
}

#[test]
fn what_is_printed_is_what_the_schemas_say() {
    let mut schemata = Schemata::read();
    let documents = documents();
    for document in &documents {
        schemata.assert_valid(document);
    }
    let printed: BTreeSet<_> = documents
        .iter()
        .map(|document| document["kind"].as_str().expect("a kind").to_owned())
        .collect();
    assert_eq!(printed, names(), "a kind of which no document was printed");

    // A schema that accepts everything would also accept these documents.
    let mut checked = 0;
    for document in &documents {
        let kind = document["kind"].as_str().expect("a kind");
        for (change, changed) in mutilated(document) {
            // A document without its kind is not a document of that kind either.
            let problem = schemata.problem(kind, &changed);
            assert!(problem.is_some(), "{kind} {change} is valid");
            checked += 1;
        }
    }
    assert!(checked > 100, "{checked} changes");
}

#[test]
fn a_word_that_is_not_in_an_enumeration_is_refused() {
    let mut schemata = Schemata::read();
    let document = Bed::start()
        .run("backup list --engine hivemq --limit 1 -o json")
        .json();
    schemata.assert_valid(&document);
    for (place, value) in [
        ("/items/0/state", json!("Done")),
        ("/items/0/activity", json!("Upload")),
        ("/items/0/created", json!("yesterday")),
        ("/items/0/sizeBytes", json!(-1)),
        ("/items/0/fields", json!({ "a": 1 })),
        ("/kind", json!("Backup")),
        ("/apiVersion", json!("kubectl-broker/v2")),
    ] {
        let mut changed = document.clone();
        *changed.pointer_mut(place).expect("a field") = value;
        let problem = schemata.problem("BackupList", &changed);
        assert!(problem.is_some(), "{place} is valid");
    }
}

#[test]
fn the_schema_of_the_manifest_accepts_manifests_and_no_unknown_keys() {
    let place = "https://kubectl-broker.example/manifest.schema.json";
    let text = fs::read_to_string(folder().join("../manifest.schema.json")).expect("the schema");
    let schema: Value = serde_json::from_str(&text).expect("a schema is JSON");
    let mut compiler = Compiler::new();
    compiler.set_default_draft(Draft::V2020_12);
    compiler.add_resource(place, schema).expect("a schema");
    let mut schemas = Schemas::new();
    let schema = compiler.compile(place, &mut schemas).expect("a schema");

    let plugins = folder().join("../../plugins");
    let plugins = fs::read_dir(plugins).expect("the folder of engines");
    let mut checked = 0;
    for plugin in plugins {
        let path = plugin.expect("a folder").path().join("engine.toml");
        let text = fs::read_to_string(&path).expect("a manifest");
        let manifest = Manifest::from_toml(&text).expect("a manifest");
        let manifest = manifest.to_json().expect("a manifest is JSON");
        let manifest: Value = serde_json::from_slice(&manifest).expect("JSON");
        if let Err(error) = schemas.validate(&manifest, schema) {
            panic!("{}: {error:#}", path.display());
        }
        for (change, changed) in mutilated(&manifest) {
            if change.starts_with("with ") {
                let refused = schemas.validate(&changed, schema).is_err();
                assert!(refused, "{} {change} is valid", path.display());
                checked += 1;
            }
        }
    }
    assert!(checked > 50, "{checked} changes");
}
