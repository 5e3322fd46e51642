-- What a listing is held against: how many devices Graph said that there are, and items that could not
-- be read, as a JSON array of words.
ALTER TABLE listings ADD COLUMN promised BIGINT;
ALTER TABLE listings ADD COLUMN unreadable TEXT NOT NULL DEFAULT '[]';
