CREATE TABLE broker_runs (
    kind TEXT NOT NULL,
    namespace TEXT NOT NULL,
    name TEXT NOT NULL,
    uid TEXT NOT NULL,
    schedule TEXT,
    scheduled_for TEXT,
    engine TEXT NOT NULL,
    target TEXT NOT NULL,
    phase TEXT NOT NULL,
    created_at TEXT,
    started_at TEXT,
    finished_at TEXT,
    backup_id TEXT,
    store TEXT,
    copy_reference TEXT,
    bytes INTEGER,
    sha256 TEXT,
    attempts INTEGER NOT NULL,
    failure_code TEXT,
    failure_message TEXT,
    failure_hint TEXT,
    archived_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now')),
    updated_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now')),
    PRIMARY KEY (namespace, name, uid)
);
CREATE INDEX broker_runs_by_schedule ON broker_runs (namespace, schedule, finished_at);
CREATE INDEX broker_runs_by_end ON broker_runs (finished_at);
