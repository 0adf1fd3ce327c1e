//! An engine that misbehaves on purpose: `backup list --misbehave HOW`.

mod calls;
mod computing;
mod files;
mod health;
mod pages;
mod results;
mod system;
mod verbs;

use broker_engine::{
    Backup, Create, CreateRequest, Detect, Detection, Error, List, ListRequest, Page, Result,
    Settings, State, Status, StatusRequest, engine,
};

struct Hostile;

engine!(Hostile, "engine.toml");

impl Detect for Hostile {
    fn detect() -> Result<Detection> {
        Ok(Detection::of("something \u{1b}[31mhostile"))
    }
}

impl List for Hostile {
    fn list(request: ListRequest) -> Result<Page> {
        match request.text("misbehave").unwrap_or_default() {
            "many-pages" => Ok(pages::many(&request)),
            "endless-pages" => Ok(pages::endless(&request)),
            "same-page" => Ok(pages::same()),
            "long-cursor" => Ok(pages::long_cursor()),
            "long-page" => Ok(pages::long()),
            _ => misbehave(&request).map(Page::from),
        }
    }
}

fn misbehave(request: &ListRequest) -> Result<Vec<Backup>> {
    match request.text("misbehave").unwrap_or("nothing was said") {
        "not-at-all" => Ok(vec![Backup::new("harmless", State::Succeeded)]),
        "echo" => Ok(vec![Backup::new(results::echo(request), State::Succeeded)]),

        "panic" => panic!("the vault \u{1b}[2J is on fire"),
        "exit" => std::process::exit(3),
        "loop" => computing::forever(),
        "recurse" => Ok(vec![Backup::new(
            computing::deeper(1).to_string(),
            State::Unknown,
        )]),
        "allocate" => Ok(computing::hoard()),
        "sleep" => Ok(computing::sleep()),

        "bad-time" => Ok(results::bad_time()),
        "no-id" => Ok(vec![Backup::new("", State::Succeeded)]),
        "long-id" => Ok(vec![Backup::new("x".repeat(5000), State::Succeeded)]),
        "not-text" => Ok(results::not_text()),
        "undeclared-field" => Ok(results::undeclared_field()),
        "hostile-error" => Err(results::hostile_error()),
        "hint" => Err(Error::unsupported("no").with_hint("Run `kubectl broker backup list`")),

        "denied-route" => calls::route(),
        "denied-endpoint" => calls::endpoint(),
        "denied-method" => calls::method(),
        "denied-header" => calls::header(),
        "other-path" => calls::path(),
        "denied-query" => calls::query(),
        "unexplained" => calls::unexplained(),
        "denied-flood" => calls::denied_flood(),
        "send-flood" => calls::send_flood(),
        "batch" => calls::batch(),
        "batch-of-many" => calls::batch_of_many(),
        "batch-flood" => calls::batch_flood(),
        "denied-pod" => calls::denied_pod(),
        "denied-pods" => calls::denied_pods(),

        "denied-command" => calls::command(),
        "bad-argument" => calls::argument(),
        "option-argument" => calls::option(),
        "other-pod" => calls::pod("intruder-0"),
        "pod-path" => calls::pod("broker-0/../../secrets"),
        "look" => calls::pod("broker-0"),

        "long-log" => Ok(system::long_log()),
        "flood" => Ok(system::flood()),
        "warn-flood" => Ok(system::warn_flood()),
        "what-time" => Ok(system::what_time()),
        "look-around" => Ok(system::look_around()),
        other if other.starts_with("header:") => calls::header_named(&other[7..]),
        other => Err(Error::unsupported(format!(
            "no way to misbehave is named {other}"
        ))),
    }
}

impl Status for Hostile {
    fn status(_: StatusRequest) -> Result<Backup> {
        panic!("there is no status");
    }
}

impl Create for Hostile {
    fn create(_: CreateRequest) -> Result<Backup> {
        panic!("there is no create");
    }
}
