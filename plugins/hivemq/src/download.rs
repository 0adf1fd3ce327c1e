//! Downloads, including the routes of older servers.

use broker_engine::http::{self, Expectation};
use broker_engine::{Download, DownloadRequest, Error, Result, Saved};

use super::{HiveMq, answer_if_routed};

/// The routes of files. HiveMQ documents the first; the others are guesses of an older plugin for older
/// servers.
const FILES: [&str; 4] = [
    "/api/v1/management/files/backups/{backupId}",
    "/api/v1/management/backups/{backupId}/file",
    "/api/v1/management/backups/{backupId}/download",
    "/api/v1/management/backups/{backupId}/data",
];
const PERMISSION: &str = "HIVEMQ_MANAGEMENT_FILES_BACKUPS_BACKUPID_GET";

impl Download for HiveMq {
    /// Saves the backup. HiveMQ announces only the size in its list, which the host already knows.
    fn download(request: DownloadRequest) -> Result<Vec<Saved>> {
        for route in FILES {
            let asked = http::get("api", route).parameter("backupId", &request.id);
            if let Some(response) = answer_if_routed(asked, PERMISSION)? {
                return Ok(vec![response.save(&Expectation::default())?]);
            }
        }
        Err(
            Error::not_found("The server does not have the routes for backup files").with_hint(
                "Check that the port is that of HiveMQ's REST API, and that HiveMQ is 4.4 or newer",
            ),
        )
    }
}
