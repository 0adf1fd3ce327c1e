-- The table of the backup-controller plan, with its columns and indexes.
CREATE TABLE backup_requests (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    cr_name VARCHAR(255) NOT NULL,
    cr_namespace VARCHAR(255) NOT NULL,
    project_id VARCHAR(100) NOT NULL,
    environment VARCHAR(50) NOT NULL,
    state VARCHAR(50) NOT NULL,
    start_time TIMESTAMPTZ,
    completion_time TIMESTAMPTZ,
    db_instance_id VARCHAR(255),
    db_snapshot_id VARCHAR(255),
    db_snapshot_size_bytes BIGINT,
    dl_source_bucket VARCHAR(255),
    dl_destination_bucket VARCHAR(255),
    dl_destination_prefix VARCHAR(500),
    dl_object_count BIGINT,
    dl_total_size_bytes BIGINT,
    dl_manifest_path VARCHAR(1200),
    cr_uid VARCHAR(64) NOT NULL,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    archived_at TIMESTAMPTZ,
    CONSTRAINT unique_cr UNIQUE (cr_namespace, cr_name)
);
CREATE INDEX idx_project_env ON backup_requests (project_id, environment);
CREATE INDEX idx_state ON backup_requests (state);
CREATE INDEX idx_created_at ON backup_requests (created_at DESC);
