-- Numbers come back: a standby that lagged and takes over gives out anew the job and dispatch numbers
-- that it never heard of. What was chosen by chance does not, and so a claim, and what is said of a
-- claimed job, names that, too. A dispatch of an older program has none.

ALTER TABLE jobs_in_hand ADD COLUMN token BIGINT NOT NULL DEFAULT 0;
