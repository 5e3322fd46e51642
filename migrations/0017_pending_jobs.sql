-- Pending jobs in the order of their numbers, as people page through them: while a campaign drains
-- they lie behind all that is over, and a walk through everything would look at all of that first.

-- only in SQLite

-- `IS`, and not `=`: or this index would offer itself wherever pending jobs are looked for by when
-- they are due, and all of them would be looked at.
CREATE INDEX jobs_pending_by_number ON jobs (campaign_id, id) WHERE state IS 'pending';

CREATE VIEW pending_jobs AS
SELECT campaign_id, id FROM jobs WHERE state IS 'pending';

-- only in PostgreSQL

CREATE INDEX due_jobs_by_number ON due_jobs (campaign_id, id);

CREATE VIEW pending_jobs AS
SELECT campaign_id, id FROM due_jobs;
