-- Keys of servers: each is a session of its person that has no tokens and may do no more than its scopes say.

CREATE TABLE api_key (
  session_id   uuid   NOT NULL,                   -- ending the session revokes the key
  user_id      uuid   NOT NULL,
  name         text   NOT NULL,
  hint         text   NOT NULL,                   -- the first letters, to tell keys apart by
  key_hash     bytea  NOT NULL,
  scopes       bigint NOT NULL,                   -- 1 read, 2 write, 4 generate, 8 administer
  created_at   bigint NOT NULL,
  expires_at   bigint,                            -- null: until it is revoked
  last_used_at bigint,                            -- to the hour
  CONSTRAINT api_key_pkey            PRIMARY KEY (session_id),
  CONSTRAINT api_key_key_hash_key    UNIQUE (key_hash),
  CONSTRAINT api_key_session_id_fkey FOREIGN KEY (session_id) REFERENCES session (id),
  CONSTRAINT api_key_user_id_fkey    FOREIGN KEY (user_id) REFERENCES app_user (id),
  CONSTRAINT api_key_name_check      CHECK (length(name) BETWEEN 1 AND 100),
  CONSTRAINT api_key_key_hash_check  CHECK (length(key_hash) = 32),
  CONSTRAINT api_key_scopes_check    CHECK (scopes BETWEEN 1 AND 15)
);
CREATE INDEX api_key_user_id_idx ON api_key (user_id, session_id);
