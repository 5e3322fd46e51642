-- Jobs are found by their id alone: `ROW_KEY` is what makes it the row's own key, `INTEGER` in
-- SQLite (one search instead of two), `BIGINT` in PostgreSQL. What the last answer was stands with
-- the attempts already, and is no longer written twice.

CREATE TABLE new_jobs (
    id ROW_KEY NOT NULL PRIMARY KEY,
    campaign_id BIGINT NOT NULL REFERENCES campaigns (id),
    device_id TEXT NOT NULL,
    serial TEXT NOT NULL,
    group_tag TEXT NOT NULL,
    model TEXT NOT NULL,
    -- Who was assigned before: what makes a way back possible.
    user_principal_name TEXT NOT NULL,
    addressable_user_name TEXT NOT NULL,
    -- Where the list named the device.
    line BIGINT NOT NULL,
    state TEXT NOT NULL,
    -- Grows with each dispatch; fences claims and settlements.
    dispatch BIGINT NOT NULL DEFAULT 0,
    -- Attempts spent; throttled and returned calls spend none.
    attempts BIGINT NOT NULL DEFAULT 0,
    -- A call may have taken effect unseen: look at the device before acting again.
    uncertain BIGINT NOT NULL DEFAULT 0,
    not_before BIGINT NOT NULL,
    -- Until when the process that holds a queued or running job has promised to be alive.
    lease_until BIGINT NOT NULL DEFAULT 0,
    worker TEXT NOT NULL DEFAULT '',
    -- Dead: the reason's word. Pending after a call: why it waits.
    reason TEXT NOT NULL DEFAULT '',
    message TEXT NOT NULL DEFAULT '',
    created_at BIGINT NOT NULL,
    finished_at BIGINT,
    UNIQUE (campaign_id, device_id)
);

INSERT INTO new_jobs (
    id, campaign_id, device_id, serial, group_tag, model,
    user_principal_name, addressable_user_name, line,
    state, dispatch, attempts, uncertain, not_before, lease_until, worker,
    reason, message, created_at, finished_at
)
SELECT id, campaign_id, device_id, serial, group_tag, model,
       user_principal_name, addressable_user_name, line,
       state, dispatch, attempts, uncertain, not_before, lease_until, worker,
       reason, message, created_at, finished_at
FROM jobs;

CREATE TABLE new_attempts (
    job_id BIGINT NOT NULL REFERENCES new_jobs (id),
    dispatch BIGINT NOT NULL,
    step TEXT NOT NULL,
    outcome TEXT NOT NULL,
    worker TEXT NOT NULL,
    started_at BIGINT NOT NULL,
    finished_at BIGINT NOT NULL,
    status BIGINT,
    code TEXT,
    message TEXT,
    request_id TEXT,
    client_request_id TEXT,
    -- As the answer's Date header gave it.
    server_date TEXT,
    diagnostic TEXT
);

INSERT INTO new_attempts (
    job_id, dispatch, step, outcome, worker, started_at, finished_at,
    status, code, message, request_id, client_request_id, server_date, diagnostic
)
SELECT job_id, dispatch, step, outcome, worker, started_at, finished_at,
       status, code, message, request_id, client_request_id, server_date, diagnostic
FROM attempts
ORDER BY finished_at;

DROP TABLE attempts;
DROP TABLE jobs;
ALTER TABLE new_jobs RENAME TO jobs;
ALTER TABLE new_attempts RENAME TO attempts;

-- What a page of jobs and an export read along.
CREATE INDEX jobs_campaign ON jobs (campaign_id, id);
CREATE INDEX jobs_pending ON jobs (campaign_id, not_before, id) WHERE state = 'pending';
CREATE INDEX jobs_leased ON jobs (lease_until) WHERE state IN ('queued', 'running');
CREATE INDEX jobs_dead ON jobs (campaign_id, reason, id) WHERE state = 'dead';
CREATE INDEX jobs_serial ON jobs (serial);

CREATE INDEX attempts_job ON attempts (job_id, dispatch);
-- What a restarted process reads to know which of the tenant's quota is still in use.
CREATE INDEX attempts_finished ON attempts (finished_at);
