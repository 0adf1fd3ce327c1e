-- The requested restores, beside the table of the backup-controller plan and in its form.
CREATE TABLE restore_requests (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    cr_name VARCHAR(255) NOT NULL,
    cr_namespace VARCHAR(255) NOT NULL,
    project_id VARCHAR(100),
    source_environment VARCHAR(50),
    target_environment VARCHAR(50) NOT NULL,
    backup_id VARCHAR(1200) NOT NULL,
    units VARCHAR(100) NOT NULL,
    state VARCHAR(50) NOT NULL,
    reason VARCHAR(255),
    message TEXT,
    start_time TIMESTAMPTZ,
    completion_time TIMESTAMPTZ,
    db_target_instance_id VARCHAR(255),
    dl_target_bucket VARCHAR(255),
    approved_by VARCHAR(255),
    approved_at TIMESTAMPTZ,
    cr_uid VARCHAR(64) NOT NULL,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    archived_at TIMESTAMPTZ,
    CONSTRAINT unique_restore_cr UNIQUE (cr_namespace, cr_name)
);
CREATE INDEX idx_restore_project_env ON restore_requests (project_id, target_environment);
CREATE INDEX idx_restore_state ON restore_requests (state);
CREATE INDEX idx_restore_created_at ON restore_requests (created_at DESC);
