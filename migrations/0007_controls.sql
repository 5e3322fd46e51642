-- What holds a campaign back: how it starts, when it stops by itself, when it may run, how fast.
-- A control that is not set is empty.

-- What paused it, in a word; empty while nothing did, and in ledgers that were paused before.
ALTER TABLE campaigns ADD COLUMN pause_cause TEXT NOT NULL DEFAULT '';

ALTER TABLE campaigns ADD COLUMN canary TEXT NOT NULL DEFAULT '';
ALTER TABLE campaigns ADD COLUMN canary_auto TEXT NOT NULL DEFAULT '';
ALTER TABLE campaigns ADD COLUMN canary_phase TEXT NOT NULL DEFAULT 'off';

ALTER TABLE campaigns ADD COLUMN max_failures TEXT NOT NULL DEFAULT '';
-- How many outcomes it had when the breaker was last armed.
ALTER TABLE campaigns ADD COLUMN armed_at_outcome BIGINT NOT NULL DEFAULT 0;

ALTER TABLE campaigns ADD COLUMN not_before BIGINT;
ALTER TABLE campaigns ADD COLUMN deadline BIGINT;
ALTER TABLE campaigns ADD COLUMN windows TEXT NOT NULL DEFAULT '';
ALTER TABLE campaigns ADD COLUMN zone TEXT NOT NULL DEFAULT 'UTC';
-- What follows from these four: the stretch of time in which it may run, the one that is on or the
-- next. Whoever finds that it is over reckons the next one.
ALTER TABLE campaigns ADD COLUMN runs_from BIGINT NOT NULL DEFAULT 0;
ALTER TABLE campaigns ADD COLUMN runs_until BIGINT NOT NULL DEFAULT 9223372036854775807;

ALTER TABLE campaigns ADD COLUMN priority BIGINT NOT NULL DEFAULT 0;
ALTER TABLE campaigns ADD COLUMN rate TEXT NOT NULL DEFAULT '';

-- The jobs that go first. A table of their own: a campaign without a canary has no use for a column.
CREATE TABLE canary_jobs (
    campaign_id BIGINT NOT NULL REFERENCES campaigns (id),
    job_id BIGINT NOT NULL,
    PRIMARY KEY (campaign_id, job_id)
);

-- Dead letters among the last outcomes of campaigns that have a breaker, by the number of the outcome.
CREATE TABLE recent_failures (
    campaign_id BIGINT NOT NULL REFERENCES campaigns (id),
    outcome BIGINT NOT NULL,
    reason TEXT NOT NULL,
    -- Without what names one device or one call.
    message TEXT NOT NULL,
    PRIMARY KEY (campaign_id, outcome)
);
