-- Files on their way in: kept here until they are read or over, so that every process finds them and none is orphaned.
-- Conventions as in ledger.sql.

CREATE TABLE upload (                             -- one file, sent once to a signed address
  id          uuid   NOT NULL,
  user_id     uuid   NOT NULL,                    -- who may send it and read it
  purpose     text   NOT NULL,
  bytes_max   bigint NOT NULL,
  content     bytea,                              -- null until it was received
  sha256      bytea,
  created_at  bigint NOT NULL,
  expires_at  bigint NOT NULL,                    -- from then on nothing is received
  received_at bigint,
  CONSTRAINT upload_pkey           PRIMARY KEY (id),
  CONSTRAINT upload_user_id_fkey   FOREIGN KEY (user_id) REFERENCES app_user (id),
  CONSTRAINT upload_purpose_check  CHECK (purpose IN ('PROMPT_IMPORT', 'KEYWORD_IMPORT')),
  CONSTRAINT upload_content_check  CHECK (length(content) BETWEEN 1 AND bytes_max),
  CONSTRAINT upload_received_check CHECK ((received_at IS NULL) = (content IS NULL) AND (received_at IS NULL) = (sha256 IS NULL))
);
CREATE INDEX upload_user_id_idx ON upload (user_id, created_at);
CREATE INDEX upload_created_at_idx ON upload (created_at);
