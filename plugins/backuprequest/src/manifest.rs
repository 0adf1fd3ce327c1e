//! The manifest file of a backup: its place, and whether it belongs to the backup.

mod check;
mod checksum;
mod place;
mod size;
mod spelling;
mod unpacked;

use broker_engine::{ActRequest, Error, ErrorKind, Report, Result, Settings, log};

use crate::sort::{Id, Sort};
use check::check;
use place::{Place, Storage, fetch};

pub fn act(request: &ActRequest) -> Result<Report> {
    let id = Id::parse(request.required_text("name")?)?;
    if !matches!(id.sort, Sort::Request | Sort::Lc2Request) {
        return Err(Error::unsupported(format!(
            "only BackupRequests have a manifest, and {id} is not one"
        )));
    }
    let object = id.read()?;
    let location = request.boolean("location");
    if let Some(file) = request.text("file") {
        if location {
            return Err(Error::new(
                ErrorKind::InvalidArgument,
                "--file and --location exclude each other: one checks a manifest, the other does not",
            ));
        }
        return check(&id, &object, "the file", file).map(Report::text);
    }
    let Some(place) = Place::of(&object) else {
        return Err(Error::not_found(format!(
            "the controller has not reported where the manifest of {id} is"
        ))
        .with_hint(format!(
            "`kubectl broker backup status --id {id}` shows the state"
        )));
    };
    if !place.is_told {
        log::warn(
            "the controller has not reported where the manifest is; this is its expected place",
        );
    }
    if location {
        return Ok(Report::text(place.at.to_string()));
    }
    let by_hand = format!(
        "Fetch it by other means and check it: {} | kubectl broker backup manifest {id} --file -",
        place.command()
    );
    match &place.at {
        Storage::S3 { bucket, key } => {
            let manifest = fetch(bucket, key).map_err(|mut error| {
                let hint = error.hint.take().map(|hint| format!("{hint}. "));
                error.with_hint(format!("{}{by_hand}", hint.unwrap_or_default()))
            })?;
            check(&id, &object, &place.at.to_string(), &manifest).map(Report::text)
        }
        Storage::Other(address) => Err(Error::unsupported(format!(
            "the manifest of {id} is in {address}, but this engine reads only S3"
        ))
        .with_hint(by_hand)),
    }
}
