-- A job's row is written when it is enqueued and when it has come to something, and not on the way:
-- who has it meanwhile stands in a small table of its own. That is what a drain costs most by, and a
-- job's row with its indexes is wide.
--
-- `job_rows` keeps what a job is and its state while nobody has it: `pending`, or what it came to. One
-- that is dispatched stays `pending` there, and what `jobs_in_hand` says of it holds until it is back
-- or over. `jobs` is the whole of it, for whoever reads. `due_jobs` are those that are pending and
-- that nobody has, `dead_jobs` the dead letters. Whoever changes a job keeps these along.

-- only in SQLite

DROP VIEW due_jobs;
DROP VIEW jobs_in_hand;
DROP VIEW dead_jobs;
DROP VIEW pending_jobs;
DROP INDEX jobs_pending;
DROP INDEX jobs_pending_by_number;
DROP INDEX jobs_leased;
DROP INDEX jobs_dead;

ALTER TABLE jobs RENAME TO job_rows;

CREATE TABLE due_jobs (
    campaign_id BIGINT NOT NULL,
    not_before BIGINT NOT NULL,
    id BIGINT NOT NULL,
    -- How often it was dispatched.
    dispatch BIGINT NOT NULL,
    PRIMARY KEY (campaign_id, not_before, id)
) WITHOUT ROWID;

CREATE TABLE dead_jobs (
    campaign_id BIGINT NOT NULL,
    reason TEXT NOT NULL,
    id BIGINT NOT NULL,
    PRIMARY KEY (campaign_id, reason, id)
) WITHOUT ROWID;

INSERT INTO due_jobs (campaign_id, not_before, id, dispatch)
SELECT campaign_id, not_before, id, dispatch FROM job_rows
WHERE state = 'pending'
ORDER BY campaign_id, not_before, id;

INSERT INTO dead_jobs (campaign_id, reason, id)
SELECT campaign_id, reason, id FROM job_rows WHERE state = 'dead'
ORDER BY campaign_id, reason, id;

-- As people page through them.
CREATE INDEX due_jobs_by_number ON due_jobs (campaign_id, id);

-- only in PostgreSQL

DROP TRIGGER jobs_inserted ON jobs;
DROP TRIGGER jobs_updated ON jobs;
DROP TRIGGER jobs_deleted ON jobs;
DROP FUNCTION jobs_inserted();
DROP FUNCTION jobs_updated();
DROP FUNCTION jobs_deleted();
DROP VIEW jobs_in_hand;
DROP VIEW pending_jobs;
DROP TABLE held_jobs;

ALTER TABLE jobs RENAME TO job_rows;

-- in both

CREATE TABLE jobs_in_hand (
    id ROW_KEY NOT NULL PRIMARY KEY,
    campaign_id BIGINT NOT NULL,
    -- The number that fences claims and settlements.
    dispatch BIGINT NOT NULL,
    -- Queued or running.
    state TEXT NOT NULL,
    worker TEXT NOT NULL,
    -- Until when the process that has it has promised to be alive.
    lease_until BIGINT NOT NULL
);

INSERT INTO jobs_in_hand (id, campaign_id, dispatch, state, worker, lease_until)
SELECT id, campaign_id, dispatch, state, worker, lease_until FROM job_rows
WHERE state IN ('queued', 'running');

UPDATE job_rows SET state = 'pending', worker = '' WHERE state IN ('queued', 'running');

ALTER TABLE job_rows DROP COLUMN lease_until;

-- only in PostgreSQL

-- A row is here for a moment, and changes once: within its page, and then it is only in the way.
ALTER TABLE jobs_in_hand SET (
    fillfactor = 50,
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 10000,
    autovacuum_vacuum_cost_delay = 0,
    vacuum_truncate = FALSE
);

-- in both

-- A column that `job_rows` gets is to be added here, too.
CREATE VIEW jobs AS
SELECT job_rows.id,
       job_rows.campaign_id,
       job_rows.device_id,
       job_rows.serial,
       job_rows.group_tag,
       job_rows.model,
       job_rows.user_principal_name,
       job_rows.addressable_user_name,
       job_rows.line,
       COALESCE(jobs_in_hand.state, job_rows.state) AS state,
       COALESCE(jobs_in_hand.dispatch, job_rows.dispatch) AS dispatch,
       job_rows.attempts,
       job_rows.uncertain,
       job_rows.not_before,
       COALESCE(jobs_in_hand.lease_until, 0) AS lease_until,
       COALESCE(jobs_in_hand.worker, job_rows.worker) AS worker,
       job_rows.reason,
       job_rows.message,
       job_rows.created_at,
       job_rows.finished_at,
       job_rows.action,
       job_rows.new_user_principal_name,
       job_rows.new_addressable_user_name,
       job_rows.steps_done,
       job_rows.stepped_at,
       job_rows.rolls_back,
       job_rows.verification,
       job_rows.verified_at
FROM job_rows
LEFT JOIN jobs_in_hand ON jobs_in_hand.id = job_rows.id;
