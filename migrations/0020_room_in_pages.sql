-- Room in each page for what its rows become, which are a little longer then: with half a page free
-- the last row of most pages had to go elsewhere, and with it into each index of its table anew.

-- only in PostgreSQL

ALTER TABLE job_rows SET (fillfactor = 45);
ALTER TABLE jobs_in_hand SET (fillfactor = 40);
