-- System prompts: immutable versions, exactly one of them active, held by foreign keys. Conventions as in ledger.sql.

CREATE TABLE system_prompt (                      -- a named text under (category, key)
  id                uuid    NOT NULL,
--pg:   category    text    COLLATE "C" NOT NULL,
--pg:   folded_key  text    COLLATE "C" NOT NULL,
--sqlite:   category    text    NOT NULL,
--sqlite:   folded_key  text    NOT NULL,              -- trimmed, blanks collapsed, lower case; no key is the empty key, never NULL
  display_key       text    NOT NULL,             -- the key as it was first written
  is_enabled        boolean NOT NULL,
  active_version_id uuid    NOT NULL,             -- NOT NULL and of this prompt: neither none nor two can be active
  created_at        bigint  NOT NULL,
  updated_at        bigint  NOT NULL,
--sqlite:   CONSTRAINT system_prompt_active_version_id_fkey FOREIGN KEY (id, active_version_id) REFERENCES system_prompt_version (system_prompt_id, id) DEFERRABLE INITIALLY DEFERRED,
  CONSTRAINT system_prompt_pkey                    PRIMARY KEY (id),
  CONSTRAINT system_prompt_category_folded_key_key UNIQUE (category, folded_key),
  CONSTRAINT system_prompt_category_check          CHECK (category IN ('event_type', 'style_preset', 'carousel_background', 'text_generation', 'system_default', 'ai_function')),
  CONSTRAINT system_prompt_display_key_check       CHECK (length(display_key) <= 100)
);

CREATE TABLE system_prompt_version (              -- immutable
  id               uuid    NOT NULL,
  system_prompt_id uuid    NOT NULL,
  number           integer NOT NULL,
  name             text    NOT NULL,
  description      text,
  content          text    NOT NULL,
  metadata         text    NOT NULL,              -- a JSON object
  author_id        uuid,                          -- null: the server, or its operator on the host
  note             text,
  created_at       bigint  NOT NULL,
  CONSTRAINT system_prompt_version_pkey                        PRIMARY KEY (id),
  CONSTRAINT system_prompt_version_system_prompt_id_number_key UNIQUE (system_prompt_id, number),
  CONSTRAINT system_prompt_version_system_prompt_id_id_key     UNIQUE (system_prompt_id, id),
  CONSTRAINT system_prompt_version_system_prompt_id_fkey       FOREIGN KEY (system_prompt_id) REFERENCES system_prompt (id),
  CONSTRAINT system_prompt_version_number_check                CHECK (number >= 1),
  CONSTRAINT system_prompt_version_name_check                  CHECK (length(name) BETWEEN 1 AND 200),
  CONSTRAINT system_prompt_version_content_check               CHECK (length(content) BETWEEN 1 AND 20000)
);
--pg: ALTER TABLE system_prompt ADD CONSTRAINT system_prompt_active_version_id_fkey FOREIGN KEY (id, active_version_id) REFERENCES system_prompt_version (system_prompt_id, id) DEFERRABLE INITIALLY DEFERRED;

CREATE TABLE system_prompt_activation (           -- which version became active when, by whom; append-only
  id                  uuid    NOT NULL,
  system_prompt_id    uuid    NOT NULL,
  number              integer NOT NULL,           -- 1, 2, 3 … per prompt
  version_id          uuid    NOT NULL,
  previous_version_id uuid,
  cause               text    NOT NULL,
  actor_id            uuid,
  created_at          bigint  NOT NULL,
  CONSTRAINT system_prompt_activation_pkey                        PRIMARY KEY (id),
  CONSTRAINT system_prompt_activation_system_prompt_id_number_key UNIQUE (system_prompt_id, number),
  CONSTRAINT system_prompt_activation_version_id_fkey             FOREIGN KEY (system_prompt_id, version_id) REFERENCES system_prompt_version (system_prompt_id, id),
  CONSTRAINT system_prompt_activation_cause_check                 CHECK (cause IN ('INSTALL', 'CREATE', 'UPDATE', 'ACTIVATE', 'RESET', 'IMPORT', 'OPTIMISE', 'UNDO', 'SPLIT'))
);

CREATE TABLE prompt_split (                       -- two versions side by side; the new one for a share of the accounts
  id                  uuid    NOT NULL,
  system_prompt_id    uuid    NOT NULL,
  control_version_id  uuid    NOT NULL,
  new_version_id      uuid    NOT NULL,
  share_percent       integer NOT NULL,
  credit_budget       bigint  NOT NULL,           -- credits that the new version may use
  failure_percent_max integer,                    -- failed of ended items; null: no bound
  refund_percent_max  integer,                    -- refunded of charged credits; null: no bound
  cost_nanousd_max    bigint,                     -- provider cost per ended item; null: no bound
  sample_min          integer NOT NULL,           -- ended items before a bound is judged
  state               text    NOT NULL,
  end_reason          text,
  started_by          uuid,
  ended_by            uuid,
  started_at          bigint  NOT NULL,
  ended_at            bigint,
  CONSTRAINT prompt_split_pkey                    PRIMARY KEY (id),
  CONSTRAINT prompt_split_control_version_id_fkey FOREIGN KEY (system_prompt_id, control_version_id) REFERENCES system_prompt_version (system_prompt_id, id),
  CONSTRAINT prompt_split_new_version_id_fkey     FOREIGN KEY (system_prompt_id, new_version_id) REFERENCES system_prompt_version (system_prompt_id, id),
  CONSTRAINT prompt_split_versions_check          CHECK (control_version_id <> new_version_id),
  CONSTRAINT prompt_split_share_percent_check     CHECK (share_percent BETWEEN 1 AND 99),
  CONSTRAINT prompt_split_credit_budget_check     CHECK (credit_budget BETWEEN 1 AND 1000000000000),
  CONSTRAINT prompt_split_bounds_check            CHECK (sample_min >= 1
    AND (failure_percent_max IS NULL OR failure_percent_max BETWEEN 0 AND 100)
    AND (refund_percent_max IS NULL OR refund_percent_max BETWEEN 0 AND 100)
    AND (cost_nanousd_max IS NULL OR cost_nanousd_max >= 0)),
  CONSTRAINT prompt_split_state_check             CHECK (state IN ('RUNNING', 'ENDED') AND (state = 'ENDED') = (end_reason IS NOT NULL) AND (state = 'ENDED') = (ended_at IS NOT NULL)),
  CONSTRAINT prompt_split_end_reason_check        CHECK (end_reason IS NULL OR end_reason IN ('KEPT_CONTROL', 'KEPT_NEW', 'SUPERSEDED', 'BUDGET_SPENT', 'FAILURES', 'REFUNDS', 'COST'))
);
CREATE UNIQUE INDEX prompt_split_system_prompt_id_key ON prompt_split (system_prompt_id) WHERE state = 'RUNNING';
CREATE INDEX prompt_split_system_prompt_id_idx ON prompt_split (system_prompt_id, id);

CREATE TABLE prompt_use (                         -- which version an AI task was composed from; usage per version is counted from it
  ai_task_id               uuid NOT NULL,
  system_prompt_version_id uuid NOT NULL,
  prompt_split_id          uuid,                  -- the split that gave this version out; null outside one
  CONSTRAINT prompt_use_pkey                          PRIMARY KEY (ai_task_id, system_prompt_version_id),
  CONSTRAINT prompt_use_ai_task_id_fkey               FOREIGN KEY (ai_task_id) REFERENCES ai_task (id),
  CONSTRAINT prompt_use_system_prompt_version_id_fkey FOREIGN KEY (system_prompt_version_id) REFERENCES system_prompt_version (id),
  CONSTRAINT prompt_use_prompt_split_id_fkey          FOREIGN KEY (prompt_split_id) REFERENCES prompt_split (id)
);
CREATE INDEX prompt_use_system_prompt_version_id_idx ON prompt_use (system_prompt_version_id);
CREATE INDEX prompt_use_prompt_split_id_idx ON prompt_use (prompt_split_id) WHERE prompt_split_id IS NOT NULL;
CREATE INDEX ai_task_item_hold_id_idx ON ai_task_item (hold_id);

CREATE TABLE optimisation_run (                   -- one applied optimisation
  id          uuid   NOT NULL,
  report_hash bytea  NOT NULL,
  actor_id    uuid,
  created_at  bigint NOT NULL,
  undone_by   uuid,
  undone_at   bigint,
  CONSTRAINT optimisation_run_pkey              PRIMARY KEY (id),
  CONSTRAINT optimisation_run_report_hash_check CHECK (length(report_hash) = 32)
);

CREATE TABLE optimisation_change (                -- what it did to one prompt; append-only
  optimisation_run_id uuid NOT NULL,
  system_prompt_id    uuid NOT NULL,
  before_version_id   uuid NOT NULL,
  after_version_id    uuid NOT NULL,
  CONSTRAINT optimisation_change_pkey                     PRIMARY KEY (optimisation_run_id, system_prompt_id),
  CONSTRAINT optimisation_change_optimisation_run_id_fkey FOREIGN KEY (optimisation_run_id) REFERENCES optimisation_run (id),
  CONSTRAINT optimisation_change_before_version_id_fkey   FOREIGN KEY (system_prompt_id, before_version_id) REFERENCES system_prompt_version (system_prompt_id, id),
  CONSTRAINT optimisation_change_after_version_id_fkey    FOREIGN KEY (system_prompt_id, after_version_id) REFERENCES system_prompt_version (system_prompt_id, id)
);

-- What was written stays as it was, for every role, the application's own included.
--sqlite: CREATE TRIGGER system_prompt_version_no_update BEFORE UPDATE ON system_prompt_version BEGIN SELECT RAISE(ABORT, 'system_prompt_version is append-only'); END;
--sqlite: CREATE TRIGGER system_prompt_version_no_delete BEFORE DELETE ON system_prompt_version BEGIN SELECT RAISE(ABORT, 'system_prompt_version is append-only'); END;
--sqlite: CREATE TRIGGER system_prompt_activation_no_update BEFORE UPDATE ON system_prompt_activation BEGIN SELECT RAISE(ABORT, 'system_prompt_activation is append-only'); END;
--sqlite: CREATE TRIGGER system_prompt_activation_no_delete BEFORE DELETE ON system_prompt_activation BEGIN SELECT RAISE(ABORT, 'system_prompt_activation is append-only'); END;
--sqlite: CREATE TRIGGER optimisation_change_no_update BEFORE UPDATE ON optimisation_change BEGIN SELECT RAISE(ABORT, 'optimisation_change is append-only'); END;
--sqlite: CREATE TRIGGER optimisation_change_no_delete BEFORE DELETE ON optimisation_change BEGIN SELECT RAISE(ABORT, 'optimisation_change is append-only'); END;
--pg: CREATE TRIGGER system_prompt_version_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON system_prompt_version FOR EACH STATEMENT EXECUTE FUNCTION ledger_append_only();
--pg: CREATE TRIGGER system_prompt_activation_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON system_prompt_activation FOR EACH STATEMENT EXECUTE FUNCTION ledger_append_only();
--pg: CREATE TRIGGER optimisation_change_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON optimisation_change FOR EACH STATEMENT EXECUTE FUNCTION ledger_append_only();
