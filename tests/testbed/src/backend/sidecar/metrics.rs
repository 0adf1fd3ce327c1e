//! `/metrics` in Prometheus' text format. The sidecar's own names are not published; these names are made up.

use std::fmt::Write;

use http::StatusCode;

use super::model::{State, UploadStatus};
use crate::backend::PodAddress;
use crate::web::{self, Reply};

pub fn page(state: &State, pod: &PodAddress) -> Reply {
    let local = state.local.get(pod).map_or(&[][..], Vec::as_slice);
    let mut page = String::new();
    // Writing to a string never fails.
    let _ = writeln!(page, "# HELP backup_count Local backups by upload status.");
    let _ = writeln!(page, "# TYPE backup_count gauge");
    for status in UploadStatus::ALL {
        let count = local.iter().filter(|entry| entry.status == status).count();
        let _ = writeln!(
            page,
            "backup_count{{status=\"{}\"}} {count}",
            status.as_str()
        );
    }
    let bytes: u64 = state.remote.iter().map(|object| object.size_bytes).sum();
    let _ = writeln!(
        page,
        "# HELP backup_remote_objects Objects in the remote store."
    );
    let _ = writeln!(page, "# TYPE backup_remote_objects gauge");
    let _ = writeln!(page, "backup_remote_objects {}", state.remote.len());
    let _ = writeln!(page, "# HELP backup_remote_bytes Their total size.");
    let _ = writeln!(page, "# TYPE backup_remote_bytes gauge");
    let _ = writeln!(page, "backup_remote_bytes {bytes}");
    let _ = writeln!(
        page,
        "# HELP backup_restores_total Objects fetched for a restore."
    );
    let _ = writeln!(page, "# TYPE backup_restores_total counter");
    let _ = writeln!(page, "backup_restores_total {}", state.restored.len());
    web::reply(
        StatusCode::OK,
        "text/plain; version=0.0.4; charset=utf-8",
        page,
    )
}
