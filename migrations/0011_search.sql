-- What jobs are searched by, apart from the jobs: these texts never change, so that no index over
-- them costs the drain anything, and a walk through them meets no traces of states that once were.
-- Texts are folded to lower case (rows that were there before, as far as the database knows how).

CREATE TABLE job_keys (
    campaign_id BIGINT NOT NULL REFERENCES campaigns (id),
    job_id BIGINT NOT NULL,
    serial BYTEWISE_TEXT NOT NULL,
    user_principal_name BYTEWISE_TEXT NOT NULL,
    -- With its @; empty where there is none.
    user_domain BYTEWISE_TEXT NOT NULL,
    group_tag BYTEWISE_TEXT NOT NULL,
    model BYTEWISE_TEXT NOT NULL,
    PRIMARY KEY (campaign_id, job_id)
) KEPT_BY_KEY;

INSERT INTO job_keys (
    campaign_id, job_id, serial, user_principal_name, user_domain, group_tag, model
)
SELECT campaign_id, id,
       lower(trim(serial)),
       lower(trim(user_principal_name)),
       CASE WHEN user_principal_name LIKE '%@%'
            -- What is left when everything behind the last @ is taken off ends with it.
            THEN substr(lower(trim(user_principal_name)),
                        length(rtrim(lower(trim(user_principal_name)),
                                     replace(lower(trim(user_principal_name)), '@', ''))))
            ELSE '' END,
       lower(trim(group_tag)),
       lower(trim(model))
FROM jobs
ORDER BY campaign_id, id;

CREATE INDEX job_keys_serial ON job_keys (campaign_id, serial, job_id);
CREATE INDEX job_keys_user ON job_keys (campaign_id, user_principal_name, job_id);
CREATE INDEX job_keys_domain ON job_keys (campaign_id, user_domain, job_id);
CREATE INDEX job_keys_tag ON job_keys (campaign_id, group_tag, job_id);
CREATE INDEX job_keys_model ON job_keys (campaign_id, model, job_id);

-- It was changed along with every state of a job.
DROP INDEX IF EXISTS jobs_serial;
