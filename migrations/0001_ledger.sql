-- The ledger's first shape. One text for SQLite and PostgreSQL:
-- times are UTC milliseconds in BIGINT, enumerations are words in TEXT, truth is 0 or 1 in BIGINT.

-- Ids come from here rather than from a database's own counters, which differ.
CREATE TABLE sequences (
    name TEXT NOT NULL PRIMARY KEY,
    next BIGINT NOT NULL
);

INSERT INTO sequences (name, next) VALUES ('campaign', 1), ('job', 1);

CREATE TABLE campaigns (
    id BIGINT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    tenant TEXT NOT NULL,
    action TEXT NOT NULL,
    status TEXT NOT NULL,
    -- Why it is paused, in words; empty while it is active.
    status_reason TEXT NOT NULL DEFAULT '',
    created_at BIGINT NOT NULL,
    -- Null while a list of it is not all in.
    enqueued_at BIGINT,
    -- The first claim.
    started_at BIGINT,
    -- When the last job became terminal; null again when one is requeued.
    ended_at BIGINT,
    -- A campaign moves only while a process attends it: `run` its own, `worker` all of them.
    attended_until BIGINT NOT NULL DEFAULT 0
);

CREATE INDEX campaigns_open ON campaigns (tenant, id) WHERE ended_at IS NULL;

-- The device lists that were enqueued into a campaign.
CREATE TABLE lists (
    campaign_id BIGINT NOT NULL REFERENCES campaigns (id),
    -- Of its bytes, in hexadecimal.
    sha256 TEXT NOT NULL,
    -- What it was called: a file's name.
    name TEXT NOT NULL,
    begun_at BIGINT NOT NULL,
    -- Null until the whole list is in.
    enqueued_at BIGINT,
    PRIMARY KEY (campaign_id, sha256)
);

-- What is counted a campaign: its jobs by state (dead ones by reason), refused rows by reason, calls.
-- Kept in the transaction that changes what is counted, so that a status costs the same at any size.
CREATE TABLE counters (
    campaign_id BIGINT NOT NULL REFERENCES campaigns (id),
    name TEXT NOT NULL,
    reason TEXT NOT NULL DEFAULT '',
    value BIGINT NOT NULL,
    PRIMARY KEY (campaign_id, name, reason)
);

CREATE TABLE jobs (
    id BIGINT NOT NULL PRIMARY KEY,
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
    -- Of the last answer: what Microsoft's support asks for.
    last_status BIGINT,
    last_request_id TEXT,
    created_at BIGINT NOT NULL,
    finished_at BIGINT,
    UNIQUE (campaign_id, device_id)
);

-- What a page of jobs and an export read along.
CREATE INDEX jobs_campaign ON jobs (campaign_id, id);
CREATE INDEX jobs_pending ON jobs (campaign_id, not_before, id) WHERE state = 'pending';
CREATE INDEX jobs_leased ON jobs (lease_until) WHERE state IN ('queued', 'running');
CREATE INDEX jobs_dead ON jobs (campaign_id, reason, id) WHERE state = 'dead';
CREATE INDEX jobs_serial ON jobs (serial);

CREATE TABLE attempts (
    job_id BIGINT NOT NULL REFERENCES jobs (id),
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

CREATE INDEX attempts_job ON attempts (job_id, dispatch);
-- What a restarted process reads to know which of the tenant's quota is still in use.
CREATE INDEX attempts_finished ON attempts (finished_at);

-- Rows of a list that the plan refused.
CREATE TABLE refusals (
    campaign_id BIGINT NOT NULL REFERENCES campaigns (id),
    list_sha256 TEXT NOT NULL,
    line BIGINT NOT NULL,
    value TEXT NOT NULL,
    reason TEXT NOT NULL,
    detail TEXT NOT NULL,
    PRIMARY KEY (campaign_id, list_sha256, line)
);

CREATE TABLE workers (
    id TEXT NOT NULL PRIMARY KEY,
    host TEXT NOT NULL,
    process_id BIGINT NOT NULL,
    version TEXT NOT NULL,
    started_at BIGINT NOT NULL,
    heartbeat_at BIGINT NOT NULL,
    in_flight BIGINT NOT NULL
);

-- Who may call a tenant where the budget lives in one process.
CREATE TABLE lanes (
    tenant TEXT NOT NULL PRIMARY KEY,
    owner TEXT NOT NULL,
    lease_until BIGINT NOT NULL
);

-- What a lane last said of itself: for people, and for the process that takes over.
CREATE TABLE lane_states (
    tenant TEXT NOT NULL,
    kind TEXT NOT NULL,
    configured_limit BIGINT NOT NULL,
    learnt_limit DOUBLE PRECISION,
    window_ms BIGINT NOT NULL,
    used BIGINT NOT NULL,
    in_flight BIGINT NOT NULL,
    gate TEXT NOT NULL,
    gate_until BIGINT,
    gate_reason TEXT NOT NULL,
    calls BIGINT NOT NULL,
    throttled BIGINT NOT NULL,
    throttle_events BIGINT NOT NULL,
    rate_per_second DOUBLE PRECISION NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, kind)
);
