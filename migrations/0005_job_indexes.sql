-- Which jobs are due, in hand or dead: views over partial indexes in SQLite, tables of their own in
-- PostgreSQL. There a row that changes what an index is made of is written anew into every index of
-- its table, and each job would be three times over; where `state` and the lease are in none, it
-- changes in its page alone. Triggers keep these tables, whoever changes a job.

-- only in SQLite

CREATE VIEW due_jobs AS
SELECT campaign_id, not_before, id, dispatch FROM jobs WHERE state = 'pending';

CREATE VIEW jobs_in_hand AS
SELECT id, dispatch, campaign_id, state, worker, lease_until
FROM jobs
WHERE state IN ('queued', 'running');

CREATE VIEW dead_jobs AS
SELECT campaign_id, reason, id FROM jobs WHERE state = 'dead';

-- only in PostgreSQL

DROP INDEX jobs_pending;
DROP INDEX jobs_leased;
DROP INDEX jobs_dead;

-- Room in each page for what its jobs become next.
ALTER TABLE jobs SET (fillfactor = 50);

CREATE TABLE due_jobs (
    campaign_id BIGINT NOT NULL,
    not_before BIGINT NOT NULL,
    id BIGINT NOT NULL,
    dispatch BIGINT NOT NULL,
    PRIMARY KEY (campaign_id, not_before, id)
);

CREATE TABLE held_jobs (
    id BIGINT NOT NULL PRIMARY KEY
);

CREATE TABLE dead_jobs (
    campaign_id BIGINT NOT NULL,
    reason TEXT NOT NULL,
    id BIGINT NOT NULL,
    PRIMARY KEY (campaign_id, reason, id)
);

-- Each row of these is deleted soon, and then only in the way.
ALTER TABLE due_jobs SET (
    autovacuum_vacuum_scale_factor = 0.01,
    autovacuum_vacuum_threshold = 10000,
    autovacuum_vacuum_cost_delay = 0,
    vacuum_truncate = FALSE
);
ALTER TABLE held_jobs SET (
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 10000,
    autovacuum_vacuum_cost_delay = 0,
    vacuum_truncate = FALSE
);

INSERT INTO due_jobs (campaign_id, not_before, id, dispatch)
SELECT campaign_id, not_before, id, dispatch FROM jobs WHERE state = 'pending';

INSERT INTO held_jobs (id)
SELECT id FROM jobs WHERE state IN ('queued', 'running');

INSERT INTO dead_jobs (campaign_id, reason, id)
SELECT campaign_id, reason, id FROM jobs WHERE state = 'dead';

-- `OFFSET 0`: each is found by its number, however many there may seem to be.
CREATE VIEW jobs_in_hand AS
SELECT job.id, job.dispatch, job.campaign_id, job.state, job.worker, job.lease_until
FROM held_jobs
CROSS JOIN LATERAL (
    SELECT id, dispatch, campaign_id, state, worker, lease_until
    FROM jobs
    WHERE jobs.id = held_jobs.id
    OFFSET 0
) AS job;

CREATE FUNCTION jobs_inserted() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO due_jobs (campaign_id, not_before, id, dispatch)
    SELECT campaign_id, not_before, id, dispatch FROM after WHERE state = 'pending';
    INSERT INTO held_jobs (id)
    SELECT id FROM after WHERE state IN ('queued', 'running');
    INSERT INTO dead_jobs (campaign_id, reason, id)
    SELECT campaign_id, reason, id FROM after WHERE state = 'dead';
    RETURN NULL;
END
$$;

CREATE FUNCTION jobs_updated() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    -- By their places: there is one plan for that, and it is good at any size.
    DELETE FROM due_jobs WHERE ctid = ANY (ARRAY(
        SELECT due.place
        FROM before
        CROSS JOIN LATERAL (
            SELECT due_jobs.ctid AS place FROM due_jobs
            WHERE due_jobs.campaign_id = before.campaign_id
              AND due_jobs.not_before = before.not_before
              AND due_jobs.id = before.id
            OFFSET 0
        ) AS due
        WHERE before.state = 'pending'
    ));
    INSERT INTO due_jobs (campaign_id, not_before, id, dispatch)
    SELECT campaign_id, not_before, id, dispatch FROM after WHERE state = 'pending';
    DELETE FROM held_jobs WHERE id = ANY (ARRAY(
        SELECT id FROM after WHERE state NOT IN ('queued', 'running')
    ));
    -- What runs was queued before.
    INSERT INTO held_jobs (id)
    SELECT id FROM after WHERE state = 'queued'
    ON CONFLICT DO NOTHING;
    DELETE FROM dead_jobs WHERE ctid = ANY (ARRAY(
        SELECT dead.place
        FROM before
        CROSS JOIN LATERAL (
            SELECT dead_jobs.ctid AS place FROM dead_jobs
            WHERE dead_jobs.campaign_id = before.campaign_id
              AND dead_jobs.reason = before.reason
              AND dead_jobs.id = before.id
            OFFSET 0
        ) AS dead
        WHERE before.state = 'dead'
    ));
    INSERT INTO dead_jobs (campaign_id, reason, id)
    SELECT campaign_id, reason, id FROM after WHERE state = 'dead';
    RETURN NULL;
END
$$;

CREATE FUNCTION jobs_deleted() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM due_jobs WHERE ctid = ANY (ARRAY(
        SELECT due.place
        FROM before
        CROSS JOIN LATERAL (
            SELECT due_jobs.ctid AS place FROM due_jobs
            WHERE due_jobs.campaign_id = before.campaign_id
              AND due_jobs.not_before = before.not_before
              AND due_jobs.id = before.id
            OFFSET 0
        ) AS due
        WHERE before.state = 'pending'
    ));
    DELETE FROM held_jobs WHERE id = ANY (ARRAY(
        SELECT id FROM before WHERE state IN ('queued', 'running')
    ));
    DELETE FROM dead_jobs WHERE ctid = ANY (ARRAY(
        SELECT dead.place
        FROM before
        CROSS JOIN LATERAL (
            SELECT dead_jobs.ctid AS place FROM dead_jobs
            WHERE dead_jobs.campaign_id = before.campaign_id
              AND dead_jobs.reason = before.reason
              AND dead_jobs.id = before.id
            OFFSET 0
        ) AS dead
        WHERE before.state = 'dead'
    ));
    RETURN NULL;
END
$$;

CREATE TRIGGER jobs_inserted AFTER INSERT ON jobs
REFERENCING NEW TABLE AS after
FOR EACH STATEMENT EXECUTE FUNCTION jobs_inserted();

CREATE TRIGGER jobs_updated AFTER UPDATE ON jobs
REFERENCING OLD TABLE AS before NEW TABLE AS after
FOR EACH STATEMENT EXECUTE FUNCTION jobs_updated();

CREATE TRIGGER jobs_deleted AFTER DELETE ON jobs
REFERENCING OLD TABLE AS before
FOR EACH STATEMENT EXECUTE FUNCTION jobs_deleted();

-- An attempt is written in the transaction that has just changed its job: looking the job up again,
-- and locking it, would cost more than writing the attempt.
ALTER TABLE attempts DROP CONSTRAINT new_attempts_job_id_fkey;

-- Attempts come in the order of time: what is recent lies at the end.
DROP INDEX attempts_finished;
CREATE INDEX attempts_finished ON attempts USING brin (finished_at) WITH (autosummarize = on);
