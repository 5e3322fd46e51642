-- Who stopped a campaign and who passed its canary, so that whoever looks need not read the audit.

ALTER TABLE campaigns ADD COLUMN stopped_by TEXT NOT NULL DEFAULT '';
ALTER TABLE campaigns ADD COLUMN stopped_at BIGINT;
ALTER TABLE campaigns ADD COLUMN canary_by TEXT NOT NULL DEFAULT '';
ALTER TABLE campaigns ADD COLUMN canary_at BIGINT;
