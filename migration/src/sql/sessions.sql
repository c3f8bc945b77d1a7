-- What a person is told of their sessions, and invitations into accounts. Conventions as in ledger.sql.

ALTER TABLE session ADD COLUMN client text                     -- what the client called itself at sign-in; its address is not kept
  CONSTRAINT session_client_check CHECK (length(client) BETWEEN 1 AND 100);
ALTER TABLE session ADD COLUMN last_used_at bigint;            -- the last refresh; null before the first

CREATE TABLE account_invitation (                              -- open ones alone: what was accepted or withdrawn is gone
  id         uuid   NOT NULL,
  account_id uuid   NOT NULL,
  email      text   NOT NULL,
  email_key  text   NOT NULL,                                  -- lower case: one invitation of an address at a time
  role       text   NOT NULL,
  invited_by uuid   NOT NULL,
  token_hash bytea,                                            -- null until the letter is written
  created_at bigint NOT NULL,
  expires_at bigint NOT NULL,
  CONSTRAINT account_invitation_pkey                     PRIMARY KEY (id),
  CONSTRAINT account_invitation_account_id_email_key_key UNIQUE (account_id, email_key),
  CONSTRAINT account_invitation_token_hash_key           UNIQUE (token_hash),
  CONSTRAINT account_invitation_account_id_fkey          FOREIGN KEY (account_id) REFERENCES account (id),
  CONSTRAINT account_invitation_invited_by_fkey          FOREIGN KEY (invited_by) REFERENCES app_user (id),
  CONSTRAINT account_invitation_role_check               CHECK (role IN ('OWNER', 'EDITOR', 'VIEWER')),
  CONSTRAINT account_invitation_token_hash_check         CHECK (token_hash IS NULL OR length(token_hash) = 32)
);
CREATE INDEX account_invitation_expires_at_idx ON account_invitation (expires_at);
CREATE INDEX account_invitation_email_key_idx ON account_invitation (email_key);
CREATE INDEX account_invitation_invited_by_idx ON account_invitation (invited_by);
