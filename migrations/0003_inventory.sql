-- The tenants' inventories, kept page by page as Graph listed them, so that a listing goes on after
-- an interruption and a plan need not list anew.
CREATE TABLE listings (
    tenant TEXT NOT NULL,
    number BIGINT NOT NULL,
    -- Which Graph and which tenant id the name stood for: a name can be given another meaning.
    source TEXT NOT NULL,
    begun_at BIGINT NOT NULL,
    -- Null until the last page is in: an incomplete inventory is never used.
    finished_at BIGINT,
    devices BIGINT NOT NULL DEFAULT 0,
    -- Where it goes on; null at its end.
    next_link TEXT,
    PRIMARY KEY (tenant, number)
);

CREATE TABLE listing_pages (
    tenant TEXT NOT NULL,
    listing BIGINT NOT NULL,
    page BIGINT NOT NULL,
    -- A JSON array.
    devices TEXT NOT NULL,
    PRIMARY KEY (tenant, listing, page)
);
