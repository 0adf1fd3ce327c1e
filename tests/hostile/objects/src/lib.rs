//! An engine whose backups are Kubernetes objects with bytes in S3. It uses every feature of both.

use broker_engine::resources::{self, Change, Kind};
use broker_engine::storage::{Condition, Duplicate, Location, Selection};
use broker_engine::{
    Act, ActRequest, Backup, Check, Create, CreateRequest, Delete, DeleteRequest, Detect,
    Detection, Download, DownloadRequest, Error, ErrorKind, List, ListRequest, Outcome, Page,
    Report, Result, Saved, Settings, State, Status, StatusRequest, Verify, VerifyRequest, aws,
    engine, http, storage,
};
use serde_json::{Value, json};

struct Objects;

engine!(Objects, "engine.toml");

const VAULT: Kind<'_> = Kind::new("acme.example", "v1", "Vault");
const SECRET: Kind<'_> = Kind::new("", "v1", "Secret");

impl Detect for Objects {
    fn detect() -> Result<Detection> {
        VAULT.list::<Value>(&resources::Selection::all().limit(1))?;
        Ok(Detection::of("Vault"))
    }
}

impl List for Objects {
    fn list(_: ListRequest) -> Result<Page> {
        let vaults = VAULT.list(&resources::Selection::all().labels("kind=backup"))?;
        Ok(vaults.iter().map(backup).collect())
    }
}

impl Status for Objects {
    fn status(request: StatusRequest) -> Result<Backup> {
        Ok(backup(&VAULT.get(&request.id)?))
    }
}

impl Create for Objects {
    fn create(_: CreateRequest) -> Result<Backup> {
        let vault = json!({
            "metadata": {"generateName": "backup-", "labels": {"kind": "backup"}},
            "spec": {"keep": false},
        });
        Ok(backup(&VAULT.create(&vault)?))
    }
}

impl Download for Objects {
    fn download(request: DownloadRequest) -> Result<Vec<Saved>> {
        let vault: Value = VAULT.get(&request.id)?;
        let key = vault["status"]["key"].as_str().unwrap_or(&request.id);
        let saved = storage::get("vaults", &vaults(key))?.save(&http::Expectation::default())?;
        Ok(vec![saved])
    }
}

impl Delete for Objects {
    /// Deletes an object. A kept backup requires `--force`.
    fn delete(request: DeleteRequest) -> Result<Vec<String>> {
        let vault: Value = VAULT.get(&request.id)?;
        if vault["spec"]["keep"] == true {
            if !request.force {
                let message = format!("{} is kept", request.id);
                return Err(Error::new(ErrorKind::Conflict, message));
            }
            let _: Value = VAULT.patch(&request.id, &json!({"spec": {"keep": null}}))?;
        }
        VAULT.delete(&request.id)?;
        Ok(Vec::new())
    }
}

impl Act for Objects {
    fn act(request: ActRequest) -> Result<Report> {
        match request.verb.as_str() {
            "keep" => {
                let id = request.required_text("id")?;
                let _: Value = VAULT.patch(id, &json!({"spec": {"keep": true}}))?;
                Ok(Report::text(format!("{id} is kept")))
            }
            "follow" => follow(),
            "sweep" => sweep(request.boolean("dry-run")),
            "archive" => archive(request.required_text("id")?),
            "clear" => clear(),
            "snapshots" => {
                let xml = aws::action("rds", "DescribeDBSnapshots").call()?;
                let parts = xml.split("<DBSnapshotIdentifier>").skip(1);
                let names = parts.filter_map(|part| part.split('<').next());
                Ok(Report::text(names.collect::<Vec<_>>().join(" ")))
            }
            "reach" => Ok(Report::text(reach(request.required_text("calls")?))),
            "peek" => SECRET.get::<Value>("any").map(|_| Report::Done),
            other => Err(Error::unsupported(format!("there is no verb `{other}`"))),
        }
    }
}

impl Verify for Objects {
    fn verify(request: VerifyRequest) -> Result<Vec<Check>> {
        let vault: Value = VAULT.get(&request.id)?;
        let outcome = match vault["status"]["phase"].as_str() {
            Some("Done") => Outcome::Passed,
            Some(_) => Outcome::Failed,
            None => Outcome::Skipped,
        };
        let check = Check::new("phase", outcome);
        Ok(vec![match vault["status"]["phase"].as_str() {
            Some(phase) => check.with_message(phase),
            None => check,
        }])
    }
}

/// Deletes what is not kept, and reports each backup.
fn sweep(dry_run: bool) -> Result<Report> {
    let vaults: Vec<Value> = VAULT.list(&resources::Selection::all().labels("kind=backup"))?;
    let swept = vaults.iter().map(|vault| {
        let name = vault["metadata"]["name"].as_str().unwrap_or_default();
        if vault["spec"]["keep"] == true {
            return Check::new(name, Outcome::Failed).with_message("it is kept");
        }
        match VAULT.dry_run(dry_run).delete(name) {
            Ok(()) => Check::new(name, Outcome::Passed),
            Err(error) => Check::new(name, Outcome::Failed).with_message(error.message),
        }
    });
    Ok(Report::items(swept))
}

fn vaults(key: &str) -> Location {
    Location::of("acme-vaults", key)
}

fn archive(id: &str) -> Result<Report> {
    let found = storage::head("vaults", &vaults(id))?;
    let target = vaults(&format!("archive/{id}"));
    let copies = storage::copy("vaults", &[Duplicate::of("acme-vaults", &found, target)])?;
    let copied = copies.into_iter().next().expect("one result")?;
    let note = json!({"id": id, "bytes": copied.size}).to_string();
    storage::put(
        "vaults",
        &vaults(&format!("archive/{id}.json")),
        note.as_bytes(),
        Some("application/json"),
        &Condition::Absent,
    )?;
    let mut told = String::new();
    storage::list_all(
        "vaults",
        &Selection::of("acme-vaults", "archive/"),
        |page| {
            for object in page.objects {
                told.push_str(&format!("{} {}\n", object.key, object.size));
            }
            Ok(())
        },
    )?;
    Ok(Report::text(told))
}

fn clear() -> Result<Report> {
    let mut items = Vec::new();
    storage::list_all(
        "vaults",
        &Selection::of("acme-vaults", "archive/"),
        |page| {
            let keys: Vec<_> = page.objects.into_iter().map(|object| object.key).collect();
            for (key, result) in keys
                .iter()
                .zip(storage::delete("vaults", "acme-vaults", &keys)?)
            {
                items.push(match result {
                    Ok(()) => Check::new(key, Outcome::Passed),
                    Err(error) => Check::new(key, Outcome::Failed).with_message(error.message),
                });
            }
            Ok(())
        },
    )?;
    Ok(Report::items(items))
}

/// Makes calls outside the cluster, and returns how each ends, in a line. A call is a name and its arguments,
/// separated by spaces; `-` is an empty argument.
fn reach(calls: &str) -> String {
    let told = calls.split(';').map(|call| {
        let words = call.split_whitespace();
        let words: Vec<_> = words
            .map(|word| if word == "-" { "" } else { word })
            .collect();
        match reach_once(&words) {
            Ok(()) => "done\n".to_owned(),
            Err(error) => format!("{:?}\n", error.kind),
        }
    });
    told.collect()
}

fn reach_once(call: &[&str]) -> Result<()> {
    let number = |text: &str| {
        text.parse()
            .map_err(|_| Error::invalid("a number is expected"))
    };
    match *call {
        ["get", store, bucket, key] => storage::get(store, &Location::of(bucket, key)).map(drop),
        ["head", store, bucket, key] => storage::head(store, &Location::of(bucket, key)).map(drop),
        ["list", store, bucket, prefix] => {
            storage::list(store, &Selection::of(bucket, prefix)).map(drop)
        }
        ["put", store, bucket, key, length] => {
            let (at, body) = (Location::of(bucket, key), vec![0; number(length)?]);
            storage::put(store, &at, &body, None, &Condition::None).map(drop)
        }
        ["begin", store, bucket, key] => {
            let at = Location::of(bucket, key);
            storage::Upload::begin(store, &at, None, &Condition::None).map(drop)
        }
        ["copy", store, bucket, key, to_bucket, to_key] => {
            let copy = Duplicate {
                source: Location::of(bucket, key),
                target: Location::of(to_bucket, to_key),
                size: Some(1),
                etag: None,
            };
            storage::copy(store, &[copy])?
                .into_iter()
                .try_for_each(|it| it.map(drop))
        }
        ["delete", store, bucket, key, times] => {
            let keys = vec![key.to_owned(); number(times)?];
            storage::delete(store, bucket, &keys)?.into_iter().collect()
        }
        ["call", service, action, parameter, region] => {
            let call = aws::action(service, action).parameter(parameter, "DeleteDBSnapshot");
            let call = if region.is_empty() {
                call
            } else {
                call.region(region)
            };
            call.call().map(drop)
        }
        _ => Err(Error::failed(format!("there is no call {call:?}"))),
    }
}

fn follow() -> Result<Report> {
    let mut told = Vec::new();
    let mut watch = VAULT.watch::<Value>(&resources::Selection::all())?;
    while let Some(event) = watch.next_event()? {
        let change = match event.change {
            Change::Added => "is there",
            Change::Modified => "has changed",
            Change::Deleted => "is gone",
        };
        let backup = backup(&event.object);
        told.push(format!("{} {change}", backup.id));
        if backup.state == State::Succeeded {
            break;
        }
    }
    Ok(Report::text(told.join("\n")))
}

fn backup(vault: &Value) -> Backup {
    let text = |pointer| vault.pointer(pointer).and_then(Value::as_str);
    let phase = text("/status/phase");
    let state = match phase {
        None => State::Pending,
        Some("Done") => State::Succeeded,
        Some(_) => State::Unknown,
    };
    let mut backup = Backup::new(text("/metadata/name").unwrap_or_default(), state);
    backup.reported_state = phase.map(str::to_owned);
    backup.created = text("/metadata/creationTimestamp").map(str::to_owned);
    backup
}
