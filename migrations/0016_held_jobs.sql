-- Which jobs are in hand is kept more cheaply: to insert a row that may be there already costs twice
-- as much as one that cannot be, and almost none is.

-- only in PostgreSQL

CREATE OR REPLACE FUNCTION jobs_updated() RETURNS TRIGGER LANGUAGE plpgsql AS $$
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
    IF EXISTS (SELECT 1 FROM before WHERE state IN ('queued', 'running')) THEN
        INSERT INTO held_jobs (id)
        SELECT id FROM after WHERE state = 'queued'
        ON CONFLICT DO NOTHING;
    ELSE
        INSERT INTO held_jobs (id)
        SELECT id FROM after WHERE state = 'queued';
    END IF;
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
