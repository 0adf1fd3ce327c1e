CREATE TABLE broker_runs (
    kind TEXT NOT NULL,
    namespace TEXT NOT NULL,
    name TEXT NOT NULL,
    uid TEXT NOT NULL,
    schedule TEXT,
    scheduled_for TIMESTAMPTZ,
    engine TEXT NOT NULL,
    target TEXT NOT NULL,
    phase TEXT NOT NULL,
    created_at TIMESTAMPTZ,
    started_at TIMESTAMPTZ,
    finished_at TIMESTAMPTZ,
    backup_id TEXT,
    store TEXT,
    copy_reference TEXT,
    bytes BIGINT,
    sha256 TEXT,
    attempts BIGINT NOT NULL,
    failure_code TEXT,
    failure_message TEXT,
    failure_hint TEXT,
    archived_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    PRIMARY KEY (namespace, name, uid)
);
CREATE INDEX broker_runs_by_schedule ON broker_runs (namespace, schedule, finished_at);
CREATE INDEX broker_runs_by_end ON broker_runs (finished_at);
