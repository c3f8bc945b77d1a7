-- What the ledger's writer learns with the account's lock, so that it looks for caps and levels only where there are some, and the
-- cap that refused an AI task. Conventions as in ledger.sql.

ALTER TABLE ledger_account ADD COLUMN has_caps integer NOT NULL DEFAULT 0      -- stays 1: holds count against caps that were taken away
  CONSTRAINT ledger_account_has_caps_check CHECK (has_caps IN (0, 1));
ALTER TABLE ledger_account ADD COLUMN has_thresholds integer NOT NULL DEFAULT 0
  CONSTRAINT ledger_account_has_thresholds_check CHECK (has_thresholds IN (0, 1));
UPDATE ledger_account SET has_caps = 1 WHERE account_id IN (SELECT account_id FROM credit_cap);
UPDATE ledger_account SET has_thresholds = 1 WHERE account_id IN (SELECT account_id FROM credit_threshold);

ALTER TABLE ai_task ADD COLUMN cap_refusal text;                               -- scope, period, cap, used, required, end of the period; a JSON list
