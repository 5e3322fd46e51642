-- Every step that steers: who, when, from where, and what. Each row carries the hash of the row
-- before it and a hash of its own, so that none can be changed, taken out or put in between unseen.
-- No user of a device is named here: the rows outlive what `prune` forgets.
CREATE TABLE audit (
    -- Without gaps, from `sequences`, whose row is what makes the writers take turns.
    seq BIGINT NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    origin TEXT NOT NULL,
    -- Null where it concerns the whole program.
    campaign_id BIGINT,
    event TEXT NOT NULL,
    -- A JSON object, to the byte as it was hashed.
    detail TEXT NOT NULL,
    -- The hash of the row before; of the first, 64 zeros.
    previous TEXT NOT NULL,
    -- SHA-256, in hexadecimal, over the JSON array of the other columns in this order.
    hash TEXT NOT NULL
);

CREATE INDEX audit_campaign ON audit (campaign_id, seq);

INSERT INTO sequences (name, next) VALUES ('audit', 1);
