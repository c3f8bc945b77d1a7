-- What letters to people lead to: links that are good once, and people whose address is not proven yet.

ALTER TABLE app_user ADD COLUMN email_verified_at bigint;  -- when a link that was sent there was first used

CREATE TABLE mail_link (                          -- hashed at rest; a use deletes it
  id           uuid   NOT NULL,
  purpose      text   NOT NULL,
  user_id      uuid   NOT NULL,
  address_hash bytea  NOT NULL,                   -- SHA-256 of the address it was sent to: a changed address ends it
  token_hash   bytea  NOT NULL,
  created_at   bigint NOT NULL,
  expires_at   bigint NOT NULL,
  CONSTRAINT mail_link_pkey               PRIMARY KEY (id),
  CONSTRAINT mail_link_token_hash_key     UNIQUE (token_hash),
  CONSTRAINT mail_link_user_id_fkey       FOREIGN KEY (user_id) REFERENCES app_user (id),
  CONSTRAINT mail_link_purpose_check      CHECK (purpose IN ('sign_in', 'reset_password')),
  CONSTRAINT mail_link_token_hash_check   CHECK (length(token_hash) = 32),
  CONSTRAINT mail_link_address_hash_check CHECK (length(address_hash) = 32)
);
CREATE INDEX mail_link_user_id_idx ON mail_link (user_id, purpose, created_at);
CREATE INDEX mail_link_expires_at_idx ON mail_link (expires_at);

CREATE TABLE pending_sign_up (                    -- a person to be, until the link that was sent is used
  id            uuid   NOT NULL,
  username      text   NOT NULL,
  username_key  text   NOT NULL,
  email         text   NOT NULL,
  email_key     text   NOT NULL,
  password_hash text   NOT NULL,
  token_hash    bytea,                            -- null until the letter is written
  created_at    bigint NOT NULL,
  expires_at    bigint NOT NULL,
  used_at       bigint,
  CONSTRAINT pending_sign_up_pkey             PRIMARY KEY (id),
  CONSTRAINT pending_sign_up_username_key_key UNIQUE (username_key),
  CONSTRAINT pending_sign_up_token_hash_key   UNIQUE (token_hash),
  CONSTRAINT pending_sign_up_token_hash_check CHECK (token_hash IS NULL OR length(token_hash) = 32)
);
CREATE INDEX pending_sign_up_expires_at_idx ON pending_sign_up (expires_at);
