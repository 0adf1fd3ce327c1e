-- The table of the backup-controller plan, with its columns and indexes.
CREATE TABLE backup_requests (
    id TEXT PRIMARY KEY DEFAULT (lower(hex(randomblob(16)))),
    cr_name TEXT NOT NULL,
    cr_namespace TEXT NOT NULL,
    project_id TEXT NOT NULL,
    environment TEXT NOT NULL,
    state TEXT NOT NULL,
    start_time TEXT,
    completion_time TEXT,
    db_instance_id TEXT,
    db_snapshot_id TEXT,
    db_snapshot_size_bytes INTEGER,
    dl_source_bucket TEXT,
    dl_destination_bucket TEXT,
    dl_destination_prefix TEXT,
    dl_object_count INTEGER,
    dl_total_size_bytes INTEGER,
    dl_manifest_path TEXT,
    cr_uid TEXT NOT NULL,
    created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now')),
    updated_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now')),
    archived_at TEXT,
    CONSTRAINT unique_cr UNIQUE (cr_namespace, cr_name)
);
CREATE INDEX idx_project_env ON backup_requests (project_id, environment);
CREATE INDEX idx_state ON backup_requests (state);
CREATE INDEX idx_created_at ON backup_requests (created_at DESC);
