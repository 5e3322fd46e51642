-- Workers that go by different time zone databases open and close a window at different hours.

ALTER TABLE workers ADD COLUMN tz_version TEXT NOT NULL DEFAULT '';
