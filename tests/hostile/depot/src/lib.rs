//! An engine whose backend has sets of files. The backend says under which names the engine saves them.

use broker_engine::{
    Act, ActRequest, Backup, Create, CreateRequest, Detect, Detection, Download, DownloadRequest,
    Error, List, ListRequest, Page, Report, Result, Saved, Settings, State, Status, StatusRequest,
    engine, http,
};

struct Depot;

engine!(Depot, "engine.toml");

/// A file of a set: its path at the backend, its name for the user, and its digest.
type Member = (String, Option<String>, Option<String>);

impl Detect for Depot {
    fn detect() -> Result<Detection> {
        Ok(Detection::of("Depot"))
    }
}

impl List for Depot {
    fn list(_: ListRequest) -> Result<Page> {
        Ok(vec![set("trio")].into())
    }
}

impl Status for Depot {
    fn status(request: StatusRequest) -> Result<Backup> {
        Ok(set(&request.id))
    }
}

impl Create for Depot {
    fn create(_: CreateRequest) -> Result<Backup> {
        save("new")?;
        Ok(set("new"))
    }
}

impl Download for Depot {
    fn download(request: DownloadRequest) -> Result<Vec<Saved>> {
        if request.id != "stubborn" {
            return save(&request.id);
        }
        // It ignores errors.
        let members = members(&request.id)?;
        Ok(members.iter().flat_map(save_one).collect())
    }
}

impl Act for Depot {
    fn act(request: ActRequest) -> Result<Report> {
        let file = ("a".to_owned(), Some("dump.bin".to_owned()), None);
        match request.verb.as_str() {
            "logs" => {
                let saved = save(request.required_text("set")?)?;
                Ok(Report::text(format!("{} logs", saved.len())))
            }
            "dump" => {
                for _ in 0..request.integer("times").unwrap_or_default() {
                    save_one(&file)?;
                }
                Ok(Report::Done)
            }
            "sneak" => save_one(&file).map(|_| Report::Done),
            other => Err(Error::unsupported(format!("there is no verb `{other}`"))),
        }
    }
}

fn set(id: &str) -> Backup {
    Backup::new(id, State::Succeeded)
}

fn save(id: &str) -> Result<Vec<Saved>> {
    members(id)?.iter().map(save_one).collect()
}

fn members(id: &str) -> Result<Vec<Member>> {
    let asked = http::get("api", "/sets/{id}").parameter("id", id);
    asked.send()?.expect_ok()?.json()
}

fn save_one((file, name, sha256): &Member) -> Result<Saved> {
    let asked = http::get("api", "/files/{file}").parameter("file", file);
    asked.send()?.save(&http::Expectation {
        name: name.clone(),
        sha256: sha256.clone(),
        length: None,
    })
}
