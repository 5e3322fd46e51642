-- How long Graph took to answer, and what came of it: for metrics, which outlive campaigns.
CREATE TABLE call_times (
    tenant TEXT NOT NULL,
    outcome TEXT NOT NULL,
    -- The bucket's upper bound; that of the last is the greatest number that there is.
    up_to_ms BIGINT NOT NULL,
    calls BIGINT NOT NULL,
    total_ms BIGINT NOT NULL,
    PRIMARY KEY (tenant, outcome, up_to_ms)
);
