-- What comes after the calls: when things happened, whether they hold, and what is forgotten.

-- What a campaign's jobs and calls came to, minute by minute: a chart costs the same at any size.
CREATE TABLE campaign_minutes (
    campaign_id BIGINT NOT NULL REFERENCES campaigns (id),
    -- The minute's first millisecond.
    minute_at BIGINT NOT NULL,
    outcome TEXT NOT NULL,
    count BIGINT NOT NULL,
    PRIMARY KEY (campaign_id, minute_at, outcome)
);

-- What the inventory said later of a job that succeeded; empty while nobody looked.
ALTER TABLE jobs ADD COLUMN verification TEXT NOT NULL DEFAULT '';
ALTER TABLE jobs ADD COLUMN verified_at BIGINT;
CREATE INDEX jobs_verified ON jobs (campaign_id, verification, id) WHERE verification <> '';

-- The inventory that a campaign's devices were last held against is no older.
ALTER TABLE campaigns ADD COLUMN verified_at BIGINT;
-- When its jobs, their users and attempts were forgotten; its totals stay.
ALTER TABLE campaigns ADD COLUMN pruned_at BIGINT;

-- How far each destination has been told what the audit recorded. One process at a time tells it.
CREATE TABLE notify_cursors (
    destination TEXT NOT NULL PRIMARY KEY,
    -- The last row of the audit that it was told of, or that does not concern it.
    seq BIGINT NOT NULL,
    owner TEXT NOT NULL DEFAULT '',
    lease_until BIGINT NOT NULL DEFAULT 0,
    -- In a row, of the next message.
    failures BIGINT NOT NULL DEFAULT 0,
    next_at BIGINT NOT NULL DEFAULT 0,
    last_error TEXT NOT NULL DEFAULT ''
);
