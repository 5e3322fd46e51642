-- Jobs whose last call may have taken effect unseen are looked at before anything else, also after
-- their campaign was paused or cancelled. A plain drain leaves none of them behind, so the index is small.
-- A job that was looked at since has 2 instead of 1 in `uncertain`: a lost call may still arrive.
CREATE INDEX jobs_in_doubt ON job_rows (campaign_id, id) WHERE uncertain = 1;
