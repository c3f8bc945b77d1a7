-- Models as an administrator's data, providers with settings and keys, the gates before them. Conventions as in ledger.sql.
-- Columns named `settings` and those of a model that hold lists are JSON texts, written and read by the server alone.

ALTER TABLE ai_model ADD COLUMN shipped text;                                  -- which shipped model it is; null for one that an administrator entered
ALTER TABLE ai_model ADD COLUMN functions text NOT NULL DEFAULT '[]';          -- the AI functions it serves
ALTER TABLE ai_model ADD COLUMN aspect_ratios text NOT NULL DEFAULT '{}';      -- ratio to exact width and height
ALTER TABLE ai_model ADD COLUMN qualities text NOT NULL DEFAULT '{}';          -- quality to the provider's parameters
ALTER TABLE ai_model ADD COLUMN settings text NOT NULL DEFAULT '{}';           -- further parameters of every call
ALTER TABLE ai_model ADD COLUMN upscale_factors text NOT NULL DEFAULT '[]';
ALTER TABLE ai_model ADD COLUMN rate_per_minute integer CONSTRAINT ai_model_rate_per_minute_check CHECK (rate_per_minute >= 1);
ALTER TABLE ai_model ADD COLUMN concurrency integer CONSTRAINT ai_model_concurrency_check CHECK (concurrency >= 1);
ALTER TABLE ai_model ADD COLUMN priority integer NOT NULL DEFAULT 100;         -- the lower, the earlier it stands in for another
ALTER TABLE ai_model ADD COLUMN version integer NOT NULL DEFAULT 1;
CREATE UNIQUE INDEX ai_model_shipped_key ON ai_model (shipped);

UPDATE ai_model SET shipped = provider || '/' || provider_model
 WHERE (provider = 'sandbox' AND provider_model IN ('sandbox-text', 'sandbox-image'))
    OR (provider = 'openai' AND provider_model IN ('gpt-4o-mini', 'gpt-image-1'));
UPDATE ai_model SET functions = '["CLUSTER_KEYWORDS","GENERATE_IDEAS","GENERATE_CONTENT","GENERATE_IMAGE_PROMPTS","OPTIMIZE_CONTENT","GENERATE_TEXT"]'
 WHERE kind = 'TEXT';
UPDATE ai_model SET functions = '["GENERATE_IMAGES"]', qualities = '{"STANDARD":{}}',
       aspect_ratios = '{"1:1":[' || width || ',' || height || ']}'
 WHERE kind = 'IMAGE';
UPDATE ai_model SET functions = '["GENERATE_IMAGES","UPSCALE_IMAGE"]', upscale_factors = '[2]',
       qualities = '{"FAST":{},"STANDARD":{},"HIGH":{},"ULTRA":{}}',
       aspect_ratios = '{"1:1":[512,512],"16:9":[768,432],"9:16":[432,768],"4:3":[640,480],"3:4":[480,640],"4:5":[512,640],"5:7":[500,700],"3:2":[720,480],"2:3":[480,720],"10:16":[480,768],"16:10":[768,480],"1:3":[256,768],"3:1":[768,256]}'
 WHERE kind = 'IMAGE' AND provider = 'sandbox';

CREATE TABLE ai_provider (                        -- what an administrator set for a provider; without a row, the configuration counts
  name            text    NOT NULL,
  is_enabled      boolean NOT NULL,
  base_url        text,                           -- null: the configuration's, else the adapter's own
  settings        text    NOT NULL,
  key_id          text,                           -- which of our keys the secret is encrypted under
  key_nonce       bytea,
  key_ciphertext  bytea,
  key_fingerprint text,                           -- a keyed hash, to tell keys apart
  key_set_by      uuid,
  key_set_at      bigint,
  version         integer NOT NULL,
  updated_by      uuid,
  created_at      bigint  NOT NULL,
  updated_at      bigint  NOT NULL,
  CONSTRAINT ai_provider_pkey      PRIMARY KEY (name),
  CONSTRAINT ai_provider_key_check CHECK ((key_id IS NULL) = (key_nonce IS NULL) AND (key_id IS NULL) = (key_ciphertext IS NULL)
    AND (key_id IS NULL) = (key_fingerprint IS NULL) AND (key_id IS NULL) = (key_set_at IS NULL))
);

CREATE TABLE provider_gate (                      -- one per provider, model and credential; no row: closed, nothing failed lately
  provider         text    NOT NULL,
  model            text    NOT NULL,              -- the provider's own name for it
  credential_id    text    NOT NULL,
  state            text    NOT NULL,
  failures_in_row  integer NOT NULL,
  open_for         bigint  NOT NULL,              -- how long the present or latest opening lasts, microseconds
  open_until       bigint  NOT NULL,              -- while open, and while a probe is out: nobody else sends before this
  probe_attempt_id uuid,                          -- the one attempt that may pass
  created_at       bigint  NOT NULL,
  updated_at       bigint  NOT NULL,
  CONSTRAINT provider_gate_pkey           PRIMARY KEY (provider, model, credential_id),
  CONSTRAINT provider_gate_state_check    CHECK (state IN ('closed', 'open', 'probing')),
  CONSTRAINT provider_gate_probe_check    CHECK ((state = 'probing') = (probe_attempt_id IS NOT NULL)),
  CONSTRAINT provider_gate_failures_check CHECK (failures_in_row >= 0 AND open_for >= 0)
);

ALTER TABLE ai_attempt ADD COLUMN credential_id text;                          -- as whom it was sent
ALTER TABLE ai_attempt ADD COLUMN settings text;                               -- the effective settings it was sent with; never a secret
ALTER TABLE ai_attempt ADD COLUMN error_class text;
ALTER TABLE ai_attempt ADD COLUMN is_retry boolean NOT NULL DEFAULT FALSE;     -- the item had been sent to this model before
CREATE INDEX ai_attempt_credential_id_sent_at_idx ON ai_attempt (credential_id, sent_at);
CREATE INDEX ai_attempt_operator_fault_idx ON ai_attempt (ai_model_id, finished_at) WHERE error_class = 'operator_fault';
