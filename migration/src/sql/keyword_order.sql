-- Keywords that no cluster took wait behind those that were in no clustering yet: a run has a cap, and without this the same
-- ones would be asked about, and paid for, day after day. Conventions as in ledger.sql.

ALTER TABLE keyword ADD COLUMN passed_over_at bigint;

CREATE INDEX keyword_waiting_idx ON keyword (site_id, COALESCE(passed_over_at, 0), bucket_id, id) WHERE state IN ('NEW', 'ORPHANED');
