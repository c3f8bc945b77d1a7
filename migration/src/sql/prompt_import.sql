-- Imports of prompts that were given a key, with what they were answered. Conventions as in ledger.sql.

CREATE TABLE prompt_import (                      -- append-only
  id              uuid   NOT NULL,
  actor_id        uuid   NOT NULL,
  idempotency_key text   NOT NULL,
  request_hash    bytea  NOT NULL,                -- of what was asked: another request under the key is refused
  report          text   NOT NULL,                -- what was answered, as JSON; no text of a prompt
  created_at      bigint NOT NULL,
  CONSTRAINT prompt_import_pkey                         PRIMARY KEY (id),
  CONSTRAINT prompt_import_actor_id_idempotency_key_key UNIQUE (actor_id, idempotency_key),
  CONSTRAINT prompt_import_request_hash_check           CHECK (length(request_hash) = 32)
);

--sqlite: CREATE TRIGGER prompt_import_no_update BEFORE UPDATE ON prompt_import BEGIN SELECT RAISE(ABORT, 'prompt_import is append-only'); END;
--sqlite: CREATE TRIGGER prompt_import_no_delete BEFORE DELETE ON prompt_import BEGIN SELECT RAISE(ABORT, 'prompt_import is append-only'); END;
--pg: CREATE TRIGGER prompt_import_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON prompt_import FOR EACH STATEMENT EXECUTE FUNCTION ledger_append_only();
