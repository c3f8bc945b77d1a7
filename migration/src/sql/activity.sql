-- On which days a person asked for something, and indexes that administrators' figures are counted from. Conventions as in ledger.sql.

CREATE TABLE user_activity (                      -- that a person asked, never what; at most one row a day, which goes with the person
  day     integer NOT NULL,                       -- UTC days since the epoch
  user_id uuid    NOT NULL,
  CONSTRAINT user_activity_pkey         PRIMARY KEY (day, user_id),
  CONSTRAINT user_activity_user_id_fkey FOREIGN KEY (user_id) REFERENCES app_user (id),
  CONSTRAINT user_activity_day_check    CHECK (day >= 0)
);
CREATE INDEX user_activity_user_id_idx ON user_activity (user_id);

CREATE TABLE activity_tracking (                  -- one row: before its day nobody was counted
  id        integer NOT NULL,
  since_day integer NOT NULL,                     -- UTC days since the epoch
  CONSTRAINT activity_tracking_pkey     PRIMARY KEY (id),
  CONSTRAINT activity_tracking_id_check CHECK (id = 1)
);

-- A large table takes longer than a statement may.
--pg:SET LOCAL statement_timeout = 0;
CREATE INDEX app_user_created_at_idx ON app_user (created_at, id);
CREATE INDEX image_created_at_idx ON image (created_at, account_id) WHERE deleted_at IS NULL AND state = 'GENERATED';
CREATE INDEX ai_attempt_finished_at_idx ON ai_attempt (finished_at, ai_task_id, ai_model_id, provider_cost_nanousd)
  WHERE finished_at IS NOT NULL AND sent_at IS NOT NULL;
CREATE INDEX ai_task_item_finished_at_idx ON ai_task_item (finished_at, state, ai_task_id, id) WHERE finished_at IS NOT NULL;
CREATE INDEX credit_usage_created_at_idx ON credit_usage (created_at, ai_function, ai_model_id, credits);
CREATE INDEX credit_grant_refund_idx ON credit_grant (created_at, account_id, refunds_seq, amount) WHERE kind = 'refund';
