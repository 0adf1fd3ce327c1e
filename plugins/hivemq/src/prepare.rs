//! Checks before a backup.

use broker_engine::{
    Error, ErrorKind, OptionSetting, OptionValue, Preparation, Prepare, PrepareRequest, Result,
    exec, log,
};

use super::{HiveMq, destination, folder};

const COST: &str =
    "A backup takes disk space on the broker's nodes, and is not removed automatically";

impl Prepare for HiveMq {
    fn prepare(request: PrepareRequest) -> Result<Preparation> {
        let destination = destination(&request.options)?;
        if let Some(folder) = &destination {
            destination::check(folder)?;
        }
        let mut notes = vec![COST.to_owned()];
        match free_space() {
            Ok(note) => notes.extend(note),
            Err(error) => log::debug(&format!(
                "the free disk space is unknown: {}",
                error.message
            )),
        }
        Ok(notes.into())
    }
}

/// Returns the folder that `--destination` names.
pub fn destination(options: &[OptionSetting]) -> Result<Option<String>> {
    let given = options.iter().find(|option| option.name == "destination");
    let Some(OptionValue::Text(path)) = given.map(|option| &option.value) else {
        return Ok(None);
    };
    let clean = folder::clean(path).ok_or_else(|| {
        Error::new(
            ErrorKind::InvalidArgument,
            format!("`--destination {path}` is not an absolute path to a folder in the pod"),
        )
        .with_hint("Give it from the root and without `..`, for example `/mnt/backups`")
    })?;
    Ok(Some(clean))
}

/// Returns a note on the free space in the first pod's backup folder, unless a warning was logged instead.
fn free_space() -> Result<Option<String>> {
    let pods = exec::pods()?;
    let Some(pod) = pods.first() else {
        return Ok(None);
    };
    let folder = folder::of_pod(pod)?;
    let output = exec::command("space")
        .in_pod(pod)
        .argument("folder", &folder)
        .run()?
        .expect_success(&format!("{folder} in pod {pod} can't be checked"))?;
    let disks = folder::disks(output.text()?)?;
    let Some(disk) = disks.first() else {
        return Ok(None);
    };
    let free = broker_engine::size(disk.free);
    match newest_size()? {
        Some(newest) if newest > disk.free => {
            log::warn(&format!(
                "only {free} free on {pod}'s backup volume ({folder}), but the newest backup has {}",
                broker_engine::size(newest)
            ));
            Ok(None)
        }
        _ => Ok(Some(format!(
            "{free} free on {pod}'s backup volume ({folder})"
        ))),
    }
}

/// Returns the size of the newest backup that has a file, in bytes. HiveMQ's times have one form, in UTC, so
/// their texts can be compared.
pub fn newest_size() -> Result<Option<u64>> {
    let backups = super::list()?;
    let newest = backups
        .into_iter()
        .filter_map(|backup| Some((backup.created_at, u64::try_from(backup.bytes?).ok()?)))
        .max();
    Ok(newest.map(|(_, bytes)| bytes))
}

#[cfg(test)]
mod tests {
    use broker_engine::mock::{Host, Ran, Reply};

    use super::super::MANIFEST;
    use super::*;

    const LIST: &str = "GET /api/v1/management/backups";
    const ITEMS: &str = r#"{"items": [
        {"id": "b", "createdAt": "2025-09-05T13:02:15Z", "bytes": 2048, "state": "COMPLETED"},
        {"id": "a", "createdAt": "2025-08-05T13:02:15Z", "bytes": 999999, "state": "COMPLETED"},
        {"id": "c", "createdAt": "2025-09-06T13:02:15Z", "bytes": null, "state": "FAILED"}
    ]}"#;

    fn host(kibibytes: u64) -> Host {
        let table = format!("header\n/dev/sdb 100 50 {kibibytes} 50% /data\n");
        Host::new(MANIFEST)
            .pods(&["broker-0", "broker-1"])
            .runs(
                "broker-0",
                "printenv HIVEMQ_BACKUP_FOLDER",
                Ran::ok("/data/b\n"),
            )
            .runs("broker-0", "df -Pk /data/b", Ran::ok(&table))
            .answer(LIST, Reply::text(200, ITEMS))
    }

    fn prepare(host: &Host, destination: Option<&str>) -> Result<Vec<String>> {
        let options = destination.map(|path| OptionSetting {
            name: "destination".to_owned(),
            value: OptionValue::Text(path.to_owned()),
        });
        let options = options.into_iter().collect();
        let prepared = host.run(|| HiveMq::prepare(PrepareRequest { options }));
        prepared.map(|prepared| {
            let (first, rest) = prepared.notes.split_first().expect("a note");
            assert_eq!(first, COST);
            rest.to_vec()
        })
    }

    #[test]
    fn the_free_space_of_the_first_pod_is_a_note() {
        let host = host(1 << 20);
        let notes = prepare(&host, None).unwrap();
        assert_eq!(notes, ["1.0GiB free on broker-0's backup volume (/data/b)"]);
        assert!(host.warnings().is_empty());
    }

    #[test]
    fn less_space_than_the_newest_backup_has_is_a_warning() {
        let enough = host(2);
        assert_eq!(prepare(&enough, None).unwrap().len(), 1);
        assert!(enough.warnings().is_empty());
        let host = host(1);
        assert!(prepare(&host, None).unwrap().is_empty());
        assert_eq!(
            host.warnings(),
            [
                "only 1.0KiB free on broker-0's backup volume (/data/b), but the newest backup has 2.0KiB"
            ]
        );
    }

    #[test]
    fn what_can_not_be_known_stops_nothing_unless_it_will_be_needed() {
        let forbidden = || Error::new(ErrorKind::Forbidden, "not allowed");
        let refused = host(1).refuses_commands(forbidden());
        assert!(prepare(&refused, None).unwrap().is_empty());
        assert_eq!(
            prepare(&refused, Some("/mnt")).unwrap_err().kind,
            ErrorKind::Forbidden
        );
        for ran in [
            Ran::exit(1, "df: no such folder"),
            Ran::ok("nonsense\nmore"),
            Ran::Failure(Error::unsupported("there is no df")),
        ] {
            let host = host(1).runs_instead("broker-0", "df -Pk /data/b", ran);
            assert!(prepare(&host, None).unwrap().is_empty());
        }
    }

    #[test]
    fn without_printenv_the_usual_folder_is_looked_at() {
        let missing = Ran::Failure(Error::unsupported("there is no printenv"));
        let host = host(1)
            .runs_instead("broker-0", "printenv HIVEMQ_BACKUP_FOLDER", missing)
            .runs(
                "broker-0",
                "df -Pk /opt/hivemq/backup",
                Ran::ok("h\nx 9 9 9 1% /\n"),
            );
        let notes = prepare(&host, None).unwrap();
        assert_eq!(
            notes,
            ["9.0KiB free on broker-0's backup volume (/opt/hivemq/backup)"]
        );
    }

    #[test]
    fn a_destination_that_is_no_absolute_path_ends_it_before_anything_is_asked() {
        for path in ["", "backups", "../x", "/mnt/../etc", "/"] {
            let host = host(1);
            let error = prepare(&host, Some(path)).unwrap_err();
            assert_eq!(error.kind, ErrorKind::InvalidArgument, "{path}");
            assert!(host.ran().is_empty());
        }
    }
}
