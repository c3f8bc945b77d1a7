-- Full checks of the ledger, one row each, and an index of what was delivered and could not be charged. Conventions as in ledger.sql.

CREATE TABLE ledger_check (
  id           uuid   NOT NULL,
  started_at   bigint NOT NULL,
  finished_at  bigint,                            -- null while it runs, and for ever when its process died
  accounts     bigint,
  transactions bigint,
  entries      bigint,
  violations   bigint,
  CONSTRAINT ledger_check_pkey           PRIMARY KEY (id),
  CONSTRAINT ledger_check_finished_check CHECK ((finished_at IS NULL) = (violations IS NULL))
);
CREATE INDEX ledger_check_started_at_idx ON ledger_check (started_at);

CREATE INDEX ledger_account_frozen_idx ON ledger_account (account_id) WHERE state = 'frozen';
CREATE INDEX credit_hold_shortfall_idx ON credit_hold (account_id, closed_seq, shortfall) WHERE shortfall > 0;
