-- People, tenants, sessions, and the audit trail. Conventions as in ledger.sql.

CREATE TABLE app_user (                           -- a person; "user" is a reserved word
  id             uuid    NOT NULL,
  username       text    NOT NULL,
  username_key   text    NOT NULL,                -- lower case: unique in any case
  email          text    NOT NULL,
  email_key      text    NOT NULL,
  password_hash  text,                            -- Argon2id in PHC form; null when erased
  platform_role  text    NOT NULL,
  access_version bigint  NOT NULL DEFAULT 0,      -- raised by every change of role or membership
  created_at     bigint  NOT NULL,
  updated_at     bigint  NOT NULL,
  deleted_at     bigint,
  CONSTRAINT app_user_pkey                PRIMARY KEY (id),
  CONSTRAINT app_user_username_key_key    UNIQUE (username_key),
  CONSTRAINT app_user_email_key_key       UNIQUE (email_key),
  CONSTRAINT app_user_platform_role_check CHECK (platform_role IN ('USER', 'ADMIN', 'HERO'))
);
CREATE INDEX app_user_platform_role_idx ON app_user (platform_role) WHERE platform_role <> 'USER';

CREATE TABLE account (                            -- a tenant
  id               uuid   NOT NULL,
  name             text   NOT NULL,
  personal_user_id uuid,                          -- whose personal account it is; null for shared ones
  time_zone        text   NOT NULL,
  state            text   NOT NULL,
  version          bigint NOT NULL,
  created_at       bigint NOT NULL,
  updated_at       bigint NOT NULL,
  CONSTRAINT account_pkey                 PRIMARY KEY (id),
  CONSTRAINT account_personal_user_id_key UNIQUE (personal_user_id),
  CONSTRAINT account_name_check           CHECK (length(name) BETWEEN 1 AND 100),
  CONSTRAINT account_state_check          CHECK (state IN ('ACTIVE', 'SUSPENDED'))
);

CREATE TABLE account_member (
  account_id uuid   NOT NULL,
  user_id    uuid   NOT NULL,
  role       text   NOT NULL,
  created_at bigint NOT NULL,
  CONSTRAINT account_member_pkey            PRIMARY KEY (account_id, user_id),
  CONSTRAINT account_member_account_id_fkey FOREIGN KEY (account_id) REFERENCES account (id),
  CONSTRAINT account_member_user_id_fkey    FOREIGN KEY (user_id) REFERENCES app_user (id),
  CONSTRAINT account_member_role_check      CHECK (role IN ('OWNER', 'EDITOR', 'VIEWER'))
);
CREATE INDEX account_member_user_id_idx ON account_member (user_id);

CREATE TABLE session (                            -- one sign-in on one device
  id         uuid   NOT NULL,
  user_id    uuid   NOT NULL,
  created_at bigint NOT NULL,
  ended_at   bigint,
  end_reason text,
  CONSTRAINT session_pkey         PRIMARY KEY (id),
  CONSTRAINT session_user_id_fkey FOREIGN KEY (user_id) REFERENCES app_user (id),
  CONSTRAINT session_ended_check  CHECK ((ended_at IS NULL) = (end_reason IS NULL)),
  CONSTRAINT session_reason_check CHECK (end_reason IS NULL OR end_reason IN ('SIGNED_OUT', 'TOKEN_REUSED', 'USER_DELETED', 'PASSWORD_CHANGED'))
);
CREATE INDEX session_user_id_idx ON session (user_id) WHERE ended_at IS NULL;

CREATE TABLE refresh_token (
  id         uuid    NOT NULL,
  session_id uuid    NOT NULL,
  number     integer NOT NULL,                    -- 1, 2, 3 … along the family
  token_hash bytea   NOT NULL,
  state      text    NOT NULL,                    -- current: usable; previous: forgiven for 30 s while the current one is unused; spent
  created_at bigint  NOT NULL,
  rotated_at bigint,
  expires_at bigint  NOT NULL,
  CONSTRAINT refresh_token_pkey             PRIMARY KEY (id),
  CONSTRAINT refresh_token_token_hash_key   UNIQUE (token_hash),
  CONSTRAINT refresh_token_session_id_number_key UNIQUE (session_id, number),
  CONSTRAINT refresh_token_session_id_fkey  FOREIGN KEY (session_id) REFERENCES session (id),
  CONSTRAINT refresh_token_state_check      CHECK (state IN ('current', 'previous', 'spent')),
  CONSTRAINT refresh_token_token_hash_check CHECK (length(token_hash) = 32)
);

CREATE TABLE one_time_token (                     -- hashed at rest, used once
  id         uuid   NOT NULL,
  purpose    text   NOT NULL,
  token_hash bytea  NOT NULL,
  created_at bigint NOT NULL,
  expires_at bigint NOT NULL,
  used_at    bigint,
  CONSTRAINT one_time_token_pkey             PRIMARY KEY (id),
  CONSTRAINT one_time_token_token_hash_key   UNIQUE (token_hash),
  CONSTRAINT one_time_token_purpose_check    CHECK (purpose IN ('claim_hero')),
  CONSTRAINT one_time_token_token_hash_check CHECK (length(token_hash) = 32)
);

CREATE TABLE sign_in_failure (                    -- what the limit on tries counts, in the database so that processes share it
  id           uuid   NOT NULL,
  identity_key bytea  NOT NULL,                   -- SHA-256 of the identity as typed, so that no address is kept
  address      text   NOT NULL,
  at           bigint NOT NULL,
  CONSTRAINT sign_in_failure_pkey PRIMARY KEY (id)
);
CREATE INDEX sign_in_failure_identity_key_idx ON sign_in_failure (identity_key, address, at);
CREATE INDEX sign_in_failure_address_idx ON sign_in_failure (address, at);

CREATE TABLE audit_entry (                        -- who did what; append-only
  id          uuid   NOT NULL,
  account_id  uuid,
  actor_kind  text   NOT NULL,
  actor_id    uuid,
  action      text   NOT NULL,
  target_kind text   NOT NULL,
  target_id   uuid,
  before      text,
  after       text,
  request_id  text,
  at          bigint NOT NULL,
  CONSTRAINT audit_entry_pkey             PRIMARY KEY (id),
  CONSTRAINT audit_entry_actor_kind_check CHECK (actor_kind IN ('user', 'admin', 'system'))
);
CREATE INDEX audit_entry_at_idx ON audit_entry (at);
