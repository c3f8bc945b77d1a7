-- Models and prices as data, AI tasks, their three records, images. Conventions as in ledger.sql.
-- Rates are nano-dollars per 1,000 tokens; costs and values are nano-dollars.

CREATE TABLE ai_model (
  id                  uuid    NOT NULL,
  name                text    NOT NULL,
  provider            text    NOT NULL,
  provider_model      text    NOT NULL,           -- the provider's own name for it
  kind                text    NOT NULL,
  output_token_limit  bigint,
  prompt_length_limit bigint  NOT NULL,           -- Unicode scalar values
  width               integer,
  height              integer,
  takes_seed          boolean NOT NULL,
  is_active           boolean NOT NULL,
  created_at          bigint  NOT NULL,
  updated_at          bigint  NOT NULL,
  CONSTRAINT ai_model_pkey         PRIMARY KEY (id),
  CONSTRAINT ai_model_kind_check   CHECK (kind IN ('TEXT', 'IMAGE')),
  CONSTRAINT ai_model_limits_check CHECK (prompt_length_limit >= 1
    AND (kind <> 'TEXT' OR (output_token_limit >= 1 AND width IS NULL AND height IS NULL))
    AND (kind <> 'IMAGE' OR (output_token_limit IS NULL AND width >= 1 AND height >= 1)))
);
CREATE UNIQUE INDEX ai_model_name_key ON ai_model (name) WHERE is_active;

CREATE TABLE ai_model_default (                   -- one default model per AI function
  ai_function text   NOT NULL,
  ai_model_id uuid   NOT NULL,
  updated_at  bigint NOT NULL,
  CONSTRAINT ai_model_default_pkey             PRIMARY KEY (ai_function),
  CONSTRAINT ai_model_default_ai_model_id_fkey FOREIGN KEY (ai_model_id) REFERENCES ai_model (id)
);

CREATE TABLE price_version (                      -- immutable; the highest number is the current one
  id                    uuid    NOT NULL,
  ai_model_id           uuid    NOT NULL,
  number                integer NOT NULL,
  kind                  text    NOT NULL,
  input_nanousd_per_1k  bigint,
  output_nanousd_per_1k bigint,
  tokens_per_credit     bigint,
  image_cost_nanousd    bigint,                   -- what an image costs us, when the provider does not say
  credits_per_image     bigint,
  credit_price_nanousd  bigint  NOT NULL,
  author_id             uuid,
  created_at            bigint  NOT NULL,
  CONSTRAINT price_version_pkey                   PRIMARY KEY (id),
  CONSTRAINT price_version_ai_model_id_number_key UNIQUE (ai_model_id, number),
  CONSTRAINT price_version_ai_model_id_fkey       FOREIGN KEY (ai_model_id) REFERENCES ai_model (id),
  CONSTRAINT price_version_number_check           CHECK (number >= 1),
  CONSTRAINT price_version_sign_check             CHECK (credit_price_nanousd >= 0 AND (image_cost_nanousd IS NULL OR image_cost_nanousd >= 0)),
  CONSTRAINT price_version_kind_check             CHECK (
       (kind = 'TEXT' AND input_nanousd_per_1k IS NOT NULL AND input_nanousd_per_1k >= 0
         AND output_nanousd_per_1k IS NOT NULL AND output_nanousd_per_1k >= 0
         AND tokens_per_credit IS NOT NULL AND tokens_per_credit >= 1
         AND image_cost_nanousd IS NULL AND credits_per_image IS NULL)
    OR (kind = 'IMAGE' AND credits_per_image IS NOT NULL AND credits_per_image >= 1
         AND input_nanousd_per_1k IS NULL AND output_nanousd_per_1k IS NULL AND tokens_per_credit IS NULL))
);

CREATE TABLE ai_task (
  id                    uuid    NOT NULL,
  account_id            uuid    NOT NULL,
  user_id               uuid,
  run_id                uuid,
  ai_function           text    NOT NULL,
  ai_model_id           uuid    NOT NULL,
  price_version_id      uuid    NOT NULL,
  status                text    NOT NULL,
  phase                 text    NOT NULL,
  percent               integer NOT NULL DEFAULT 0,
  items_total           integer NOT NULL,
  items_delivered       integer NOT NULL DEFAULT 0,
  items_failed          integer NOT NULL DEFAULT 0,
  credits_used          bigint  NOT NULL DEFAULT 0,
  provider_cost_nanousd bigint,                   -- all attempts; null while no cost is known
  payload               text    NOT NULL,
  result                text,
  error_code            text,
  error_text            text,
  required_credits      bigint,                   -- what a refusal for lack of credits asked for, and what was there
  available_credits     bigint,
  idem_key              text,
  request_hash          bytea,
  desired               text    NOT NULL DEFAULT 'run',
  fence                 bigint  NOT NULL DEFAULT 0,
  event_seq             bigint  NOT NULL DEFAULT 0,
  created_at            bigint  NOT NULL,
  updated_at            bigint  NOT NULL,
  finished_at           bigint,
  CONSTRAINT ai_task_pkey                    PRIMARY KEY (id),
  CONSTRAINT ai_task_account_id_idem_key_key UNIQUE (account_id, idem_key),
  CONSTRAINT ai_task_account_id_fkey         FOREIGN KEY (account_id) REFERENCES account (id),
  CONSTRAINT ai_task_ai_model_id_fkey        FOREIGN KEY (ai_model_id) REFERENCES ai_model (id),
  CONSTRAINT ai_task_price_version_id_fkey   FOREIGN KEY (price_version_id) REFERENCES price_version (id),
  CONSTRAINT ai_task_status_check            CHECK (status IN ('PENDING', 'RUNNING', 'PAUSED', 'SUCCESS', 'PARTIAL', 'ERROR', 'CANCELLED')),
  CONSTRAINT ai_task_phase_check             CHECK (phase IN ('INIT', 'PREP', 'AI_CALL', 'PARSE', 'SAVE', 'DONE')),
  CONSTRAINT ai_task_desired_check           CHECK (desired IN ('run', 'pause', 'cancel')),
  CONSTRAINT ai_task_items_check             CHECK (items_total >= 1 AND items_delivered >= 0 AND items_failed >= 0 AND items_delivered + items_failed <= items_total),
  CONSTRAINT ai_task_percent_check           CHECK (percent BETWEEN 0 AND 100),
  CONSTRAINT ai_task_finished_check          CHECK ((status IN ('PENDING', 'RUNNING', 'PAUSED')) = (finished_at IS NULL))
);
CREATE INDEX ai_task_account_id_idx ON ai_task (account_id, id);
CREATE INDEX ai_task_unfinished_idx ON ai_task (id) WHERE finished_at IS NULL;

CREATE TABLE ai_task_item (                       -- one delivered thing of a task: one image, one text
  id          uuid    NOT NULL,
  account_id  uuid    NOT NULL,
  ai_task_id  uuid    NOT NULL,
  position    integer NOT NULL,
  state       text    NOT NULL,
  hold_id     uuid    NOT NULL,
  hold_amount bigint  NOT NULL,
  credits     bigint,                             -- what was charged; null until delivered
  image_id    uuid,
  text        text,
  error_code  text,
  created_at  bigint  NOT NULL,
  finished_at bigint,
  CONSTRAINT ai_task_item_pkey                    PRIMARY KEY (id),
  CONSTRAINT ai_task_item_ai_task_id_position_key UNIQUE (ai_task_id, position),
  CONSTRAINT ai_task_item_ai_task_id_fkey         FOREIGN KEY (ai_task_id) REFERENCES ai_task (id),
  CONSTRAINT ai_task_item_state_check             CHECK (state IN ('PENDING', 'DELIVERED', 'FAILED', 'CANCELLED')),
  CONSTRAINT ai_task_item_finished_check          CHECK ((state = 'PENDING') = (finished_at IS NULL))
);

CREATE TABLE ai_attempt (                         -- one request to a provider
  id                    uuid    NOT NULL,
  account_id            uuid    NOT NULL,
  ai_task_id            uuid    NOT NULL,
  item_id               uuid    NOT NULL,
  attempt_no            integer NOT NULL,
  fence                 bigint  NOT NULL,
  hold_id               uuid    NOT NULL,
  ai_model_id           uuid    NOT NULL,
  state                 text    NOT NULL,
  request_hash          bytea   NOT NULL,
  provider_ref          text,
  tokens_input          bigint,
  tokens_output         bigint,
  tokens_estimated      boolean NOT NULL DEFAULT false,
  provider_cost_nanousd bigint,
  error_code            text,
  error_detail          text,
  created_at            bigint  NOT NULL,
  sent_at               bigint,
  deadline_at           bigint,
  finished_at           bigint,
  CONSTRAINT ai_attempt_pkey                   PRIMARY KEY (id),
  CONSTRAINT ai_attempt_item_id_attempt_no_key UNIQUE (item_id, attempt_no),
  CONSTRAINT ai_attempt_ai_task_id_fkey        FOREIGN KEY (ai_task_id) REFERENCES ai_task (id),
  CONSTRAINT ai_attempt_state_check            CHECK (state IN ('prepared', 'sent', 'received', 'settled', 'unknown', 'abandoned')),
  CONSTRAINT ai_attempt_attempt_no_check       CHECK (attempt_no >= 1),
  CONSTRAINT ai_attempt_sent_check             CHECK (state IN ('prepared', 'abandoned') OR (sent_at IS NOT NULL AND deadline_at IS NOT NULL))
);
CREATE INDEX ai_attempt_ai_task_id_idx ON ai_attempt (ai_task_id);
CREATE INDEX ai_attempt_open_idx ON ai_attempt (hold_id) WHERE state IN ('sent', 'unknown');

CREATE TABLE credit_usage (                       -- what one delivered item cost; immutable
  id                    uuid    NOT NULL,
  account_id            uuid    NOT NULL,
  ai_task_id            uuid    NOT NULL,
  item_id               uuid    NOT NULL,
  ai_attempt_id         uuid    NOT NULL,
  credit_transaction_id uuid    NOT NULL,
  credit_seq            bigint  NOT NULL,
  ai_function           text    NOT NULL,
  ai_model_id           uuid    NOT NULL,
  model_name            text    NOT NULL,
  price_version_id      uuid    NOT NULL,
  credits               bigint  NOT NULL,
  credit_value_nanousd  bigint  NOT NULL,
  credit_price_nanousd  bigint  NOT NULL,
  provider_cost_nanousd bigint,
  tokens_input          bigint,
  tokens_output         bigint,
  tokens_estimated      boolean NOT NULL,
  created_at            bigint  NOT NULL,
  CONSTRAINT credit_usage_pkey              PRIMARY KEY (id),
  CONSTRAINT credit_usage_ai_attempt_id_key UNIQUE (ai_attempt_id),
  CONSTRAINT credit_usage_account_id_credit_seq_key UNIQUE (account_id, credit_seq),
  CONSTRAINT credit_usage_ai_task_id_fkey   FOREIGN KEY (ai_task_id) REFERENCES ai_task (id),
  CONSTRAINT credit_usage_ai_attempt_id_fkey FOREIGN KEY (ai_attempt_id) REFERENCES ai_attempt (id),
  CONSTRAINT credit_usage_price_version_id_fkey FOREIGN KEY (price_version_id) REFERENCES price_version (id),
  CONSTRAINT credit_usage_sign_check        CHECK (credits >= 0 AND credit_value_nanousd >= 0),
  CONSTRAINT credit_usage_value_check       CHECK (credit_value_nanousd = credits * credit_price_nanousd)
);
CREATE INDEX credit_usage_account_id_idx ON credit_usage (account_id, id);
CREATE INDEX credit_usage_ai_task_id_idx ON credit_usage (ai_task_id);

CREATE TABLE image (
  id           uuid    NOT NULL,
  account_id   uuid    NOT NULL,
  ai_task_id   uuid,
  kind         text    NOT NULL,
  prompt       text    NOT NULL,
  ai_model_id  uuid,
  model_name   text    NOT NULL,
  provider     text    NOT NULL,
  seed         bigint,
  width        integer NOT NULL,
  height       integer NOT NULL,
  object_key   text    NOT NULL,
  state        text    NOT NULL,
  created_at   bigint  NOT NULL,
  updated_at   bigint  NOT NULL,
  CONSTRAINT image_pkey            PRIMARY KEY (id),
  CONSTRAINT image_object_key_key  UNIQUE (object_key),
  CONSTRAINT image_account_id_fkey FOREIGN KEY (account_id) REFERENCES account (id),
  CONSTRAINT image_kind_check      CHECK (kind IN ('STANDALONE', 'FEATURED', 'IN_ARTICLE')),
  CONSTRAINT image_state_check     CHECK (state IN ('PENDING', 'GENERATING', 'GENERATED', 'FAILED', 'UNCERTAIN')),
  CONSTRAINT image_size_check      CHECK (width >= 1 AND height >= 1)
);
CREATE INDEX image_account_id_idx ON image (account_id, id);

CREATE TABLE stored_object (                      -- what the object store holds for us
  object_key   text   NOT NULL,
  account_id   uuid   NOT NULL,
  store        text   NOT NULL,
  content_type text   NOT NULL,
  bytes        bigint NOT NULL,
  sha256       bytea  NOT NULL,
  created_at   bigint NOT NULL,
  CONSTRAINT stored_object_pkey         PRIMARY KEY (object_key),
  CONSTRAINT stored_object_bytes_check  CHECK (bytes >= 1),
  CONSTRAINT stored_object_sha256_check CHECK (length(sha256) = 32)
);

CREATE TABLE notification (
  id                uuid   NOT NULL,
  account_id        uuid   NOT NULL,
  notification_type text   NOT NULL,
  severity          text   NOT NULL,
  title             text   NOT NULL,
  message           text   NOT NULL,
  metadata          text   NOT NULL,
  subject_kind      text   NOT NULL,
  subject_id        uuid   NOT NULL,
  error             text,
  dedupe_key        text   NOT NULL,
  created_at        bigint NOT NULL,
  CONSTRAINT notification_pkey                      PRIMARY KEY (id),
  CONSTRAINT notification_account_id_dedupe_key_key UNIQUE (account_id, dedupe_key),
  CONSTRAINT notification_account_id_fkey           FOREIGN KEY (account_id) REFERENCES account (id),
  CONSTRAINT notification_severity_check            CHECK (severity IN ('INFO', 'SUCCESS', 'WARNING', 'ERROR'))
);
CREATE INDEX notification_account_id_idx ON notification (account_id, id);

CREATE TABLE notification_read (
  notification_id uuid   NOT NULL,
  user_id         uuid   NOT NULL,
  read_at         bigint NOT NULL,
  CONSTRAINT notification_read_pkey PRIMARY KEY (notification_id, user_id),
  CONSTRAINT notification_read_notification_id_fkey FOREIGN KEY (notification_id) REFERENCES notification (id),
  CONSTRAINT notification_read_user_id_fkey FOREIGN KEY (user_id) REFERENCES app_user (id)
);
