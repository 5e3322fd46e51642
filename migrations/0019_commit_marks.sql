-- Each transaction that writes leaves a mark, so that where the answer to its commit is lost, whether
-- the mark is there says what became of it: on the server that it was for, and on a standby which took
-- over and gives out anew the transaction numbers that it never heard of. A file answers.

-- only in PostgreSQL

CREATE TABLE commit_marks (
    token BYTEWISE_TEXT PRIMARY KEY,
    -- 1 where whoever asked found no mark: the transaction can no longer commit.
    is_void BIGINT NOT NULL,
    made_at TIMESTAMPTZ NOT NULL
);
