-- Devices that a reassignment left without a user are counted, told of once, and given back.

-- Devices without a user of which the audit has told; 0 while there are none.
ALTER TABLE campaigns ADD COLUMN without_user_told BIGINT NOT NULL DEFAULT 0;

-- Jobs that stopped between their two steps and whose devices have a user again, as a listing of the
-- inventory showed.
CREATE TABLE users_again (
    job_id BIGINT NOT NULL PRIMARY KEY,
    seen_at BIGINT NOT NULL
);

-- The job that took one back: of jobs that take others back alone, which are few.
CREATE INDEX jobs_taking_back ON job_rows (rolls_back) WHERE rolls_back IS NOT NULL;
