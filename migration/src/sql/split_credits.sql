-- What running splits have given out. Conventions as in ledger.sql.

ALTER TABLE prompt_split ADD COLUMN credits_taken bigint NOT NULL DEFAULT 0;    -- held or charged for the new version, or more: what came back is counted when it runs short
