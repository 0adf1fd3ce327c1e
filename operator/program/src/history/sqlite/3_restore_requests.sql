-- The requested restores, beside the table of the backup-controller plan and in its form.
CREATE TABLE restore_requests (
    id TEXT PRIMARY KEY DEFAULT (lower(hex(randomblob(16)))),
    cr_name TEXT NOT NULL,
    cr_namespace TEXT NOT NULL,
    project_id TEXT,
    source_environment TEXT,
    target_environment TEXT NOT NULL,
    backup_id TEXT NOT NULL,
    units TEXT NOT NULL,
    state TEXT NOT NULL,
    reason TEXT,
    message TEXT,
    start_time TEXT,
    completion_time TEXT,
    db_target_instance_id TEXT,
    dl_target_bucket TEXT,
    approved_by TEXT,
    approved_at TEXT,
    cr_uid TEXT NOT NULL,
    created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now')),
    updated_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now')),
    archived_at TEXT,
    CONSTRAINT unique_restore_cr UNIQUE (cr_namespace, cr_name)
);
CREATE INDEX idx_restore_project_env ON restore_requests (project_id, target_environment);
CREATE INDEX idx_restore_state ON restore_requests (state);
CREATE INDEX idx_restore_created_at ON restore_requests (created_at DESC);
