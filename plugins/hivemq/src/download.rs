//! Downloads, with the routes that older servers had.

use broker_engine::http::{self, Expectation};
use broker_engine::{Download, DownloadRequest, Error, Result, Saved};

use super::{HiveMq, answer_if_routed};

/// The first is HiveMQ's own; the others are guesses of an older plugin, for servers of its time.
const FILES: [&str; 4] = [
    "/api/v1/management/files/backups/{backupId}",
    "/api/v1/management/backups/{backupId}/file",
    "/api/v1/management/backups/{backupId}/download",
    "/api/v1/management/backups/{backupId}/data",
];
const PERMISSION: &str = "HIVEMQ_MANAGEMENT_FILES_BACKUPS_BACKUPID_GET";

impl Download for HiveMq {
    /// HiveMQ says nothing of the bytes beforehand but what stands in its list, which the host knows.
    fn download(request: DownloadRequest) -> Result<Saved> {
        for route in FILES {
            let asked = http::get("api", route).parameter("backupId", &request.id);
            if let Some(response) = answer_if_routed(asked, PERMISSION)? {
                return response.save(&Expectation::default());
            }
        }
        Err(Error::not_found(
            "The server has none of the routes for the file of a backup",
        )
        .with_hint(
            "Check that the port is that of HiveMQ's REST API, and that HiveMQ is 4.4 or newer",
        ))
    }
}
