-- What a worker says is wrong with what it needs, such as a Redis that cannot be reached; empty
-- where all is well.
ALTER TABLE workers ADD COLUMN trouble TEXT NOT NULL DEFAULT '';
