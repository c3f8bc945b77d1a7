-- What routing decides and must find again after a crash. Conventions as in ledger.sql.

ALTER TABLE ai_attempt ADD COLUMN price_version_id uuid;                       -- the price of its model that the quote fixed
ALTER TABLE ai_attempt ADD COLUMN retry_at bigint;                             -- its item is not tried again before this
ALTER TABLE ai_task_item ADD COLUMN begun_at bigint;                           -- when a run first took it up
CREATE INDEX ai_attempt_ai_model_id_sent_at_idx ON ai_attempt (ai_model_id, sent_at);
