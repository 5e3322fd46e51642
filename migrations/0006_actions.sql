-- Jobs of several steps: what is to be done to each device, to whom it is to be assigned, and how far
-- it is. A campaign may take back what another did.
ALTER TABLE campaigns ADD COLUMN rolls_back BIGINT;

ALTER TABLE jobs ADD COLUMN action TEXT NOT NULL DEFAULT 'unassign';
-- Who is to be assigned; empty where nobody is.
ALTER TABLE jobs ADD COLUMN new_user_principal_name TEXT NOT NULL DEFAULT '';
ALTER TABLE jobs ADD COLUMN new_addressable_user_name TEXT NOT NULL DEFAULT '';
-- Steps that are done although the job is not: with its last step it succeeds.
ALTER TABLE jobs ADD COLUMN steps_done BIGINT NOT NULL DEFAULT 0;
-- When the last of these was.
ALTER TABLE jobs ADD COLUMN stepped_at BIGINT;
-- The job that this one takes back.
ALTER TABLE jobs ADD COLUMN rolls_back BIGINT;

-- Jobs between two steps go before all others: their devices have no user meanwhile. Not by their
-- state: it is in no index of PostgreSQL's, and they are few.
CREATE INDEX jobs_between ON jobs (campaign_id, id) WHERE steps_done > 0;
