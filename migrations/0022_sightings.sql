-- Who has a device is known before each call that changes it: from a look at the device, or from a
-- listing of its tenant, which holds for every job that it was held against.

-- How old that may be.
ALTER TABLE campaigns ADD COLUMN sighted_within TEXT NOT NULL DEFAULT '2min';
-- Each job of the campaign that has no row in `sightings` was held against what Graph showed no
-- earlier than this, and found as it was planned. Null while that is known of none.
ALTER TABLE campaigns ADD COLUMN sighted_at BIGINT;
-- Whether no device of the tenant showed a user then: a missing user says nothing.
ALTER TABLE campaigns ADD COLUMN is_blind BIGINT NOT NULL DEFAULT 0;

-- Devices of a listing that show a user; null where nobody counted them.
ALTER TABLE listings ADD COLUMN users BIGINT;

-- What is known of single jobs: those that were looked at, those whose device shows another user than
-- was planned, and those that are to be looked at. A table of its own, and small: a plain drain reads
-- that it holds none of its jobs.
CREATE TABLE sightings (
    -- The job's number.
    id ROW_KEY NOT NULL PRIMARY KEY,
    -- Who had the device when it was last seen before its call; empty where nobody had it.
    user_principal_name TEXT NOT NULL,
    addressable_user_name TEXT NOT NULL,
    -- When the request was sent that showed it; 0 where nobody has looked: then somebody is to.
    seen_at BIGINT NOT NULL,
    -- Who was found on the device instead of who was planned; null where nobody was.
    found_user TEXT,
    found_name TEXT,
    found_at BIGINT,
    -- Whom a person let the job take the device from, instead of who was planned.
    accepted_user TEXT,
    accepted_name TEXT
);

-- Who lists a tenant just now: one process at a time does.
CREATE TABLE listing_claims (
    tenant TEXT NOT NULL PRIMARY KEY,
    owner TEXT NOT NULL,
    lease_until BIGINT NOT NULL,
    -- After a listing that failed: workers try none before.
    retry_at BIGINT NOT NULL DEFAULT 0
);
