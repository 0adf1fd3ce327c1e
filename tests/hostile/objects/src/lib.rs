//! An engine whose backups are Kubernetes objects with bytes in S3. It uses every feature of both.

use broker_engine::resources::{Change, Kind, Selection};
use broker_engine::{
    Act, ActRequest, Backup, Check, Create, CreateRequest, Delete, DeleteRequest, Detect,
    Detection, Download, DownloadRequest, Error, ErrorKind, List, ListRequest, Outcome, Page,
    Report, Result, Saved, Settings, State, Status, StatusRequest, Verify, VerifyRequest, engine,
    http,
};
use serde_json::{Value, json};

struct Objects;

engine!(Objects, "engine.toml");

const VAULT: Kind<'_> = Kind::new("acme.example", "v1", "Vault");
const SECRET: Kind<'_> = Kind::new("", "v1", "Secret");

impl Detect for Objects {
    fn detect() -> Result<Detection> {
        VAULT.list::<Value>(&Selection::all().limit(1))?;
        Ok(Detection::of("Vault"))
    }
}

impl List for Objects {
    fn list(_: ListRequest) -> Result<Page> {
        let vaults = VAULT.list(&Selection::all().labels("kind=backup"))?;
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
        let answer = http::get("storage", "/acme-vaults/{+key}").parameter("key", key);
        Ok(vec![answer.send()?.save(&http::Expectation::default())?])
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
            "stray" => {
                let other = http::get("storage", "/{bucket}/{+key}").parameter("bucket", "other");
                other.parameter("key", "x").send().map(|_| Report::Done)
            }
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
    let vaults: Vec<Value> = VAULT.list(&Selection::all().labels("kind=backup"))?;
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

fn follow() -> Result<Report> {
    let mut told = Vec::new();
    let mut watch = VAULT.watch::<Value>(&Selection::all())?;
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
